//! The crash loop (campaign C2): one engine after the other is ended in every way there is, while clients ask for runs. Then
//! the faults stop, a last engine brings everything to an end, and the ledger is compared.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rustix::process::Signal;

use crate::books::Books;
use crate::chance::Chance;
use crate::clients::{Clients, Desk};
use crate::dags::TICKING;
use crate::error::CampaignError;
use crate::faults::Deck;
use crate::figures::{Least, Report};
use crate::ledger::{Word, read_from};
use crate::process::{End, Process, until};
use crate::stage::{Kind, Stage};
use crate::strike::{self, KINDS};

/// A start, or an end that was asked for, takes a fraction of this on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing may end before the last engine is said to be stuck.
const STUCK: Duration = Duration::from_secs(120);
/// Runs that are kept under way.
pub(crate) const LIVE: usize = 14;
/// So many looks in a row must show that there is nothing to do.
const QUIET: u32 = 30;
/// How often progress is told.
const TELL_EVERY: u64 = 100;

/// What a campaign is to be.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Engines that are to be killed.
    pub kills: u64,
    /// The start value of chance.
    pub start: u64,
    /// The kind of store.
    pub kind: Kind,
    /// How many ask for runs.
    pub clients: usize,
    /// The least that must have been done.
    pub least: Least,
}

/// A campaign under way.
pub struct Crash {
    pub(crate) stage: Arc<Stage>,
    pub(crate) chance: Chance,
    pub(crate) report: Report,
    pub(crate) books: Books,
    pub(crate) excuses: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) desk: Option<Arc<Desk>>,
    /// Up to where the ledger was looked at.
    place: u64,
    /// When an engine had seen the schedule, and when the faults stopped.
    pub(crate) time: (DateTime<Utc>, DateTime<Utc>),
}

impl Crash {
    /// Carries a campaign out against a program, and tells people how it goes.
    ///
    /// # Errors
    /// It could not be carried out. What is wrong with the product is in the report.
    pub fn run(
        program: &Path,
        terms: &Terms,
        tell: &dyn Fn(&str),
    ) -> Result<Report, CampaignError> {
        let began = Instant::now();
        let stage = Arc::new(Stage::new(program, terms.kind)?);
        let mut campaign = Self::begin(stage, terms)?;
        let clients = Clients::start(&campaign.stage, terms.clients, LIVE, &mut campaign.chance);
        campaign.desk = Some(Arc::clone(&clients.desk));
        let struck = campaign.strike_until(terms, tell);
        // Whatever came of it: nobody is left behind asking.
        let desk = clients.end();
        struck?;
        tell("faults stop; a last engine brings everything to an end");
        campaign.settle()?;
        campaign.compare(&desk)?;
        campaign.report.wall = began.elapsed();
        if !campaign.report.findings.is_empty() {
            campaign.report.kept = campaign.stage.keep(terms.start);
        }
        Ok(campaign.report)
    }

    pub(crate) fn begin(stage: Arc<Stage>, terms: &Terms) -> Result<Self, CampaignError> {
        let mut first = stage.start(&[], &["serve"], None)?;
        wait_until_serving(&mut first)?;
        let books = Books::open(Arc::clone(&stage))?;
        // A schedule makes no run for what was before its first sight.
        let seen = until(PATIENCE, || books.knows(TICKING.id).then_some(()));
        if seen.is_none() {
            let told = first.told();
            return Err(CampaignError::Failed(format!("no DAG is seen: {told}")));
        }
        let now = Utc::now();
        first.kill()?;
        first.tidy();
        let report = Report {
            name: format!("crash loop on {:?}", terms.kind),
            start: terms.start,
            least: terms.least,
            ..Report::default()
        };
        Ok(Self {
            chance: Chance::new(terms.start),
            report,
            books,
            excuses: Vec::new(),
            desk: None,
            place: 0,
            time: (now, now),
            stage,
        })
    }

    fn strike_until(&mut self, terms: &Terms, tell: &dyn Fn(&str)) -> Result<(), CampaignError> {
        let can_be_full = self.stage.room.can_be_full();
        let mut deck = Deck::of(terms.kind, can_be_full, &mut self.chance);
        for fault in deck.all() {
            self.report
                .faults
                .entry(fault.word().to_owned())
                .or_default();
        }
        let (began, mut told) = (Instant::now(), 0);
        while self.report.kills < terms.kills {
            let fault = deck.next(&mut self.chance);
            if self.chance.once_in(5) {
                let which = self.stage.world.disturb(self.chance.next());
                *self.report.disturbed.entry(which.to_owned()).or_default() += 1;
            }
            let from = Utc::now();
            let struck = self.strike(fault)?;
            self.journal(fault.word(), from, struck)?;
            self.report.count(fault.word(), struck);
            self.look_around()?;
            if self.report.kills / TELL_EVERY > told {
                told = self.report.kills / TELL_EVERY;
                let (kills, findings) = (self.report.kills, self.report.findings.len());
                let seconds = began.elapsed().as_secs();
                tell(&format!(
                    "{kills} kills in {seconds} s, {findings} findings"
                ));
            }
        }
        Ok(())
    }

