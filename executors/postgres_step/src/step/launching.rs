//! The launch of a step: one statement, whose row must then be seen before it is committed; or one call, while the row
//! is watched.

use std::sync::Arc;

use tokio::task::JoinHandle;

use noctule_executor::{AttemptKey, Context, ErrorClass, ExecutorError};

use crate::error::PostgresError;
use crate::pool::{Pool, Purpose};
use crate::rows::Bounds;
use crate::session::{Access, Session};

use super::calling::{Call, Called};
use super::document::{CallDocument, Document, Launch, Statement};
use super::looking::{is_there, statement_limit};

/// Sends the launch of a document.
pub(crate) async fn launch(
    pool: &Arc<Pool>,
    context: &Context,
    key: &AttemptKey,
    document: &Document,
) -> Result<(), ExecutorError> {
    match &document.launch {
        Launch::Statement(statement) => row(pool, key, document, statement)
            .await
            .map_err(of_statement),
        Launch::Call(call) => Box::pin(called(pool, context, key, document, call)).await,
    }
}

/// Sent again, the statement changes nothing: what failed by the platform alone is simply tried again.
fn of_statement(error: PostgresError) -> ExecutorError {
    match error.class() {
        ErrorClass::Infrastructure => ExecutorError::unavailable(error.to_string()),
        _ => error.of_launch(),
    }
}

/// The statement and a look at its row, in one transaction: a row whose end could never be seen is not kept.
async fn row(
    pool: &Arc<Pool>,
    key: &AttemptKey,
    document: &Document,
    statement: &Statement,
) -> Result<(), PostgresError> {
    let limit = Some(statement_limit(pool, document.timeout));
    let purpose = Purpose::Question;
    let mut session = Session::begin(pool, purpose, Access::Write, limit).await?;
    match row_in(&mut session, key, document, statement).await {
        Ok(()) => session.commit().await,
        Err(error) => {
            session.roll_back().await;
            Err(error)
        }
    }
}

async fn row_in(
    session: &mut Session,
    key: &AttemptKey,
    document: &Document,
    statement: &Statement,
) -> Result<(), PostgresError> {
    let bounds = Bounds::default();
    let done = session
        .ask(&statement.text, &statement.params, bounds)
        .await
        .map_err(explained)?;
    if statement.one_row && done.affected > 1 {
        return Err(PostgresError::config(format!(
            "the launch claims one row, and {} match",
            done.affected
        )));
    }
    let watch = &document.watch;
    let seen = session.ask(&watch.query, &watch.params, bounds).await?;
    if watch.judge(key, &seen.rows).is_some() {
        return Ok(());
    }
    Err(PostgresError::Refused {
        class: ErrorClass::NotFound,
        code: "02000".to_owned(),
        message: format!(
            "the launch left no row of this attempt in {}: nothing matched, or the row belongs to another attempt",
            watch.place
        ),
    })
}

/// `ON CONFLICT` needs a unique index, and says so in other words.
fn explained(error: PostgresError) -> PostgresError {
    match error {
        PostgresError::Refused {
            class,
            code,
            message,
        } if code == "42P10" => PostgresError::Refused {
            class,
            message: format!("{message}: the columns of the key need a unique index"),
            code,
        },
        other => other,
    }
}

/// The call, which is left alone once the row shows that the work has begun: a service may take a closed line as a cancel.
struct Line(Option<JoinHandle<Called>>);

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(calling) = self.0.take() {
            calling.abort();
        }
    }
}

/// Calls, and looks at the row until either says that the work was taken.
async fn called(
    pool: &Arc<Pool>,
    context: &Context,
    key: &AttemptKey,
    document: &Document,
    call: &CallDocument,
) -> Result<(), ExecutorError> {
    // A watch that cannot be asked would never see the end; and a row that carries the key already needs no call.
    let looked = is_there(pool, &document.watch, key, document.timeout).await;
    if looked.map_err(of_statement)? {
        return Ok(());
    }
    let call = Call::of(context, call).await?;
    let mut line = Line(Some(tokio::spawn(call.send())));
    let mut hints = document
        .channel
        .as_ref()
        .filter(|_| pool.settings.notifications)
        .map(|channel| pool.hub.subscribe(channel));
    loop {
        let hint = async {
            match &mut hints {
                Some(hints) => hints.next().await,
                None => std::future::pending().await,
            }
        };
        let calling = line.0.as_mut();
        let answer = async {
            match calling {
                Some(calling) => calling.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            answer = answer => {
                line.0 = None;
                let answer = answer.unwrap_or_else(|_| Called::Lost("the call was given up".to_owned()));
                return answered(pool, key, document, answer).await;
            }
            () = hint => {}
            () = tokio::time::sleep(pool.pacing.look_every) => {}
        }
        // A failed look says nothing; the line is still held.
        if let Ok(true) = is_there(pool, &document.watch, key, document.timeout).await {
            drop(line.0.take());
            return Ok(());
        }
    }
}

/// An answer is no verdict: before the work counts as refused, the row is asked.
async fn answered(
    pool: &Arc<Pool>,
    key: &AttemptKey,
    document: &Document,
    answer: Called,
) -> Result<(), ExecutorError> {
    let refusal = match answer {
        Called::Taken => return Ok(()),
        Called::Lost(message) => return Err(ExecutorError::unknown(message)),
        Called::Refused(refusal @ ExecutorError::Unavailable { .. }) => return Err(refusal),
        Called::Refused(refusal) => refusal,
    };
    match is_there(pool, &document.watch, key, document.timeout).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(refusal),
        Err(error) => Err(ExecutorError::unknown(format!(
            "{refusal}, and the row could not be looked at: {error}"
        ))),
    }
}
