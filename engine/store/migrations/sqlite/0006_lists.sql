-- Lists over a long history: each filter that the API takes has an index that gives its rows newest first, and what a
-- token is limited to is told from the index alone, without a look at the runs that are left out.

DROP INDEX runs_by_creation;
CREATE INDEX runs_by_creation ON runs (created_at, id, dag);
DROP INDEX runs_by_state;
CREATE INDEX runs_by_state ON runs (state, created_at, id, dag);
DROP INDEX runs_by_ingestion;
CREATE INDEX runs_by_ingestion ON runs (ingestion_id, dag, created_at, id);
CREATE INDEX runs_by_dag_and_state ON runs (dag, state, created_at, id);
