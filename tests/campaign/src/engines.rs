//! Three engines on one Postgres (campaign C3), each behind a road of its own that can be held, silenced and cut: they are
//! killed, stopped past their lease, cut off and slowed down, while clients ask for runs.
//!
//! The database itself notes who raised the epoch and who committed under it: an epoch belongs to one engine for ever.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use noctule_test_postgres::{Database, Proxy};
use rustix::process::Signal;

use crate::clients::Clients;
use crate::crash::{Crash, LIVE, PATIENCE, Terms};
use crate::error::CampaignError;
use crate::figures::Report;
use crate::notes::{SEATS, notes, prepare};
use crate::process::{End, Process, until};
use crate::stage::{Kind, LEASE, Stage, leased};
use crate::strike::{Blow, Strike};

/// What is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    KillHolder,
    KillAny,
    StopHolder,
    StopAtLaunch,
    HoldHolder,
    SilenceAll,
    CutHolder,
    LoseAnswer,
    Slow,
    Crash,
    Terminate,
    Drain,
}

use Fault::{
    CutHolder, Drain, HoldHolder, KillAny, KillHolder, LoseAnswer, SilenceAll, Slow, StopAtLaunch,
    StopHolder, Terminate,
};

const ALL: [Fault; 12] = [
    KillHolder,
    StopHolder,
    StopAtLaunch,
    HoldHolder,
    CutHolder,
    LoseAnswer,
    Slow,
    SilenceAll,
    KillAny,
    Fault::Crash,
    Terminate,
    Drain,
];

impl Fault {
    fn word(self) -> &'static str {
        match self {
            KillHolder => "kill -9 of the holder",
            KillAny => "kill -9 of any",
            StopHolder => "SIGSTOP of the holder past its lease",
            StopAtLaunch => "SIGSTOP between intent and launch, past the lease",
            HoldHolder => "partition of the holder (nothing falls)",
            SilenceAll => "connections dead without a word",
            CutHolder => "road of the holder cut",
            LoseAnswer => "answer of a commit lost",
            Slow => "every road slow",
            Fault::Crash => "database server crashed",
            Terminate => "database sessions ended",
            Drain => "SIGTERM of the holder",
        }
    }
}

/// How a command ends that cannot reach its store.
const UNREACHABLE: i32 = 6;

/// One engine, its road, and the address that leads over it.
struct Seat {
    road: Proxy,
    url: String,
    engine: Process,
}

/// The campaign under way.
pub struct Engines {
    campaign: Crash,
    seats: Vec<Seat>,
    database: Database,
}

impl Engines {
    /// Carries a campaign out against a program, for so long, and tells people how it goes.
    ///
    /// # Errors
    /// It could not be carried out. What is wrong with the product is in the report.
    pub fn run(
        program: &Path,
        terms: &Terms,
        time: Duration,
        tell: &dyn Fn(&str),
    ) -> Result<Report, CampaignError> {
        let began = Instant::now();
        let stage = Arc::new(Stage::new(program, Kind::Postgres)?);
        let mut campaign = Crash::begin(Arc::clone(&stage), terms)?;
        campaign.report.name = "three engines on one Postgres".to_owned();
        campaign.report.punctual = true;
        let clients = Clients::start(&stage, terms.clients, LIVE, &mut campaign.chance);
        campaign.desk = Some(Arc::clone(&clients.desk));
        let engines = Self::sit_down(campaign);
        let struck = engines.and_then(|mut engines| {
            engines.strike_for(time, tell)?;
            Ok(engines)
        });
        let desk = clients.end();
        let engines = struck?;
        tell("faults stop; the engines bring everything to an end");
        let mut campaign = engines.settle()?;
        campaign.compare(&desk)?;
        campaign.report.wall = began.elapsed();
        if !campaign.report.findings.is_empty() {
            campaign.report.kept = campaign.stage.keep(terms.start);
        }
        Ok(campaign.report)
    }

    fn sit_down(campaign: Crash) -> Result<Self, CampaignError> {
        let stage = Arc::clone(&campaign.stage);
        let nothing = || CampaignError::Failed("there is no database".to_owned());
        let database = stage.database.clone().ok_or_else(nothing)?;
        stage.world.threads.block_on(prepare(&database))?;
        let mut seats = Vec::with_capacity(SEATS);
        for number in 0..SEATS {
            let road = stage.world.threads.block_on(Proxy::to(&database))?;
            let url = leased(&road.url_of(&format!("engine{number}")));
            let engine = stage.start_over(Some(&url), &[], &["serve"], None)?;
            seats.push(Seat { road, url, engine });
        }
        Ok(Self {
            campaign,
            seats,
            database,
        })
    }

