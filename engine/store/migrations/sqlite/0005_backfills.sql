-- Backfills, and the nights of each: what was planned, and what has become of it.

CREATE TABLE backfills (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL CHECK (json_valid(body)),
    dag        TEXT GENERATED ALWAYS AS (json_extract(body, '$.dag')) STORED NOT NULL,
    created_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.created_at'))) STORED NOT NULL,
    -- Something of it is under way, or will be.
    live       INTEGER GENERATED ALWAYS AS (CASE json_extract(body, '$.phase.state')
        WHEN 'running' THEN 1 WHEN 'paused' THEN 1
        WHEN 'cancelled' THEN json_extract(body, '$.tally.running') > 0 ELSE 0 END) STORED NOT NULL
) STRICT;
CREATE INDEX backfills_by_creation ON backfills (created_at, id);
CREATE INDEX backfills_live ON backfills (created_at, id) WHERE live = 1;

CREATE TABLE nights (
    backfill TEXT NOT NULL REFERENCES backfills (id),
    ix   INTEGER NOT NULL CHECK (ix >= 0),
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (backfill, ix)
) STRICT, WITHOUT ROWID;
