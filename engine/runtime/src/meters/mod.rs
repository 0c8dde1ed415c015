//! What is counted while an engine runs, for whoever watches it from outside.
//!
//! Guarantees: what happened to runs and attempts is counted from committed facts alone, so nothing is counted that is not
//! durable, and nothing twice while one engine lives. Counting waits for nobody. Labels come from DAG files and executors,
//! never from parameters, map keys or messages: their number is bounded by what is written down.

mod counted;
mod labels;
mod standing;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use noctule_core::dag::Dag;
use noctule_core::run::{Run, Step};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::labels::{
    AttemptEnded, LaunchStep, MessageState, OfListener, OfPool, Polled, RefusedWrite, RunCreated,
    RunEnded, RunState, Sending, SpanFate, TaskRunState, Written,
};

/// Before every name.
const PREFIX: &str = "noctule";
/// A tick is a second late where all is well, and an hour where an engine was away.
const LATENESS: [f64; 10] = [0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];
/// From a memory file system to a disk that is in trouble.
const COMMIT: [f64; 11] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0,
];

/// A gauge of seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// The meters of one engine.
pub struct Meters {
    registry: Registry,
    runs_created: Family<RunCreated, Counter>,
    runs_ended: Family<RunEnded, Counter>,
    launches: Family<LaunchStep, Counter>,
    attempts_ended: Family<AttemptEnded, Counter>,
    alarms: Counter,
    polls: Family<Polled, Counter>,
    tick_lateness: Histogram,
    commits: Family<Written, Counter>,
    refused_writes: Family<RefusedWrite, Counter>,
    unwritten: Family<RefusedWrite, Gauge>,
    commit: Histogram,
    lag: Seconds,
    runs: Family<RunState, Gauge>,
    task_runs: Family<TaskRunState, Gauge>,
    slots: Gauge,
    slots_held: Gauge,
    waiting: Gauge,
    pool_slots: Family<OfPool, Gauge>,
    pool_slots_held: Family<OfPool, Gauge>,
    dags: Gauge,
    next_tick: Seconds,
    messages: Family<MessageState, Gauge>,
    oldest_message: Seconds,
    sendings: Family<Sending, Counter>,
    listeners: Family<OfListener, Gauge>,
    spans: Family<SpanFate, Counter>,
    spans_waiting: Gauge,
}

impl Default for Meters {
    fn default() -> Self {
        let mut meters = Self {
            registry: Registry::with_prefix(PREFIX),
            runs_created: Family::default(),
            runs_ended: Family::default(),
            launches: Family::default(),
            attempts_ended: Family::default(),
            alarms: Counter::default(),
            polls: Family::default(),
            tick_lateness: Histogram::new(LATENESS),
            commits: Family::default(),
            refused_writes: Family::default(),
            unwritten: Family::default(),
            commit: Histogram::new(COMMIT),
            lag: Seconds::default(),
            runs: Family::default(),
            task_runs: Family::default(),
            slots: Gauge::default(),
            slots_held: Gauge::default(),
            waiting: Gauge::default(),
            pool_slots: Family::default(),
            pool_slots_held: Family::default(),
            dags: Gauge::default(),
            next_tick: Seconds::default(),
            messages: Family::default(),
            oldest_message: Seconds::default(),
            sendings: Family::default(),
            listeners: Family::default(),
            spans: Family::default(),
            spans_waiting: Gauge::default(),
        };
        meters.register();
        meters
    }
}

