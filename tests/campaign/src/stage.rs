//! A project in a folder of its own, its world, and the ways to start the program under fire in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use noctule_test_postgres::{Cluster, Database};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::dags::{self, Dag};
use crate::error::CampaignError;
use crate::process::{End, Process};
use crate::room::Room;
use crate::strike::{STRIKE, Strike};
use crate::world::World;

/// Attempts that may hold a slot.
pub(crate) const SLOTS: usize = 8;
/// A command of the program that takes longer has hung: it gives up by itself after half of it.
pub(crate) const HUNG: Duration = Duration::from_secs(90);

/// Which store the engines of a campaign have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A database of a throw-away cluster.
    Postgres,
}

/// The project and everything around it.
pub(crate) struct Stage {
    // First of all to be dropped: nothing is to write any more when its folder goes.
    /// What the engines talk to.
    pub(crate) world: World,
    /// The throw-away cluster, where there is a Postgres.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// The database of the store, where it is one.
    pub(crate) database: Option<Database>,
    /// Which store it is.
    pub(crate) kind: Kind,
    /// Where the store stands, where it is a file.
    pub(crate) room: Room,
    folder: TempDir,
    program: PathBuf,
    store_url: String,
    processes: AtomicU64,
}

impl Stage {
    /// Makes the project of a program: the one of this package, by its path.
    ///
    /// # Errors
    /// A folder, a port or a server could not be had.
    pub(crate) fn new(program: &Path, kind: Kind) -> Result<Self, CampaignError> {
        let folder = folder()?;
        let root = folder.path();
        for name in ["dags", "outputs", "store"] {
            fs::create_dir(root.join(name)).map_err(CampaignError::io("make a folder"))?;
        }
        let room = Room::on(&root.join("store"));
        let threads = tokio::runtime::Runtime::new();
        let threads = threads.map_err(CampaignError::io("start threads"))?;
        let cluster = match (threads.block_on(Cluster::start()), kind) {
            (Ok(cluster), _) => Some(cluster),
            // Without a Postgres there are no steps; a store in one needs it.
            (Err(_), Kind::Sqlite) => None,
            (Err(error), Kind::Postgres) => return Err(error.into()),
        };
        let database = match (&cluster, kind) {
            (Some(cluster), Kind::Postgres) => Some(threads.block_on(cluster.database())?),
            _ => None,
        };
        drop(threads);
        let text = program.to_string_lossy();
        let world = World::start(&text, &root.join("ledger"), cluster.clone())?;
        let url = database.as_ref().map(|database| leased(&database.url()));
        let stage = Self {
            world,
            cluster,
            database,
            kind,
            room,
            program: program.to_owned(),
            store_url: url.unwrap_or_else(|| "sqlite://store/state.db".to_owned()),
            processes: AtomicU64::new(0),
            folder,
        };
        stage.write_files()?;
        Ok(stage)
    }

    fn write_files(&self) -> Result<(), CampaignError> {
        let failed = || CampaignError::io("write the project");
        fs::write(self.path("noctule.toml"), self.settings()).map_err(failed())?;
        let ledger = self.ledger();
        for dag in self.dags().chain([dags::TICKING]) {
            let file = dag.file(&self.program.to_string_lossy(), &ledger.to_string_lossy());
            fs::write(self.path(&format!("dags/{}.toml", dag.id)), file).map_err(failed())?;
        }
        Ok(())
    }

    fn settings(&self) -> String {
        let (google, amazon) = (self.world.google.url(), self.world.amazon.endpoint());
        let calls = &self.world.calls;
        // Cloud Run takes no key: an engine that is frozen while it sends is waited for by the search of the next one, here as
        // at its real pace longer than any pause.
        let search = match self.kind {
            Kind::Sqlite => r#"["20ms", "50ms", "100ms"]"#,
            Kind::Postgres => r#"["50ms", "500ms", "5s"]"#,
        };
        let store = &self.store_url;
        let steps = match &self.world.steps {
            Some(database) => format!(
                "[secrets.steps]\nfrom = \"env:STEPS_URL\"\n[connections.steps]\nkind = \"postgres\"\n\
                 url = {{ secret = \"steps\" }}\nsearch_after = [\"20ms\", \"50ms\"]\n# {}\n",
                database.name()
            ),
            None => String::new(),
        };
        format!(
            r#"
[store]
url = "{store}"
[engine]
listen = "127.0.0.1:0"
slots = {SLOTS}
[vars]
calls = "{calls}"
[pools]
one = 1
[defaults]
poll_interval = "50ms"
[connections.google]
kind = "google"
project = "somewhere"
endpoint = "{google}"
auth = "anonymous"
search_after = {search}
[connections.amazon]
kind = "aws"
region = "us-east-1"
endpoint = "{amazon}"
cluster = "c"
subnets = ["subnet-1a"]
search_after = ["20ms", "50ms", "100ms"]
{steps}"#
        )
    }

