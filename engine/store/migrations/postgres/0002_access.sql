-- Who may ask over the API, who is logged in, and what was asked. Of a token and of a session only the hash is here.
-- Written without the lease: whoever may, whether or not an engine holds the store.

CREATE TABLE noctule.tokens (
    hash      text COLLATE "C" PRIMARY KEY CHECK (length(hash) = 64),
    name      text COLLATE "C" NOT NULL,
    body      text NOT NULL CHECK (body::json IS NOT NULL),
    -- When, and by whom.
    revoked   text CHECK (revoked IS NULL OR revoked::json IS NOT NULL),
    -- To the hour or so.
    last_used text COLLATE "C"
);
-- A name means one token that counts.
CREATE UNIQUE INDEX tokens_by_name ON noctule.tokens (name) WHERE revoked IS NULL;

CREATE TABLE noctule.sessions (
    hash       text COLLATE "C" PRIMARY KEY CHECK (length(hash) = 64),
    body       text NOT NULL CHECK (body::json IS NOT NULL),
    expires_at text COLLATE "C" NOT NULL
);
CREATE INDEX sessions_by_end ON noctule.sessions (expires_at);

CREATE TABLE noctule.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Whoever writes an event names it: one that is sent again, its answer lost, is the same one.
    name    text COLLATE "C" NOT NULL UNIQUE,
    body    text NOT NULL CHECK (body::json IS NOT NULL),
    -- What came of it; nothing while it is being done, or where nobody lived to say.
    outcome text
);
