//! The work of a campaign: small DAGs of real things. The name of a task begins with the kind of its executor.
//!
//! `WORK` stands for a command that does the work, `TOLD` for what the work is told after its ledger; `20` is its time in
//! milliseconds, `1` the first attempt that does not fail.

/// A DAG that is triggered again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dag {
    /// Its id.
    pub(crate) id: &'static str,
    text: &'static str,
    /// It is of no use without a Postgres.
    pub(crate) needs_postgres: bool,
}

impl Dag {
    const fn new(id: &'static str, text: &'static str) -> Self {
        Self {
            id,
            text,
            needs_postgres: false,
        }
    }

    /// The file.
    #[must_use]
    pub(crate) fn file(&self, program: &str, ledger: &str) -> String {
        let told = r#""{{ run.id }}", "{{ task.name }}", "{{ task.attempt }}""#;
        let work = format!(r#""{program}", "work", "{ledger}", {told}"#);
        let body =
            r#"run = "{{ run.id }}", task = "{{ task.name }}", attempt = "{{ task.attempt }}""#;
        let text = self.text.replace("WORK", &work).replace("TOLD", told);
        let text = text.replace("BODY", body);
        format!("id = \"{}\"\nmax_active_runs = 6\n{text}", self.id)
    }
}

/// Local commands one after the other; the second fails once and is tried again.
const CHAIN: &str = r#"
[tasks.process_a]
executor = "process"
with.command = [WORK, "20", "1"]
[tasks.process_b]
executor = "process"
depends_on = ["process_a"]
retries = { max = 2, delay = "40ms" }
with.command = [WORK, "10", "2"]
[tasks.process_c]
executor = "process"
wait = "poll"
depends_on = ["process_b"]
with.command = [WORK, "10", "1"]
"#;

/// One item each, and a join.
const FAN: &str = r#"
[params.items]
type = "list"
default = [1, 2, 3, 4, 5]
[tasks.process_each]
executor = "process"
wait = "poll"
map = "{{ params.items }}"
with.command = [WORK, "25", "1"]
[tasks.process_join]
executor = "process"
depends_on = ["process_each"]
with.command = [WORK, "5", "1"]
"#;

/// Commands that may only run one at a time.
const POOL: &str = r#"
[tasks.process_pool_a]
executor = "process"
pool = "one"
with.command = [WORK, "30", "1"]
[tasks.process_pool_b]
executor = "process"
wait = "poll"
pool = "one"
with.command = [WORK, "30", "1"]
"#;

/// A command that outlasts several engines; somebody may cancel it.
const LONG: &str = r#"
[tasks.process_long]
executor = "process"
with.command = [WORK, "2500", "1"]
[tasks.process_after]
executor = "process"
depends_on = ["process_long"]
with.command = [WORK, "5", "1"]
"#;

/// Work that is out of time and is stopped by the engine itself, wherever it runs.
const LATE: &str = r#"
[tasks.process_late]
executor = "process"
timeout = "250ms"
with.command = [WORK, "30000", "1"]
[tasks.cloud_run_late]
executor = "cloud_run"
timeout = "250ms"
with = { job = "work", region = "here", args = [TOLD, "30000", "1"] }
[tasks.fargate_late]
executor = "fargate"
timeout = "250ms"
with = { task_definition = "work", container = "work", command = [TOLD, "30000", "1"] }
"#;

/// Jobs of a simulated Cloud Run, polled and blocking; the second fails once.
const CLOUD: &str = r#"
[tasks.cloud_run_a]
executor = "cloud_run"
with = { job = "work", region = "here", args = [TOLD, "20", "1"] }
[tasks.cloud_run_b]
executor = "cloud_run"
wait = "block"
depends_on = ["cloud_run_a"]
retries = { max = 2, delay = "40ms" }
with = { job = "work", region = "here", args = [TOLD, "10", "2"] }
"#;

/// Tasks of a simulated ECS, polled and blocking.
const AWS: &str = r#"
[tasks.fargate_a]
executor = "fargate"
with = { task_definition = "work", container = "work", command = [TOLD, "20", "1"] }
[tasks.fargate_b]
executor = "fargate"
wait = "block"
depends_on = ["fargate_a"]
retries = { max = 2, delay = "40ms" }
with = { task_definition = "work", container = "work", command = [TOLD, "10", "2"] }
"#;

/// Calls of a real server: one that holds the line, one whose end is asked for, one that is tried again when nobody knows.
const CALLS: &str = r#"
[tasks.http_plain]
executor = "http"
may_fail = true
with = { url = "{{ vars.calls }}/work", json = { BODY, takes = 15 } }
[tasks.http_asked]
executor = "http"
wait = "poll"
may_fail = true
with = { url = "{{ vars.calls }}/jobs", json = { BODY, takes = 30 }, poll = { url = "{{ answer.body.status_url }}", until = "body.state == 'done'", interval = "20ms" } }
[tasks.http_again]
executor = "http"
depends_on = ["http_plain", "http_asked"]
trigger_rule = "all_done"
on_unknown = "retry"
retries = { max = 6, delay = "30ms", on = ["unknown", "infrastructure"] }
with = { url = "{{ vars.calls }}/work", json = { BODY, takes = 10 } }
"#;

/// Rows that somebody else works on.
const STEPS: &str = r#"
[tasks.postgres_step_a]
executor = "postgres_step"
[tasks.postgres_step_a.with]
insert = { table = "public.work", values = { BODY } }
done_when = "state = 'done'"
running_when = "state <> 'new'"
poll_after = "50ms"
[tasks.postgres_step_b]
executor = "postgres_step"
depends_on = ["postgres_step_a"]
[tasks.postgres_step_b.with]
insert = { table = "public.work", values = { BODY } }
done_when = "state = 'done'"
poll_after = "50ms"
[tasks.postgres_step_late]
executor = "postgres_step"
timeout = "300ms"
may_fail = true
[tasks.postgres_step_late.with]
insert = { table = "public.work", values = { BODY, held = true } }
done_when = "state = 'done'"
cancelled_when = "state = 'cancelled'"
cancel = "UPDATE work SET state = 'cancelled' WHERE attempt_key = $1 AND state = 'held'"
cancel_params = ["{attempt_key}"]
poll_after = "50ms"
"#;

/// A little of everything, one after the other.
const MIXED: &str = r#"
[tasks.process_first]
executor = "process"
with.command = [WORK, "5", "1"]
[tasks.cloud_run_next]
executor = "cloud_run"
depends_on = ["process_first"]
with = { job = "work", region = "here", args = [TOLD, "5", "1"] }
[tasks.fargate_next]
executor = "fargate"
depends_on = ["process_first"]
with = { task_definition = "work", container = "work", command = [TOLD, "5", "1"] }
[tasks.process_last]
executor = "process"
depends_on = ["cloud_run_next", "fargate_next"]
with.command = [WORK, "5", "1"]
"#;

/// Nobody asks for it: every minute has one run, whatever happens.
pub(crate) const TICKING: Dag = Dag::new("ticking", TICKS);

const TICKS: &str = r#"
[schedule]
cron = "* * * * *"
catchup = "all"
max_queued = 10000
[tasks.process_tick]
executor = "process"
with.command = [WORK, "5", "1"]
"#;

/// Every DAG that is asked for, those with much work first.
pub(crate) const ALL: [Dag; 10] = [
    Dag::new("chain", CHAIN),
    Dag::new("fan", FAN),
    Dag::new("mixed", MIXED),
    Dag::new("cloud", CLOUD),
    Dag::new("aws", AWS),
    Dag::new("calls", CALLS),
    Dag::new("pool", POOL),
    Dag {
        id: "steps",
        text: STEPS,
        needs_postgres: true,
    },
    Dag::new("late", LATE),
    Dag::new("long", LONG),
];
