//! Many questions side by side, until one piece of work has ended or the patience has.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use noctule_executor::{Context, ExecutorError, Finished, Status};

use crate::asking::{Seen, ask, is_fresh};
use crate::executor::Shared;
use crate::handle::{Followed, HttpHandle, Kept};

/// Between two questions about the same work.
const INTERVAL: Duration = Duration::from_secs(2);
/// The most questions at a time.
const SIDE_BY_SIDE: usize = 16;

type Said = Result<Status, ExecutorError>;

fn is_waiting(said: &Said) -> bool {
    matches!(said, Ok(Status::Launching | Status::Running { .. }))
}

/// Asks about every handle; the answers stand where the handles stood.
pub(crate) async fn watch(
    shared: &Arc<Shared>,
    context: &Context,
    handles: &[HttpHandle],
    patience: Duration,
) -> Vec<Said> {
    let deadline = Instant::now().checked_add(patience);
    let mut said: Vec<Option<Said>> = handles.iter().map(known).collect();
    if said.iter().flatten().next().is_none() {
        // Dropped with this future, the watchers stop.
        let mut watchers = JoinSet::new();
        let mut news = start(&mut watchers, shared, context, handles);
        gather(&mut news, &mut said, deadline).await;
    }
    said.into_iter()
        .map(|said| said.unwrap_or(Ok(running())))
        .collect()
}

fn known(handle: &HttpHandle) -> Option<Said> {
    match &handle.0 {
        Kept::Answered { outcome, .. } => {
            Some(Ok(Status::Finished(Finished::now(outcome.clone()))))
        }
        Kept::Followed(_) => None,
    }
}

fn running() -> Status {
    Status::Running {
        started_at: None,
        poll_after: None,
    }
}

fn start(
    watchers: &mut JoinSet<()>,
    shared: &Arc<Shared>,
    context: &Context,
    handles: &[HttpHandle],
) -> mpsc::UnboundedReceiver<(usize, Said)> {
    let (tell, news) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    for (index, handle) in handles.iter().enumerate() {
        if let Kept::Followed(work) = &handle.0 {
            let watcher = Watcher {
                shared: Arc::clone(shared),
                context: context.clone(),
                work: work.clone(),
                places: Arc::clone(&places),
            };
            let tell = tell.clone();
            watchers.spawn(async move {
                watcher.run(|said| tell.send((index, said)).is_ok()).await;
            });
        }
    }
    news
}

/// Listens until something has ended, or the patience has and everything was asked once.
async fn gather(
    news: &mut mpsc::UnboundedReceiver<(usize, Said)>,
    said: &mut [Option<Said>],
    deadline: Option<Instant>,
) {
    loop {
        let all_asked = said.iter().all(Option::is_some);
        let patience = async {
            match deadline {
                Some(deadline) if all_asked => tokio::time::sleep_until(deadline).await,
                _ => std::future::pending().await,
            }
        };
        let heard = tokio::select! {
            heard = news.recv() => heard,
            () = patience => None,
        };
        let Some((index, answer)) = heard else {
            return;
        };
        let mut ended = !is_waiting(&answer);
        said[index] = Some(answer);
        while let Ok((index, answer)) = news.try_recv() {
            ended |= !is_waiting(&answer);
            said[index] = Some(answer);
        }
        if ended {
            return;
        }
    }
}

/// Asks about one piece of work again and again.
struct Watcher {
    shared: Arc<Shared>,
    context: Context,
    work: Box<Followed>,
    places: Arc<Semaphore>,
}

impl Watcher {
    async fn run(self, tell: impl Fn(Said) -> bool) {
        let interval = self.work.interval.map_or(INTERVAL, |span| span.0);
        loop {
            let said = self.look().await;
            let asked_to_wait = match &said {
                Ok(Status::Running { poll_after, .. }) => *poll_after,
                _ => None,
            };
            let goes_on = is_waiting(&said);
            if !tell(said) || !goes_on {
                return;
            }
            tokio::time::sleep(asked_to_wait.unwrap_or_default().max(interval)).await;
        }
    }

    /// One answer; work that is missing is looked for twice before it is lost.
    async fn look(&self) -> Said {
        match self.ask().await? {
            Seen::Status(status) => return Ok(status),
            Seen::Missing(_) if is_fresh(&self.work, self.shared.pacing.settle) => {
                return Ok(Status::Launching);
            }
            Seen::Missing(_) => tokio::time::sleep(self.shared.pacing.second_look).await,
        }
        match self.ask().await? {
            Seen::Status(status) => Ok(status),
            Seen::Missing(reason) => Ok(Status::Lost { reason }),
        }
    }

    async fn ask(&self) -> Result<Seen, ExecutorError> {
        // The semaphore is never closed; without a place the question is asked all the same.
        let _place = self.places.acquire().await.ok();
        ask(&self.shared, &self.context, &self.work).await
    }
}
