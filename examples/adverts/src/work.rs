//! One piece of work: it takes its time, and then writes its end.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::claim::Call;
use crate::fault::{self, Fault};

/// A database that is away is asked again after this.
const AGAIN: Duration = Duration::from_millis(50);

/// Does the work of a claim.
pub(crate) async fn perform(pool: PgPool, call: Call, delay: Duration, fault: Option<Fault>) {
    if let Some(Fault::Hang(number)) = fault {
        fault::hang(&pool, number).await;
    }
    tokio::time::sleep(delay).await;
    let (status, output, error) = match fault {
        Some(Fault::Fail) => ("failed", json!({}), Some("ordered to fail")),
        Some(Fault::Empty) => ("done", json!({}), None),
        _ => ("done", output(&call), None),
    };
    // The end is not lost because the database is away: as with any worker, it is written when it can be.
    while let Err(_error) = end(&pool, &call, status, &output, error).await {
        tokio::time::sleep(AGAIN).await;
    }
}

async fn end(
    pool: &PgPool,
    call: &Call,
    status: &'static str,
    output: &Value,
    error: Option<&str>,
) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    call.end(&mut connection, status, output, error)
        .await
        .map(drop)
}

/// What a step gives to those after it: the id of what it has made, one for each key.
fn output(call: &Call) -> Value {
    match call.step.gives {
        Some(name) => json!({ name: format!("{name}-of-{}", call.key) }),
        None => json!({}),
    }
}
