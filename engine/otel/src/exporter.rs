//! The queue of spans and the task that empties it.
//!
//! A span is in one of four places, and is counted in each: waiting, exported, refused, lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use noctule_core::trace::Span;
use noctule_runtime::{SPAN_PATIENCE, SpanCounts, SpanSink};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender as Queue, channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::destination::Destination;
use crate::error::OtelError;
use crate::sending::{Fate, Sender};

/// How an exporter takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Spans that may wait.
    pub room: usize,
    /// Spans of one request.
    pub at_once: usize,
    /// How long more spans are awaited for a request.
    pub gather: Duration,
    /// How long a request may take.
    pub limit: Duration,
    /// The pauses between tries grow from the first to the second.
    pub pauses: (Duration, Duration),
    /// A span that nobody took for so long is lost. An engine offers again what ended shortly before it began: this must
    /// not be longer than [`SPAN_PATIENCE`].
    pub patience: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            room: 8_192,
            at_once: 512,
            gather: Duration::from_millis(500),
            limit: Duration::from_secs(10),
            pauses: (Duration::from_secs(1), Duration::from_secs(15)),
            patience: SPAN_PATIENCE,
        }
    }
}

/// A span, and since when it waits.
struct Waiting {
    span: Span,
    since: Instant,
}

#[derive(Default)]
struct Counted {
    exported: AtomicU64,
    lost: AtomicU64,
    refused: AtomicU64,
    waiting: AtomicU64,
}

/// Exports spans until it is dropped.
pub struct Exporter {
    queue: Mutex<Option<Queue<Waiting>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    counted: Arc<Counted>,
    /// Nothing more comes: no span is to wait for another.
    closing: Arc<Notify>,
}

struct Task {
    queue: Receiver<Waiting>,
    sender: Sender,
    pacing: Pacing,
    counted: Arc<Counted>,
    closing: Arc<Notify>,
    /// The last request was not taken: that is said once.
    ailing: bool,
}

impl Exporter {
    /// Begins to export.
    ///
    /// # Errors
    /// No client can be made.
    pub fn start(destination: Destination, pacing: Pacing) -> Result<Arc<Self>, OtelError> {
        let (queue, waiting) = channel(pacing.room.max(1));
        let (counted, closing) = (Arc::<Counted>::default(), Arc::<Notify>::default());
        let task = Task {
            queue: waiting,
            sender: Sender::new(destination, pacing.limit)?,
            pacing,
            counted: Arc::clone(&counted),
            closing: Arc::clone(&closing),
            ailing: false,
        };
        Ok(Arc::new(Self {
            queue: Mutex::new(Some(queue)),
            task: Mutex::new(Some(tokio::spawn(task.go_on()))),
            counted,
            closing,
        }))
    }

    /// Exports what waits, for so long at most; what is left is lost to this process. The next engine offers it again.
    pub async fn finish(&self, within: Duration) {
        drop(locked(&self.queue).take());
        self.closing.notify_one();
        let Some(mut task) = locked(&self.task).take() else {
            return;
        };
        if tokio::time::timeout(within, &mut task).await.is_err() {
            task.abort();
            self.counted.lost_all();
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Some(task) = locked(&self.task).take() {
            task.abort();
        }
    }
}

impl SpanSink for Exporter {
    fn offer(&self, spans: Vec<Span>) {
        let queue = locked(&self.queue);
        for span in spans {
            let waiting = Waiting {
                span,
                since: Instant::now(),
            };
            // Counted before, since it may be exported before this goes on.
            add(&self.counted.waiting, 1);
            let taken = queue
                .as_ref()
                .is_some_and(|queue| queue.try_send(waiting).is_ok());
            if !taken {
                self.counted.done(&self.counted.lost, 1);
            }
        }
    }

    fn counts(&self) -> SpanCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SpanCounts {
            exported: read(&self.counted.exported),
            lost: read(&self.counted.lost),
            refused: read(&self.counted.refused),
            waiting: read(&self.counted.waiting),
        }
    }
}

impl Counted {
    fn done(&self, what: &AtomicU64, count: u64) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        add(what, count);
    }

    fn lost_all(&self) {
        let count = self.waiting.swap(0, Ordering::Relaxed);
        add(&self.lost, count);
    }
}

impl Task {
    async fn go_on(mut self) {
        let mut batch = Vec::new();
        while self.queue.recv_many(&mut batch, self.pacing.at_once).await > 0 {
            if batch.len() < self.pacing.at_once && !self.queue.is_closed() {
                tokio::select! {
                    () = tokio::time::sleep(self.pacing.gather) => {}
                    () = self.closing.notified() => {}
                }
                while batch.len() < self.pacing.at_once
                    && let Ok(next) = self.queue.try_recv()
                {
                    batch.push(next);
                }
            }
            self.deliver(&mut batch).await;
            batch.clear();
        }
    }

    /// Has a batch taken, refused or lost.
    async fn deliver(&mut self, batch: &mut Vec<Waiting>) {
        let mut pause = self.pacing.pauses.0;
        loop {
            self.lose_old(batch);
            let count = batch.len() as u64;
            if count == 0 {
                return;
            }
            let spans = batch.iter().map(|waiting| &waiting.span);
            let (why, after) = match self.sender.send(spans).await {
                Fate::Taken { refused } => return self.taken(count, refused),
                Fate::Refused(why) => {
                    self.counted.done(&self.counted.refused, count);
                    return self.ail(&why, "the receiver of spans refuses them");
                }
                Fate::Later { why, after } => (why, after),
            };
            self.ail(&why, "spans cannot be exported now");
            let rest = after.unwrap_or(pause).min(self.pacing.patience);
            tokio::time::sleep(rest.max(pause)).await;
            pause = (pause * 2).min(self.pacing.pauses.1);
        }
    }

    fn taken(&mut self, count: u64, refused: Option<(u64, String)>) {
        let (refused, why) = refused.unwrap_or_default();
        let refused = refused.min(count);
        self.counted.done(&self.counted.exported, count - refused);
        if refused > 0 {
            self.counted.done(&self.counted.refused, refused);
            self.ail(&why, "the receiver of spans refuses some of them");
        } else if std::mem::take(&mut self.ailing) {
            tracing::info!("spans are exported again");
        }
    }

    fn ail(&mut self, why: &str, what: &str) {
        if !std::mem::replace(&mut self.ailing, true) {
            tracing::warn!(why, "{what}; runs are not affected");
        }
    }

    fn lose_old(&self, batch: &mut Vec<Waiting>) {
        let before = batch.len();
        batch.retain(|waiting| waiting.since.elapsed() < self.pacing.patience);
        let lost = (before - batch.len()) as u64;
        self.counted.done(&self.counted.lost, lost);
    }
}

fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Ordering::Relaxed);
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
