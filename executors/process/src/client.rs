//! The engine's end of the socket: many questions at a time over one connection.
//!
//! A question is written by whoever asks it, without a detour over a task; one task reads the answers. A question that is
//! dropped is forgotten on both sides. When the connection ends, every open question ends with [`Error::Gone`].

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::outbox::Outbox;
use crate::protocol::{Answer, Ask, Inbox, NEWEST, OLDEST, Question, RefusalKind, Say, frame};

const READ: usize = 64 * 1024;
/// How long a supervisor may take for its first word. One that was stopped must not stop us.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, oneshot::Sender<Say>>,
    outbox: Outbox,
    is_closed: bool,
}

struct Line {
    stream: UnixStream,
    state: Mutex<State>,
    unsent: Notify,
}

/// A connection to the supervisor.
pub(crate) struct Client {
    line: Arc<Line>,
    reader: JoinHandle<()>,
}

impl Client {
    /// Connects and agrees on a protocol. Only a supervisor of the same user is trusted.
    pub(crate) async fn connect(socket: &Path, store: &str) -> Result<Self, Error> {
        let stream = UnixStream::connect(socket)
            .await
            .map_err(Error::socket("connect to"))?;
        let peer = stream.peer_cred().map_err(Error::socket("identify"))?;
        if peer.uid() != rustix::process::geteuid().as_raw() {
            let user = peer.uid();
            return Err(Error::Disagreed(format!("it belongs to user {user}")));
        }
        let line = Arc::new(Line {
            stream,
            state: Mutex::default(),
            unsent: Notify::new(),
        });
        let reader = tokio::spawn(run(Arc::clone(&line)));
        let client = Self { line, reader };
        let greeted = tokio::time::timeout(PATIENCE, client.greet(store)).await;
        let silent = |_| Error::socket("hear from")(io::ErrorKind::TimedOut.into());
        greeted.map_err(silent)??;
        Ok(client)
    }

    async fn greet(&self, store: &str) -> Result<(), Error> {
        let hello = Ask::Hello {
            oldest: OLDEST,
            newest: NEWEST,
            store: store.to_owned(),
        };
        match self.ask(hello).await? {
            Say::Hello { .. } => Ok(()),
            Say::Refused(refusal) if refusal.kind == RefusalKind::Disagreed => {
                Err(Error::Disagreed(refusal.message))
            }
            _ => Err(Error::Disagreed("it does not answer as one".to_owned())),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.line.lock().is_closed || self.reader.is_finished()
    }

    /// Sends a question and waits for its answer.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Say, Error> {
        let (send, answer) = oneshot::channel();
        let is_wait = matches!(ask, Ask::Wait { .. });
        let id = self.line.put(ask, Some(send))?;
        let mut open = OpenQuestion {
            line: &self.line,
            id,
            is_wait,
            is_answered: false,
        };
        let answer = answer.await;
        open.is_answered = true;
        answer.map_err(|_| Error::Gone)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Forgets its question when the asker is dropped.
struct OpenQuestion<'a> {
    line: &'a Line,
    id: u64,
    is_wait: bool,
    is_answered: bool,
}

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        drop(self.line.lock().open.remove(&self.id));
        if self.is_wait {
            // If the line is gone, so is the wait.
            drop(self.line.put(Ask::Forget { id: self.id }, None));
        }
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, ask: Ask, answer: Option<oneshot::Sender<Say>>) -> Result<u64, Error> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Gone);
        }
        let id = state.next;
        let bytes = frame(&Question { id, ask })?;
        state.next += 1;
        state.open.extend(answer.map(|answer| (id, answer)));
        state.outbox.push(&bytes);
        // A broken line is seen by the reader, which ends every question.
        drop(state.outbox.flush(|bytes| self.stream.try_write(bytes)));
        if !state.outbox.is_empty() {
            self.unsent.notify_one();
        }
        Ok(id)
    }

    fn flush(&self) -> io::Result<()> {
        self.lock()
            .outbox
            .flush(|bytes| self.stream.try_write(bytes))
    }

    fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.open.clear();
    }

    async fn serve(&self) -> Result<(), Error> {
        let mut inbox = Inbox::default();
        let mut buffer = vec![0; READ];
        loop {
            let interest = if self.lock().outbox.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            tokio::select! {
                ready = self.stream.ready(interest) => {
                    ready.map_err(Error::socket("hear from"))?;
                }
                () = self.unsent.notified() => {}
            }
            self.flush().map_err(Error::socket("write to"))?;
            self.read(&mut inbox, &mut buffer)?;
        }
    }

    fn read(&self, inbox: &mut Inbox, buffer: &mut [u8]) -> Result<(), Error> {
        match self.stream.try_read(buffer) {
            Ok(0) => Err(Error::Gone),
            Ok(count) => {
                inbox.push(&buffer[..count]);
                self.hand_out(inbox)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Error::socket("read from")(error)),
        }
    }

    fn hand_out(&self, inbox: &mut Inbox) -> Result<(), Error> {
        while let Some(body) = inbox.next_frame()? {
            let answer: Answer = serde_json::from_slice(body).map_err(|source| Error::Decode {
                what: "an answer of the supervisor",
                source,
            })?;
            let asker = self.lock().open.remove(&answer.id);
            if let Some(asker) = asker {
                // An asker that is gone has nothing to lose: what it asked for is found again by its key.
                drop(asker.send(answer.say));
            }
        }
        Ok(())
    }
}

async fn run(line: Arc<Line>) {
    if let Err(error) = line.serve().await {
        tracing::debug!(
            error = error.full(),
            "the connection to the supervisor ended"
        );
    }
    line.close();
}
