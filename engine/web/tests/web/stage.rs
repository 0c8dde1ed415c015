//! A store in a folder of its own, an engine over it whose work is scripted, and the server before both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use noctule_core::ask::{Ask, TriggerWish, Wish};
use noctule_core::desk::Desk;
use noctule_core::name::RunId;
use noctule_core::run::{Actor, Run};
use noctule_core::source::{FileText, Inputs, load_project};
use noctule_executor::secrecy::SecretString;
use noctule_executor::{Host, Registry};
use noctule_executor_testing::{Scripted, ScriptedWorld};
use noctule_runtime::{
    Clock, Control, Engine, EngineOptions, Publication, PublishedDag, Surroundings,
};
use noctule_store::{OpenOptions, Owner, Role, Store};
use noctule_web::{Access, Oidc, Settings, Web};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{self, Answer, Listener, PATIENCE};

/// One task that succeeds at once.
pub(crate) const QUICK: &str =
    "id = \"quick\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n";
/// One task that goes on until it is told to end.
pub(crate) const HELD: &str = "id = \"held\"\nmax_active_runs = 100\n[params.day]\ntype = \"string\"\ndefault = \"x\"\n\
    [tasks.t]\nexecutor = \"scripted\"\nwith = { hold = true }\n[tasks.after]\nexecutor = \"scripted\"\ndepends_on = [\"t\"]\n";
/// One task that fails.
pub(crate) const BAD: &str = "id = \"bad\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nretries = 0\n\
    with = { ends = \"failed\", message = \"no good\" }\n[tasks.after]\nexecutor = \"scripted\"\nwait = \"block\"\ndepends_on = [\"t\"]\n";

/// A server with all that stands behind it.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) world: Arc<ScriptedWorld>,
    pub(crate) control: Control,
    pub(crate) web: Web,
    server: JoinHandle<()>,
    engine: JoinHandle<Result<(), noctule_runtime::RuntimeError>>,
    folder: tempfile::TempDir,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.server.abort();
        self.engine.abort();
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(crate) fn read(registry: &Registry, dags: &[&str]) -> Vec<PublishedDag> {
    let env = BTreeMap::new();
    let paths: Vec<String> = (0..dags.len()).map(|i| format!("dags/d{i}.toml")).collect();
    let files: Vec<FileText<'_>> = paths
        .iter()
        .zip(dags)
        .map(|(path, text)| FileText { path, text })
        .collect();
    let loaded = load_project(&Inputs {
        project: None,
        dags: &files,
        profile: None,
        env: &env,
        flags: &[],
        registry,
        now: Utc::now(),
    });
    assert!(
        !loaded.diagnostics.has_errors(),
        "{:#?}",
        loaded.diagnostics
    );
    let texts: BTreeMap<&str, &str> = files.iter().map(|file| (file.path, file.text)).collect();
    let publish = |dag: noctule_core::source::LoadedDag| PublishedDag {
        text: texts[dag.file.as_str()].to_owned(),
        definition: dag.definition,
        file: dag.file,
        git_commit: None,
    };
    loaded.dags.into_iter().map(publish).collect()
}

pub(crate) fn settings() -> Settings {
    Settings {
        profile: "test".parse().unwrap(),
        slots: 8,
        zone: chrono_tz::Tz::UTC,
        public_url: Some("https://batch.example.com/noctule".to_owned()),
        streams: 64,
    }
}

/// The provider of the sessions that tests make: nobody answers there.
pub(crate) const PROVIDER: (&str, &str) = ("http://127.0.0.1:1", "noctule");

/// Access by that provider.
pub(crate) fn provided() -> Access {
    let oidc = Oidc {
        issuer: PROVIDER.0.to_owned(),
        client_id: PROVIDER.1.to_owned(),
        client_secret: SecretString::from("none".to_owned()),
        groups_claim: "groups".to_owned(),
        scopes: Vec::new(),
        roles: BTreeMap::new(),
        session: Duration::from_secs(60),
    };
    Access::default().with_oidc(oidc).unwrap()
}

impl Stage {
    pub(crate) async fn new(dags: &[&str]) -> Self {
        Self::with(dags, settings()).await
    }

    pub(crate) async fn with(dags: &[&str], settings: Settings) -> Self {
        Self::unattached(dags, settings).await.attached(dags).await
    }

    /// A server that knows more people than its store.
    pub(crate) async fn guarded(dags: &[&str], settings: Settings, access: Access) -> Self {
        let stage = Self::made(dags, settings, access, async |_| {}).await;
        stage.attached(dags).await
    }

    /// The server with its engine, once that knows the DAGs.
    pub(crate) async fn attached(self, dags: &[&str]) -> Self {
        let stage = self;
        stage.web.attach(stage.control.clone()).unwrap();
        for published in dags {
            let id = published
                .lines()
                .next()
                .unwrap()
                .trim_start_matches("id = ");
            stage.dag_is_known(id.trim_matches('"')).await;
        }
        stage
    }

    /// The server before it is given its engine.
    pub(crate) async fn unattached(dags: &[&str], settings: Settings) -> Self {
        Self::after(dags, settings, async |_| {}).await
    }

    /// The same over a store in which something happened before.
    pub(crate) async fn after(
        dags: &[&str],
        settings: Settings,
        before: impl AsyncFnOnce(&Store),
    ) -> Self {
        Self::made(dags, settings, Access::default(), before).await
    }

