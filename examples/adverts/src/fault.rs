//! What is to go wrong, as the table `faults` says: so that a person and a test order it the same way.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use crate::error::AdvertError;

/// How often a hanging piece of work looks whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const TAKE: &str = "UPDATE faults SET times = times - 1 WHERE number = (
        SELECT number FROM faults
        WHERE step = $1 AND times > 0 AND (job_variants_id IS NULL OR job_variants_id = $2::uuid)
        ORDER BY number LIMIT 1 FOR UPDATE)
    RETURNING number, kind";
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM faults WHERE number = $1)";

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Fail,
    /// Until this row is gone.
    Hang(i64),
    Lose,
    Refuse,
    Empty,
}

/// Takes the next fault of a step, if one is ordered.
pub(crate) async fn take(
    connection: &mut PgConnection,
    step: &str,
    variant: Option<&str>,
) -> Result<Option<Fault>, AdvertError> {
    let taken: Option<(i64, String)> = sqlx::query_as(TAKE)
        .bind(step)
        .bind(variant)
        .fetch_optional(connection)
        .await
        .map_err(AdvertError::database("taking a fault"))?;
    Ok(taken.and_then(|(number, kind)| match kind.as_str() {
        "fail" => Some(Fault::Fail),
        "hang" => Some(Fault::Hang(number)),
        "lose" => Some(Fault::Lose),
        "refuse" => Some(Fault::Refuse),
        "empty" => Some(Fault::Empty),
        _ => None,
    }))
}

/// Waits until a hang is over. While the database is away it is not.
pub(crate) async fn hang(pool: &PgPool, number: i64) {
    loop {
        let there: Result<bool, _> = sqlx::query_scalar(IS_THERE)
            .bind(number)
            .fetch_one(pool)
            .await;
        if let Ok(false) = there {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
