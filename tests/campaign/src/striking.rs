//! How each fault is done. Each begins with no engine and ends with none; it says whether it really struck.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::crash::{Crash, PATIENCE, processes_with, wait_until_serving};
use crate::error::CampaignError;
use crate::faults::Fault;
use crate::process::{End, Process, until};
use crate::stage::Kind;
use crate::strike::{Blow, Strike};

/// The time of an engine that is killed when nobody chose it.
const LIFE: u64 = 500;
/// How long a named place is waited for; it may not be on the way of this engine.
const ON_THE_WAY: Duration = Duration::from_millis(1200);
/// Without these rights root is refused what it has no permission for, like anybody.
const UNPRIVILEGED: [&str; 2] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

impl Crash {
    /// Does a fault to a new engine.
    pub(crate) fn strike(&mut self, fault: Fault) -> Result<bool, CampaignError> {
        match fault {
            Fault::Random => self.random(),
            Fault::Place => self.place(),
            Fault::Abort => self.abort(),
            Fault::Startup => self.startup(),
            Fault::Supervisor => self.supervisor(),
            Fault::Pause => self.pause(),
            Fault::Drain => self.drain(1),
            Fault::Hasty => self.drain(2),
            Fault::Second => self.second(),
            Fault::Full => self.full(),
            Fault::Unreadable => self.unreadable(),
            Fault::Locked => self.locked(),
            Fault::Reader => self.reader(),
            Fault::Crash => self.server(true),
            Fault::Terminate => self.server(false),
        }
    }

    fn engine(&self, strike: Option<&Strike>) -> Result<Process, CampaignError> {
        self.stage.start(&[], &["serve"], strike)
    }

    fn live_a_while(&mut self) {
        // Half of them while they start, or little later.
        let longest = if self.chance.once_in(2) {
            LIFE
        } else {
            LIFE / 4
        };
        std::thread::sleep(self.chance.millis(longest));
    }

    /// Kills an engine. One that had ended by itself before is a finding, unless its end is an honest one now.
    fn kill(&mut self, mut engine: Process, honest: &[End]) -> Result<bool, CampaignError> {
        let end = engine.kill()?;
        if end == End::Signal(Signal::KILL.as_raw()) {
            self.report.kills += 1;
            engine.tidy();
            return Ok(true);
        }
        if honest.contains(&end) {
            engine.tidy();
        } else {
            let told = engine.told();
            let finding = format!("an engine ended by itself with {end:?}: {told}");
            self.report.findings.push(finding);
        }
        Ok(false)
    }

    fn random(&mut self) -> Result<bool, CampaignError> {
        let mut engine = self.engine(None)?;
        // Where the lease of the last one has to expire first, only some are killed before they have one.
        if self.stage.kind == Kind::Postgres && !self.chance.once_in(4) {
            self.serving(&mut engine);
        }
        self.live_a_while();
        self.kill(engine, &[])
    }

    /// At a place that every engine comes to.
    fn abort(&mut self) -> Result<bool, CampaignError> {
        let nth = 1 + self.chance.below(2);
        let place = if self.chance.once_in(2) {
            "commit.before"
        } else {
            "commit.after"
        };
        self.die_at(Blow::Abort, place, nth)
    }

    /// The engine ends itself at a place that few have died at so far.
    fn place(&mut self) -> Result<bool, CampaignError> {
        let places = self.places();
        let died = |place: &String| self.report.places.get(place).copied().unwrap_or(0);
        let fewest = places.iter().map(died).min().unwrap_or(0);
        let rare: Vec<&String> = places
            .iter()
            .filter(|place| died(place) == fewest)
            .collect();
        let all: Vec<&String> = places.iter().collect();
        let among = if self.chance.once_in(3) { rare } else { all };
        let Some(place) = self.chance.pick(&among).map(ToString::to_string) else {
            return Ok(false);
        };
        // Only after a launch that nobody knows of is there anything to be looked for.
        if let Some(kind) = place
            .strip_suffix(".adopt.before")
            .or(place.strip_suffix(".adopt.after"))
        {
            self.die_at(Blow::Kill, &format!("{kind}.launch.after"), 1)?;
        }
        let nth = 1 + self
            .chance
            .below(if place.starts_with("commit") { 6 } else { 2 });
        if self.die_at(Blow::Kill, &place, nth)? {
            return Ok(true);
        }
        // It was not on the way of that engine; a commit is on the way of each.
        self.die_at(Blow::Kill, "commit.after", 1)
    }