    async fn made(
        dags: &[&str],
        settings: Settings,
        access: Access,
        before: impl AsyncFnOnce(&Store),
    ) -> Self {
        let folder = folder();
        let world = ScriptedWorld::new();
        let registry = Registry::new().with(Scripted::new(Arc::clone(&world)));
        let options = OpenOptions {
            profile: settings.profile.clone(),
            new_id: "0123abcd".parse().unwrap(),
            now: Utc::now(),
            base: folder.path().to_owned(),
            create: true,
            hook: None,
        };
        let store = Store::open("sqlite://state.db", options).await.unwrap();
        before(&store).await;
        let (control, engine) = engine(&store, &registry, &folder, &settings, dags).await;
        let web = Web::guarded(store.clone(), settings, access).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(web.clone().serve(listener));
        Self {
            address,
            store,
            world,
            control,
            web,
            server,
            engine,
            folder,
        }
    }

    /// The file of the store.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    pub(crate) async fn dag_is_known(&self, id: &str) {
        let id = id.parse().unwrap();
        let mut token = self.store.change_token().await.unwrap();
        while self.store.dag_record(&id).await.unwrap().is_none() {
            let changed = self.store.changed_since(token, Duration::from_secs(5));
            token = changed.await.unwrap();
        }
    }

    /// This is the only DAG file from now on, and the server knows it.
    pub(crate) async fn publish(&self, id: &str, dag: &str) {
        let target = format!("/api/v1/dags/{id}");
        let before = self.get(&target).await.json()["version"].clone();
        let registry = Registry::new().with(Scripted::new(Arc::clone(&self.world)));
        let publication = Publication {
            dags: read(&registry, &[dag]),
            ..Publication::default()
        };
        self.control.publish(publication, None).unwrap();
        let mut token = self.store.change_token().await.unwrap();
        while self.get(&target).await.json()["version"] == before {
            let patience = Duration::from_secs(5);
            token = self.store.changed_since(token, patience).await.unwrap();
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        client::Ask::get(target).send(self.address).await
    }

    pub(crate) async fn post(&self, target: &str, body: Value) -> Answer {
        client::Ask::post(target, &body).send(self.address).await
    }

    pub(crate) async fn listen(&self, target: &str, last: Option<&str>) -> Listener {
        let listener = Listener::open(self.address, target, last).await;
        assert_eq!(listener.status, 200);
        listener
    }

    /// A new run, as it was made.
    pub(crate) async fn trigger(&self, dag: &str) -> String {
        let made = self
            .post(&format!("/api/v1/dags/{dag}/runs"), json!({}))
            .await;
        assert_eq!(made.status, 202, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// A new run, asked of the engine itself.
    pub(crate) async fn trigger_directly(&self, dag: &str) -> String {
        let at = Utc::now();
        let ask = Ask {
            profile: "test".parse().unwrap(),
            by: Actor {
                name: "somebody".to_owned(),
                via: "cli".to_owned(),
            },
            at,
            valid_until: at + chrono::Duration::hours(1),
            wish: Wish::Trigger(TriggerWish {
                dag: dag.parse().unwrap(),
                version: None,
                params: Map::new(),
                ingestion_id: None,
                logical_time: at,
                idempotency_key: None,
                callback_url: None,
            }),
        };
        match self.control.ask(ask).await.unwrap() {
            noctule_core::ask::Answer::Done { run: Some(run), .. } => run.to_string(),
            other => panic!("not triggered: {other:?}"),
        }
    }

    pub(crate) async fn until(&self, run: &str, holds: impl Fn(&Run) -> bool) -> Run {
        let id: RunId = run.parse().unwrap();
        let wait = async {
            let mut token = self.store.change_token().await.unwrap();
            loop {
                let run = self.store.run(&id).await.unwrap();
                if let Some(run) = run.filter(|run| holds(run)) {
                    return run;
                }
                let changed = self.store.changed_since(token, Duration::from_secs(5));
                token = changed.await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    pub(crate) async fn over(&self, run: &str) -> Run {
        self.until(run, Run::is_over).await
    }

    /// The opaque id of a task.
    pub(crate) async fn task(&self, run: &str, task: &str) -> String {
        let target = format!("/api/v1/runs/{run}/tasks?task={task}");
        let tasks = self.get(&target).await.json();
        tasks["items"][0]["id"].as_str().unwrap().to_owned()
    }
}

async fn engine(
    store: &Store,
    registry: &Registry,
    folder: &tempfile::TempDir,
    settings: &Settings,
    dags: &[&str],
) -> (
    Control,
    JoinHandle<Result<(), noctule_runtime::RuntimeError>>,
) {
    let desk = Desk {
        registry: registry.clone(),
        connections: BTreeMap::new(),
        secrets: BTreeMap::new(),
        store: store.id().clone(),
        public_url: None,
        traces: false,
    };
    let host = Host {
        state_dir: folder.path().to_owned(),
        store_id: store.id().to_string(),
        env: BTreeMap::new(),
        binary: PathBuf::new(),
    };
    let around = Surroundings::new(Arc::new(desk), Arc::default(), Arc::new(host), Map::new());
    let owner = Owner {
        pid: std::process::id(),
        host: "h".to_owned(),
        role: Role::Serve,
        since: Utc::now(),
        listen: None,
    };
    let lease = store.acquire(&owner).await.unwrap();
    let options = EngineOptions {
        profile: settings.profile.clone(),
        slots: settings.slots,
        clock: Clock::Wall,
        fires: true,
        only: None,
        new_dags_paused: false,
        host: "h".to_owned(),
    };
    let (engine, control) = Box::pin(Engine::load(store.clone(), lease, around, options))
        .await
        .unwrap();
    let publication = Publication {
        dags: read(registry, dags),
        broken: BTreeMap::new(),
    };
    control.publish(publication, None).unwrap();
    (control, tokio::spawn(engine.run()))
}
