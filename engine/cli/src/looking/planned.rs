//! The requests of a run that does not exist: prepared by the same desk as those of a real one, over stand-ins for what
//! only the run can know.
//!
//! A stand-in is a plain word, so that executors take it for a value; afterwards it is written as `<run.id>`,
//! `<attempt key>` or `<tasks.NAME.output…>`. Everything is prepared twice, with words that have no letter in common: where
//! the answers differ (an id that was cut or hashed), the value is said to be known only when it runs.
//!
//! Guarantees: with the stand-ins put in, a document is byte for byte what a run stores and sends. Pure.

use chrono::{DateTime, Utc};
use noctule_core::dag::{Dag, TaskIx};
use noctule_core::desk::Desk;
use noctule_core::name::{ProfileName, RunId};
use noctule_core::run::{
    Actor, Intent, NewRun, Port, Previous, Run, TaskRun, TaskRunIx, Trigger, create,
};
use noctule_core::template::{references, references_of_expression};
use noctule_core::trace::traceparent;
use serde_json::{Map, Value};

use super::Given;

/// What stands where a value follows from something that only the run knows.
const LATER: &str = "<known when it runs>";

/// What a task would send.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    /// The task.
    pub(super) task: TaskIx,
    /// The request; or why it cannot be told, or made.
    pub(super) request: Result<Value, Untold>,
    /// The rendered `with` table.
    pub(super) config: Option<Value>,
    /// The connection that it goes through.
    pub(super) connection: Option<String>,
    /// Whether `when` lets it run, where that is known now.
    pub(super) runs: Option<bool>,
}

/// Why there is no request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Untold {
    /// It depends on outputs in a way that no stand-in fits.
    Later(String),
    /// No run could make it.
    Wrong(String),
}

/// The request of every task, each after those it depends on.
pub(super) fn planned(
    dag: &Dag,
    desk: &Desk,
    given: &Given,
    profile: &ProfileName,
    vars: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Vec<Planned> {
    let worlds = [Alphabet(b'g'), Alphabet(b'q')]
        .map(|letters| World::new(letters, dag, desk, given, profile, vars, now));
    let [Some(one), Some(other)] = &worlds else {
        return Vec::new();
    };
    dag.order()
        .iter()
        .filter(|task| !dag.task(**task).is_group())
        .map(|task| compare(one.prepare(desk, *task), other.prepare(desk, *task)))
        .collect()
}

fn compare(one: Planned, other: Planned) -> Planned {
    let request = match (one.request, other.request) {
        (Ok(one), Ok(other)) => Ok(merged(one, other)),
        (one, _) => one,
    };
    let config = one
        .config
        .zip(other.config)
        .map(|(one, other)| merged(one, other));
    Planned {
        request,
        config,
        ..one
    }
}

/// One document of two that differ where a stand-in did not survive.
fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(one), Value::Object(mut other))
            if one.keys().all(|key| other.contains_key(key)) =>
        {
            let merge = |(key, value)| {
                let twin = other.remove(&key).unwrap_or_default();
                (key, merged(value, twin))
            };
            Value::Object(one.into_iter().map(merge).collect())
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => one
            .into_iter()
            .zip(other)
            .map(|(one, other)| merged(one, other))
            .collect(),
        (one, other) if one == other => one,
        _ => Value::from(LATER),
    }
}

/// A run of stand-ins.
struct World {
    dag: Dag,
    run: Run,
    /// Each word, and what it stands for.
    names: Vec<(String, String)>,
    /// Those of them that stand for outputs.
    outputs: Vec<String>,
    now: DateTime<Utc>,
}

/// Ten letters that stand for the digits of a word's number.
#[derive(Clone, Copy)]
struct Alphabet(u8);

impl Alphabet {
    /// A word of the length of a run id.
    fn word(self, number: usize) -> String {
        let digits = format!("{number:036}");
        digits
            .bytes()
            .map(|digit| char::from(self.0 + digit - b'0'))
            .collect()
    }
}

