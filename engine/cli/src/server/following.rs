//! Following a run of a server to its end: as through the store, but that this process is never its engine.

use std::time::Duration;

use noctule_core::name::RunId;
use noctule_core::view::RunView;
use noctule_web::CancelBody;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::Server;
use crate::args::Format;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::document;
use crate::progress::{Progress, print_summary};
use crate::surface::Surface;
use crate::times::Zone;

/// How long one look waits for the end, before progress is drawn.
const LOOK: &str = "1s";
/// How long a server may be away: an engine that is started anew.
const AWAY: Duration = Duration::from_secs(60);
/// The pause before it is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// How a run is followed.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// Ctrl-C cancels the run.
    pub(crate) cancel_on_interrupt: bool,
    /// Give up after this long; the run goes on.
    pub(crate) patience: Option<Duration>,
}

impl Server {
    /// Follows to the end, and prints the run.
    pub(crate) async fn follow(
        &self,
        run: &RunId,
        manner: Manner,
        surface: &Surface,
    ) -> Result<Exit, CliError> {
        let mut progress = Progress::new(surface);
        let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
            CliError::unreachable(format!("interrupts cannot be heard: {error}"))
        })?;
        let end = manner.patience.map(|patience| Instant::now() + patience);
        let mut cancelled = false;
        loop {
            let gave_up = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            let exit = tokio::select! {
                biased;
                _ = interrupts.recv() => Exit::Interrupted,
                () = gave_up => Exit::GaveUp,
                view = self.look(run) => {
                    let view = view?;
                    progress.show(&view);
                    if view.head.ended_at.is_some() {
                        progress.clear();
                        return conclude(&view, surface);
                    }
                    continue;
                }
            };
            if exit == Exit::Interrupted && manner.cancel_on_interrupt && !cancelled {
                cancelled = true;
                self.cancel_now(run).await?;
                continue;
            }
            progress.clear();
            eprintln!("left run {run}: the server goes on with it");
            eprintln!("  follow it:  noctule follow {run} --server {}", self.base);
            eprintln!("  cancel it:  noctule cancel {run} --server {}", self.base);
            return Ok(exit);
        }
    }

    /// One look; a server that is away for a moment is asked again.
    async fn look(&self, run: &RunId) -> Result<RunView, CliError> {
        let end = Instant::now() + AWAY;
        loop {
            match self.run_after(run, LOOK).await {
                Err(error) if error.exit() == Exit::Unreachable && Instant::now() < end => {
                    tracing::warn!(%error, "the server is away; it is asked again");
                    tokio::time::sleep(AGAIN).await;
                }
                looked => return looked,
            }
        }
    }

    async fn cancel_now(&self, run: &RunId) -> Result<(), CliError> {
        eprintln!("cancelling; Ctrl-C again leaves it to the engine");
        let body = CancelBody {
            reason: Some("interrupted at the terminal".to_owned()),
        };
        match self.cancel(run, false, &body).await {
            Err(error @ CliError::Conflict(_)) => {
                eprintln!("not cancelled: {error}");
                Ok(())
            }
            done => done.map(|_| ()),
        }
    }
}

fn conclude(view: &RunView, surface: &Surface) -> Result<Exit, CliError> {
    match surface.format() {
        Format::Table => print_summary(view, surface, Zone::here(surface))?,
        format => document(format, view)?,
    }
    Ok(match view.head.state {
        "succeeded" => Exit::Success,
        "cancelled" => Exit::Cancelled,
        _ => Exit::RunFailed,
    })
}
