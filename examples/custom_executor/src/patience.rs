//! Looking at many handles again and again, until one has news or patience ends.

use std::time::Duration;

use noctule_executor::{ExecutorError, Status};
use tokio::time::{Instant, sleep};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The answers in the order of the handles, as soon as any is more than "not yet".
pub(crate) async fn look_until_news<'a, H, F>(
    handles: &'a [H],
    patience: Duration,
    look: impl Fn(&'a H) -> F,
) -> Vec<Result<Status, ExecutorError>>
where
    F: Future<Output = Result<Status, ExecutorError>>,
{
    let asked = Instant::now();
    loop {
        let mut answers = Vec::with_capacity(handles.len());
        for handle in handles {
            answers.push(look(handle).await);
        }
        let left = patience.saturating_sub(asked.elapsed());
        if left.is_zero() || answers.iter().any(is_news) {
            return answers;
        }
        sleep(PAUSE.min(left)).await;
    }
}

fn is_news(answer: &Result<Status, ExecutorError>) -> bool {
    !matches!(answer, Ok(Status::Launching | Status::Running { .. }))
}
