-- Lists over a long history: each filter that the API takes has an index that gives its rows newest first.

DROP INDEX noctule.runs_by_ingestion;
CREATE INDEX runs_by_ingestion ON noctule.runs (ingestion_id, dag, created_at, id);
CREATE INDEX runs_by_dag_and_state ON noctule.runs (dag, state, created_at, id);
