-- The outbox as it is looked at: by state, and what a receiver did not take, each newest first; and how many there are of
-- a state, told by an index.

ALTER TABLE noctule.messages ADD COLUMN failed boolean NOT NULL DEFAULT false;
-- By its text: a document with U+0000 in it is none that JSON functions read. Inside a text each quote has a backslash.
UPDATE noctule.messages SET failed = true
    WHERE state = 'given_up' OR (state IN ('waiting', 'sending') AND body LIKE '%"error":"%');
CREATE INDEX messages_by_state ON noctule.messages (state, created_at, id);
CREATE INDEX messages_failed ON noctule.messages (created_at, id) WHERE failed;
