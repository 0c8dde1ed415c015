//! A DAG as it was read: everything resolved (defaults, task templates, instances), nothing rendered.
//!
//! This is what a run is pinned to: its canonical JSON is stored, its hash names the version, and a run keeps the
//! version it began with. It says what to do and never how a run stands.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, Utc};
use noctule_executor::{ErrorClass, Wait};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::mapping::{GROUP, HoldUntil, MapRule};
use super::pool::PoolUse;
use super::trigger::TriggerTable;
use crate::name::{DagHash, DagId, TaskName};
pub use crate::ticks::{DstFold as FoldRule, DstGap as GapRule};
use crate::word::Rule;

/// One DAG, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The id.
    pub id: DagId,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The deadline of a run, from its start.
    #[serde(with = "crate::millis::optional")]
    pub timeout: Option<Duration>,
    /// How many runs may be under way at once.
    pub max_active_runs: u32,
    /// Who is told of its runs. Left out where nobody is, so that versions of before keep their hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Rule>,
    /// The time of day, in the schedule's zone, after which the run of a tick is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_end_by: Option<NaiveTime>,
    /// When it runs by itself.
    pub schedule: Option<ScheduleRule>,
    /// The events that make runs. Left out where there are none, so that versions of before keep their hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerTable>,
    /// How runs get their ingestion id; absent: from the schedule's own ticks.
    pub ingestion: Option<IngestionTable>,
    /// The parameters of a run.
    pub params: BTreeMap<String, Param>,
    /// The tasks and groups, in the order of the file; after them the tasks that stand in groups.
    pub tasks: Vec<TaskDefinition>,
    /// Keys that a run would need and that are not built yet; a run is refused while any stands here.
    pub not_yet: Vec<String>,
}

impl Definition {
    /// The canonical bytes: compact JSON with a fixed order of keys.
    #[must_use]
    pub fn canonical(&self) -> String {
        serde_json::to_value(self).unwrap_or_default().to_string()
    }

    /// The content hash of the canonical bytes.
    #[must_use]
    pub fn hash(&self) -> DagHash {
        DagHash::of(self.canonical().as_bytes())
    }
}

/// `[schedule]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRule {
    /// Cron expressions, as written.
    pub cron: Vec<String>,
    /// IANA zone.
    pub timezone: String,
    /// `false` beats everything.
    pub enabled: bool,
    /// No ticks before.
    pub start: Option<DateTime<Utc>>,
    /// No ticks after.
    pub end: Option<DateTime<Utc>>,
    /// Which ticks missed while no engine ran get a run.
    pub catchup: Catchup,
    /// Older missed ticks are dropped.
    #[serde(with = "crate::millis::optional")]
    pub catchup_window: Option<Duration>,
    /// What a tick does at `max_active_runs`.
    pub overlap: Overlap,
    /// Queued ticks; further ones are dropped.
    pub max_queued: u32,
    /// A local time that does not exist.
    pub dst_gap: GapRule,
    /// A local time that exists twice.
    pub dst_fold: FoldRule,
}

/// Which ticks missed while no engine ran get a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Catchup {
    /// None.
    None,
    /// The latest.
    Latest,
    /// All.
    All,
}

/// What a tick does when `max_active_runs` are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It waits.
    Queue,
    /// It is dropped.
    Skip,
    /// The running ones are cancelled.
    CancelRunning,
}

/// `[ingestion]`, as written and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngestionTable {
    /// `HH` or `HH:MM`, UTC.
    pub transform_schedule: Vec<String>,
    /// Cron numbering, 0 and 7 are Sunday.
    pub day_of_week: String,
    /// 8 or 14.
    pub digits: u8,
    /// Where the weekday is judged.
    pub timezone: String,
    /// Silences the remark about ids that are not their tick.
    pub allow_lag: bool,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// What it is for.
    pub description: Option<String>,
    /// Its value when none is given.
    pub default: Option<Value>,
    /// It may be absent, and is none then.
    pub optional: bool,
    /// A regular expression that the whole text must match.
    pub pattern: Option<String>,
    /// The values that are allowed.
    pub choices: Option<Vec<Value>>,
    /// The least number.
    pub minimum: Option<f64>,
    /// The greatest number.
    pub maximum: Option<f64>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `YYYY-MM-DD`.
    Date,
    /// A list.
    List,
    /// An object.
    Object,
}