    /// The DAGs that this world can do.
    pub(crate) fn dags(&self) -> impl Iterator<Item = Dag> + use<> {
        let postgres = self.world.steps.is_some();
        dags::ALL
            .into_iter()
            .filter(move |dag| postgres || !dag.needs_postgres)
    }

    /// A file of the project.
    #[must_use]
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the work writes.
    #[must_use]
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path("ledger")
    }

    /// The file of the store, where it is one.
    #[must_use]
    pub(crate) fn store_file(&self) -> PathBuf {
        self.path("store/state.db")
    }

    /// The address of the store.
    #[must_use]
    pub(crate) fn store_url(&self) -> &str {
        &self.store_url
    }

    /// The folder of the project.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program with these words; `wrapped` are words that come before it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(
        &self,
        wrapped: &[&str],
        words: &[&str],
        strike: Option<&Strike>,
    ) -> Result<Process, CampaignError> {
        self.start_over(None, wrapped, words, strike)
    }

    /// The same, the store reached by another address.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start_over(
        &self,
        store: Option<&str>,
        wrapped: &[&str],
        words: &[&str],
        strike: Option<&Strike>,
    ) -> Result<Process, CampaignError> {
        let number = self.processes.fetch_add(1, Ordering::SeqCst);
        let mut line: Vec<&std::ffi::OsStr> =
            wrapped.iter().map(std::convert::AsRef::as_ref).collect();
        line.push(self.program.as_os_str());
        line.extend(words.iter().map(std::ffi::OsStr::new));
        let mut command = Command::new(line[0]);
        command
            .args(&line[1..])
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("NOCTULE_ACTOR", "campaign")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if let Some(database) = &self.world.steps {
            command.env("STEPS_URL", database.url());
        }
        if let Some(store) = store {
            command.env("NOCTULE__STORE__URL", store);
        }
        if let Some(strike) = strike {
            command.env(STRIKE, strike.text());
        }
        Process::start(command, &self.path("outputs").join(number.to_string()))
    }

    /// Runs the program with these words to its end, and gives its exit code and what it printed; no code if it hung.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn ends(
        &self,
        words: &[&str],
    ) -> Result<(Option<End>, String, String), CampaignError> {
        let mut process = self.start(&[], words, None)?;
        let end = process.end_within(HUNG);
        let said = (end, process.printed(), process.told());
        process.tidy();
        Ok(said)
    }

    /// Copies the whole folder to where it can be looked at, and says where that is.
    pub(crate) fn keep(&self, start: u64) -> Option<PathBuf> {
        let kept = std::env::temp_dir().join(format!("noctule-campaign-{start:x}"));
        let mut copy = Command::new("cp");
        let copied = copy.arg("-a").arg(self.root()).arg(&kept).status();
        copied.is_ok_and(|status| status.success()).then_some(kept)
    }

    /// Kills the supervisor of the commands; whether there was one.
    pub(crate) fn end_supervisor(&self) -> bool {
        let Some(pid) = self.supervisor() else {
            return false;
        };
        // The file outlives its process: that it is ours is seen by its words and its folder.
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let folder = self.root().to_string_lossy().into_owned();
        let is_ours = line.contains("__supervisor") && line.contains(&folder);
        let pid = Pid::from_raw(pid).filter(|_| is_ours);
        pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
    }

    /// The process id of the supervisor that was announced last.
    fn supervisor(&self) -> Option<i32> {
        let folder = match self.kind {
            Kind::Sqlite => "store/state.d",
            Kind::Postgres => ".noctule/default/state.d",
        };
        let text = fs::read(self.path(folder).join("process/supervisor.json")).ok()?;
        let address: serde_json::Value = serde_json::from_slice(&text).ok()?;
        i32::try_from(address["pid"].as_i64()?).ok()
    }
}

/// The time of a lease in a campaign: many change hands in a minute.
pub(crate) const LEASE: Duration = Duration::from_millis(1000);

/// An address with the lease of a campaign.
pub(crate) fn leased(url: &str) -> String {
    format!("{url}&lease_ttl={}", LEASE.as_secs_f64())
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It would stay for a minute after its last engine.
        self.end_supervisor();
    }
}

/// In memory where there is some: the kill of a process loses no page cache, so a disk would only cost time.
fn folder() -> Result<TempDir, CampaignError> {
    let mut named = tempfile::Builder::new();
    let named = named.prefix("noctule-campaign");
    named
        .tempdir_in("/dev/shm")
        .or_else(|_| named.tempdir())
        .map_err(CampaignError::io("make a folder"))
}
