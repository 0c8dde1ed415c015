//! Watching the files of the project: a set that is stable and different is read again and published as a whole.
//!
//! Content decides, not times of change; two equal reads in a row make a set stable, so a file that is being written is not
//! read half. A bad file keeps its last good version.

use std::collections::hash_map::DefaultHasher;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use noctule_core::source::FlagSetting;
use noctule_runtime::Control;
use noctule_store::Store;
use tokio::task::JoinHandle;

use super::hosting::Hosted;
use crate::error::CliError;
use crate::looking::couriered;
use crate::project::OpenProject;
use crate::surface::Surface;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A watch over the files; it ends only if it can no longer publish.
pub(super) struct Watch(JoinHandle<CliError>);

/// What a watch needs of its command.
struct Watcher {
    surface: Surface,
    flags: Vec<FlagSetting>,
    store: Store,
    control: Control,
    simulators: crate::simulator::Addresses,
    watches: bool,
    /// Of the set that is published.
    published: u64,
    /// Of the set that was seen last.
    seen: u64,
}

impl Watch {
    pub(super) fn start(
        surface: &Surface,
        flags: &[FlagSetting],
        open: &OpenProject,
        store: &Store,
        hosted: &Hosted,
    ) -> Result<Self, CliError> {
        let print = print(open);
        let watcher = Watcher {
            surface: surface.clone(),
            flags: flags.to_vec(),
            store: store.clone(),
            control: hosted.control.clone(),
            simulators: hosted.simulators(),
            watches: open.project()?.engine.watch,
            published: print,
            seen: print,
        };
        Ok(Self(tokio::spawn(watcher.watch())))
    }
}

impl Future for Watch {
    type Output = CliError;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CliError> {
        let failed =
            |error| CliError::unreachable(format!("the watch over the files failed: {error}"));
        Pin::new(&mut self.0)
            .poll(context)
            .map(|ended| ended.unwrap_or_else(failed))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    async fn watch(mut self) -> CliError {
        let mut look = tokio::time::interval(LOOK);
        loop {
            let asked = tokio::select! {
                _ = look.tick(), if self.watches => false,
                () = self.control.reload_asked() => true,
            };
            // Reading ten thousand files must not hold a thread of the engine.
            let read =
                tokio::task::block_in_place(|| OpenProject::read(&self.surface, &self.flags));
            // Told to end while it read, it ends here: the clock of a runtime that is shut down cannot be asked.
            tokio::task::yield_now().await;
            match read {
                Ok(open) => {
                    if let Err(error) = self.consider(&open, asked) {
                        return error;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the project cannot be read; the engine keeps what it has");
                }
            }
        }
    }

    fn consider(&mut self, open: &OpenProject, asked: bool) -> Result<(), CliError> {
        let now = print(open);
        let stable = std::mem::replace(&mut self.seen, now) == now;
        if !(asked || (stable && now != self.published)) {
            return Ok(());
        }
        self.published = now;
        for problem in open.loaded.diagnostics.errors() {
            eprint!("{}", open.render(problem));
        }
        let read = open
            .surroundings(&self.surface, &self.store, self.simulators)
            .and_then(|around| couriered(open, &self.store, around));
        let surroundings = match read {
            Ok(surroundings) => surroundings,
            Err(error) => {
                tracing::error!(%error, "the project file cannot be used; the engine keeps what it has");
                return Ok(());
            }
        };
        eprintln!("read the files again: {} DAGs", open.loaded.dags.len());
        Ok(self
            .control
            .publish(open.publication(), Some(surroundings))?)
    }
}

/// The content of all files, as one number.
fn print(open: &OpenProject) -> u64 {
    let mut hasher = DefaultHasher::new();
    open.texts.hash(&mut hasher);
    for unread in &open.unread {
        (&unread.path, &unread.message).hash(&mut hasher);
    }
    hasher.finish()
}
