-- The tables of the advert service. Loading it twice changes nothing.

CREATE TABLE IF NOT EXISTS jobs (
    job_id       uuid PRIMARY KEY,
    tenant_id    text NOT NULL,
    status       text NOT NULL DEFAULT 'running' CHECK (status IN ('queued', 'running', 'done', 'failed')),
    current_step text NOT NULL DEFAULT 'img_gen',
    -- Whose work the row shows: the key of the call that claimed it.
    attempt_key  text,
    -- What the step has made, for those after it.
    made         jsonb NOT NULL DEFAULT '{}',
    error        text,
    updated_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS jobs_variants (
    job_variants_id uuid PRIMARY KEY,
    job_id          uuid NOT NULL REFERENCES jobs,
    creation_order  integer NOT NULL,
    status          text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed')),
    current_step    text NOT NULL DEFAULT 'img_gen',
    attempt_key     text,
    made            jsonb NOT NULL DEFAULT '{}',
    error           text,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (job_id, creation_order)
);
CREATE INDEX IF NOT EXISTS jobs_variants_by_job ON jobs_variants (job_id, status);
CREATE INDEX IF NOT EXISTS jobs_variants_by_key ON jobs_variants (attempt_key);
CREATE INDEX IF NOT EXISTS jobs_by_key ON jobs (attempt_key);

CREATE TABLE IF NOT EXISTS txt_ad_copy_generations (
    job_id           uuid NOT NULL REFERENCES jobs,
    generation_stage text NOT NULL CHECK (generation_stage IN ('kor_to_eng', 'ad_copy_eng', 'refined_ad_copy', 'eng_to_kor')),
    status           text NOT NULL DEFAULT 'running',
    text             text,
    PRIMARY KEY (job_id, generation_stage)
);

-- Every piece of work that was begun: one row for each attempt key, ever.
CREATE TABLE IF NOT EXISTS claims (
    attempt_key     text PRIMARY KEY,
    step            text NOT NULL,
    job_id          uuid NOT NULL,
    job_variants_id uuid,
    number          bigserial,
    -- `fenced`: it ended after another attempt had taken its place, and changed nothing.
    ending          text CHECK (ending IN ('done', 'failed', 'fenced')),
    live_until      timestamptz NOT NULL,
    begun_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at        timestamptz
);

-- Every call, whether it began work or not.
CREATE TABLE IF NOT EXISTS calls (
    number          bigserial PRIMARY KEY,
    attempt_key     text,
    step            text NOT NULL,
    job_id          text,
    job_variants_id text,
    body            jsonb NOT NULL,
    answer          integer NOT NULL,
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What is to go wrong: the next `times` pieces of work of a step, of one variant or of all.
CREATE TABLE IF NOT EXISTS faults (
    number          bigserial PRIMARY KEY,
    step            text NOT NULL,
    job_variants_id uuid,
    -- fail: it ends failed. hang: it goes on until the row is deleted. lose: the answer to the call is lost, the work is
    -- done. refuse: the call is answered 503 and nothing is begun. empty: it ends done without its output.
    kind            text NOT NULL CHECK (kind IN ('fail', 'hang', 'lose', 'refuse', 'empty')),
    times           integer NOT NULL DEFAULT 1
);

CREATE OR REPLACE FUNCTION tell_variant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('job_variant_state_changed', json_build_object(
        'job_variants_id', NEW.job_variants_id, 'job_id', NEW.job_id, 'current_step', NEW.current_step, 'status', NEW.status)::text);
    IF NEW.current_step = 'img_gen' THEN
        PERFORM pg_notify('job_start_gate', NEW.job_id::text);
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER variant_changed
    AFTER INSERT OR UPDATE OF status, current_step, attempt_key ON jobs_variants FOR EACH ROW EXECUTE FUNCTION tell_variant();

CREATE OR REPLACE FUNCTION tell_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('job_state_changed', json_build_object(
        'job_id', NEW.job_id, 'current_step', NEW.current_step, 'status', NEW.status, 'tenant_id', NEW.tenant_id)::text);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER job_changed
    AFTER UPDATE OF status, current_step, attempt_key ON jobs FOR EACH ROW EXECUTE FUNCTION tell_job();

CREATE OR REPLACE FUNCTION tell_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('job_start_gate', NEW.job_id::text);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER text_changed
    AFTER INSERT OR UPDATE OF status ON txt_ad_copy_generations FOR EACH ROW EXECUTE FUNCTION tell_text();
