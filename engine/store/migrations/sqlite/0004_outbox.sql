-- The outbox: what is to be told to whom, written in the commit of what it is about, and how each delivery stands.
-- Live is what an engine has to remember: what is to be delivered, and what is to recover.

CREATE TABLE messages (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL CHECK (json_valid(body)),
    state TEXT GENERATED ALWAYS AS (json_extract(body, '$.standing.state')) STORED NOT NULL
        CHECK (state IN ('gathering', 'waiting', 'sending', 'sent', 'given_up', 'kept')),
    live INTEGER GENERATED ALWAYS AS (json_extract(body, '$.standing.state') IN ('gathering', 'waiting', 'sending')
        OR json_extract(body, '$.open[0]') IS NOT NULL) STORED NOT NULL,
    run        TEXT GENERATED ALWAYS AS (json_extract(body, '$.first.run')) STORED,
    created_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.created_at'))) STORED NOT NULL
) STRICT;

CREATE INDEX messages_live ON messages (id) WHERE live;
CREATE INDEX messages_by_run ON messages (run) WHERE state IN ('gathering', 'waiting', 'sending');
CREATE INDEX messages_by_creation ON messages (created_at, id);
