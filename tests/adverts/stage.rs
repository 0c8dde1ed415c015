//! The stage of these tests: a throw-away Postgres, the advert service on it, and a store, which outlive every engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adverts::{Database, Seed, Service, Settings};
use chrono::Utc;
use noctule_core::dag::TaskDefinition;
use noctule_core::desk::Desk;
use noctule_core::name::ProfileName;
use noctule_core::source::{FileText, FlagSetting, Inputs, Project, load_project};
use noctule_executor::{Host, Registry, Wait};
use noctule_http::Http;
use noctule_postgres::{Databases, Pacing, PostgresStep, PostgresTrigger, Sql};
use noctule_runtime::{
    Clock, Engine, EngineOptions, Origin, Publication, PublishedDag, Secret, Surroundings,
};
use noctule_store::{CommitHook, OpenOptions, Owner, Role, Store, StoreError};
use noctule_test_postgres::Proxy;
use tempfile::TempDir;

use crate::running::Running;

/// Far beyond what anything here takes on a busy machine: a test that waits for longer waits in vain.
pub(crate) const IN_VAIN: Duration = Duration::from_secs(60);
/// How long a claim of the service is live: longer than any test.
const LEASE: Duration = Duration::from_secs(600);

const PROJECT: &str = include_str!("../../noctule.toml");
pub(crate) const ADVERTS: FileText<'static> = FileText {
    path: "dags/adverts.toml",
    text: include_str!("../../dags/adverts.toml"),
};
pub(crate) const CONVERTER: FileText<'static> = FileText {
    path: "dags/converter.toml",
    text: include_str!("../../dags/converter.toml"),
};