impl Meters {
    #[rustfmt::skip]
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("runs_created", "Runs that were made, by DAG and by what made them", self.runs_created.clone());
        all.register("runs_ended", "Rounds of runs that ended, by DAG and ending", self.runs_ended.clone());
        all.register("launches", "Steps of launches: intended, launched, adopted by a search, searching, sent again, trouble",
            self.launches.clone());
        all.register("attempts_ended", "Attempts that ended, by executor, ending and class of failure", self.attempts_ended.clone());
        all.register("alarms", "Times that a person had to act before work could be watched again", self.alarms.clone());
        all.register("polls", "Answers to polls, by executor", self.polls.clone());
        all.register("tick_lateness_seconds", "From a tick of a schedule to its run; caught-up ticks are not among them",
            self.tick_lateness.clone());
        all.register("commits", "Commits, and those that the store refused for then", self.commits.clone());
        all.register("refused_writes", "Writes that the store refused while others of their commit were made, by kind; they are tried again",
            self.refused_writes.clone());
        all.register("unwritten", "What the store refuses to write now, by kind: a tick whose run is refused, or whatever waits with all that belongs to it",
            self.unwritten.clone());
        all.register("commit_seconds", "From a decision to its durability", self.commit.clone());
        all.register("loop_lag_seconds", "How long the last request for these numbers waited for the loop", self.lag.clone());
        all.register("runs", "Live runs, by state", self.runs.clone());
        all.register("task_runs", "Task runs of live runs, by executor and state", self.task_runs.clone());
        all.register("slots", "Attempts that may hold a slot at once", self.slots.clone());
        all.register("slots_held", "Attempts that hold a slot", self.slots_held.clone());
        all.register("task_runs_in_line", "Task runs that wait for a slot or a pool", self.waiting.clone());
        all.register("pool_slots", "The size of a pool", self.pool_slots.clone());
        all.register("pool_slots_held", "How much of a pool is held", self.pool_slots_held.clone());
        all.register("dags", "DAGs that are known", self.dags.clone());
        all.register("next_tick_timestamp_seconds", "The next tick of any schedule, in seconds since 1970; 0: none",
            self.next_tick.clone());
        all.register("messages", "Messages that are to be delivered, by state", self.messages.clone());
        all.register("oldest_message_seconds", "The age of the oldest message that is to be delivered; 0: there is none",
            self.oldest_message.clone());
        all.register("sendings", "Sendings of messages: delivered, failed for now, given up", self.sendings.clone());
        all.register("listeners", "Channels that a connection listens to, by whether it hears or the timer alone looks",
            self.listeners.clone());
        all.register("spans", "Spans of traces: exported, refused by the receiver, lost", self.spans.clone());
        all.register("spans_waiting", "Spans that are to be exported", self.spans_waiting.clone());
    }

    /// All of them, to be written in the format of whoever asks.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A commit took so long and is durable.
    pub(crate) fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
        self.commits
            .get_or_create(&Written { outcome: "durable" })
            .inc();
    }

    /// A commit left nothing, and is tried again.
    pub(crate) fn refused(&self) {
        self.commits
            .get_or_create(&Written { outcome: "refused" })
            .inc();
    }

    /// How many writes of a kind the store has refused while others of their commit were made.
    #[must_use]
    pub fn refused_writes(&self, kind: &'static str) -> u64 {
        let of = RefusedWrite { kind };
        self.refused_writes.get_or_create(&of).get()
    }

    /// What the store refuses to write now, by kind.
    #[must_use]
    pub fn unwritten(&self) -> Vec<(&'static str, u64)> {
        let kinds = [
            "tick",
            "version",
            "dag",
            "dropped_ticks",
            "backfill",
            "message",
            "answer",
        ];
        let count = |kind| {
            let gauge = self.unwritten.get_or_create(&RefusedWrite { kind }).get();
            (kind, gauge.unsigned_abs())
        };
        kinds
            .map(count)
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    /// The store refused one write of a commit.
    pub(crate) fn refused_write(&self, kind: &'static str) {
        self.refused_writes
            .get_or_create(&RefusedWrite { kind })
            .inc();
    }

    /// A poll of one handle was answered.
    pub(crate) fn polled(&self, executor: &'static str, heard: bool) {
        let outcome = if heard { "heard" } else { "failed" };
        self.polls
            .get_or_create(&Polled { executor, outcome })
            .inc();
    }

    /// A message was sent, and that came of it.
    pub(crate) fn sent(&self, outcome: &'static str) {
        self.sendings.get_or_create(&Sending { outcome }).inc();
    }

    /// A step of a run is durable.
    pub(crate) fn step(&self, dag: &Dag, run: &Run, step: &Step) {
        for record in &step.records {
            self.count(dag, run, record);
        }
    }
}
