//! A commit in one statement: the fence first, and every row only if the fence held.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row};

use super::batch::Batch;

/// Who writes: the epoch of its lease, how many commits there were, and the name of this one.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) epoch: i64,
    pub(super) commits: i64,
    pub(super) name: String,
}

/// What a statement says of itself.
pub(super) struct Said {
    /// The epoch is the latest, and the count is as it was thought to be.
    pub(super) fenced: bool,
    /// Which of the runs were made.
    pub(super) born: Vec<String>,
}

/// The row waits for a commit of before that may still be under way, and is looked at again after it. What is acknowledged
/// is durable, whatever the settings of the role.
macro_rules! fence {
    () => {
        "UPDATE noctule.store SET commits = commits + 1, last_commit = $3 \
            WHERE epoch = $1 AND commits = $2 \
                AND (current_setting('synchronous_commit') <> 'off' \
                    OR set_config('synchronous_commit', 'on', true) IS NOT NULL) \
            RETURNING 1"
    };
}

/// Every table, by arrays of equal length. A step of a run that was to be made and was not is left out; a step of a run that
/// is not there, and a second run of the same id, divide by zero, so that the whole statement is refused.
macro_rules! rows {
    () => {
        ", pinned AS (INSERT INTO noctule.versions (hash, body) \
            SELECT hash, body FROM unnest($4::text[], $5::text[]) AS new (hash, body) \
            WHERE EXISTS (SELECT FROM fence) ON CONFLICT DO NOTHING) \
        , known AS (INSERT INTO noctule.dags (dag, body) \
            SELECT dag, body FROM unnest($6::text[], $7::text[]) AS new (dag, body) \
            WHERE EXISTS (SELECT FROM fence) ON CONFLICT (dag) DO UPDATE SET body = excluded.body) \
        , dropped AS (INSERT INTO noctule.dropped_ticks (dag, body) \
            SELECT dag, body FROM unnest($8::text[], $9::text[]) WITH ORDINALITY AS new (dag, body, n) \
            WHERE EXISTS (SELECT FROM fence) ORDER BY n) \
        , answered AS (UPDATE noctule.asks SET answer = new.answer \
            FROM unnest($10::bigint[], $11::text[]) AS new (id, answer) \
            WHERE asks.id = new.id AND asks.answer IS NULL AND EXISTS (SELECT FROM fence)) \
        , backfilling AS (INSERT INTO noctule.backfills (id, body, dag, created_at, live) \
            SELECT id, body, dag, created_at, live \
            FROM unnest($35::text[], $36::text[], $37::text[], $38::text[], $39::boolean[]) \
                AS new (id, body, dag, created_at, live) WHERE EXISTS (SELECT FROM fence) \
            ON CONFLICT (id) DO UPDATE SET body = excluded.body, live = excluded.live) \
        , nightly AS (INSERT INTO noctule.nights (backfill, ix, body) \
            SELECT backfill, ix, body FROM unnest($40::text[], $41::bigint[], $42::text[]) AS new (backfill, ix, body) \
            WHERE EXISTS (SELECT FROM fence) ON CONFLICT (backfill, ix) DO UPDATE SET body = excluded.body) \
        , born AS (INSERT INTO noctule.runs (id, facts, progress, idempotency_key, dag, version, tick, created_at, \
                ingestion_id, logical_time, logical_instant, state, ended_at) \
            SELECT id, facts, progress, idempotency_key, dag, version, tick, created_at, \
                ingestion_id, logical_time, logical_instant, state, ended_at \
            FROM unnest($12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], \
                $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $33::text[]) WITH ORDINALITY \
                AS new (id, facts, progress, idempotency_key, dag, version, tick, created_at, \
                    ingestion_id, logical_time, logical_instant, state, ended_at, n) \
            WHERE EXISTS (SELECT FROM fence) AND NOT EXISTS (SELECT FROM noctule.spent_keys AS spent \
                WHERE spent.dag = new.dag AND spent.key = new.idempotency_key) ORDER BY n ON CONFLICT DO NOTHING RETURNING id) \
        , moved AS (UPDATE noctule.runs SET progress = new.progress, state = new.state, ended_at = new.ended_at, \
                facts = coalesce(new.facts, runs.facts), version = coalesce(new.version, runs.version) \
            FROM unnest($24::text[], $25::text[], $26::text[], $34::text[], $49::text[], $50::text[]) \
                AS new (id, progress, state, ended_at, facts, version) \
            WHERE runs.id = new.id AND EXISTS (SELECT FROM fence) RETURNING 1) \
        , tasks AS (INSERT INTO noctule.task_runs (run, ix, body) \
            SELECT run, ix, body FROM unnest($27::text[], $28::bigint[], $29::text[]) AS new (run, ix, body) \
            WHERE EXISTS (SELECT FROM fence) AND (run <> ALL ($12::text[]) OR run IN (SELECT id FROM born)) \
            ON CONFLICT (run, ix) DO UPDATE SET body = excluded.body) \
        , journal AS (INSERT INTO noctule.records (run, seq, body) \
            SELECT run, n + (SELECT coalesce(max(seq), 0) FROM noctule.records WHERE records.run = new.run), body \
            FROM unnest($30::text[], $31::bigint[], $32::text[]) AS new (run, n, body) \
            WHERE EXISTS (SELECT FROM fence) AND (run <> ALL ($12::text[]) OR run IN (SELECT id FROM born))) \
        , told AS (INSERT INTO noctule.messages (id, body, state, live, run, created_at, failed) \
            SELECT id, body, state, live, run, created_at, failed \
            FROM unnest($43::text[], $44::text[], $45::text[], $46::boolean[], $47::text[], $48::text[], $51::boolean[]) \
                AS new (id, body, state, live, run, created_at, failed) \
            WHERE EXISTS (SELECT FROM fence) \
            ON CONFLICT (id) DO UPDATE SET body = excluded.body, state = excluded.state, live = excluded.live, \
                failed = excluded.failed) \
        SELECT EXISTS (SELECT FROM fence), ARRAY(SELECT id FROM born), \
            1 / CASE WHEN NOT EXISTS (SELECT FROM fence) OR (SELECT count(*) FROM moved) = cardinality($24::text[]) \
                AND NOT EXISTS (SELECT FROM unnest($12::text[], $16::text[], $15::text[], $18::text[]) AS new (id, dag, key, tick) \
                    JOIN noctule.runs AS old ON old.id = new.id \
                    WHERE (old.dag = new.dag AND (old.tick = new.tick OR old.idempotency_key = new.key)) IS NOT TRUE) \
                THEN 1 ELSE 0 END"
    };
}