/// Waits for something that must happen.
pub(crate) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    match tokio::time::timeout(IN_VAIN, happens).await {
        Ok(happened) => happened,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// Kills the engine after every so many commits.
#[derive(Debug, Default)]
pub(crate) struct Killer {
    every: AtomicUsize,
    commits: AtomicUsize,
}

impl Killer {
    /// 0: never.
    pub(crate) fn kill_every(&self, commits: usize) {
        self.every.store(commits, Ordering::SeqCst);
    }
}

impl CommitHook for Killer {
    fn before(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn after(&self) {
        let every = self.every.load(Ordering::SeqCst);
        let count = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if every > 0 && count.is_multiple_of(every) {
            std::panic::resume_unwind(Box::new("killed after a commit"));
        }
    }
}

/// Everything but the engine.
pub(crate) struct Stage {
    pub(crate) database: Database,
    pub(crate) service: Service,
    /// The road of the engine to the database; the service has its own.
    pub(crate) road: Proxy,
    pub(crate) killer: Arc<Killer>,
    _postgres: noctule_test_postgres::Database,
    folder: TempDir,
    project: Project,
    dags: Vec<PublishedDag>,
    sessions: Databases,
}

impl Stage {
    /// The pipeline, waiting like this.
    pub(crate) async fn adverts(wait: Wait) -> Self {
        let stage = Self::open(ADVERTS).await;
        stage.adjusted(|task| {
            task.wait = wait;
            task.retries.delay = Duration::from_millis(40);
        })
    }

    pub(crate) async fn open(file: FileText<'static>) -> Self {
        let postgres = within("a database", noctule_test_postgres::database())
            .await
            .unwrap();
        let database = Database::open(&postgres.url()).await.unwrap();
        let settings = Settings {
            listen: "127.0.0.1:0".to_owned(),
            delay: Duration::from_millis(3),
            lease: LEASE,
        };
        let service = Service::start(&database, settings).await.unwrap();
        let road = Proxy::to(&postgres).await.unwrap();
        let sessions = Databases::with_pacing(pacing());
        let (project, dags) = load(file, &service.url(), &sessions);
        Self {
            database,
            service,
            road,
            killer: Arc::default(),
            _postgres: postgres,
            folder: folder(),
            project,
            dags,
            sessions,
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

    /// A job with three variants whose start condition does not hold yet.
    pub(crate) async fn seed(&self) -> Seed {
        self.database.seed("shop-1", 3).await.unwrap()
    }

    /// A job with three variants whose start condition holds.
    pub(crate) async fn job(&self) -> Seed {
        let seed = self.seed().await;
        self.database.release(&seed.job).await.unwrap();
        seed
    }

    pub(crate) fn profile(&self) -> ProfileName {
        self.project.profile.clone()
    }

    pub(crate) fn definition(&self) -> &noctule_core::dag::Definition {
        &self.dags[0].definition
    }

    async fn store(&self) -> Store {
        let options = OpenOptions {
            profile: self.profile(),
            new_id: "0123abcd".parse().unwrap(),
            now: Utc::now(),
            base: self.folder.path().to_owned(),
            create: true,
            hook: Some(Arc::clone(&self.killer) as Arc<dyn CommitHook>),
        };
        Store::open("sqlite://state.db", options).await.unwrap()
    }

    fn surroundings(&self, store: &Store) -> Surroundings {
        let desk = Desk {
            registry: registry(&self.sessions),
            connections: self.project.connections.clone(),
            secrets: BTreeMap::new(),
            store: store.id().clone(),
            public_url: None,
            traces: false,
        };
        let url = || self.road.url();
        let host = Host {
            state_dir: self.folder.path().to_owned(),
            store_id: store.id().to_string(),
            env: ["ADVERTS_DATABASE_URL", "ONTOLOGY_DATABASE_URL"]
                .map(|name| (name.to_owned(), url()))
                .into(),
            binary: PathBuf::new(),
        };
        let secret = |name: &str, env: &str| {
            let origin = Origin::Env(env.to_owned());
            let dags = Vec::new();
            (name.to_owned(), Secret { origin, dags })
        };
        let secrets = BTreeMap::from([
            secret("adverts_db", "ADVERTS_DATABASE_URL"),
            secret("ontology_db", "ONTOLOGY_DATABASE_URL"),
        ]);
        let vars = self.project.vars.clone();
        let surroundings =
            Surroundings::new(Arc::new(desk), Arc::new(secrets), Arc::new(host), vars);
        surroundings.with_pools(self.project.pools.clone())
    }

    /// Starts an engine that serves, as soon as no other one does.
    pub(crate) async fn start(&self) -> Running<'_> {
        let store = self.store().await;
        let owner = Owner {
            pid: std::process::id(),
            host: "stage".to_owned(),
            role: Role::Serve,
            since: Utc::now(),
            listen: None,
        };
        let lease = store.acquire_when_free(&owner, IN_VAIN).await.unwrap();
        let options = EngineOptions {
            profile: self.profile(),
            slots: 16,
            clock: Clock::Wall,
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
        let task = tokio::spawn(engine.run());
        Running {
            stage: self,
            store,
            control,
            task,
        }
    }
}

fn pacing() -> Pacing {
    Pacing {
        look_every: Duration::from_millis(50),
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        ..Pacing::default()
    }
}

fn registry(sessions: &Databases) -> Registry {
    Registry::new()
        .with(Http::default())
        .with(Sql::new(sessions))
        .with(PostgresStep::new(sessions))
        .with_source(PostgresTrigger::new(sessions))
        .with(noctule_cloud_run::CloudRun::default())
}

/// The project with one DAG, led to the service, its pauses short.
fn load(
    file: FileText<'static>,
    service: &str,
    sessions: &Databases,
) -> (Project, Vec<PublishedDag>) {
    let flags = [
        ("vars.advert_url", service),
        ("vars.llm_converter_service_url", service),
        ("defaults.poll_interval", "20ms"),
    ]
    .map(|(path, value)| FlagSetting {
        flag: format!("--{path}"),
        path: path.to_owned(),
        value: value.to_owned(),
    });
    let loaded = load_project(&Inputs {
        project: Some(FileText {
            path: "noctule.toml",
            text: PROJECT,
        }),
        dags: &[file],
        env: &BTreeMap::new(),
        flags: &flags,
        profile: Some("prod"),
        registry: &registry(sessions),
        now: Utc::now(),
    });
    let said = loaded.diagnostics.render(|_| None);
    assert!(!loaded.diagnostics.has_errors(), "{said}");
    let publish = |dag: noctule_core::source::LoadedDag| {
        let mut definition = dag.definition;
        if let Some(trigger) = &mut definition.trigger {
            // The floor below all hints.
            trigger.every = Duration::from_millis(200);
        }
        PublishedDag {
            definition,
            file: dag.file,
            text: file.text.to_owned(),
            git_commit: None,
        }
    };
    let dags = loaded.dags.into_iter().map(publish).collect();
    let mut project = loaded.project.unwrap();
    for connection in project.connections.values_mut() {
        let looks = serde_json::json!(["20ms", "50ms", "100ms"]);
        connection.settings.insert("search_after".to_owned(), looks);
    }
    (project, dags)
}

/// In memory where there is some: the kill of an engine loses no page cache, so a disk would only cost time.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}