    fn strike_for(&mut self, time: Duration, tell: &dyn Fn(&str)) -> Result<(), CampaignError> {
        for fault in ALL {
            let faults = &mut self.campaign.report.faults;
            faults.entry(fault.word().to_owned()).or_default();
        }
        let (end, mut told) = (Instant::now() + time, Instant::now());
        let mut first = ALL.to_vec();
        while Instant::now() < end || !first.is_empty() {
            self.somebody_serves();
            std::thread::sleep(self.campaign.chance.millis(600));
            let next = if first.is_empty() {
                self.campaign.chance.pick(&ALL).copied()
            } else {
                Some(first.remove(0))
            };
            let Some(fault) = next else { continue };
            let from = Utc::now();
            let struck = self.strike(fault)?;
            self.campaign.journal(fault.word(), from, struck)?;
            self.campaign.report.count(fault.word(), struck);
            self.heal()?;
            self.campaign.look_around()?;
            if told.elapsed() > Duration::from_secs(60) {
                told = Instant::now();
                let report = &self.campaign.report;
                let struck: u64 = report.faults.values().map(|tally| tally.struck).sum();
                tell(&format!(
                    "{struck} faults, {} findings",
                    report.findings.len()
                ));
            }
        }
        Ok(())
    }

    /// Where the holder sits. Between two leases there is none.
    fn holder(&self) -> Result<Option<usize>, CampaignError> {
        let pid = self.campaign.books.holder()?;
        let mut seats = self.seats.iter();
        Ok(seats.position(|seat| Some(seat.engine.pid()) == pid))
    }

    /// Somebody holds the store within two leases, and some time for a busy machine; else that is a finding.
    fn somebody_serves(&mut self) {
        let found = until(PATIENCE, || self.holder().ok().flatten());
        if found.is_none() {
            let told: Vec<String> = self.seats.iter().map(|seat| seat.engine.told()).collect();
            let finding = format!("nobody takes the store: {told:#?}");
            self.campaign.report.findings.push(finding);
        }
    }

