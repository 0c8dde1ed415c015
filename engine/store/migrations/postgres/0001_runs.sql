-- The same rows as in a file, and the lease, which no lock of an operating system can hold for several machines.
-- Documents are JSON texts, kept byte for byte: jsonb refuses \u0000 and rounds numbers. What queries look at stands in
-- columns beside them, written by the same statement from the same value; they compare as bytes.

CREATE TABLE noctule.store (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    id          text NOT NULL,
    profile     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The right to write: each acquisition raises the epoch, each commit checks it.
    epoch       bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    -- Each commit counts, and says its name: whether one whose answer was lost has been made is known exactly.
    commits     bigint NOT NULL DEFAULT 0 CHECK (commits >= 0),
    last_commit text NOT NULL DEFAULT '',
    -- It was set back to an earlier state, and its live runs do not know yet.
    doubted     boolean NOT NULL DEFAULT false,
    -- The machine of the engine that last knew all live runs.
    last_host   text,
    -- Where the store goes on, once it was moved.
    moved_to    text
);

-- Of its own, so that a commit and a renewal never wait for each other.
CREATE TABLE noctule.lease (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    owner        text CHECK (owner IS NULL OR owner::json IS NOT NULL),
    token        text NOT NULL DEFAULT '',
    expires_at   timestamptz NOT NULL DEFAULT '-infinity',
    waiter       text CHECK (waiter IS NULL OR waiter::json IS NOT NULL),
    waiter_token text NOT NULL DEFAULT '',
    waiter_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO noctule.lease DEFAULT VALUES;

CREATE TABLE noctule.versions (
    hash text COLLATE "C" PRIMARY KEY,
    body text NOT NULL CHECK (body::json IS NOT NULL)
);

CREATE TABLE noctule.dags (
    dag  text COLLATE "C" PRIMARY KEY,
    body text NOT NULL CHECK (body::json IS NOT NULL)
);

CREATE TABLE noctule.runs (
    id              text COLLATE "C" PRIMARY KEY,
    facts           text NOT NULL CHECK (facts::json IS NOT NULL),
    progress        text NOT NULL CHECK (progress::json IS NOT NULL),
    idempotency_key text COLLATE "C",
    dag             text COLLATE "C" NOT NULL,
    version         text COLLATE "C" NOT NULL REFERENCES noctule.versions (hash),
    -- Instants with exactly three digits of fraction, so that their texts compare as they do.
    tick            text COLLATE "C",
    created_at      text COLLATE "C" NOT NULL,
    ingestion_id    text COLLATE "C" NOT NULL,
    logical_time    text COLLATE "C" NOT NULL,
    -- All its digits.
    logical_instant text NOT NULL,
    state           text COLLATE "C" NOT NULL
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out')),
    ended_at        text COLLATE "C"
);

-- A tick makes one run, whoever asks, however often.
CREATE UNIQUE INDEX runs_by_tick ON noctule.runs (dag, tick) WHERE tick IS NOT NULL;
CREATE UNIQUE INDEX runs_by_key ON noctule.runs (dag, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_creation ON noctule.runs (created_at, id);
CREATE INDEX runs_by_dag ON noctule.runs (dag, created_at, id);
CREATE INDEX runs_by_ingestion ON noctule.runs (dag, ingestion_id);
CREATE INDEX runs_by_time ON noctule.runs (dag, logical_time, state);
CREATE INDEX runs_by_state ON noctule.runs (state, created_at, id);
CREATE INDEX runs_by_end ON noctule.runs (ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_by_version ON noctule.runs (version);

-- The keys of forgotten runs: each makes one run, ever.
CREATE TABLE noctule.spent_keys (
    dag text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    run text COLLATE "C" NOT NULL,
    PRIMARY KEY (dag, key)
);

CREATE TABLE noctule.task_runs (
    run  text COLLATE "C" NOT NULL REFERENCES noctule.runs (id),
    ix   bigint NOT NULL CHECK (ix >= 0),
    body text NOT NULL CHECK (body::json IS NOT NULL),
    PRIMARY KEY (run, ix)
);

CREATE TABLE noctule.records (
    run  text COLLATE "C" NOT NULL REFERENCES noctule.runs (id),
    seq  bigint NOT NULL CHECK (seq > 0),
    body text NOT NULL CHECK (body::json IS NOT NULL),
    PRIMARY KEY (run, seq)
);

CREATE TABLE noctule.dropped_ticks (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag  text COLLATE "C" NOT NULL,
    body text NOT NULL CHECK (body::json IS NOT NULL)
);
CREATE INDEX dropped_by_dag ON noctule.dropped_ticks (dag, id);

CREATE TABLE noctule.asks (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Whoever asks names the ask: one that is sent again, its answer lost, is the same one.
    name   text COLLATE "C" NOT NULL UNIQUE,
    body   text NOT NULL CHECK (body::json IS NOT NULL),
    answer text CHECK (answer IS NULL OR answer::json IS NOT NULL)
);
CREATE INDEX asks_pending ON noctule.asks (id) WHERE answer IS NULL;

-- How many asks there ever were, so that whoever waits for a change looks at a row and not at a table.
CREATE TABLE noctule.inbox (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    asks bigint NOT NULL DEFAULT 0
);
INSERT INTO noctule.inbox DEFAULT VALUES;
