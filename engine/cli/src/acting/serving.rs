//! `serve`: scheduler, engine and API until SIGTERM, with the files of the project watched.

use std::net::SocketAddr;
use std::time::Duration;

use noctule_core::source::FlagSetting;
use noctule_store::{Role, Store, StoreError};
use noctule_web::{Settings, Web};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::hosting::{Hosted, Purpose, owner};
use super::watching::Watch;
use crate::args::ServeArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::project::OpenProject;
use crate::surface::Surface;
use crate::times::Zone;

/// How long a `run` that holds the store may take to give it over.
const HANDOVER: Duration = Duration::from_secs(60);

pub(crate) async fn serve(args: ServeArgs, surface: &Surface) -> Result<Exit, CliError> {
    let flags = flags(&args);
    let open = OpenProject::read(surface, &flags)?;
    let project = open.project()?;
    tell_problems(&open);
    let listener = listen(&project.engine.listen).await?;
    let address = listener
        .local_addr()
        .map_err(|error| CliError::unreachable(error.to_string()))?;
    let mut signals = Signals::new()?;
    let store = open.make_store(surface).await?;
    let me = owner(surface, Role::Serve, Some(address.to_string()));
    // Another `serve` stays; a `run` gives the store over.
    if let Some(holder) = store.holder()?.filter(|holder| holder.role == Role::Serve) {
        return Err(StoreError::HeldBy(Box::new(holder)).into());
    }
    let web = web(&open, &store)?;
    let server = tokio::spawn(web.clone().serve(listener));
    let lease = tokio::select! {
        lease = store.acquire_when_free(&me, HANDOVER) => lease?,
        () = signals.asked() => return Ok(Exit::Success),
    };
    let mut hosted = Hosted::start(
        &open,
        surface,
        &store,
        lease,
        Purpose {
            fires: true,
            only: None,
        },
    )
    .await?;
    let watch = Watch::start(surface, &flags, &open, &store, &hosted)?;
    web.attach(hosted.control.clone())?;
    eprintln!(
        "noctule serves {} DAGs of profile {} on http://{address}",
        open.loaded.dags.len(),
        project.profile
    );
    tokio::select! {
        ended = hosted.ended() => return Err(ended),
        () = signals.asked() => {}
        ended = watch => return Err(ended),
    }
    web.set_ready(false);
    eprintln!("draining: nothing new starts; a second signal leaves at once");
    let exit = tokio::select! {
        drained = hosted.drain() => drained.map(|()| Exit::Success),
        () = signals.asked() => Ok(Exit::Success),
    };
    server.abort();
    exit
}

fn flags(args: &ServeArgs) -> Vec<FlagSetting> {
    let setting = |flag: &str, path: &str, value: String| FlagSetting {
        flag: flag.to_owned(),
        path: path.to_owned(),
        value,
    };
    let listen = args
        .listen
        .as_ref()
        .map(|listen| setting("--listen", "engine.listen", listen.clone()));
    let slots = args
        .slots
        .map(|slots| setting("--slots", "engine.slots", slots.to_string()));
    listen.into_iter().chain(slots).collect()
}

/// A DAG with problems stops no other; it is said at the start and by `noctule dags`.
fn tell_problems(open: &OpenProject) {
    for problem in open.loaded.diagnostics.errors() {
        eprint!("{}", open.render(problem));
    }
    for unread in &open.unread {
        eprintln!("{}: {}", unread.path, unread.message);
    }
}

/// Loopback only, until there are tokens.
async fn listen(address: &str) -> Result<TcpListener, CliError> {
    let parsed: SocketAddr = address
        .replace("localhost", "127.0.0.1")
        .parse()
        .map_err(|_| CliError::usage(format!("engine.listen: `{address}` is not ADDRESS:PORT")))?;
    if !parsed.ip().is_loopback() {
        let error = CliError::usage(format!(
            "engine.listen: {parsed} is not loopback, and tokens are not built yet"
        ));
        return Err(error.help(
            "listen on 127.0.0.1, and reach it through a tunnel or a proxy with access control",
        ));
    }
    let failed = |error: std::io::Error| {
        CliError::unreachable(format!("failed to listen on {parsed}: {error}"))
            .help("another program listens there; name another address with --listen (port 0 takes a free one)")
    };
    TcpListener::bind(parsed).await.map_err(failed)
}

/// The API of a project, over its store.
fn web(open: &OpenProject, store: &Store) -> Result<Web, CliError> {
    let project = open.project()?;
    let settings = Settings {
        profile: project.profile.clone(),
        slots: usize::try_from(project.engine.slots).unwrap_or(usize::MAX),
        zone: Zone::of(Some(project)).0,
        public_url: project.engine.public_url.clone(),
        streams: noctule_web::STREAMS,
    };
    Web::new(store.clone(), settings).map_err(|error| CliError::usage(error.to_string()))
}

/// SIGTERM and Ctrl-C.
struct Signals {
    term: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, CliError> {
        let of = |kind| {
            signal(kind)
                .map_err(|error| CliError::unreachable(format!("failed to hear signals: {error}")))
        };
        Ok(Self {
            term: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
