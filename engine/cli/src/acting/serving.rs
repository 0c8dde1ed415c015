//! `serve`: scheduler, engine, API and pages until SIGTERM, with the files of the project watched.
//!
//! Where the store can be reached from several machines it stands by while another engine has it, takes over when that one
//! is gone or lets go, and stands by again when it loses the store itself.

use std::net::SocketAddr;
use std::time::Duration;

use noctule_core::source::FlagSetting;
use noctule_store::{Lease, Owner, Role, Store, StoreError};
use noctule_web::{Stand, Web};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::hosting::{Hosted, Purpose, owner};
use super::listening;
use super::standing_by::relay;
use super::watching::Watch;
use crate::args::ServeArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::project::OpenProject;
use crate::surface::Surface;

/// How long a `run` that holds the store may take to give it over.
const HANDOVER: Duration = Duration::from_secs(60);

pub(crate) async fn serve(args: ServeArgs, surface: &Surface) -> Result<Exit, CliError> {
    let flags = flags(&args);
    let open = OpenProject::read(surface, &flags)?;
    tell_problems(&open);
    let asked = listening::address(&open.project()?.engine.listen)?;
    let mut signals = Signals::new()?;
    warn_of_footing(&open)?;
    let store = open.make_store(surface).await?;
    let access = listening::access(&open, surface, &store).await?;
    listening::admit(&open, surface, &store, asked).await?;
    let listener = listening::bind(asked).await?;
    let address = listener
        .local_addr()
        .map_err(|error| CliError::unreachable(error.to_string()))?;
    // Another `serve` on this machine stays; a `run` gives the store over. Where engines stand by, this one does.
    let serving = |holder: &Owner| holder.role == Role::Serve && !store.is_shared();
    if let Some(holder) = store.holder().await?.filter(serving) {
        return Err(StoreError::HeldBy(Box::new(holder)).into());
    }
    let web = listening::web(&open, &store, access)?;
    let answering = tokio::spawn(web.clone().serve(listener));
    let server = Server {
        surface,
        flags: &flags,
        store: &store,
        address,
        web,
    };
    let exit = server.serve(open, &mut signals).await;
    answering.abort();
    exit
}

/// How one holding of the store ended.
enum Held {
    /// It was asked to end, and has.
    Over(Exit),
    /// The store was lost: it goes on elsewhere, or is out of reach.
    Lost(CliError),
}

struct Server<'a> {
    surface: &'a Surface,
    flags: &'a [FlagSetting],
    store: &'a Store,
    address: SocketAddr,
    web: Web,
}

impl Server<'_> {
    /// Stands by and serves in turn, until it is asked to end.
    async fn serve(&self, open: OpenProject, signals: &mut Signals) -> Result<Exit, CliError> {
        let mut open = open;
        loop {
            let lease = tokio::select! {
                lease = Box::pin(self.take(&open)) => lease?,
                () = signals.asked() => return Ok(Exit::Success),
            };
            match self.hold(&open, lease, signals).await? {
                Held::Over(exit) => return Ok(exit),
                Held::Lost(error) => {
                    self.web.stand(Stand::Standby);
                    eprintln!("this engine stands by again: {error}");
                }
            }
            // The files may have changed while another engine watched them.
            open = match OpenProject::read(self.surface, self.flags) {
                Ok(fresh) if fresh.project().is_ok() => fresh,
                _ => open,
            };
        }
    }

    async fn take(&self, open: &OpenProject) -> Result<Lease, CliError> {
        let me = owner(self.surface, Role::Serve, Some(self.address.to_string()));
        if !self.store.is_shared() {
            return Ok(self.store.acquire_when_free(&me, HANDOVER).await?);
        }
        if let Ok(Some(holder)) = self.store.holder().await {
            eprintln!(
                "noctule stands by on http://{}: the store is held by {holder}",
                self.address
            );
        }
        tokio::select! {
            lease = self.store.stand_by(&me) => Ok(lease?),
            never = relay(open, self.surface, self.store) => match never? {},
        }
    }

    /// Is the engine, for as long as it has the store.
    async fn hold(
        &self,
        open: &OpenProject,
        lease: Lease,
        signals: &mut Signals,
    ) -> Result<Held, CliError> {
        let purpose = Purpose {
            fires: true,
            only: None,
        };
        let hosted = Hosted::start(open, self.surface, self.store, lease, purpose).await;
        let mut hosted = match hosted {
            Ok(hosted) => hosted,
            Err(error) => return self.lost(error),
        };
        // Whoever hears that it serves finds the DAGs that it serves.
        let control = hosted.control.clone();
        tokio::select! {
            biased;
            ended = hosted.ended() => return self.lost(ended),
            () = signals.asked() => return self.drain(hosted, signals).await,
            Ok(()) = control.written() => {}
        }
        let watch = match self.present(open, &hosted) {
            Ok(watch) => watch,
            // It may have lost the store before anybody could be told of it; then it knows why.
            Err(error) => return self.lost(hosted.ended_soon().await.unwrap_or(error)),
        };
        tokio::select! {
            biased;
            ended = hosted.ended() => return self.lost(ended),
            () = signals.asked() => {}
            // It ends only with the engine, which says why.
            ended = watch => return self.lost(hosted.ended_soon().await.unwrap_or(ended)),
        }
        self.drain(hosted, signals).await
    }

    /// Ends as it was asked to.
    async fn drain(&self, hosted: Hosted, signals: &mut Signals) -> Result<Held, CliError> {
        self.web.stand(Stand::Draining);
        eprintln!("draining: nothing new starts; a second signal leaves at once");
        tokio::select! {
            drained = hosted.drain() => self.drained(drained),
            () = signals.asked() => Ok(Held::Over(Exit::Success)),
        }
    }

    /// Has the files watched and requests answered for an engine that has begun.
    fn present(&self, open: &OpenProject, hosted: &Hosted) -> Result<Watch, CliError> {
        let watch = Watch::start(self.surface, self.flags, open, self.store, hosted)?;
        self.web.attach(hosted.control.clone())?;
        eprintln!(
            "noctule serves {} DAGs of profile {} on http://{}",
            open.loaded.dags.len(),
            open.project()?.profile,
            self.address
        );
        Ok(watch)
    }

    /// An engine that loses the store while it drains has ended as it was asked to: the next one goes on with what is under way.
    fn drained(&self, drained: Result<(), CliError>) -> Result<Held, CliError> {
        let lost = match drained {
            Ok(()) => return Ok(Held::Over(Exit::Success)),
            Err(error) => self.lost(error)?,
        };
        if let Held::Lost(error) = lost {
            eprintln!(
                "the store was lost while draining; the next engine goes on with what is under way: {error}"
            );
        }
        Ok(Held::Over(Exit::Success))
    }

    /// Whether the end of an engine is the end of this process: not where another goes on, and this one may again.
    fn lost(&self, error: CliError) -> Result<Held, CliError> {
        if self.store.is_shared() && error.is_loss_of_store() {
            return Ok(Held::Lost(error));
        }
        Err(error)
    }
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

/// A store that may be lost or broken is said at the start: `doctor` calls it a problem.
fn warn_of_footing(open: &OpenProject) -> Result<(), CliError> {
    if let Some((folder, footing)) = open.footing()?
        && let Some(trouble) = footing.trouble()
    {
        eprintln!("warning: the store in {} {trouble}", folder.display());
    }
    Ok(())
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
