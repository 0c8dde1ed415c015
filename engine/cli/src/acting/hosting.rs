//! Being the engine: taking the store, starting the simulators and the loop, and letting go of them again.

use std::sync::Arc;
use std::time::Duration;

use noctule_core::name::DagId;
use noctule_core::source::{NewDags, Project};
use noctule_otel::Exporter;
use noctule_runtime::{Clock, Control, Engine, EngineOptions, Retaining, RuntimeError, SpanSink};
use noctule_store::{Lease, Owner, Role, Store};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::CliError;
use crate::looking::couriered;
use crate::project::OpenProject;
use crate::simulator::{Addresses, Simulators};
use crate::surface::Surface;

/// How long an interrupted engine waits for launches that are under way.
const LETTING_GO: Duration = Duration::from_secs(10);

/// How long the receiver of spans may take for the last ones.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// How long an engine that hears nobody any more may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// An engine in this process.
pub(super) struct Hosted {
    /// A hold on it.
    pub(super) control: Control,
    task: JoinHandle<Result<(), RuntimeError>>,
    /// What goes on beside the loop while it holds the store, and ends with it.
    beside: JoinSet<()>,
    simulators: Simulators,
    /// Brings spans of what is over to their receiver.
    spans: Option<Arc<Exporter>>,
}

/// What an engine in this process is for.
pub(super) struct Purpose {
    /// Schedules fire.
    pub(super) fires: bool,
    /// Only the live runs of this DAG.
    pub(super) only: Option<DagId>,
}

impl Hosted {
    /// Starts the engine of a project over a store that was taken.
    pub(super) async fn start(
        open: &OpenProject,
        surface: &Surface,
        store: &Store,
        lease: Lease,
        purpose: Purpose,
    ) -> Result<Self, CliError> {
        let project = open.project()?;
        stand_in(open)?;
        let simulators = Simulators::start(project, &open.place.root, &open.state_dir()?)
            .await?
            .with_secrets(project, &open.place.root, &surface.env);
        let address = simulators.addresses();
        let mut surroundings = open.surroundings(surface, store, address)?;
        // Who runs a DAG by hand watches it; what is to be told goes out with the engine that serves.
        if purpose.fires {
            surroundings = couriered(open, store, surroundings)?;
        }
        let spans = open.exporter(surface, &surroundings).await?;
        let sink = spans.clone().map(|spans| spans as Arc<dyn SpanSink>);
        surroundings = surroundings.with_spans(sink);
        let retaining = purpose.fires.then(|| {
            let (store, retention) = (store.clone(), project.engine.retention.clone());
            Retaining::new(
                store,
                lease.clone(),
                surroundings.clone(),
                retention,
                Clock::Wall,
            )
        });
        let options = options(project, purpose);
        let (engine, control) = Engine::load(store.clone(), lease, surroundings, options).await?;
        control.publish(open.publication(), None)?;
        let task = tokio::spawn(engine.run());
        let mut beside = JoinSet::new();
        if let Some(retaining) = retaining {
            beside.spawn(retaining.go_on());
        }
        Ok(Self {
            control,
            task,
            beside,
            simulators,
            spans,
        })
    }

    /// The addresses of the simulators, for surroundings that are made anew.
    pub(super) fn simulators(&self) -> Addresses {
        self.simulators.addresses()
    }

    /// Waits until the engine ends by itself: another one took the store, or it cannot go on.
    pub(super) async fn ended(&mut self) -> CliError {
        match (&mut self.task).await {
            Ok(Ok(())) => CliError::unreachable("the engine has ended"),
            Ok(Err(error)) => error.into(),
            Err(error) => CliError::unreachable(format!("the engine failed: {error}")),
        }
    }

    /// The reason, where the engine ends at any moment now.
    pub(super) async fn ended_soon(&mut self) -> Option<CliError> {
        tokio::time::timeout(ENDING, self.ended()).await.ok()
    }

    /// Lets nothing new start, awaits what is being launched, and gives the store back.
    pub(super) async fn drain(mut self) -> Result<(), CliError> {
        self.beside.shutdown().await;
        self.control.drain();
        let ended = self.task.await;
        if let Some(spans) = self.spans {
            spans.finish(LAST_SPANS).await;
        }
        match ended {
            Ok(done) => Ok(done?),
            Err(error) => Err(CliError::unreachable(format!("the engine failed: {error}"))),
        }
    }

    /// The same, but not for long: what is not known then is found again by the next engine.
    pub(super) async fn let_go(self) -> Result<(), CliError> {
        tokio::time::timeout(LETTING_GO, self.drain())
            .await
            .unwrap_or(Ok(()))
    }
}

fn options(project: &Project, purpose: Purpose) -> EngineOptions {
    EngineOptions {
        profile: project.profile.clone(),
        slots: usize::try_from(project.engine.slots).unwrap_or(usize::MAX),
        clock: Clock::Wall,
        fires: purpose.fires,
        only: purpose.only,
        new_dags_paused: project.engine.new_dags == NewDags::Paused,
        host: host(),
    }
}

/// Commands and containers without a folder of their own run in the project's.
fn stand_in(open: &OpenProject) -> Result<(), CliError> {
    let root = &open.place.root;
    std::env::set_current_dir(root).map_err(|error| {
        CliError::unreachable(format!("failed to enter {}: {error}", root.display()))
    })
}

/// This process, as it is written down when it takes the store.
pub(crate) fn owner(surface: &Surface, role: Role, listen: Option<String>) -> Owner {
    Owner {
        pid: std::process::id(),
        host: host(),
        role,
        since: surface.now,
        listen,
    }
}

/// The name of this machine, as local commands carry it in their handles.
pub(super) fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => "localhost".to_owned(),
        host => host.to_owned(),
    }
}
