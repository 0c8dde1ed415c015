//! One transaction: begun, asked, and committed or rolled back. Dropped half-way, its statement is cancelled and its
//! session closed; nothing of it is kept, unless the commit had been sent.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::{PgArguments, PgStatement};
use sqlx::{
    Arguments as _, AssertSqlSafe, Either, Executor as _, PgConnection, Row as _, SqlSafeStr as _,
    Statement as _,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::encode::Bound;
use crate::error::{PostgresError, cause};
use crate::pool::{Pool, Purpose};
use crate::rows::{Bounds, Rows};
use crate::sqlstate;

/// What a statement's timeout leaves to the way back.
const GRACE: Duration = Duration::from_secs(10);

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    ReadOnly,
}

/// A transaction that is under way.
pub(crate) struct Session {
    pool: Arc<Pool>,
    /// Until it is given back or has failed.
    connection: Option<PgConnection>,
    pid: i32,
    timeout: Option<Duration>,
    /// A statement was sent and has not been answered.
    asking: bool,
    _seat: OwnedSemaphorePermit,
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.connection.take().is_some() && self.asking {
            self.pool.cancel(self.pid);
        }
    }
}

impl Session {
    /// Begins a transaction. A session that was used before and died since is replaced: nothing was sent in it.
    pub(crate) async fn begin(
        pool: &Arc<Pool>,
        purpose: Purpose,
        access: Access,
        timeout: Option<Duration>,
    ) -> Result<Self, PostgresError> {
        let seat = pool.seat(purpose).await?;
        let words = opening_words(access, timeout);
        let mut begun = None;
        while let Some(connection) = pool.used() {
            if let Ok(good) = begin_on(connection, &words, pool.pacing.answer).await {
                begun = Some(good);
                break;
            }
        }
        let (connection, pid) = match begun {
            Some(begun) => begun,
            None => begin_on(pool.open().await?, &words, pool.pacing.answer).await?,
        };
        Ok(Self {
            pool: Arc::clone(pool),
            connection: Some(connection),
            pid,
            timeout,
            asking: false,
            _seat: seat,
        })
    }

    /// Sends one statement and reads its rows, within bounds.
    pub(crate) async fn ask(
        &mut self,
        statement: &str,
        params: &[Value],
        bounds: Bounds,
    ) -> Result<Rows, PostgresError> {
        let started = Instant::now();
        self.asking = true;
        let limit = self.timeout.map(|timeout| timeout + GRACE);
        let asked = self.asked(statement, params, bounds);
        let answer = match limit {
            Some(limit) => tokio::time::timeout(limit, asked)
                .await
                .unwrap_or_else(|_| {
                    Err(PostgresError::Interrupted(
                        "the line went silent".to_owned(),
                    ))
                }),
            None => asked.await,
        };
        // Where rows were left unread the statement may go on.
        self.asking = matches!(
            &answer,
            Err(PostgresError::Interrupted(_) | PostgresError::Config(_))
        );
        answer.map_err(|error| self.judged(error, started))
    }

    async fn asked(
        &mut self,
        statement: &str,
        params: &[Value],
        bounds: Bounds,
    ) -> Result<Rows, PostgresError> {
        use futures_util::StreamExt as _;
        let connection = self.line()?;
        let arguments = arguments(connection, statement, params).await?;
        let query = sqlx::query_with(AssertSqlSafe(statement.to_owned()), arguments);
        // Under a name of its own: the driver's questions about types of the database use the nameless one.
        let mut answers = connection.fetch_many(query.persistent(true));
        let mut rows = Rows::within(bounds);
        while let Some(answer) = answers.next().await {
            match answer.map_err(|error| of_statement(&error))? {
                Either::Left(done) => rows.affected += done.rows_affected(),
                Either::Right(row) => rows.push(&row)?,
            }
        }
        Ok(rows)
    }

    /// A cancelled statement was stopped by its timeout when that had passed, else by a person.
    fn judged(&self, error: PostgresError, started: Instant) -> PostgresError {
        match (&error, self.timeout) {
            (PostgresError::Refused { code, .. }, Some(timeout))
                if code == sqlstate::QUERY_CANCELED && started.elapsed() >= timeout =>
            {
                PostgresError::TimedOut(timeout)
            }
            _ => error,
        }
    }

    /// Commits. Only here can an outcome be unknown.
    pub(crate) async fn commit(mut self) -> Result<(), PostgresError> {
        let mut connection = self.connection.take().ok_or_else(ended)?;
        let limit = self.pool.pacing.answer;
        let asked = sqlx::raw_sql("COMMIT").execute(&mut connection);
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(_)) => {
                self.pool.keep(connection);
                Ok(())
            }
            Ok(Err(error)) => Err(of_commit(&error)),
            Err(_) => Err(PostgresError::Lost("no answer in time".to_owned())),
        }
    }

    /// Gives everything up. Where that cannot be said the session is closed, which says the same.
    pub(crate) async fn roll_back(mut self) {
        if self.asking {
            return;
        }
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let limit = self.pool.pacing.answer;
        let asked = sqlx::raw_sql("ROLLBACK").execute(&mut connection);
        if let Ok(Ok(_)) = tokio::time::timeout(limit, asked).await {
            self.pool.keep(connection);
        }
    }

    /// Whether the server can read a statement: its tables, columns and functions exist. Nothing is executed.
    pub(crate) async fn understands(
        pool: &Arc<Pool>,
        statement: &str,
    ) -> Result<(), PostgresError> {
        let limit = pool.pacing.question;
        let purpose = Purpose::Question;
        let mut session = Self::begin(pool, purpose, Access::ReadOnly, Some(limit)).await?;
        let prepared = prepare(session.line()?, statement);
        let answer = tokio::time::timeout(limit + GRACE, prepared).await;
        let answer = answer.map(|answer| answer.map(drop));
        session.roll_back().await;
        answer.unwrap_or_else(|_| {
            Err(PostgresError::Interrupted(
                "the line went silent".to_owned(),
            ))
        })
    }

    fn line(&mut self) -> Result<&mut PgConnection, PostgresError> {
        self.connection.as_mut().ok_or_else(ended)
    }
}

