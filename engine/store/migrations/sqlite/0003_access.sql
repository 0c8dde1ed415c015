-- Who may ask over the API, who is logged in, and what was asked. Of a token and of a session only the hash is here.
-- Written without the lease: whoever may, whether or not an engine holds the store.

CREATE TABLE tokens (
    hash      TEXT PRIMARY KEY CHECK (length(hash) = 64),
    name      TEXT NOT NULL,
    body      TEXT NOT NULL CHECK (json_valid(body)),
    -- When, and by whom.
    revoked   TEXT CHECK (revoked IS NULL OR json_valid(revoked)),
    -- To the hour or so.
    last_used TEXT
) STRICT, WITHOUT ROWID;
-- A name means one token that counts.
CREATE UNIQUE INDEX tokens_by_name ON tokens (name) WHERE revoked IS NULL;

CREATE TABLE sessions (
    hash       TEXT PRIMARY KEY CHECK (length(hash) = 64),
    body       TEXT NOT NULL CHECK (json_valid(body)),
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    body    TEXT NOT NULL CHECK (json_valid(body)),
    -- What came of it; nothing while it is being done, or where nobody lived to say.
    outcome TEXT
) STRICT;
