//! The pauses between looks: until a hint, the timer, or the end of the patience, whichever comes first.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use noctule_executor::{Context, ExecutorError, Status};

use crate::listening::Hints;
use crate::pool::Databases;

/// A burst of notifications is one reason to look.
const BURST: Duration = Duration::from_millis(10);

/// Whether a poll has something to say before its patience ends. A failed look is said: the engine counts and pauses.
pub(crate) fn is_news(said: &[Result<Status, ExecutorError>]) -> bool {
    said.iter()
        .any(|said| !matches!(said, Ok(Status::Launching | Status::Running { .. })))
}

/// One wait for news.
pub(crate) struct Waiting {
    databases: Databases,
    channels: BTreeSet<String>,
    deadline: Option<Instant>,
    hints: Option<Vec<Hints>>,
}

impl Waiting {
    pub(crate) fn new<'c>(
        databases: &Databases,
        channels: impl Iterator<Item = Option<&'c str>>,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            databases: databases.clone(),
            channels: channels.flatten().map(str::to_owned).collect(),
            deadline,
            hints: None,
        }
    }

    /// Listens, before the first look: what is notified after it is heard. A wait that ends at once needs no ears.
    pub(crate) async fn hear(&mut self, context: &Context) {
        let ends_now = self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now());
        if self.hints.is_some() || ends_now || self.channels.is_empty() {
            return;
        }
        let Ok(pool) = self.databases.of(context).await else {
            return;
        };
        let subscribe = |channel: &String| pool.hub.subscribe(channel);
        self.hints = Some(match pool.settings.notifications {
            true => self.channels.iter().map(subscribe).collect(),
            false => Vec::new(),
        });
    }

    /// Waits for a reason to look again; `false` when the patience is over.
    pub(crate) async fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        let Some(deadline) = self.deadline.filter(|deadline| *deadline > now) else {
            return self.deadline.is_none() && self.pause(None).await;
        };
        self.pause(Some(deadline)).await
    }

    async fn pause(&mut self, deadline: Option<Instant>) -> bool {
        let look_at = Instant::now() + self.databases.pacing().look_every;
        let until = deadline.map_or(look_at, |deadline| deadline.min(look_at));
        let hints = self.hints.as_deref_mut().unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = any(hints) => tokio::time::sleep(BURST).await,
        }
        deadline.is_none_or(|deadline| Instant::now() < deadline)
    }
}

/// The first hint of any channel.
async fn any(hints: &mut [Hints]) {
    match hints {
        [] => std::future::pending().await,
        [one] => one.next().await,
        many => {
            let all = many.iter_mut().map(|hints| Box::pin(hints.next()));
            drop(futures_util::future::select_all(all).await);
        }
    }
}
