//! Following a run to its end: as the engine if nobody holds the store, else through the store, changing over as it must.
//!
//! Ctrl-C leaves the run as it is and says how to find it again; the work goes on.

use std::time::Duration;

use noctule_core::ask::{Answer, Ask, Wish};
use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Phase, RunEnding};
use noctule_core::view::RunView;
use noctule_runtime::Control;
use noctule_store::{Role, Store, StoreError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::asking::{actor, answered};
use super::hosting::{Hosted, Purpose, owner};
use crate::args::Format;
use crate::error::CliError;
use crate::exit::Exit;
use crate::looking::pinned;
use crate::output::document;
use crate::progress::{Progress, print_summary};
use crate::project::OpenProject;
use crate::surface::Surface;
use crate::times::Zone;

/// How often progress is drawn anew for a person, and how often it is written into a log.
const REDRAW: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));
/// How often it is looked whether the engine is still there, or another one wants the store.
const LOOK_AROUND: Duration = Duration::from_secs(1);
/// How long the store is left to whoever asked for it.
const GIVING_OVER: Duration = Duration::from_secs(5);
/// How often it is looked whether that one has taken it.
const LOOK_FOR_HOLDER: Duration = Duration::from_millis(50);

/// How many changes are awaited until a fresh engine has answered what was kept.
const KEPT_LOOKS: usize = 5;

/// One run that is followed.
pub(super) struct Following<'a> {
    pub(super) open: &'a OpenProject,
    pub(super) surface: &'a Surface,
    pub(super) store: &'a Store,
    pub(super) run: RunId,
    pub(super) dag: DagId,
    pub(super) cancel_on_interrupt: bool,
    /// Give up after this long; the run goes on.
    pub(super) patience: Option<Duration>,
}

/// How one stretch of following ended.
enum Stretch {
    /// The run is over.
    Over(RunEnding),
    /// Ctrl-C.
    Interrupted,
    /// Patience is over.
    GaveUp,
    /// The engine has gone, or gives the store over: change over.
    Change,
}

