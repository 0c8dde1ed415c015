-- The outbox as it is looked at: by state, and what a receiver did not take, each newest first; and how many there are of
-- a state, told by an index.

ALTER TABLE messages ADD COLUMN failed INTEGER GENERATED ALWAYS AS
    (json_extract(body, '$.standing.state') = 'given_up' OR json_extract(body, '$.error') IS NOT NULL) VIRTUAL;
CREATE INDEX messages_by_state ON messages (state, created_at, id);
CREATE INDEX messages_failed ON messages (created_at, id) WHERE failed;