impl World {
    fn new(
        letters: Alphabet,
        dag: &Dag,
        desk: &Desk,
        given: &Given,
        profile: &ProfileName,
        vars: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let id: RunId = letters.word(0).parse().ok()?;
        let mut names = vec![(id.to_string(), "<run.id>".to_owned())];
        let mut definition = dag.definition().clone();
        for task in &mut definition.tasks {
            task.with
                .values_mut()
                .for_each(|value| stand_in(value, letters, &mut names));
        }
        let dag = Dag::new(definition).ok()?;
        let outputs = names.iter().skip(1).map(|(word, _)| word.clone()).collect();
        let new = NewRun {
            id,
            profile: profile.clone(),
            trigger: Trigger::Manual {
                by: Actor {
                    name: "plan".to_owned(),
                    via: "cli".to_owned(),
                },
            },
            ingestion_id: given.ingestion_id.clone(),
            logical_time: given.logical_time,
            params: given.resolved.clone(),
            vars: vars.clone(),
            previous: Previous::default(),
            callback: None,
        };
        let (mut run, _) = create(&dag, new, now);
        // A task in a group has no task run before its list is known; one stands in for all of its items.
        let inner = dag.tasks().skip(run.tasks.len());
        run.tasks.extend(inner.map(TaskRun::new));
        for task in dag.tasks() {
            let key = desk.key(&dag, &run, TaskRunIx(task.0), 1);
            let trace = traceparent(&run.facts.id, &key);
            names.push((key.to_string(), "<attempt key>".to_owned()));
            names.push((trace, "<traceparent>".to_owned()));
        }
        Some(Self {
            outputs,
            dag,
            run,
            names,
            now,
        })
    }

    fn prepare(&self, desk: &Desk, task: TaskIx) -> Planned {
        let ix = TaskRunIx(task.0);
        let key = desk.key(&self.dag, &self.run, ix, 1);
        let intent = Intent {
            task: ix,
            number: 1,
            key: &key,
            at: self.now,
        };
        let runs = self.judged(desk, task);
        match desk.prepare(&self.dag, &self.run, &intent) {
            Ok(prepared) => Planned {
                task,
                request: Ok(self.named(prepared.request.0)),
                config: Some(self.named(prepared.config)),
                connection: prepared.connection,
                runs,
            },
            Err(why) => {
                let why = self.named_text(&why);
                let untold = if self.stands_in(task) {
                    Untold::Later(why)
                } else {
                    Untold::Wrong(why)
                };
                Planned {
                    task,
                    request: Err(untold),
                    config: None,
                    connection: None,
                    runs,
                }
            }
        }
    }

    /// `when`, where it names nothing that only the run knows.
    fn judged(&self, desk: &Desk, task: TaskIx) -> Option<bool> {
        let when = self.dag.task(task).when.as_ref()?;
        let known = references_of_expression(when).is_ok_and(|names| names.tasks.is_empty())
            && !when.contains("previous");
        known
            .then(|| {
                desk.holds(&self.dag, &self.run, TaskRunIx(task.0), when, None)
                    .ok()
            })
            .flatten()
    }

    fn stands_in(&self, task: TaskIx) -> bool {
        let with = Value::Object(self.dag.task(task).with.clone()).to_string();
        self.outputs.iter().any(|word| with.contains(word.as_str()))
    }

    fn named(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.named_text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.named(item)).collect(),
            Value::Object(table) => Value::Object(
                table
                    .into_iter()
                    .map(|(key, value)| (self.named_text(&key), self.named(value)))
                    .collect(),
            ),
            other => other,
        }
    }

    fn named_text(&self, text: &str) -> String {
        let mut named = text.to_owned();
        for (word, name) in &self.names {
            if named.contains(word.as_str()) {
                named = named.replace(word.as_str(), name);
            }
        }
        named
    }
}

/// Writes a word for each expression over what only the run knows.
fn stand_in(value: &mut Value, letters: Alphabet, names: &mut Vec<(String, String)>) {
    match value {
        // What names `answer` is filled in by the executor for each poll, and stays as it is.
        Value::String(text) if references(text).is_ok_and(|names| !names.answer) => {
            *text = replaced(text, letters, names);
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| stand_in(item, letters, names)),
        Value::Object(table) => table
            .values_mut()
            .for_each(|value| stand_in(value, letters, names)),
        _ => {}
    }
}

fn replaced(text: &str, letters: Alphabet, names: &mut Vec<(String, String)>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let Some(length) = template_length(from) else {
            break;
        };
        let (template, after) = from.split_at(length);
        if is_known_later(template) {
            let expression = template
                .trim_start_matches('{')
                .trim_end_matches('}')
                .trim();
            let stand_in = letters.word(names.len());
            names.push((stand_in.clone(), format!("<{expression}>")));
            out.push_str(&stand_in);
        } else {
            out.push_str(template);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The bytes up to the `}}` that ends the template at the start of a text: the first with which it can be read.
fn template_length(from: &str) -> Option<usize> {
    let ends = from.match_indices("}}").map(|(at, _)| at + 2);
    ends.take(64).find(|end| references(&from[..*end]).is_ok())
}

fn is_known_later(template: &str) -> bool {
    let tasks = references(template).is_ok_and(|names| !names.tasks.is_empty());
    let item = template.contains("item") || template.contains("map_key");
    tasks || item || template.contains("run.previous")
}