    fn die_at(&mut self, blow: Blow, place: &str, nth: u64) -> Result<bool, CampaignError> {
        let mut engine = self.engine(Some(&Strike::new(blow, place, nth)))?;
        let own = match blow {
            Blow::Abort => Signal::ABORT,
            Blow::Kill | Blow::Stop => Signal::KILL,
        };
        if self.stage.kind == Kind::Postgres {
            // The lease of the last engine has to expire first.
            until(PATIENCE, || {
                let serves = engine.told().contains("noctule serves");
                (serves || engine.ended().is_some()).then_some(())
            });
        }
        if engine.end_within(ON_THE_WAY) == Some(End::Signal(own.as_raw())) {
            self.report.kills += 1;
            *self.report.places.entry(place.to_owned()).or_default() += 1;
            engine.tidy();
            return Ok(true);
        }
        self.kill(engine, &[End::Signal(own.as_raw())])?;
        Ok(false)
    }

    fn startup(&mut self) -> Result<bool, CampaignError> {
        let mut struck = 0;
        for _ in 0..10 {
            let engine = self.engine(None)?;
            std::thread::sleep(self.chance.millis(200));
            struck += u64::from(self.kill(engine, &[])?);
        }
        Ok(struck == 10)
    }

    /// From the kill on the ends of commands go unseen until the next supervisor has taken them over.
    fn supervisor(&mut self) -> Result<bool, CampaignError> {
        let mut engine = self.engine(None)?;
        self.serving(&mut engine);
        self.live_a_while();
        // Commands that are under way then die, too: of those nobody can ever say that they ended well.
        let mark = format!("NOCTULE_ATTEMPT_KEY=n1-{}-", self.books.store_id());
        let running = || processes_with(&[&mark, "NOCTULE_OUTPUT="]);
        until(ON_THE_WAY, || (!running().is_empty()).then_some(()));
        let from = Utc::now();
        let struck = self.stage.end_supervisor();
        for pid in running() {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        }
        if self.chance.once_in(2) {
            self.live_a_while();
        }
        self.kill(engine, &[])?;
        // A command that nobody knows the end of is known as such at the latest when it is asked about again.
        self.excuse(from, Utc::now());
        Ok(struck)
    }

    fn excuse(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) {
        self.excuses.push((from, to));
    }

    fn pause(&mut self) -> Result<bool, CampaignError> {
        let mut engine = self.engine(None)?;
        self.live_a_while();
        engine.send(Signal::STOP);
        let struck = until(PATIENCE, || {
            (engine.is_stopped() || engine.ended().is_some()).then_some(engine.is_stopped())
        });
        std::thread::sleep(self.chance.millis(1500));
        engine.send(Signal::CONT);
        self.live_a_while();
        self.kill(engine, &[])?;
        Ok(struck == Some(true))
    }

    fn drain(&mut self, signals: u32) -> Result<bool, CampaignError> {
        let mut engine = self.engine(None)?;
        self.serving(&mut engine);
        self.live_a_while();
        for number in 0..signals {
            engine.send(Signal::TERM);
            if number == 0 && signals > 1 {
                // The second is one only after the first was heard.
                until(PATIENCE, || {
                    (engine.told().contains("draining") || engine.ended().is_some()).then_some(())
                });
            }
        }
        let end = engine.end_within(PATIENCE);
        if end != Some(End::Code(0)) {
            let finding = format!("SIGTERM ended an engine with {end:?}: {}", engine.told());
            self.report.findings.push(finding);
        }
        engine.tidy();
        Ok(end == Some(End::Code(0)))
    }

    /// Waits until an engine serves; one that does not is a finding.
    fn serving(&mut self, engine: &mut Process) {
        if let Err(error) = wait_until_serving(engine) {
            self.report.findings.push(error.to_string());
        }
    }

    fn second(&mut self) -> Result<bool, CampaignError> {
        let mut engine = self.engine(None)?;
        self.serving(&mut engine);
        let mut second = self.engine(None)?;
        if self.stage.kind == Kind::Postgres {
            return self.stands_by(engine, second);
        }
        let end = second.end_within(PATIENCE);
        if end != Some(End::Code(4)) {
            let finding = format!("a second engine ended with {end:?}: {}", second.told());
            self.report.findings.push(finding);
        }
        second.tidy();
        self.kill(engine, &[])?;
        Ok(end == Some(End::Code(4)))
    }

    /// Where engines stand by the second one takes over when the first is gone.
    fn stands_by(&mut self, first: Process, mut second: Process) -> Result<bool, CampaignError> {
        self.live_a_while();
        let before = second.told().contains("noctule serves");
        self.kill(first, &[])?;
        self.serving(&mut second);
        if before {
            let finding = format!("two engines served at once: {}", second.told());
            self.report.findings.push(finding);
        }
        self.live_a_while();
        self.kill(second, &[])?;
        Ok(!before)
    }