    fn strike(&mut self, fault: Fault) -> Result<bool, CampaignError> {
        let any = usize::try_from(self.campaign.chance.below(SEATS as u64)).unwrap_or(0);
        let Some(holder) = self.holder()? else {
            return Ok(false);
        };
        let past = LEASE + self.campaign.chance.millis(2000);
        match fault {
            KillHolder => self.kill(holder),
            KillAny => self.kill(any),
            StopHolder => {
                let engine = &self.seats[holder].engine;
                engine.send(Signal::STOP);
                std::thread::sleep(past);
                let stopped = engine.is_stopped();
                engine.send(Signal::CONT);
                Ok(stopped)
            }
            StopAtLaunch => self.stop_at_launch(holder),
            HoldHolder => {
                self.seats[holder].road.hold();
                std::thread::sleep(past);
                Ok(true)
            }
            SilenceAll => {
                self.seats.iter().for_each(|seat| seat.road.silence());
                std::thread::sleep(past);
                Ok(true)
            }
            CutHolder => {
                self.seats[holder].road.cut();
                std::thread::sleep(past);
                Ok(true)
            }
            LoseAnswer => {
                let road = &self.seats[holder].road;
                road.lose_answer("SELECT 1");
                Ok(until(2 * LEASE, || (!road.is_armed()).then_some(())).is_some())
            }
            Slow => {
                for _ in 0..25 {
                    self.seats.iter().for_each(|seat| seat.road.hold());
                    std::thread::sleep(self.campaign.chance.millis(80));
                    self.seats.iter().for_each(|seat| seat.road.restore());
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(true)
            }
            Fault::Crash => self.server(true),
            Terminate => self.server(false),
            Drain => {
                let fresh = self.start(holder, None)?;
                let mut old = std::mem::replace(&mut self.seats[holder].engine, fresh);
                old.send(Signal::TERM);
                let end = old.end_within(PATIENCE);
                if end != Some(End::Code(0)) {
                    let finding = format!("SIGTERM ended an engine with {end:?}: {}", old.told());
                    self.campaign.report.findings.push(finding);
                }
                Ok(end == Some(End::Code(0)))
            }
        }
    }

    fn start(&self, seat: usize, strike: Option<&Strike>) -> Result<Process, CampaignError> {
        let url = self.seats[seat].url.clone();
        let stage = &self.campaign.stage;
        stage.start_over(Some(&url), &[], &["serve"], strike)
    }

    fn kill(&mut self, seat: usize) -> Result<bool, CampaignError> {
        let end = self.seats[seat].engine.kill()?;
        let struck = end == End::Signal(Signal::KILL.as_raw());
        self.campaign.report.kills += u64::from(struck);
        Ok(struck)
    }

    /// An engine stands still between an intent that is committed and its launch, until another has the store.
    fn stop_at_launch(&mut self, holder: usize) -> Result<bool, CampaignError> {
        let strike = Strike::new(Blow::Stop, "process.launch.before", 1);
        let fresh = self.start(holder, Some(&strike))?;
        let mut old = std::mem::replace(&mut self.seats[holder].engine, fresh);
        // The others must not be first.
        let others: Vec<usize> = (0..SEATS).filter(|seat| *seat != holder).collect();
        for seat in &others {
            self.seats[*seat].engine.send(Signal::STOP);
        }
        old.kill()?;
        self.campaign.report.kills += 1;
        let stopped = until(6 * LEASE, || {
            self.seats[holder].engine.is_stopped().then_some(())
        });
        for seat in &others {
            self.seats[*seat].engine.send(Signal::CONT);
        }
        let pid = self.seats[holder].engine.pid();
        let taken = until(6 * LEASE, || {
            let now = self.campaign.books.holder().ok().flatten();
            now.is_some_and(|now| now != pid).then_some(())
        });
        self.seats[holder].engine.send(Signal::CONT);
        Ok(stopped.is_some() && taken.is_some())
    }

    fn server(&mut self, crash: bool) -> Result<bool, CampaignError> {
        let Some(cluster) = self.campaign.stage.cluster.clone() else {
            return Ok(false);
        };
        let away = self.campaign.chance.millis(2500);
        self.campaign.stage.world.threads.block_on(async {
            if crash {
                cluster.crash().await?;
                tokio::time::sleep(away).await;
                cluster.launch().await
            } else {
                cluster.terminate_backends().await
            }
        })?;
        Ok(true)
    }

    /// Every road is open and every seat taken. An engine that ended by itself has lost more than its lease: a finding, but
    /// where it had not come to stand by yet, and says that the database cannot be reached.
    fn heal(&mut self) -> Result<(), CampaignError> {
        for number in 0..SEATS {
            self.seats[number].road.restore();
            let Some(end) = self.seats[number].engine.ended() else {
                continue;
            };
            let told = self.seats[number].engine.told();
            let report = &mut self.campaign.report;
            if end == End::Code(UNREACHABLE) && !told.contains("noctule s") {
                report.one_more("engines that began while the database was away, and said so");
            } else if end != End::Signal(Signal::KILL.as_raw()) {
                let finding = format!("an engine ended by itself with {end:?}: {told}");
                report.findings.push(finding);
            }
            self.seats[number].engine.tidy();
            self.seats[number].engine = self.start(number, None)?;
        }
        Ok(())
    }

    fn settle(mut self) -> Result<Crash, CampaignError> {
        self.heal()?;
        let mut engines: Vec<&mut Process> =
            self.seats.iter_mut().map(|seat| &mut seat.engine).collect();
        self.campaign.all_ends(&mut engines)?;
        let threads = Arc::clone(&self.campaign.stage);
        let noted = threads.world.threads.block_on(notes(&self.database))?;
        let [backwards, shared, raised, commits, who] = noted;
        let report = &mut self.campaign.report;
        if backwards + shared > 0 {
            let finding = format!("{backwards} epochs went back, {shared} had several holders");
            report.findings.push(finding);
        }
        report.fact("epochs, each of one engine", raised.unsigned_abs());
        report.fact("commits, each under its own epoch", commits.unsigned_abs());
        report.fact("engines that held the store", who.unsigned_abs());
        for seat in self.seats {
            self.campaign.drains(seat.engine);
        }
        Ok(self.campaign)
    }
}
