//! One task: its keys, its `with` table, and the node that it is in the graph.

use noctule_executor::{Draft, Wait};
use serde_json::{Map, Value};
use std::time::Duration;

use super::super::diagnostic::shown;
use super::super::fields::Fields;
use super::super::report::{Note, Place};
use super::super::tree::{Entry, Item, Node, Table};
use super::executors::Found;
use super::judge::Whose;
use super::names::{Mention, Names};
use super::nodes::{Vertex, read_edges, read_name};
use super::shape::Surroundings;
use super::with::With;
use super::{World, connections, expansion, layers, limits, notify, pool, retries, secrets};
use crate::dag::{HoldUntil, OnUnknown, TaskDefinition, TriggerRule};
use crate::name::TaskName;
use crate::template::Site;

/// How often a `poll` wait asks where the file says nothing.
const POLL_INTERVAL: Duration = Duration::from_secs(15);

const WAITS: [(&str, Wait); 3] = [
    ("block", Wait::Block),
    ("poll", Wait::Poll),
    ("detach", Wait::Detach),
];

pub(in super::super) const TRIGGER_RULES: [(&str, TriggerRule); 7] = [
    ("all_success", TriggerRule::AllSuccess),
    ("none_failed", TriggerRule::NoneFailed),
    (
        "none_failed_min_one_success",
        TriggerRule::NoneFailedMinOneSuccess,
    ),
    ("all_done", TriggerRule::AllDone),
    ("one_success", TriggerRule::OneSuccess),
    ("one_failed", TriggerRule::OneFailed),
    ("all_failed", TriggerRule::AllFailed),
];

/// A task as it was read.
pub(super) struct TaskRead {
    pub(super) vertex: Vertex,
    /// Absent where it has no name or no executor; then an error was reported.
    pub(super) definition: Option<TaskDefinition>,
    /// `hold_until` names these.
    pub(super) holders: Vec<super::nodes::Edge>,
    pub(super) not_yet: Vec<String>,
}

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    around: &Surroundings<'_, 'a>,
    names: &Names<'_>,
    entry: &Entry<'a>,
    in_group: bool,
) -> Option<TaskRead> {
    let own = Fields::of_entry(world.report, entry)?.table;
    let merged = layers::merged_task(world, around.defaults, own);
    let fields = Fields::new(world.report, &merged, entry.at);
    let name = read_name(world.report, &entry.key, entry.at, "task");
    let mut reading = Reading {
        world,
        around,
        names,
        fields: &fields,
        mentions: Vec::new(),
        not_yet: Vec::new(),
    };
    let map = expansion::read(world, names, &fields, &mut reading.mentions);
    let (hold_until, holders) = reading.hold_until();
    let executor = reading.executor();
    let mut definition = reading.definition(name, executor, map.is_some() || in_group);
    if in_group && map.is_some() {
        fields.bad_value(
            "map",
            "a task in a group has no `map` of its own: groups are not nested",
        );
    }
    if hold_until.is_some() {
        reading.check_hold(executor, definition.as_ref().map(|task| task.wait));
    }
    if let Some(definition) = &mut definition {
        definition.map = map;
        definition.hold_until = hold_until;
    }
    let Reading {
        mentions, not_yet, ..
    } = reading;
    let vertex = Vertex {
        name: entry.key.to_string(),
        at: entry.at,
        depends_on: read_edges(&fields),
        mentions,
    };
    fields.finish("a task");
    Some(TaskRead {
        vertex,
        definition,
        holders,
        not_yet,
    })
}

struct Reading<'r, 'n, 'w, 'a> {
    world: &'r World<'w, 'a>,
    around: &'r Surroundings<'r, 'a>,
    names: &'r Names<'n>,
    fields: &'r Fields<'r, 'a>,
    mentions: Vec<Mention>,
    not_yet: Vec<String>,
}