    /// What was done when, for whoever has to find out why.
    pub(crate) fn journal(
        &self,
        word: &str,
        from: DateTime<Utc>,
        struck: bool,
    ) -> Result<(), CampaignError> {
        let failed = || CampaignError::io("write the journal");
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).append(true);
        let mut file = file.open(self.stage.path("journal")).map_err(failed())?;
        let to = Utc::now();
        writeln!(file, "{from} {to} {word}, struck: {struck}").map_err(failed())
    }

    /// After each fault: what has newly begun must stand in the store, which nobody changes now; and how many runs are live.
    pub(crate) fn look_around(&mut self) -> Result<(), CampaignError> {
        let (deeds, place) = read_from(&self.stage.ledger(), self.place)
            .map_err(CampaignError::io("read the ledger"))?;
        self.place = place;
        let mut known: HashSet<String> = HashSet::new();
        let mut runs: HashSet<String> = HashSet::new();
        for deed in deeds.iter().filter(|deed| deed.word == Word::Began) {
            if runs.insert(deed.run.clone()) {
                known.extend(self.books.keys_of(&deed.run)?);
            }
            self.report.looked_up += 1;
            if !known.contains(&deed.key) {
                let finding = format!("work without a committed intent: {deed:?}");
                self.report.findings.push(finding);
            }
        }
        if let Some(desk) = &self.desk {
            desk.live.store(self.books.live()?, Ordering::SeqCst);
        }
        Ok(())
    }

    /// A last engine that nobody disturbs ends all that there is, and then drains.
    fn settle(&mut self) -> Result<(), CampaignError> {
        let mut last = self.stage.start(&[], &["serve"], None)?;
        wait_until_serving(&mut last)?;
        self.all_ends(&mut [&mut last])?;
        self.drains(last);
        Ok(())
    }

    /// Waits until no run is live and no ask unanswered, as long as anything ends at all.
    pub(crate) fn all_ends(&mut self, engines: &mut [&mut Process]) -> Result<(), CampaignError> {
        self.time.1 = Utc::now();
        let (mut least, mut since) = (usize::MAX, Instant::now());
        let mut quiet = 0;
        loop {
            let (live, pending) = (self.books.live()?, self.books.pending()?);
            // An engine that has just begun still makes the runs of ticks that were missed.
            quiet = if live + pending == 0 { quiet + 1 } else { 0 };
            if quiet > QUIET {
                return Ok(());
            }
            if live + pending < least {
                (least, since) = (live + pending, Instant::now());
            }
            for engine in engines.iter_mut() {
                if let Some(end) = engine.ended() {
                    let told = engine.told();
                    let finding = format!("a last engine ended by itself with {end:?}: {told}");
                    self.report.findings.push(finding);
                    return Ok(());
                }
            }
            if since.elapsed() > STUCK {
                let finding =
                    format!("{live} runs and {pending} asks stand still under the last engine");
                self.report.findings.push(finding);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGTERM ends an engine well.
    pub(crate) fn drains(&mut self, mut engine: Process) {
        engine.send(Signal::TERM);
        if engine.end_within(PATIENCE) != Some(End::Code(0)) {
            let finding = format!("the last engine did not drain: {}", engine.told());
            self.report.findings.push(finding);
        }
    }

    /// Every place that an engine of this stage can come to.
    pub(crate) fn places(&self) -> Vec<String> {
        let postgres = self.stage.world.steps.is_some();
        let kinds = KINDS
            .iter()
            .filter(|kind| postgres || **kind != "postgres_step");
        strike::places(&kinds.copied().collect::<Vec<_>>())
    }
}

/// Waits until an engine says that it serves.
pub(crate) fn wait_until_serving(engine: &mut Process) -> Result<(), CampaignError> {
    let serves = until(PATIENCE, || {
        if engine.told().contains("noctule serves") {
            return Some(true);
        }
        engine.ended().map(|_| false)
    });
    if serves == Some(true) {
        return Ok(());
    }
    let told = engine.told();
    Err(CampaignError::Failed(format!(
        "an engine does not come up: {told}"
    )))
}

/// The processes of this machine whose environment has entries that begin so, each of them.
pub(crate) fn processes_with(entries: &[&str]) -> Vec<u32> {
    let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok());
    let carries = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let has = |entry: &&str| {
            let mut found = environment.split(|byte| *byte == 0);
            found.any(|found| found.starts_with(entry.as_bytes()))
        };
        entries.iter().all(has)
    };
    pids.filter(carries).collect()
}
