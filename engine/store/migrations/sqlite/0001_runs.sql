-- One row each for the store itself, the lease, versions, DAGs, runs, task runs, records, dropped ticks and asks.
-- Bodies are JSON documents of the core; what queries look at is generated from them, so no fact stands twice.
-- Instants are written with exactly three digits of fraction there, so that their texts compare as they do.

CREATE TABLE store (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    id      TEXT NOT NULL,
    profile TEXT NOT NULL,
    created_at TEXT NOT NULL,
    -- The right to write: each acquisition raises the epoch, each commit checks it.
    epoch   INTEGER NOT NULL DEFAULT 0 CHECK (epoch >= 0)
) STRICT;

CREATE TABLE versions (
    hash TEXT PRIMARY KEY,
    body TEXT NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;

CREATE TABLE dags (
    dag  TEXT PRIMARY KEY,
    body TEXT NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id       TEXT PRIMARY KEY,
    facts    TEXT NOT NULL CHECK (json_valid(facts)),
    progress TEXT NOT NULL CHECK (json_valid(progress)),
    idempotency_key TEXT,
    dag          TEXT GENERATED ALWAYS AS (json_extract(facts, '$.dag')) STORED NOT NULL,
    version      TEXT GENERATED ALWAYS AS (json_extract(facts, '$.version')) VIRTUAL,
    tick         TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(facts, '$.trigger.tick'))) STORED,
    created_at   TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(facts, '$.created_at'))) STORED NOT NULL,
    ingestion_id TEXT GENERATED ALWAYS AS (json_extract(facts, '$.ingestion_id')) STORED NOT NULL,
    logical_time TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(facts, '$.logical_time'))) STORED NOT NULL,
    state        TEXT GENERATED ALWAYS AS
        (coalesce(json_extract(progress, '$.phase.ending'), json_extract(progress, '$.phase.state'))) STORED NOT NULL
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out')),
    FOREIGN KEY (version) REFERENCES versions (hash)
) STRICT;

-- A tick makes one run, whoever asks, however often.
CREATE UNIQUE INDEX runs_by_tick ON runs (dag, tick) WHERE tick IS NOT NULL;
CREATE UNIQUE INDEX runs_by_key ON runs (dag, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_creation ON runs (created_at, id);
CREATE INDEX runs_by_dag ON runs (dag, created_at, id);
CREATE INDEX runs_by_ingestion ON runs (dag, ingestion_id);
CREATE INDEX runs_by_time ON runs (dag, logical_time, state);
CREATE INDEX runs_by_state ON runs (state, created_at, id);

CREATE TABLE task_runs (
    run  TEXT NOT NULL REFERENCES runs (id),
    ix   INTEGER NOT NULL CHECK (ix >= 0),
    body TEXT NOT NULL,
    PRIMARY KEY (run, ix)
) STRICT;

CREATE TABLE records (
    run  TEXT NOT NULL REFERENCES runs (id),
    seq  INTEGER NOT NULL CHECK (seq > 0),
    body TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE dropped_ticks (
    id   INTEGER PRIMARY KEY,
    dag  TEXT NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE INDEX dropped_by_dag ON dropped_ticks (dag, id);

CREATE TABLE asks (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    body   TEXT NOT NULL CHECK (json_valid(body)),
    answer TEXT CHECK (answer IS NULL OR json_valid(answer))
) STRICT;
CREATE INDEX asks_pending ON asks (id) WHERE answer IS NULL;
