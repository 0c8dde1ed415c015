-- Backfills, and the nights of each: what was planned, and what has become of it.

CREATE TABLE noctule.backfills (
    id         text COLLATE "C" PRIMARY KEY,
    body       text NOT NULL CHECK (body::json IS NOT NULL),
    dag        text COLLATE "C" NOT NULL,
    created_at text COLLATE "C" NOT NULL,
    -- Something of it is under way, or will be.
    live       boolean NOT NULL
);
CREATE INDEX backfills_by_creation ON noctule.backfills (created_at, id);
CREATE INDEX backfills_live ON noctule.backfills (created_at, id) WHERE live;

CREATE TABLE noctule.nights (
    backfill text COLLATE "C" NOT NULL REFERENCES noctule.backfills (id),
    ix       bigint NOT NULL CHECK (ix >= 0),
    body     text NOT NULL CHECK (body::json IS NOT NULL),
    PRIMARY KEY (backfill, ix)
);
