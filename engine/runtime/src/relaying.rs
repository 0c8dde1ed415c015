//! What an engine that stands by does for the one that runs: it says how local tasks of its own host stand.
//!
//! Guarantees: it reads the store and writes asks, nothing else, so it needs no lease. It starts and stops nothing. Saying
//! something twice is harmless: a report counts for one attempt by its key, and only while that attempt is waited for.

use noctule_core::ask::{Ask, Wish};
use noctule_core::dag::Dag;
use noctule_core::name::ProfileName;
use noctule_core::run::{Actor, AttemptState, Instant, Report, Run, Running, TaskRunIx};
use noctule_executor::{AttemptKey, Status};
use noctule_store::{Store, StoreError};

use crate::surroundings::Surroundings;

/// How long a report may wait for an engine that takes over.
const VALID: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// Whoever stands by.
pub struct Standby<'s> {
    /// The store that it shares with the engine.
    pub store: &'s Store,
    /// Its own surroundings: the supervisor that it reaches is that of its host.
    pub surroundings: &'s Surroundings,
    /// The profile of the store.
    pub profile: &'s ProfileName,
    /// Its host, as handles name it.
    pub host: &'s str,
    /// As whom it speaks.
    pub by: Actor,
}

/// A live attempt that the engine hears nothing of.
struct Silent<'r> {
    run: &'r Run,
    task: TaskRunIx,
    number: u32,
    key: AttemptKey,
    connection: Option<&'r str>,
    running: &'r Running,
}

impl Standby<'_> {
    /// Reports every attempt of this host that the engine hears nothing of; how many. To be called a few times within
    /// `host_lost_after`: that work runs is a sign, too.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn relay(&self, now: Instant) -> Result<usize, StoreError> {
        let pending = self.store.pending_asks().await?;
        let mut said = 0;
        for run in self.store.live_runs().await? {
            for silent in silent(&run, self.host) {
                let waits = |ask: &Ask| matches!(&ask.wish, Wish::Report(report) if report.key == silent.key);
                if pending.iter().any(|(_, ask)| waits(ask)) {
                    continue;
                }
                let Some(status) = self.look(&silent).await? else {
                    continue;
                };
                let report = Report {
                    run: silent.run.facts.id.clone(),
                    task: silent.task,
                    attempt: silent.number,
                    key: silent.key.clone(),
                    host: self.host.to_owned(),
                    status,
                };
                self.store.ask(&self.ask(report, now)).await?;
                said += 1;
            }
        }
        Ok(said)
    }

    fn ask(&self, report: Report, now: Instant) -> Ask {
        Ask {
            profile: self.profile.clone(),
            by: self.by.clone(),
            at: now,
            valid_until: now + VALID,
            wish: Wish::Report(report),
        }
    }

    /// How it stands, if that can be said from here.
    async fn look(&self, silent: &Silent<'_>) -> Result<Option<Status>, StoreError> {
        let facts = &silent.run.facts;
        let Some(version) = self.store.version(&facts.version).await? else {
            return Ok(None);
        };
        let Ok(dag) = Dag::new(version.definition) else {
            return Ok(None);
        };
        let task = silent.run.tasks[silent.task.index()].definition(&dag);
        let Some(executor) = self.surroundings.desk.registry.get(&task.executor) else {
            return Ok(None);
        };
        let context = self
            .surroundings
            .context(facts.dag.as_str(), silent.connection);
        let handles = [silent.running.handle.raw.clone()];
        let patience = std::time::Duration::ZERO;
        let answer = executor.poll(&context, &handles, patience).await.pop();
        Ok(answer.and_then(Result::ok).filter(|status| {
            matches!(
                status,
                Status::Running { .. } | Status::Finished(_) | Status::Lost { .. }
            )
        }))
    }
}

fn silent<'r>(run: &'r Run, host: &str) -> Vec<Silent<'r>> {
    let one = |(ix, task): (usize, &'r noctule_core::run::TaskRun)| {
        let attempt = task.live()?;
        let AttemptState::Running(running) = &attempt.state else {
            return None;
        };
        let ours = running.silence.as_ref()?.host == host;
        ours.then(|| Silent {
            run,
            task: TaskRunIx(u32::try_from(ix).unwrap_or(u32::MAX)),
            number: attempt.number,
            key: attempt.key.clone(),
            connection: attempt.prepared.connection.as_deref(),
            running,
        })
    };
    run.tasks.iter().enumerate().filter_map(one).collect()
}