/// A commit of its own.
pub(super) const WHOLE: &str = concat!("WITH fence AS (", fence!(), ")", rows!());
/// The beginning of a commit of several statements.
pub(super) const FENCE: &str = fence!();
/// One of them, after the beginning, in the same transaction.
pub(super) const PART: &str = concat!(
    "WITH fence AS (SELECT 1 FROM noctule.store WHERE epoch = $1 AND commits = $2 + 1 AND last_commit = $3)",
    rows!()
);

/// Asks the server to do it.
pub(super) async fn perform(
    connection: &mut PgConnection,
    statement: &'static str,
    mark: &Mark,
    batch: &Batch,
) -> Result<Said, sqlx::Error> {
    let query = sqlx::query(statement)
        .bind(mark.epoch)
        .bind(mark.commits)
        .bind(&mark.name);
    let row: PgRow = bound(query, batch).fetch_one(connection).await?;
    Ok(Said {
        fenced: row.try_get(0)?,
        born: row.try_get(1)?,
    })
}

fn bound<'a>(
    query: Query<'a, Postgres, PgArguments>,
    batch: &'a Batch,
) -> Query<'a, Postgres, PgArguments> {
    let births = &batch.births;
    query
        .bind(&batch.versions.0)
        .bind(&batch.versions.1)
        .bind(&batch.dags.0)
        .bind(&batch.dags.1)
        .bind(&batch.dropped.0)
        .bind(&batch.dropped.1)
        .bind(&batch.answers.0)
        .bind(&batch.answers.1)
        .bind(&births.ids)
        .bind(&births.facts)
        .bind(&births.progress)
        .bind(&births.keys)
        .bind(&births.dags)
        .bind(&births.versions)
        .bind(&births.ticks)
        .bind(&births.created)
        .bind(&births.ingestions)
        .bind(&births.times)
        .bind(&births.instants)
        .bind(&births.states)
        .bind(&batch.phases.0)
        .bind(&batch.phases.1)
        .bind(&batch.phases.2)
        .bind(&batch.tasks.0)
        .bind(&batch.tasks.1)
        .bind(&batch.tasks.2)
        .bind(&batch.records.0)
        .bind(&batch.records.1)
        .bind(&batch.records.2)
        .bind(&births.ends)
        .bind(&batch.phases.3)
        .bind(&batch.backfills.ids)
        .bind(&batch.backfills.bodies)
        .bind(&batch.backfills.dags)
        .bind(&batch.backfills.created)
        .bind(&batch.backfills.live)
        .bind(&batch.nights.0)
        .bind(&batch.nights.1)
        .bind(&batch.nights.2)
        .bind(&batch.messages.ids)
        .bind(&batch.messages.bodies)
        .bind(&batch.messages.states)
        .bind(&batch.messages.live)
        .bind(&batch.messages.runs)
        .bind(&batch.messages.created)
        .bind(&batch.taken.0)
        .bind(&batch.taken.1)
        .bind(&batch.messages.failed)
}