impl<'r> Reading<'r, '_, '_, '_> {
    fn executor(&self) -> Option<(&'r str, Place)> {
        self.fields.has("template");
        if self.fields.entry("executor").is_none() {
            let note = Note::error(
                "missing_key",
                self.fields.at,
                "a task needs a key `executor`",
            );
            self.world.report.say(
                note.help("in the task, in [defaults], or in the template that it starts from"),
            );
        }
        let words = self.fields.words("executor")?;
        if !self.world.executors.is_known(words.text) {
            self.world
                .executors
                .report_unknown(self.world.report, words.text, words.place);
            return None;
        }
        Some((words.text, words.place))
    }

    fn definition(
        &mut self,
        name: Option<TaskName>,
        executor: Option<(&'r str, Place)>,
        mapped: bool,
    ) -> Option<TaskDefinition> {
        let fields = self.fields;
        let expose_secrets = fields.flag("expose_secrets").unwrap_or(false);
        let (with, default_wait) = self.with(executor, expose_secrets, mapped);
        let wait = fields.choice("wait", &WAITS);
        self.check_wait(executor, wait, &with);
        let depends_on = read_edges(fields)
            .iter()
            .filter_map(|edge| edge.to.parse().ok())
            .collect();
        let (when, success, skip_when) = (
            self.expression("when", Site::Task, mapped),
            self.expression("success", Site::Judgement, mapped),
            self.expression("skip_when", Site::Judgement, mapped),
        );
        let pool = pool::read(self.world, fields);
        let notify = notify::read(self.world, fields, &notify::OF_A_TASK);
        let definition = TaskDefinition {
            executor: executor.map_or("", |(name, _)| name).to_owned(),
            depends_on,
            wait: wait.unwrap_or(default_wait),
            timeout: fields.duration("timeout"),
            total_timeout: fields.duration("total_timeout"),
            start_timeout: fields.duration("start_timeout"),
            poll_interval: fields.duration("poll_interval").unwrap_or(POLL_INTERVAL),
            retries: retries::read(fields),
            trigger_rule: fields
                .choice("trigger_rule", &TRIGGER_RULES)
                .unwrap_or_default(),
            may_fail: fields.flag("may_fail").unwrap_or(false),
            priority: fields.integer("priority").unwrap_or(0),
            when,
            success,
            skip_when,
            on_unknown: fields
                .choice(
                    "on_unknown",
                    &[("fail", OnUnknown::Fail), ("retry", OnUnknown::Retry)],
                )
                .unwrap_or_default(),
            expose_secrets,
            map: None,
            within: None,
            hold_until: None,
            pool,
            notify,
            with,
            name: name?,
        };
        limits::remark(fields, &definition);
        executor.map(|_| definition)
    }

    /// Checks `with`; its JSON, and how such a task waits by default.
    fn with(
        &mut self,
        executor: Option<(&str, Place)>,
        expose: bool,
        mapped: bool,
    ) -> (Map<String, Value>, Wait) {
        let entry = self.fields.entry("with");
        let empty = Item {
            node: Node::Table(Table::default()),
            place: self.fields.at,
        };
        let (item, at) = entry.map_or((&empty, self.fields.at), |entry| (&entry.item, entry.at));
        let Node::Table(table) = &item.node else {
            super::super::fields::wrong_type(self.world.report, "with", item, "table");
            return (Map::new(), Wait::Poll);
        };
        let Some((kind, place)) = executor else {
            return (table.to_json(), Wait::Poll);
        };
        self.names.check_with(
            self.world.report,
            item,
            mapped,
            kind == "http",
            &mut self.mentions,
        );
        let uses = secrets::Uses {
            dag: self.around.dag,
            executor: kind,
            expose,
        };
        secrets::check(self.world, &uses, item, &mut self.not_yet);
        connections::check(self.world, kind, table, place);
        match self.world.executors.find(kind) {
            Found::Built(compiled) => {
                let value = With {
                    report: self.world.report,
                    item,
                    at,
                    whose: Whose::Executor(kind),
                }
                .check(compiled);
                let draft = Draft::new(&value);
                let wait = match compiled.executor.capabilities().default_wait {
                    _ if compiled.executor.attached(&draft) => Wait::Block,
                    // A call that is asked about afterwards is a sensor.
                    Wait::Block if kind == "http" => Wait::Poll,
                    wait => wait,
                };
                (
                    match value {
                        Value::Object(table) => table,
                        _ => Map::new(),
                    },
                    wait,
                )
            }
            Found::NotYet | Found::Unknown => {
                let what =
                    format!("executor `{kind}` is not built yet: runs of this DAG are refused");
                self.world.report.say(Note::remark("not_yet", place, what));
                self.not_yet.push(format!("executor `{kind}`"));
                (table.to_json(), Wait::Poll)
            }
        }
    }

    fn check_wait(
        &self,
        executor: Option<(&str, Place)>,
        wait: Option<Wait>,
        with: &Map<String, Value>,
    ) {
        let (Some((kind, _)), Some(wait)) = (executor, wait) else {
            return;
        };
        let Found::Built(compiled) = self.world.executors.find(kind) else {
            return;
        };
        let place = self.fields.place_of("wait");
        let value = Value::Object(with.clone());
        if wait == Wait::Detach && compiled.executor.attached(&Draft::new(&value)) {
            let message = format!(
                "`wait = \"detach\"`: this `{kind}` task has nothing to leave behind, the engine holds the call itself"
            );
            let help = "use \"block\" or \"poll\", or give the call a way to be asked about, as `with.poll`";
            self.world
                .report
                .say(Note::error("wait", place, message).help(help));
        }
        if wait == Wait::Detach && compiled.executor.capabilities().sensor {
            let message =
                format!("`wait = \"detach\"`: `{kind}` only waits, so nothing would be left of it");
            self.world
                .report
                .say(Note::error("wait", place, message).help("use \"poll\""));
        }
        if wait == Wait::Block && compiled.executor.capabilities().sensor {
            let message =
                format!("`{kind}` only waits, and `wait = \"block\"` holds a slot meanwhile");
            self.world
                .report
                .say(Note::remark("wait", place, message).help("use \"poll\""));
        }
    }

    fn expression(&mut self, key: &'static str, site: Site, mapped: bool) -> Option<String> {
        let words = self.fields.words(key)?;
        if words.text.trim_start().starts_with("{{") {
            let note = Note::error(
                "template",
                words.place,
                format!("`{key}` is an expression: it stands without braces"),
            );
            let inner = words
                .text
                .trim()
                .trim_start_matches("{{")
                .trim_end_matches("}}")
                .trim();
            self.world
                .report
                .say(note.help(format!("write `{key} = \"{}\"`", shown(inner))));
            return None;
        }
        self.names
            .check_expression(self.world.report, words, site, mapped, &mut self.mentions);
        Some(words.text.to_owned())
    }

    /// The tasks that use what this one holds, and where they are named.
    fn hold_until(&self) -> (Option<HoldUntil>, Vec<super::nodes::Edge>) {
        if !self.fields.has("hold_until") {
            return (None, Vec::new());
        }
        if let Some(Entry {
            item:
                Item {
                    node: Node::Text(text),
                    place,
                },
            ..
        }) = self.fields.table.get("hold_until")
        {
            if text != "run" {
                let message = format!(
                    "`hold_until`: expected a list of tasks or \"run\", found `{}`",
                    shown(text)
                );
                self.world
                    .report
                    .say(Note::error("bad_value", *place, message));
            }
            return (Some(HoldUntil::Run), Vec::new());
        }
        let list = self.fields.list("hold_until").unwrap_or_default();
        let edges: Vec<super::nodes::Edge> = list
            .into_iter()
            .map(|words| super::nodes::Edge {
                to: words.text.to_owned(),
                place: words.place,
            })
            .collect();
        let names = edges.iter().filter_map(|edge| edge.to.parse().ok());
        (Some(HoldUntil::Tasks(names.collect())), edges)
    }

    /// Only some executors make work that others can use.
    fn check_hold(&self, executor: Option<(&str, Place)>, wait: Option<Wait>) {
        if wait == Some(Wait::Detach) {
            let message = "`hold_until`: work that is left to itself (`wait = \"detach\"`) is held for nobody";
            self.fields.bad_value("hold_until", message);
        }
        let Some((kind, _)) = executor else { return };
        if let Found::Built(compiled) = self.world.executors.find(kind)
            && !compiled.executor.capabilities().holds
        {
            let message =
                format!("`hold_until`: work of executor `{kind}` cannot be held for others");
            self.fields.bad_value("hold_until", &message);
        }
    }
}