fn ended() -> PostgresError {
    PostgresError::Interrupted("the transaction is over".to_owned())
}

/// The number of the session comes back with it, for a cancel. Statements that the driver left behind are forgotten, so
/// that a session which a proxy lends to others holds none.
fn opening_words(access: Access, timeout: Option<Duration>) -> String {
    let begin = match access {
        Access::Write => "BEGIN READ WRITE",
        Access::ReadOnly => "BEGIN READ ONLY",
    };
    let millis = timeout.map_or(0, |timeout| timeout.as_millis().clamp(1, i32::MAX as u128));
    let limit = match timeout {
        Some(_) => format!("SET LOCAL statement_timeout = {millis};"),
        None => String::new(),
    };
    format!("{begin}; {limit} DEALLOCATE ALL; SELECT pg_backend_pid()::text AS pid")
}

async fn begin_on(
    mut connection: PgConnection,
    words: &str,
    limit: Duration,
) -> Result<(PgConnection, i32), PostgresError> {
    let asked = sqlx::raw_sql(AssertSqlSafe(words.to_owned())).fetch_one(&mut connection);
    let row = tokio::time::timeout(limit, asked).await;
    let not_begun =
        |cause: String| PostgresError::NotConnected(format!("could not begin: {cause}"));
    let row = row
        .map_err(|_| not_begun("no answer in time".to_owned()))?
        .map_err(|error| not_begun(cause(&error)))?;
    let pid = row.try_get::<String, _>(0).ok();
    let pid = pid.and_then(|pid| pid.parse().ok());
    let pid = pid.ok_or_else(|| not_begun("the session has no number".to_owned()))?;
    Ok((connection, pid))
}

async fn prepare(
    connection: &mut PgConnection,
    statement: &str,
) -> Result<PgStatement, PostgresError> {
    let statement = AssertSqlSafe(statement.to_owned()).into_sql_str();
    let prepared = connection.prepare(statement).await;
    prepared.map_err(|error| of_statement(&error))
}

/// Every value in the form of the type that the server gives its place.
async fn arguments(
    connection: &mut PgConnection,
    statement: &str,
    params: &[Value],
) -> Result<PgArguments, PostgresError> {
    let mut arguments = PgArguments::default();
    if params.is_empty() {
        return Ok(arguments);
    }
    let prepared = prepare(connection, statement).await?;
    let types = match prepared.parameters() {
        Some(Either::Left(types)) => types,
        _ => &[],
    };
    if types.len() != params.len() {
        return Err(PostgresError::config(format!(
            "the statement has {} parameters, and `params` gives {} (an entry whose template gives none is left out)",
            types.len(),
            params.len()
        )));
    }
    for (number, (info, value)) in (1..).zip(types.iter().zip(params)) {
        let bound = Bound::of(info, value).ok_or_else(|| unfit(number, info, value))?;
        arguments
            .add(bound)
            .map_err(|error| PostgresError::config(format!("parameter ${number}: {error}")))?;
    }
    Ok(arguments)
}

fn unfit(number: usize, info: &sqlx::postgres::PgTypeInfo, value: &Value) -> PostgresError {
    let name = info.to_string().to_lowercase();
    let form = match value {
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Array(_) => "this list",
        _ => "this value",
    };
    PostgresError::config(format!(
        "parameter ${number}: {form} is no {name}; where the type itself is the trouble, write `${number}::text::{name}`"
    ))
}

fn of_statement(error: &sqlx::Error) -> PostgresError {
    match error {
        sqlx::Error::Database(said) => PostgresError::of_server(said.as_ref()),
        sqlx::Error::Encode(_) | sqlx::Error::TypeNotFound { .. } => {
            PostgresError::config(cause(error))
        }
        _ => PostgresError::Interrupted(cause(error)),
    }
}

/// An error of the statement kind is a rollback; the end of the session says nothing about the commit.
fn of_commit(error: &sqlx::Error) -> PostgresError {
    let lost = || PostgresError::Lost(cause(error));
    match error {
        sqlx::Error::Database(said) => {
            let code = said.code().unwrap_or_default();
            if code.starts_with("57P") || code.starts_with("XX") || code.starts_with("08") {
                return lost();
            }
            PostgresError::of_server(said.as_ref())
        }
        _ => lost(),
    }
}
