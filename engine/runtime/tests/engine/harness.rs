//! A store in a folder of its own, a scripted world that outlives every engine, and engines that can be killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::Utc;
use noctule_core::ask::{Answer, Ask, TriggerWish, Wish};
use noctule_core::desk::Desk;
use noctule_core::name::{ProfileName, RunId};
use noctule_core::run::{Actor, Fact, Run, RunEnding};
use noctule_core::source::{FileText, Inputs, LoadedDag, load_project};
use noctule_executor::{Host, Recovery, Registry};
use noctule_executor_testing::{Scripted, ScriptedWorld};
use noctule_runtime::executors::{over_store, with_dags};
use noctule_runtime::{
    Clock, Control, Courier, Engine, EngineOptions, Publication, PublishedDag, RuntimeError,
    SpanSink, Surroundings,
};
use noctule_store::{CommitHook, OpenOptions, Owner, Role, Store, StoreError};
use serde_json::Map;
use tokio::task::JoinHandle;

use crate::inbox_source::{Letters, LettersSource};
use crate::replaying::replays;

pub(crate) fn profile() -> ProfileName {
    "test".parse().unwrap()
}

pub(crate) fn somebody() -> Actor {
    Actor {
        name: "operator".to_owned(),
        via: "cli".to_owned(),
    }
}

/// Ends the engine at one place: before or after the n-th commit.
#[derive(Default)]
pub(crate) struct Killer {
    commits: AtomicUsize,
    /// Twice the number of the commit, plus one for "after"; 0 for never.
    at: AtomicUsize,
    refusals: AtomicUsize,
}

impl Killer {
    pub(crate) fn kill_at(&self, place: usize) {
        self.commits.store(0, Ordering::SeqCst);
        self.at.store(place, Ordering::SeqCst);
    }

    /// The next commits fail as on a full disk.
    pub(crate) fn fill_disk(&self, commits: usize) {
        self.refusals.store(commits, Ordering::SeqCst);
    }
}

impl CommitHook for Killer {
    fn before(&self) -> Result<(), StoreError> {
        if self.refusals.load(Ordering::SeqCst) > 0 {
            self.refusals.fetch_sub(1, Ordering::SeqCst);
            return Err(StoreError::Full("database or disk is full".to_owned()));
        }
        let count = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if self.at.load(Ordering::SeqCst) == count * 2 {
            die("before a commit");
        }
        Ok(())
    }

    fn after(&self) {
        let count = self.commits.load(Ordering::SeqCst);
        if self.at.load(Ordering::SeqCst) == count * 2 + 1 {
            die("after a commit");
        }
    }
}

/// Unwinds the engine without a word.
fn die(place: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(place))
}

pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) world: Arc<ScriptedWorld>,
    pub(crate) letters: Arc<Letters>,
    pub(crate) recovery: Recovery,
    pub(crate) killer: Arc<Killer>,
    pub(crate) slots: usize,
    pub(crate) pools: BTreeMap<String, u32>,
    pub(crate) lost_after: Duration,
    pub(crate) courier: Option<Arc<dyn Courier>>,
    pub(crate) spans: Option<Arc<dyn SpanSink>>,
    pub(crate) dags: Vec<PublishedDag>,
}

/// A running engine.
pub(crate) struct Running {
    pub(crate) store: Store,
    pub(crate) control: Control,
    pub(crate) task: JoinHandle<Result<(), RuntimeError>>,
}

/// A folder in memory where there is one: a kill of a process loses no page cache, so a disk would only cost time.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

impl Stage {
    pub(crate) fn new(dag: &str) -> Self {
        Self::of(&[dag])
    }

    /// A stage with several DAG files.
    pub(crate) fn of(dags: &[&str]) -> Self {
        let world = ScriptedWorld::new();
        let mut stage = Self {
            dir: folder(),
            world,
            letters: Arc::default(),
            recovery: search(),
            killer: Arc::default(),
            slots: 4,
            pools: BTreeMap::from([("gpu".to_owned(), 1)]),
            lost_after: noctule_core::run::HOST_LOST_AFTER,
            courier: None,
            spans: None,
            dags: Vec::new(),
        };
        stage.dags = stage.read_all(dags);
        stage
    }

