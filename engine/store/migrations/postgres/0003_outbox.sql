-- The outbox: what is to be told to whom, written in the commit of what it is about, and how each delivery stands.
-- Live is what an engine has to remember: what is to be delivered, and what is to recover.

CREATE TABLE noctule.messages (
    id         text COLLATE "C" PRIMARY KEY,
    body       text NOT NULL CHECK (body::json IS NOT NULL),
    state      text COLLATE "C" NOT NULL
        CHECK (state IN ('gathering', 'waiting', 'sending', 'sent', 'given_up', 'kept')),
    live       boolean NOT NULL,
    run        text COLLATE "C",
    created_at text COLLATE "C" NOT NULL
);

CREATE INDEX messages_live ON noctule.messages (id) WHERE live;
CREATE INDEX messages_by_run ON noctule.messages (run) WHERE state IN ('gathering', 'waiting', 'sending');
CREATE INDEX messages_by_creation ON noctule.messages (created_at, id);
