//! From a root along names to a value: the only way from an expression to the facts of a run.
//!
//! Guarantees: roots and their fields are fixed names. Never: a computed field of a root, a method, a private name.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use minijinja::machinery::ast::Expr;
use serde_json::Value;

use super::error::Fault;
use super::found::{Found, Key, child};
use super::scope::{RunScope, Scope};

/// Where a chain of names has led so far.
pub(super) enum Place<'a> {
    /// A root whose fields are fixed.
    Root(Root),
    /// `run.previous` or `run.previous_success`, with its time.
    Earlier(&'static str, Option<DateTime<Utc>>),
    /// `tasks.NAME`.
    Task(Cow<'a, str>),
    /// Data: every field is allowed, and may be missing.
    Data(Found<'a>),
}

/// A root whose fields are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Run,
    Dag,
    Task,
    Params,
    Vars,
    Tasks,
}

impl Root {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Dag => "dag",
            Self::Task => "task",
            Self::Params => "params",
            Self::Vars => "vars",
            Self::Tasks => "tasks",
        }
    }
}

/// The root of a name.
pub(super) fn root<'a>(scope: &'a Scope<'a>, name: &str) -> Result<Place<'a>, Fault> {
    let root = match name {
        "run" => scope.run.map(|_| Root::Run),
        "dag" => scope.dag.map(|_| Root::Dag),
        "task" => scope.task.map(|_| Root::Task),
        "params" => scope.params.map(|_| Root::Params),
        "vars" => scope.vars.map(|_| Root::Vars),
        "tasks" => scope.outputs.map(|_| Root::Tasks),
        _ => return data(scope, name),
    };
    root.map(Place::Root)
        .ok_or_else(|| Fault::Unknown(name.to_owned()))
}

fn data<'a>(scope: &'a Scope<'a>, name: &str) -> Result<Place<'a>, Fault> {
    let value = match name {
        "item" => scope.item,
        "output" => scope.output,
        "answer" => scope.answer,
        _ => None,
    };
    let value = value.ok_or_else(|| Fault::Unknown(name.to_owned()))?;
    Ok(Place::Data(Found::borrowed(value)))
}

/// One step further; `expr` is the expression that takes it.
pub(super) fn step<'a>(
    scope: &'a Scope<'a>,
    place: Place<'a>,
    key: Key<'a>,
    expr: &'a Expr<'a>,
) -> Result<Place<'a>, Fault> {
    match (place, key) {
        (Place::Data(Found::Missing(first)), _) => Ok(Place::Data(Found::Missing(first))),
        (Place::Data(Found::Value(value)), key) => Ok(Place::Data(
            child(value, &key).map_or(Found::Missing(expr), Found::Value),
        )),
        (Place::Root(root), Key::Name(name)) => field(scope, root, name),
        (Place::Earlier(_, time), Key::Name(name)) if name == "logical_time" => Ok(instant(time)),
        (Place::Earlier(root, _), key) => Err(unknown(&format!("run.{root}"), &key)),
        (Place::Task(task), Key::Name(name)) if name == "output" => {
            Ok(Place::Data(output(scope, &task)))
        }
        (Place::Task(task), key) => Err(unknown(&format!("tasks.{task}"), &key)),
        (Place::Root(root), key) => Err(unknown(root.name(), &key)),
    }
}

fn unknown(root: &str, key: &Key<'_>) -> Fault {
    match key {
        Key::Name(name) => Fault::Unknown(format!("{root}.{name}")),
        Key::Index(index) => Fault::Unknown(format!("{root}[{index}]")),
    }
}

fn output<'a>(scope: &'a Scope<'a>, task: &str) -> Found<'a> {
    let output = scope.outputs.and_then(|outputs| outputs.output(task));
    output.map_or_else(|| Found::made(Value::Null), Found::Value)
}

fn field<'a>(scope: &'a Scope<'a>, root: Root, name: Cow<'a, str>) -> Result<Place<'a>, Fault> {
    let found = match root {
        Root::Tasks => return Ok(Place::Task(name)),
        Root::Run => return run(scope.run, &name),
        // A declared parameter without a value is none; undeclared ones were refused with the file.
        Root::Params => Some(
            scope
                .params
                .and_then(|params| params.get(name.as_ref()))
                .map_or_else(|| Found::made(Value::Null), Found::borrowed),
        ),
        Root::Vars => scope
            .vars
            .and_then(|vars| vars.get(name.as_ref()))
            .map(Found::borrowed),
        Root::Dag => dag(scope, &name),
        Root::Task => task(scope, &name),
    };
    found.map(Place::Data).ok_or_else(|| {
        let key = Key::Name(name);
        unknown(root.name(), &key)
    })
}

fn run<'a>(run: Option<&'a RunScope>, name: &str) -> Result<Place<'a>, Fault> {
    let unknown = || Fault::Unknown(format!("run.{name}"));
    let run = run.ok_or_else(unknown)?;
    let text = match name {
        "id" => Some(run.id.as_str()),
        "ingestion_id" => run.ingestion_id.as_deref(),
        "trigger" => Some(run.trigger.as_str()),
        "timezone" => Some(run.timezone.as_str()),
        "profile" => Some(run.profile.as_str()),
        "url" => run.url.as_deref(),
        "logical_time" => return Ok(instant(Some(run.logical_time))),
        "previous" => return Ok(Place::Earlier("previous", run.previous)),
        "previous_success" => return Ok(Place::Earlier("previous_success", run.previous_success)),
        _ => return Err(unknown()),
    };
    Ok(Place::Data(Found::text(text)))
}

fn instant<'a>(time: Option<DateTime<Utc>>) -> Place<'a> {
    let text = time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    Place::Data(Found::text(text.as_deref()))
}

fn dag<'a>(scope: &'a Scope<'a>, name: &str) -> Option<Found<'a>> {
    let dag = scope.dag?;
    match name {
        "id" => Some(Found::made(dag.id.as_str())),
        "tags" => Some(Found::made(dag.tags.clone())),
        _ => None,
    }
}

fn task<'a>(scope: &'a Scope<'a>, name: &str) -> Option<Found<'a>> {
    let task = scope.task?;
    match name {
        "name" => Some(Found::made(task.name.as_str())),
        "map_key" => Some(Found::text(task.map_key.as_deref())),
        "attempt" => Some(Found::made(task.attempt)),
        _ => None,
    }
}
