//! The end of a campaign: the ledger, the clouds and the clients are compared with the store, and what was done is counted.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;

use crate::audit::{self, Evidence};
use crate::books::RunRow;
use crate::clients::Desk;
use crate::crash::{Crash, processes_with};
use crate::error::CampaignError;
use crate::ledger::read_from;
use crate::process::until;
use crate::stage::SLOTS;

/// How long after a fault a schedule may fire again, the fault itself included.
const LATEST: TimeDelta = TimeDelta::seconds(30);
impl Crash {
    pub(crate) fn compare(&mut self, desk: &Desk) -> Result<(), CampaignError> {
        self.report.findings.extend(desk.findings());
        if let Err(error) = self.books.check() {
            self.report
                .findings
                .push(format!("the store is not sound: {error}"));
        }
        let (deeds, _) =
            read_from(&self.stage.ledger(), 0).map_err(CampaignError::io("read the ledger"))?;
        let works = audit::works(deeds);
        let runs = self.books.all()?;
        let breaches = audit::breaches(&Evidence {
            runs: &runs,
            works: &works,
            excuses: &self.excuses,
            slots: SLOTS,
            time: self.time,
        });
        let ticks = audit::minutes(self.time).count() as u64;
        let late = audit::lateness(&runs).num_milliseconds();
        self.report
            .fact("minutes of the schedule, each with one run", ticks);
        self.report.fact(
            "milliseconds from a tick to its run, at most",
            late.unsigned_abs(),
        );
        if self.report.punctual && late > LATEST.num_milliseconds() {
            let finding = format!("a tick waited {late} ms for its run");
            self.report.findings.push(finding);
        }
        self.report.findings.extend(breaches);
        self.compare_clouds(&runs);
        self.compare_accepted(desk)?;
        self.find_leftovers();
        self.count(&runs, desk);
        Ok(())
    }

    fn compare_clouds(&mut self, runs: &[RunRow]) {
        let attempts = runs.iter().flat_map(|run| &run.attempts);
        let known: HashSet<String> = attempts.map(|attempt| attempt.key.clone()).collect();
        let world = &self.stage.world;
        let executions = world.google.executions();
        let google: Vec<_> = executions
            .iter()
            .map(|one| {
                (
                    one.env
                        .get("NOCTULE_ATTEMPT_KEY")
                        .cloned()
                        .unwrap_or_default(),
                    !one.ended,
                )
            })
            .collect();
        let amazon: Vec<_> = world
            .amazon
            .tasks()
            .into_iter()
            .map(|one| {
                let running = one.status != noctule_ecs_simulator::Status::Stopped;
                (one.client_token.unwrap_or_default(), running)
            })
            .collect();
        let findings = &mut self.report.findings;
        findings.extend(audit::clouds(&google, &known, "Cloud Run"));
        findings.extend(audit::clouds(&amazon, &known, "ECS"));
    }

    /// Every run that somebody was promised is there, and is the one that was said.
    fn compare_accepted(&mut self, desk: &Desk) -> Result<(), CampaignError> {
        for accepted in desk.accepted() {
            let run = self.books.run_of(accepted.dag, &accepted.key)?;
            let is_kept = match (&run, &accepted.run) {
                (Some(run), Some(said)) => run == said,
                (found, _) => found.is_some(),
            };
            if !is_kept {
                let at = accepted.at;
                let there = match &accepted.run {
                    Some(run) => self.books.has(run)?,
                    None => false,
                };
                let finding = format!(
                    "accepted at {at}: {accepted:?}; its key made {run:?}; that run is there: {there}"
                );
                self.report.findings.push(finding);
            }
        }
        Ok(())
    }

    /// Nothing that carries a key of this store may still run.
    fn find_leftovers(&mut self) {
        let mark = format!("NOCTULE_ATTEMPT_KEY=n1-{}-", self.books.store_id());
        let mut left = Vec::new();
        let gone = until(Duration::from_secs(10), || {
            left = processes_with(&[&mark]);
            left.is_empty().then_some(())
        });
        if gone.is_none() {
            let finding = format!("processes that nobody wants any more still run: {left:?}");
            self.report.findings.push(finding);
        }
    }

    fn count(&mut self, runs: &[RunRow], desk: &Desk) {
        let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::SeqCst);
        let accepted = desk.accepted().len() as u64;
        self.report.asked = [
            accepted,
            of(&desk.refused),
            of(&desk.repeated),
            of(&desk.meddled),
        ];
        for run in runs {
            *self.report.runs.entry(run.state.to_owned()).or_default() += 1;
            for attempt in &run.attempts {
                let class = attempt
                    .class
                    .map(|class| format!(" ({class})"))
                    .unwrap_or_default();
                let name = format!("{} {}{class}", attempt.kind, attempt.state);
                *self.report.attempts.entry(name).or_default() += 1;
                self.report.done += u64::from(attempt.state == "succeeded");
            }
        }
    }
}
