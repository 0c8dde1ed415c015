//! The executors of Postgres, and its event source.
//!
//! ```toml
//! [connections.adverts]
//! kind = "postgres"
//! url = { secret = "adverts_db" }         # postgres://user:password@host:port/database; a plain text holds no password
//! # ssl_mode = "verify-full"              disable | prefer | require | verify-ca | verify-full
//! # ssl_root_cert = "/etc/ssl/db.pem"     certificates to trust
//! # application_name = "noctule"
//! # max_connections = 4                   statements of `sql` at once; questions have 2 places of their own, LISTEN one
//! # notifications = true                  false behind a proxy that pools transactions: no LISTEN, the timer alone
//! # statement_timeout = "5m"              of every statement that names none
//! # search_after = ["0s", "1s", "5s", "15s", "30s"]   looks after an unknown launch, before the same request is sent again
//!
//! [tasks.targets]
//! executor = "sql"                        # or "postgres"
//! with.query = "SELECT file_id FROM files WHERE tenant = $1"
//! with.params = ["{{ params.customer_code }}"]
//! # with.timeout, with.max_rows = 10000, with.max_bytes
//!
//! [tasks.orders_are_in]
//! executor = "sql_sensor"
//! with.query = "SELECT count(*) AS n FROM orders WHERE day = $1"
//! with.params = ["{{ run.logical_time | date('%Y-%m-%d', 'UTC') }}"]
//! with.until = "n > 1000"                 # default: the query gives a row
//! # with.channel, with.poll_after, with.timeout, with.max_rows, with.max_bytes
//!
//! [tasks.render]
//! executor = "postgres_step"
//! with.insert = { table = "requests", values = { job = "{{ params.job_id }}" } }   # under a unique index on `attempt_key`
//! with.done_when = "status = 'done'"      # SQL over the columns of the row
//! with.failed_when = "status = 'failed'"
//! with.message = "error"
//! with.channel = "requests_changed"
//! # with.key_column = "attempt_key", with.cancelled_when, with.running_when, with.cancel, with.cancel_params,
//! # with.watch = { query, params }, with.timeout, with.poll_after
//! # instead of `insert`: `update = { table, values, where }`, `statement` with `params`, or a call:
//!
//! [tasks.planner]
//! executor = "postgres_step"
//! with.call = { url = "https://adverts.example.com/planner", json = { id = "{{ params.id }}" }, key_field = "attempt_key" }
//! with.watch = { query = "SELECT * FROM jobs_variants WHERE job_variants_id = $1", params = ["{{ params.id }}"] }
//! with.done_when = "status = 'done' AND current_step = 'planner'"
//! with.failed_when = "status = 'failed'"
//!
//! [trigger.postgres]
//! connection = "adverts"
//! query = "SELECT job_id, tenant_id FROM jobs WHERE status = 'queued'"
//! key = "job_id"                          # one run for each value, ever
//! channel = "job_state_changed"
//! every = "30s"
//! ```
//!
//! `postgres_step`: the attempt key stands in a column of the row (`key_column`), and wherever a value is exactly
//! `{attempt_key}`. The launch is one statement and a look at its row, in one transaction; or one HTTP call, whose answer is
//! never the verdict. A row counts only while it carries this attempt's key, so that what a service writes for an attempt
//! that timed out is ignored. A service that is called has to write the key of the call into its row when it begins. Values
//! for SQL are parameters, never part of its text; only `{{ vars.NAME }}` may stand there.
//!
//! Guarantees: everything runs in transactions that are committed whole or not at all, and only a COMMIT whose answer is
//! lost is `unknown`; questions are asked in read-only transactions; an answer beyond its bounds is an error and is never
//! cut off; a notification is a hint, and the end is found without it; numbers are exact (`numeric` and other forms: see
//! `decode`). Never: a password in a message or handle, a prepared statement left in a session, a verdict from another
//! database than the one that was launched in, a redirect followed.
//!
//! What a statement does outside its transaction (a sequence, `dblink`, a function that calls out) is not rolled back with
//! it. `BEFORE INSERT` triggers of a table fire again when a launch is sent again, though no row is made.
#![warn(missing_docs)]

mod decode;
mod doctor;
mod encode;
mod error;
mod kind;
mod listening;
mod moments;
mod numeric;
mod pacing;
mod pool;
mod query;
mod rows;
mod sensor;
mod session;
mod settings;
mod source;
mod sql;
mod sqlstate;
mod statement;
mod step;
mod waiting;

pub use pacing::Pacing;
pub use pool::Databases;
pub use query::SqlConfig;
pub use sensor::{SqlSensor, SqlSensorConfig, SqlSensorHandle};
pub use source::{PostgresTrigger, PostgresTriggerConfig};
pub use sql::{OneStatement, Postgres, Sql, SqlHandle};
pub use step::{PostgresStep, PostgresStepConfig, StepHandle};
