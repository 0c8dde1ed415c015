//! LISTEN: one listener a connection, whose word is a hint and never more.
//!
//! After every (re)connection each channel is hinted once, since what was notified meanwhile is gone. A listener that no
//! longer hears itself is dead and is built anew, as after any error, with growing pauses. Whoever waits has a timer too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::cause;
use crate::pacing::Pacing;

/// The listener of one connection; made at the first subscription, gone when nobody is left.
pub(crate) struct Hub {
    ear: Arc<Ear>,
}

struct Ear {
    options: PgConnectOptions,
    pacing: Pacing,
    state: Mutex<State>,
    /// A channel was added.
    added: Notify,
}

#[derive(Default)]
struct State {
    channels: HashMap<String, watch::Sender<u64>>,
    task: Option<JoinHandle<()>>,
    /// The server has taken the LISTEN, and nothing has gone wrong since.
    hears: bool,
}

/// Hints of one channel.
pub(crate) struct Hints(watch::Receiver<u64>);

impl Hints {
    /// Returns at the first hint since the last one, and never if there is none.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(task) = self.ear.state().task.take() {
            task.abort();
        }
    }
}

impl Hub {
    pub(crate) fn new(options: PgConnectOptions, pacing: Pacing) -> Self {
        Self {
            ear: Arc::new(Ear {
                options,
                pacing,
                state: Mutex::default(),
                added: Notify::new(),
            }),
        }
    }

    /// Hints of a channel from now on. The first comes when the server has taken the LISTEN: look again then.
    pub(crate) fn subscribe(&self, channel: &str) -> Hints {
        let mut state = self.ear.state();
        let known = state.channels.get(channel).map(watch::Sender::subscribe);
        let hints = known.unwrap_or_else(|| {
            let (tell, hints) = watch::channel(0);
            state.channels.insert(channel.to_owned(), tell);
            self.ear.added.notify_one();
            hints
        });
        let runs = state.task.as_ref().is_some_and(|task| !task.is_finished());
        if !runs {
            state.task = Some(tokio::spawn(run(Arc::clone(&self.ear))));
        }
        Hints(hints)
    }
}

impl Hub {
    /// Whether it hears now, and on how many channels; none: nobody listens.
    pub(crate) fn hears(&self) -> Option<(bool, usize)> {
        let state = self.ear.state();
        let channels = state.channels.len();
        (channels > 0).then_some((state.hears, channels))
    }
}

impl Ear {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hint(&self, channel: &str) {
        if let Some(tell) = self.state().channels.get(channel) {
            tell.send_modify(|count| *count += 1);
        }
    }

    fn channels(&self) -> Vec<String> {
        self.state().channels.keys().cloned().collect()
    }

    /// Forgets channels that nobody waits for; whether any is left. If none is, the task is over.
    fn is_wanted(&self) -> bool {
        let mut state = self.state();
        state.channels.retain(|_, tell| tell.receiver_count() > 0);
        if state.channels.is_empty() {
            state.task = None;
        }
        !state.channels.is_empty()
    }
}

async fn run(ear: Arc<Ear>) {
    let mut pause = ear.pacing.first_pause;
    loop {
        let started = Instant::now();
        let ended = listen(&ear).await;
        ear.state().hears = false;
        let Err(why) = ended else {
            return;
        };
        tracing::warn!(why, "a Postgres listener is built anew");
        if started.elapsed() > ear.pacing.longest_pause {
            pause = ear.pacing.first_pause;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(ear.pacing.longest_pause);
        if !ear.is_wanted() {
            return;
        }
    }
}

/// Listens until something goes wrong (`Err`), or nobody waits any more.
async fn listen(ear: &Ear) -> Result<(), String> {
    let limit = ear.pacing.echo_within;
    let mut listener = within(ear.pacing.answer, connect(ear)).await?;
    let own = format!("noctule_{}", uuid::Uuid::new_v4().simple());
    within(limit, listener.listen(&own)).await?;
    ear.state().hears = true;
    let mut heard: Vec<String> = Vec::new();
    let mut next_ping = Instant::now() + ear.pacing.ping_every;
    let mut echo_until: Option<Instant> = None;
    loop {
        for channel in ear.channels() {
            if !heard.contains(&channel) {
                within(limit, listener.listen(&channel)).await?;
                ear.hint(&channel);
                heard.push(channel);
            }
        }
        let timer = echo_until.unwrap_or(next_ping);
        tokio::select! {
            received = listener.try_recv() => match received {
                Ok(Some(note)) if note.channel() == own => {
                    echo_until = None;
                    next_ping = Instant::now() + ear.pacing.ping_every;
                }
                Ok(Some(note)) => ear.hint(note.channel()),
                Ok(None) => return Err("the session went".to_owned()),
                Err(error) => return Err(cause(&error)),
            },
            () = ear.added.notified() => {}
            () = tokio::time::sleep_until(timer) => {
                if echo_until.is_some() {
                    return Err("it no longer hears itself".to_owned());
                }
                if !ear.is_wanted() {
                    return Ok(());
                }
                within(limit, ping(&mut listener, &own)).await?;
                echo_until = Some(Instant::now() + limit);
            }
        }
    }
}

async fn connect(ear: &Ear) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ear.pacing.answer)
        .connect_lazy_with(ear.options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    // A session that went is news; it is not to be replaced behind our back.
    listener.eager_reconnect(false);
    Ok(listener)
}

async fn ping(listener: &mut PgListener, own: &str) -> Result<(), sqlx::Error> {
    let asked = sqlx::query("SELECT pg_notify($1, '')").bind(own);
    asked.execute(listener).await.map(drop)
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| cause(&error)),
        Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
    }
}
