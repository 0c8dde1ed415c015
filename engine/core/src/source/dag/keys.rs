//! The keys of DAG files, for the tables that are checked before anybody reads them, and for the schema.

/// The keys of a DAG file.
pub(in super::super) const DAG_KEYS: [&str; 17] = [
    "id",
    "description",
    "owner",
    "tags",
    "timeout",
    "max_active_runs",
    "notify",
    "must_end_by",
    "timezone",
    "schedule",
    "ingestion",
    "params",
    "defaults",
    "tasks",
    "groups",
    "instances",
    "trigger",
];

/// The keys of a task.
pub(in super::super) const TASK_KEYS: [&str; 25] = [
    "executor",
    "template",
    "depends_on",
    "wait",
    "timeout",
    "total_timeout",
    "start_timeout",
    "poll_interval",
    "retries",
    "trigger_rule",
    "may_fail",
    "pool",
    "priority",
    "when",
    "success",
    "skip_when",
    "on_unknown",
    "expose_secrets",
    "with",
    "map",
    "map_key",
    "max_parallel",
    "min_success",
    "hold_until",
    "notify",
];

/// The keys of a group, for the test that the schema knows them.
#[cfg(test)]
pub(in super::super) const GROUP_KEYS: [&str; 8] = [
    "tasks",
    "depends_on",
    "map",
    "map_key",
    "max_parallel",
    "min_success",
    "trigger_rule",
    "when",
];

/// The keys that belong to one task or DAG alone and cannot be a default.
pub(super) const OWN_TASK_KEYS: [&str; 3] = ["depends_on", "map", "map_key"];

/// The keys that belong to one file alone.
pub(super) const OWN_DAG_KEYS: [&str; 4] = ["id", "tasks", "groups", "instances"];