    pub(crate) fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = recovery;
        self
    }

    fn registry(&self) -> Registry {
        let scripted = Scripted::new(Arc::clone(&self.world)).recovery(self.recovery.clone());
        with_dags(Registry::new())
            .with(scripted)
            .with(crate::hosts::Far::seen_from_here())
            .with_source(LettersSource(Arc::clone(&self.letters)))
    }

    pub(crate) fn read(&self, dag: &str) -> Vec<PublishedDag> {
        self.read_all(&[dag])
    }

    pub(crate) fn read_all(&self, dags: &[&str]) -> Vec<PublishedDag> {
        let registry = self.registry();
        let env = BTreeMap::new();
        let file = |i: usize| match i {
            0 => "dags/d.toml".to_owned(),
            i => format!("dags/d{i}.toml"),
        };
        let paths: Vec<String> = (0..dags.len()).map(file).collect();
        let files: Vec<FileText<'_>> = paths
            .iter()
            .zip(dags)
            .map(|(path, text)| FileText { path, text })
            .collect();
        let pools = self.pools.iter();
        let pools: String = pools
            .map(|(name, size)| format!("{name} = {size}\n"))
            .collect();
        let project =
            format!("[notify.oncall]\nwebhook = \"http://127.0.0.1:1/\"\n[pools]\n{pools}");
        let inputs = Inputs {
            project: Some(FileText {
                path: "noctule.toml",
                text: &project,
            }),
            dags: &files,
            profile: None,
            env: &env,
            flags: &[],
            registry: &registry,
            now: Utc::now(),
        };
        let loaded = load_project(&inputs);
        assert!(
            !loaded.diagnostics.has_errors(),
            "{:#?}",
            loaded.diagnostics
        );
        let publish = |dag: LoadedDag| PublishedDag {
            definition: dag.definition,
            file: dag.file,
            text: String::new(),
            git_commit: None,
        };
        loaded.dags.into_iter().map(publish).collect()
    }

    pub(crate) async fn store(&self) -> Store {
        let options = OpenOptions {
            profile: profile(),
            new_id: "0123abcd".parse().unwrap(),
            now: Utc::now(),
            base: self.dir.path().to_owned(),
            create: true,
            hook: Some(Arc::clone(&self.killer) as Arc<dyn CommitHook>),
        };
        Store::open("sqlite://state.db", options).await.unwrap()
    }

    pub(crate) fn surroundings(&self, store: &Store) -> Surroundings {
        let desk = Desk {
            registry: over_store(self.registry(), store, &profile()),
            connections: BTreeMap::new(),
            secrets: BTreeMap::new(),
            store: store.id().clone(),
            public_url: None,
            traces: false,
        };
        let host = Host {
            state_dir: self.dir.path().to_owned(),
            store_id: store.id().to_string(),
            env: BTreeMap::new(),
            binary: PathBuf::new(),
        };
        let around = Surroundings::new(Arc::new(desk), Arc::default(), Arc::new(host), Map::new())
            .with_pools(self.pools.clone())
            .with_host_lost_after(self.lost_after);
        let around = around.with_spans(self.spans.clone());
        match &self.courier {
            Some(courier) => around.with_courier(Arc::clone(courier)),
            None => around,
        }
    }

    /// Whoever takes the store here.
    pub(crate) fn owner(&self) -> Owner {
        Owner {
            pid: std::process::id(),
            host: "h".to_owned(),
            role: Role::Serve,
            since: Utc::now(),
            listen: None,
        }
    }

    pub(crate) async fn start(&self) -> Running {
        self.start_with(|_| {}).await
    }

    pub(crate) async fn start_with(&self, change: impl FnOnce(&mut EngineOptions)) -> Running {
        let store = self.store().await;
        let owner = self.owner();
        let lease = store
            .acquire_when_free(&owner, Duration::from_secs(10))
            .await
            .unwrap();
        let mut options = EngineOptions {
            profile: profile(),
            slots: self.slots,
            clock: Clock::Wall,
            fires: true,
            only: None,
            new_dags_paused: false,
            host: "h".to_owned(),
        };
        change(&mut options);
        let surroundings = self.surroundings(&store);
        let (engine, control) = Engine::load(store.clone(), lease, surroundings, options)
            .await
            .unwrap();
        let publication = Publication {
            dags: self.dags.clone(),
            broken: BTreeMap::new(),
        };
        control.publish(publication, None).unwrap();
        let task = tokio::spawn(engine.run());
        Running {
            store,
            control,
            task,
        }
    }
}

pub(crate) fn search() -> Recovery {
    Recovery::Search {
        after: [10, 30, 60, 100].map(Duration::from_millis).to_vec(),
    }
}

pub(crate) fn ask(wish: Wish) -> Ask {
    let at = Utc::now();
    Ask {
        profile: profile(),
        by: somebody(),
        at,
        valid_until: at + chrono::Duration::hours(24),
        wish,
    }
}

pub(crate) fn trigger(key: Option<&str>) -> Ask {
    trigger_of("d", key)
}

pub(crate) fn trigger_of(dag: &str, key: Option<&str>) -> Ask {
    ask(Wish::Trigger(TriggerWish {
        dag: dag.parse().unwrap(),
        version: None,
        params: Map::new(),
        ingestion_id: None,
        logical_time: Utc::now(),
        idempotency_key: key.map(str::to_owned),
        callback_url: None,
    }))
}

impl Running {
    pub(crate) async fn trigger(&self) -> RunId {
        match self.control.ask(trigger(None)).await.unwrap() {
            Answer::Done { run: Some(run), .. } => run,
            other => panic!("not triggered: {other:?}"),
        }
    }

    /// Waits until the run is over, as any reader would.
    pub(crate) async fn over(&self, run: &RunId) -> Run {
        self.until(run, Run::is_over).await
    }

    pub(crate) async fn until(&self, run: &RunId, holds: impl Fn(&Run) -> bool) -> Run {
        until(&self.store, run, holds).await
    }

    pub(crate) async fn facts(&self, run: &RunId) -> Vec<Fact> {
        let records = self.store.records(run, 0, 10_000).await.unwrap();
        records.into_iter().map(|(_, record)| record.fact).collect()
    }

    /// kill -9, as far as one process can play it: nothing is told to anybody.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ended = self.task.await;
        replays(&self.store).await;
    }

    pub(crate) async fn drain(self) {
        self.control.drain();
        self.task.await.unwrap().unwrap();
        replays(&self.store).await;
    }
}

/// Waits until a run is as it should be, as any reader would.
pub(crate) async fn until(store: &Store, run: &RunId, holds: impl Fn(&Run) -> bool) -> Run {
    let mut token = store.change_token().await.unwrap();
    loop {
        if let Some(run) = store.run(run).await.unwrap().filter(|run| holds(run)) {
            return run;
        }
        token = store
            .changed_since(token, Duration::from_secs(5))
            .await
            .unwrap();
    }
}

pub(crate) fn ending(run: &Run) -> Option<RunEnding> {
    match run.phase {
        noctule_core::run::Phase::Ended { ending, .. } => Some(ending),
        _ => None,
    }
}
