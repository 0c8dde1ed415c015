//! Where a command that asks stands: the project, its store, and the inbox of the engine that holds it.
//!
//! Guarantees: an ask is answered by an engine, or kept and said to be waiting.

use noctule_core::ask::{Answer, Ask, Wish};
use noctule_core::dag::{Dag, Definition};
use noctule_core::name::{DagId, RunId};
use noctule_core::run::Run;
use noctule_store::Store;

use super::asking::{ANSWER, actor, say_done};
use super::following::ask_and_wait;
use crate::error::CliError;
use crate::exit::Exit;
use crate::looking::pinned;
use crate::project::OpenProject;
use crate::run_name::{self, Several};
use crate::surface::Surface;

/// The project and its store, which must exist.
pub(super) struct Desk<'a> {
    pub(super) open: OpenProject,
    pub(super) store: Store,
    surface: &'a Surface,
}

impl<'a> Desk<'a> {
    pub(super) async fn open(surface: &'a Surface) -> Result<Self, CliError> {
        let open = OpenProject::read(surface, &[])?;
        let nothing = || CliError::not_found("nothing has run here yet: there is no store");
        let store = open.store(surface).await?.ok_or_else(nothing)?;
        Ok(Self {
            open,
            store,
            surface,
        })
    }

    pub(super) async fn run(&self, named: &str) -> Result<(Run, Dag), CliError> {
        let run = run_name::find(Some(&self.store), named, Several::Refuse).await?;
        let dag = pinned(&self.store, &run).await?;
        Ok((run, dag))
    }

    /// The definition of a DAG, as its file says it now.
    pub(super) fn definition(&self, dag: &DagId) -> Option<&Definition> {
        let dags = self.open.loaded.dags.iter();
        dags.map(|known| &known.definition)
            .find(|known| known.id == *dag)
    }

    /// Asks, and says what became of it.
    pub(super) async fn ask(&self, wish: Wish, done: &str) -> Result<Exit, CliError> {
        match self.ask_for(wish).await? {
            Some(was) => say_done(
                self.surface,
                was.run.as_ref(),
                was.existing,
                &was.notes,
                done,
            ),
            None => Ok(Exit::Success),
        }
    }

    /// Asks; none, and it is said, if no engine is there to answer.
    pub(super) async fn ask_for(&self, wish: Wish) -> Result<Option<Done>, CliError> {
        let at = chrono::Utc::now();
        let profile = self.open.project()?.profile.clone();
        let valid_until = at + chrono::Duration::hours(24);
        let ask = Ask {
            profile,
            by: actor(self.surface),
            at,
            valid_until,
            wish,
        };
        if self.store.holder().await?.is_none() {
            self.store.ask(&ask).await?;
            eprintln!(
                "no engine is running: the ask is kept until {}",
                crate::times::json(valid_until)
            );
            eprintln!("`noctule serve` or `noctule follow RUN` will answer it");
            return Ok(None);
        }
        match ask_and_wait(&self.store, &ask, ANSWER).await? {
            Some(Answer::Done {
                run,
                existing,
                notes,
            }) => Ok(Some(Done {
                run,
                existing,
                notes,
            })),
            Some(Answer::Refused { message, .. }) => Err(CliError::conflict(message)),
            None => Err(CliError::unreachable(
                "the engine holds the store and does not answer; the ask is kept",
            )),
        }
    }
}

/// What an engine did.
pub(super) struct Done {
    pub(super) run: Option<RunId>,
    pub(super) existing: bool,
    pub(super) notes: Vec<String>,
}
