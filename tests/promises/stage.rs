//! The stage of these tests: a simulated Cloud Run and a store, which outlive every engine, and engines that are killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use noctule_cloud_run::simulator::{Ending, ExecutionView, JobScript, Simulator, State};
use noctule_core::dag::TaskDefinition;
use noctule_core::desk::Desk;
use noctule_core::name::ProfileName;
use noctule_core::run::{Run, TaskRun};
use noctule_core::source::{FileText, Project};
use noctule_executor::Host;
use noctule_runtime::{Clock, Engine, EngineOptions, Publication, PublishedDag, Surroundings};
use noctule_store::{OpenOptions, Owner, Role, Store};
use tempfile::TempDir;

use crate::project::{LLM_JOB, STEP_JOBS, Tenant, instant, load, registry, simulated};
use crate::running::Running;

/// Far beyond what anything here takes on a busy machine: a test that waits for longer waits in vain.
pub(crate) const IN_VAIN: Duration = Duration::from_secs(60);

/// Waits for something that must happen.
pub(crate) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    match tokio::time::timeout(IN_VAIN, happens).await {
        Ok(happened) => happened,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// Everything but the engine.
pub(crate) struct Stage {
    pub(crate) cloud: Simulator,
    /// Attempts that may hold a slot.
    pub(crate) slots: usize,
    folder: TempDir,
    project: Project,
    dags: Vec<PublishedDag>,
    clock: Arc<Mutex<Clock>>,
}

impl Stage {
    /// The DAGs of these tenants. Every step's job ends well at once; the conversion waits for the test.
    pub(crate) async fn of(tenants: &[Tenant]) -> Self {
        Self::with_conversion(tenants, JobScript::hold()).await
    }

    /// The same, with another conversion.
    pub(crate) async fn with_conversion(tenants: &[Tenant], conversion: JobScript) -> Self {
        let files: Vec<_> = tenants.iter().map(|tenant| tenant.file).collect();
        let well = |name: &str| (name.to_owned(), JobScript::ends_at_once(Ending::Succeeded));
        let mut jobs: Vec<_> = STEP_JOBS.into_iter().map(well).collect();
        jobs.push((LLM_JOB.to_owned(), conversion));
        Self::open("prod", &files, jobs).await
    }

    /// These DAG files under a profile, and a Cloud Run with these jobs.
    pub(crate) async fn open(
        profile: &str,
        files: &[FileText<'_>],
        jobs: impl IntoIterator<Item = (String, JobScript)>,
    ) -> Self {
        let clock = Arc::new(Mutex::new(Clock::Wall));
        let read = Arc::clone(&clock);
        let mut cloud = Simulator::builder().clock(move || read.lock().unwrap().now());
        for (name, script) in jobs {
            cloud = cloud.job(&name, script);
        }
        let cloud = cloud.start().await.unwrap();
        let loaded = load(profile, &simulated(&cloud.url()), files);
        assert!(
            !loaded.diagnostics.has_errors(),
            "{:#?}",
            loaded.diagnostics
        );
        let text_of = |file: &str| files.iter().find(|known| known.path == file).unwrap().text;
        let dags = loaded.dags.into_iter().map(|dag| PublishedDag {
            definition: dag.definition,
            text: text_of(&dag.file).to_owned(),
            file: dag.file,
            git_commit: None,
        });
        Self {
            slots: 16,
            folder: folder(),
            dags: dags.collect(),
            project: loaded.project.unwrap(),
            clock,
            cloud,
        }
    }

    /// Changes every task before an engine sees it.
    pub(crate) fn adjusted(mut self, change: impl Fn(&mut TaskDefinition)) -> Self {
        let tasks = self
            .dags
            .iter_mut()
            .flat_map(|dag| &mut dag.definition.tasks);
        tasks.for_each(change);
        self
    }

    /// Sets the clock of the engines to come, and of the cloud.
    pub(crate) fn at(&self, time: &str) {
        *self.clock.lock().unwrap() = Clock::starting_at(instant(time));
    }

    pub(crate) fn clock(&self) -> Clock {
        *self.clock.lock().unwrap()
    }

    pub(crate) fn profile(&self) -> ProfileName {
        self.project.profile.clone()
    }

    async fn store(&self) -> Store {
        let options = OpenOptions {
            profile: self.profile(),
            new_id: "0123abcd".parse().unwrap(),
            now: self.clock().now(),
            base: self.folder.path().to_owned(),
            create: true,
            hook: None,
        };
        Store::open("sqlite://state.db", options).await.unwrap()
    }

    fn surroundings(&self, store: &Store) -> Surroundings {
        let desk = Desk {
            registry: registry(),
            connections: self.project.connections.clone(),
            secrets: BTreeMap::new(),
            store: store.id().clone(),
            public_url: None,
            traces: false,
        };
        let host = Host {
            state_dir: self.folder.path().to_owned(),
            store_id: store.id().to_string(),
            env: BTreeMap::new(),
            binary: PathBuf::new(),
        };
        let vars = self.project.vars.clone();
        Surroundings::new(Arc::new(desk), Arc::default(), Arc::new(host), vars)
    }

    /// Starts an engine that knows the DAGs and serves.
    pub(crate) async fn start(&self) -> Running<'_> {
        let store = Box::pin(self.store()).await;
        let owner = Owner {
            pid: std::process::id(),
            host: "stage".to_owned(),
            role: Role::Serve,
            since: self.clock().now(),
            listen: None,
        };
        let lease = store.acquire_when_free(&owner, IN_VAIN).await.unwrap();
        let options = EngineOptions {
            profile: self.profile(),
            slots: self.slots,
            clock: self.clock(),
            fires: true,
            only: None,
            new_dags_paused: false,
            host: "stage".to_owned(),
        };
        let surroundings = self.surroundings(&store);
        let (engine, control) = Box::pin(Engine::load(store.clone(), lease, surroundings, options))
            .await
            .unwrap();
        let publication = Publication {
            dags: self.dags.clone(),
            broken: BTreeMap::new(),
        };
        control.publish(publication, None).unwrap();
        let task = tokio::spawn(Box::pin(engine.run()));
        Running {
            stage: self,
            store,
            control,
            task,
        }
    }

    /// An engine that runs when a tick comes. It saw the DAGs earlier that day, as a tick before first sight makes no run.
    pub(crate) async fn start_before(&self, tick: &str) -> Running<'_> {
        let tick = instant(tick);
        self.at(&(tick - chrono::Duration::hours(1)).to_rfc3339());
        self.start().await.drain().await;
        self.at(&(tick - chrono::Duration::milliseconds(200)).to_rfc3339());
        self.start().await
    }

    /// Waits until the cloud is as it should be.
    pub(crate) async fn cloud_is(&self, what: &str, reached: impl FnMut(&State) -> bool) -> State {
        within(what, self.cloud.wait_for(reached)).await
    }

    /// Waits for the conversion that has begun and not ended.
    pub(crate) async fn conversion(&self) -> ExecutionView {
        self.begun(LLM_JOB).await
    }

    /// Waits for the execution of a job that has begun and not ended.
    pub(crate) async fn begun(&self, job: &str) -> ExecutionView {
        let under_way = |execution: &&ExecutionView| {
            execution.job == job && execution.started && !execution.ended
        };
        let what = format!("an execution of {job} is under way");
        let state = self
            .cloud_is(&what, |state| {
                state.executions.iter().any(|e| under_way(&e))
            })
            .await;
        state.executions.iter().find(under_way).unwrap().clone()
    }

    /// Every execution of a job, oldest first.
    pub(crate) fn executions_of(&self, job: &str) -> Vec<ExecutionView> {
        let all = self.cloud.executions().into_iter();
        all.filter(|execution| execution.job == job).collect()
    }

    /// The task run of a name.
    pub(crate) fn task<'r>(&self, run: &'r Run, name: &str) -> &'r TaskRun {
        let dag = |dag: &&PublishedDag| dag.definition.id == run.facts.dag;
        let tasks = &self.dags.iter().find(dag).unwrap().definition.tasks;
        let place = tasks.iter().position(|task| task.name.as_str() == name);
        &run.tasks[place.unwrap_or_else(|| panic!("there is no task {name}"))]
    }
}

/// In memory where there is some: the kill of an engine loses no page cache, so a disk would only cost time.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}