impl Following<'_> {
    /// Follows to the end; `hosted` is the engine of this process, if it is one already.
    pub(super) async fn finish(self, mut hosted: Option<Hosted>) -> Result<Exit, CliError> {
        let mut progress = Progress::new(self.surface);
        let end = self
            .patience
            .map(|patience| tokio::time::Instant::now() + patience);
        let mut cancelled = false;
        // One ear for all of it: an interrupt between two waits must not be lost.
        let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
            CliError::unreachable(format!("interrupts cannot be heard: {error}"))
        })?;
        loop {
            if hosted.is_none() {
                hosted = self.become_engine().await?;
                if hosted.is_some() {
                    self.await_kept_asks().await?;
                }
            }
            let stretch = self
                .stretch(&mut hosted, &mut progress, &mut interrupts, end)
                .await?;
            match stretch {
                Stretch::Over(ending) => {
                    if let Some(hosted) = hosted {
                        hosted.let_go().await?;
                    }
                    return self.conclude(progress, ending).await;
                }
                Stretch::Interrupted if self.cancel_on_interrupt && !cancelled => {
                    cancelled = true;
                    self.cancel(hosted.as_ref()).await?;
                }
                Stretch::Interrupted => {
                    return self.detach(hosted, progress, Exit::Interrupted).await;
                }
                Stretch::GaveUp => return self.detach(hosted, progress, Exit::GaveUp).await,
                Stretch::Change => {
                    if let Some(hosted) = hosted.take() {
                        hosted.drain().await?;
                        self.give_over().await?;
                    }
                }
            }
        }
    }

    /// Waits until whoever asked for the store has it: who knocks comes later than who has just let go. It may have died.
    async fn give_over(&self) -> Result<(), CliError> {
        let end = tokio::time::Instant::now() + GIVING_OVER;
        while self.store.holder().await?.is_none() && tokio::time::Instant::now() < end {
            tokio::time::sleep(LOOK_FOR_HOLDER).await;
        }
        Ok(())
    }

    /// Takes the store, if nobody has it.
    async fn become_engine(&self) -> Result<Option<Hosted>, CliError> {
        let lease = match self
            .store
            .acquire(&owner(self.surface, Role::Run, None))
            .await
        {
            Ok(lease) => lease,
            Err(StoreError::HeldBy(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let purpose = Purpose {
            fires: false,
            only: Some(self.dag.clone()),
        };
        Hosted::start(self.open, self.surface, self.store, lease, purpose)
            .await
            .map(Some)
    }

    /// Asks that were kept while no engine ran may be about this very run: a retry of one that was over, a cancel.
    async fn await_kept_asks(&self) -> Result<(), CliError> {
        let mut token = self.store.change_token().await?;
        for _ in 0..KEPT_LOOKS {
            if self.store.pending_asks().await?.is_empty() {
                break;
            }
            token = self.store.changed_since(token, LOOK_AROUND).await?;
        }
        Ok(())
    }

    async fn stretch(
        &self,
        hosted: &mut Option<Hosted>,
        progress: &mut Progress<'_>,
        interrupts: &mut Signal,
        end: Option<tokio::time::Instant>,
    ) -> Result<Stretch, CliError> {
        let redraw = if self.surface.may_draw() {
            REDRAW.0
        } else {
            REDRAW.1
        };
        let mut redraw = tokio::time::interval(redraw);
        let mut around =
            tokio::time::interval_at(tokio::time::Instant::now() + LOOK_AROUND, LOOK_AROUND);
        let mut token = self.store.change_token().await?;
        let mut drawn = None;
        let mut control = hosted.as_ref().map(|hosted| hosted.control.clone());
        let is_host = control.is_some();
        loop {
            if let Some(ending) = self.ending().await? {
                return Ok(Stretch::Over(ending));
            }
            let gave_up = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = interrupts.recv() => return Ok(Stretch::Interrupted),
                () = gave_up => return Ok(Stretch::GaveUp),
                ended = engine_end(hosted) => {
                    *hosted = None;
                    // The run goes on under whoever has the store now, and is followed there.
                    if self.store.is_shared() && ended.is_loss_of_store() {
                        return Ok(Stretch::Change);
                    }
                    return Err(ended);
                }
                () = run_ended(&mut control) => {}
                changed = self.store.changed_since(token, LOOK_AROUND), if !is_host => token = changed?,
                _ = redraw.tick() => {
                    let now = self.store.change_token().await?;
                    if drawn != Some(now) {
                        drawn = Some(now);
                        self.draw(progress).await?;
                    }
                }
                _ = around.tick() => {
                    let wanted = is_host && self.store.handover_asked().await?.is_some();
                    let orphaned = !is_host && self.store.holder().await?.is_none();
                    if wanted || orphaned {
                        return Ok(Stretch::Change);
                    }
                }
            }
        }
    }

    async fn ending(&self) -> Result<Option<RunEnding>, CliError> {
        let summary = self.store.summary(&self.run).await?;
        Ok(summary.and_then(|summary| match summary.phase {
            Phase::Ended { ending, .. } => Some(ending),
            _ => None,
        }))
    }

    /// The run as the contract shows it.
    pub(super) async fn view(&self) -> Result<RunView, CliError> {
        let gone = || CliError::not_found(format!("there is no run {}", self.run));
        let run = self.store.run(&self.run).await?.ok_or_else(gone)?;
        let dag = pinned(self.store, &run).await?;
        Ok(RunView::of(&dag, &run))
    }

    async fn draw(&self, progress: &mut Progress<'_>) -> Result<(), CliError> {
        progress.show(&self.view().await?);
        Ok(())
    }

    async fn conclude(
        &self,
        mut progress: Progress<'_>,
        ending: RunEnding,
    ) -> Result<Exit, CliError> {
        let view = self.view().await?;
        progress.show(&view);
        progress.clear();
        match self.surface.format() {
            Format::Table => {
                print_summary(&view, self.surface, Zone::of(Some(self.open.project()?)))?;
            }
            format => document(format, &view)?,
        }
        Ok(ending.into())
    }

    async fn cancel(&self, hosted: Option<&Hosted>) -> Result<(), CliError> {
        eprintln!("cancelling; Ctrl-C again leaves it to the engine");
        let wish = Wish::Cancel {
            run: self.run.clone(),
            reason: Some("interrupted at the terminal".to_owned()),
        };
        let ask = self.ask(wish)?;
        let answer = match hosted {
            Some(hosted) => hosted.control.ask(ask).await?,
            None => {
                self.store.ask(&ask).await?;
                return Ok(());
            }
        };
        if let Answer::Refused { message, .. } = answer {
            eprintln!("not cancelled: {message}");
        }
        Ok(())
    }

    fn ask(&self, wish: Wish) -> Result<Ask, CliError> {
        let at = chrono::Utc::now();
        let profile = self.open.project()?.profile.clone();
        Ok(Ask {
            profile,
            by: actor(self.surface),
            at,
            valid_until: at + chrono::Duration::hours(24),
            wish,
        })
    }

    /// Leaves the run as it is, and says how to find it again.
    async fn detach(
        &self,
        hosted: Option<Hosted>,
        mut progress: Progress<'_>,
        exit: Exit,
    ) -> Result<Exit, CliError> {
        progress.clear();
        let was_engine = hosted.is_some();
        if let Some(hosted) = hosted {
            hosted.let_go().await?;
        }
        let run = &self.run;
        eprintln!("left run {run}: what was started goes on");
        eprintln!("  follow it:  noctule follow {run}");
        eprintln!("  cancel it:  noctule cancel {run}");
        if was_engine {
            eprintln!(
                "nothing watches it until an engine runs again (`noctule follow` or `noctule serve`); deadlines stay, \
                 and are enforced then"
            );
        }
        Ok(exit)
    }
}

/// The end of the engine of this process; never, where there is none.
async fn engine_end(hosted: &mut Option<Hosted>) -> CliError {
    match hosted {
        Some(hosted) => hosted.ended().await,
        None => std::future::pending().await,
    }
}

/// Some run ended in the engine of this process.
async fn run_ended(control: &mut Option<Control>) {
    let Some(control) = control else {
        return std::future::pending().await;
    };
    if control.run_ended().await.is_err() {
        // The end of the engine itself is heard elsewhere.
        std::future::pending::<()>().await;
    }
}

/// Hands an ask to whoever has the store, and waits for the answer.
pub(super) async fn ask_and_wait(
    store: &Store,
    ask: &Ask,
    patience: Duration,
) -> Result<Option<Answer>, CliError> {
    let id = store.ask(ask).await?;
    let end = tokio::time::Instant::now() + patience;
    let mut token = store.change_token().await?;
    loop {
        if let Some(answer) = store.answer_of(id).await? {
            return Ok(Some(answered(answer)?));
        }
        if tokio::time::Instant::now() >= end {
            return Ok(None);
        }
        token = store.changed_since(token, LOOK_AROUND).await?;
    }
}
