//! How the process that holds an engine speaks to it: asks, publications, the end; and how it hears that something changed.

use std::sync::{Arc, Weak};

use noctule_core::ask::{Answer, Ask};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot, watch};

use crate::catalog::Publication;
use crate::changed::{Changed, Teller};
use crate::error::RuntimeError;
use crate::meters::Meters;
use crate::surroundings::Surroundings;

/// A command to the loop.
pub(crate) enum Command {
    Ask {
        ask: Box<Ask>,
        answer: oneshot::Sender<Answer>,
    },
    Publish {
        publication: Publication,
        surroundings: Option<Box<Surroundings>>,
    },
    Await {
        written: oneshot::Sender<()>,
    },
    Measure {
        asked: tokio::time::Instant,
        done: oneshot::Sender<()>,
    },
    Drain,
}

/// A hold on a running engine. When the last one is dropped the engine drains and ends.
#[derive(Clone)]
pub struct Control {
    commands: UnboundedSender<Command>,
    ended: watch::Receiver<u64>,
    reloads: Arc<Notify>,
    shown: Weak<Teller>,
}

impl Control {
    pub(crate) fn new(
        ended: watch::Receiver<u64>,
        reloads: Arc<Notify>,
        shown: &Arc<Teller>,
    ) -> (Self, UnboundedReceiver<Command>) {
        let (commands, inbox) = unbounded_channel();
        (
            Self {
                commands,
                ended,
                reloads,
                shown: Arc::downgrade(shown),
            },
            inbox,
        )
    }

    /// Asks for something, and waits for the answer, which is durable when it comes.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, RuntimeError> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Ask {
            ask: Box::new(ask),
            answer,
        };
        self.commands
            .send(command)
            .map_err(|_| RuntimeError::Ended)?;
        answered.await.map_err(|_| RuntimeError::Ended)
    }

    /// Gives the engine the whole set of DAGs, and new surroundings where the project changed.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn publish(
        &self,
        publication: Publication,
        surroundings: Option<Surroundings>,
    ) -> Result<(), RuntimeError> {
        let surroundings = surroundings.map(Box::new);
        self.commands
            .send(Command::Publish {
                publication,
                surroundings,
            })
            .map_err(|_| RuntimeError::Ended)
    }

    /// Waits until everything that the engine was told before is durable, as far as the store takes it: whoever reads the store
    /// then finds the DAGs that were published.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn written(&self) -> Result<(), RuntimeError> {
        let (written, heard) = oneshot::channel();
        self.commands
            .send(Command::Await { written })
            .map_err(|_| RuntimeError::Ended)?;
        heard.await.map_err(|_| RuntimeError::Ended)
    }

    /// The meters of the engine, its gauges as it stands now.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn meters(&self) -> Result<Arc<Meters>, RuntimeError> {
        let (done, measured) = oneshot::channel();
        let asked = tokio::time::Instant::now();
        self.commands
            .send(Command::Measure { asked, done })
            .map_err(|_| RuntimeError::Ended)?;
        measured.await.map_err(|_| RuntimeError::Ended)?;
        let teller = self.shown.upgrade().ok_or(RuntimeError::Ended)?;
        Ok(Arc::clone(teller.meters()))
    }

    /// Lets nothing new start, awaits the launches that are under way, and ends. Remote work goes on.
    pub fn drain(&self) {
        drop(self.commands.send(Command::Drain));
    }

    /// Waits until some run has ended, durably, since the last call.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn run_ended(&mut self) -> Result<(), RuntimeError> {
        self.ended.changed().await.map_err(|_| RuntimeError::Ended)
    }

    /// Listens for the runs and backfills that change.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn changed(&self) -> Result<Changed, RuntimeError> {
        let teller = self.shown.upgrade().ok_or(RuntimeError::Ended)?;
        Ok(teller.listener())
    }

    /// What the engine works with now: a reload replaces it.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn surroundings(&self) -> Result<Surroundings, RuntimeError> {
        let teller = self.shown.upgrade().ok_or(RuntimeError::Ended)?;
        Ok(teller.surroundings())
    }

    /// Waits until somebody asks for the DAG files to be read again.
    pub async fn reload_asked(&self) {
        self.reloads.notified().await;
    }
}