    /// While there is no room nothing new may be launched, and what is accepted must be there later. The same engine goes on
    /// when there is room again; then it dies while there is none, and clients ask on without one.
    fn full(&mut self) -> Result<bool, CampaignError> {
        let mut engine = self.engine(None)?;
        self.serving(&mut engine);
        self.live_a_while();
        let from = Utc::now();
        let first = self.fill_room();
        let freed = self.free_room();
        // The pause after a few failed commits is over by then, and commits pass again.
        std::thread::sleep(Duration::from_millis(1000) + self.chance.millis(LIFE));
        let second = self.fill_room();
        self.kill(engine, &[])?;
        self.ask_without_engine()?;
        let freed = self.free_room() && freed;
        self.excuse(from, Utc::now());
        Ok(first && second && freed)
    }

    /// What is accepted now is as good as any other promise.
    fn ask_without_engine(&mut self) -> Result<(), CampaignError> {
        for _ in 0..3 {
            let key = format!("alone-{:x}", self.chance.next());
            let words = ["trigger", "chain", "--idempotency-key", &key];
            let (end, ..) = self.stage.ends(&words)?;
            if let (Some(End::Code(0)), Some(desk)) = (end, &self.desk) {
                desk.keep("chain", key);
            }
        }
        Ok(())
    }

    /// Fills the file system for a while; whether nothing can be written then.
    fn fill_room(&mut self) -> bool {
        let full = self.stage.room.fill();
        std::thread::sleep(self.chance.millis(700));
        full && fs::write(self.stage.path("store/probe"), [0; 65536]).is_err()
    }

    fn free_room(&mut self) -> bool {
        let freed = self.stage.room.free();
        drop(fs::remove_file(self.stage.path("store/probe")));
        freed
    }

    /// An engine that may not read the store says so, and touches nothing.
    fn unreadable(&mut self) -> Result<bool, CampaignError> {
        let file = self.stage.store_file();
        let mode = |mode| fs::set_permissions(&file, Permissions::from_mode(mode));
        let failed = || CampaignError::io("change the mode of the store");
        mode(0).map_err(failed())?;
        let started = self.stage.start(&UNPRIVILEGED, &["serve"], None);
        let end = started.map(|mut engine| (engine.end_within(PATIENCE), engine.told()));
        mode(0o600).map_err(failed())?;
        let (end, told) = end?;
        let said = end == Some(End::Code(6)) && told.contains("state.db");
        if !said {
            let finding =
                format!("a store that cannot be read ended an engine with {end:?}: {told}");
            self.report.findings.push(finding);
        }
        Ok(said)
    }

    /// Somebody else begins to write and takes their time, now and then longer than anybody waits for a lock.
    fn locked(&mut self) -> Result<bool, CampaignError> {
        let engine = self.engine(None)?;
        self.live_a_while();
        let longest = if self.chance.once_in(6) { 8000 } else { 1500 };
        let time = self.chance.millis(longest);
        let struck = self.with_connection("BEGIN IMMEDIATE", time);
        self.live_a_while();
        // Its own start may have met the lock.
        self.kill(engine, &[End::Code(6)])?;
        Ok(struck)
    }

    fn reader(&mut self) -> Result<bool, CampaignError> {
        let engine = self.engine(None)?;
        self.live_a_while();
        let time = self.chance.millis(3000);
        let struck = self.with_connection("BEGIN; SELECT count(*) FROM runs", time);
        self.kill(engine, &[])?;
        Ok(struck)
    }

    /// Opens the store beside everybody, begins a transaction, keeps it for a while, and leaves without a trace.
    fn with_connection(&self, begin: &'static str, time: Duration) -> bool {
        let options = SqliteConnectOptions::new()
            .filename(self.stage.store_file())
            .busy_timeout(Duration::from_secs(10));
        self.stage.world.threads.block_on(async {
            let Ok(mut other) = SqliteConnection::connect_with(&options).await else {
                return false;
            };
            let begun = sqlx::raw_sql(begin).execute(&mut other).await.is_ok();
            tokio::time::sleep(time).await;
            begun && sqlx::raw_sql("ROLLBACK").execute(&mut other).await.is_ok()
        })
    }

    fn server(&mut self, crash: bool) -> Result<bool, CampaignError> {
        let engine = self.engine(None)?;
        self.live_a_while();
        let Some(cluster) = self.stage.cluster.clone() else {
            return Ok(false);
        };
        let away = self.chance.millis(2000);
        self.stage.world.threads.block_on(async {
            if crash {
                cluster.crash().await?;
                tokio::time::sleep(away).await;
                cluster.launch().await
            } else {
                cluster.terminate_backends().await
            }
        })?;
        self.live_a_while();
        if self.chance.once_in(2) {
            std::thread::sleep(self.chance.millis(2000));
        }
        self.kill(engine, &[End::Code(6)])?;
        Ok(true)
    }
}
