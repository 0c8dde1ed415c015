-- What retention needs: when a run ended, and the keys of forgotten runs, each of which makes one run, ever.
-- And whether the store was set back to an earlier state, after which its live runs are in doubt.

ALTER TABLE runs ADD COLUMN ended_at TEXT
    GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(progress, '$.phase.at'))) VIRTUAL;
CREATE INDEX runs_by_end ON runs (ended_at, id) WHERE ended_at IS NOT NULL;

CREATE TABLE spent_keys (
    dag TEXT NOT NULL,
    key TEXT NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (dag, key)
) STRICT, WITHOUT ROWID;

-- The machine of the engine that last knew all live runs.
ALTER TABLE store ADD COLUMN last_host TEXT;
-- Where the store goes on, once it was moved.
ALTER TABLE store ADD COLUMN moved_to TEXT;
ALTER TABLE store ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1));