/// One task, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// Its name.
    pub name: TaskName,
    /// The kind of its executor.
    pub executor: String,
    /// The tasks it depends on.
    pub depends_on: Vec<TaskName>,
    /// How it waits; resolved from the executor's default where the file says nothing.
    pub wait: Wait,
    /// The executor's own table, templates unrendered.
    pub with: Map<String, Value>,
    /// The deadline of one attempt, from its committed intent.
    #[serde(with = "crate::millis::optional")]
    pub timeout: Option<Duration>,
    /// The deadline of all attempts with their pauses.
    #[serde(with = "crate::millis::optional")]
    pub total_timeout: Option<Duration>,
    /// The work must have begun by then.
    #[serde(with = "crate::millis::optional")]
    pub start_timeout: Option<Duration>,
    /// How often a `poll` wait asks.
    #[serde(with = "crate::millis")]
    pub poll_interval: Duration,
    /// Extra tries.
    pub retries: Retries,
    /// What lets it start.
    pub trigger_rule: TriggerRule,
    /// Its failure does not fail the run.
    pub may_fail: bool,
    /// Higher goes first.
    pub priority: i64,
    /// False: it is skipped.
    pub when: Option<String>,
    /// Judged on the output of a success; false: it failed.
    pub success: Option<String>,
    /// Judged on any output, before `success`; true: it is skipped.
    pub skip_when: Option<String>,
    /// What to do when nobody can tell whether the work was started.
    pub on_unknown: OnUnknown,
    /// Secrets may be shown by the backend.
    pub expose_secrets: bool,
    /// One task run for each item of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapRule>,
    /// The group that it stands in; its name and its dependencies are `group.task` then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<TaskName>,
    /// Its work stays for others to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<HoldUntil>,
    /// What it holds of a pool while it is under way. Left out at its default, so that versions of before keep their hash.
    #[serde(default, skip_serializing_if = "PoolUse::is_default")]
    pub pool: PoolUse,
    /// Who is told of its ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Rule>,
}

impl TaskDefinition {
    /// Whether this is a group: no work of its own, but tasks that each item walks.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.executor == GROUP
    }
}

/// `retries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retries {
    /// Extra tries after the first.
    pub max: u32,
    /// The first pause.
    #[serde(with = "crate::millis")]
    pub delay: Duration,
    /// Each pause is this times the one before.
    pub backoff: f64,
    /// The longest pause.
    #[serde(with = "crate::millis")]
    pub max_delay: Duration,
    /// The classes that are tried again.
    pub on: Vec<ErrorClass>,
}

impl Retries {
    /// The classes that are tried again when the file names none.
    pub const DEFAULT_ON: [ErrorClass; 5] = [
        ErrorClass::Infrastructure,
        ErrorClass::Throttled,
        ErrorClass::NeverStarted,
        ErrorClass::User,
        ErrorClass::TimedOut,
    ];
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            max: 0,
            delay: Duration::from_secs(10),
            backoff: 2.0,
            max_delay: Duration::from_secs(600),
            on: Self::DEFAULT_ON.to_vec(),
        }
    }
}

/// `trigger_rule`: what lets a task start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// All good.
    #[default]
    AllSuccess,
    /// None bad, skipped ones allowed.
    NoneFailed,
    /// None bad and one good.
    NoneFailedMinOneSuccess,
    /// All ended, however.
    AllDone,
    /// As soon as one is good.
    OneSuccess,
    /// As soon as one is bad.
    OneFailed,
    /// All bad.
    AllFailed,
}

/// `on_unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// The attempt fails as `unknown`.
    #[default]
    Fail,
    /// A new attempt is made.
    Retry,
}
