//! The executors and event sources that a DAG file may name: those of this program, compiled once, and those that are
//! only known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jsonschema::Validator;
use noctule_executor::{AnyEventSource, AnyExecutor, Registry};
use serde_json::Value;

use super::super::diagnostic::shown;
use super::super::report::{Note, Place, Report};
use super::super::suggest;

/// Executors of the contract that this version may not hold, and the kind of connection that each uses.
const NAMED: [(&str, Option<&str>); 8] = [
    ("process", None),
    ("http", Some("http")),
    ("cloud_run", Some("google")),
    ("fargate", Some("aws")),
    ("postgres_step", Some("postgres")),
    ("sql", Some("postgres")),
    ("sql_sensor", Some("postgres")),
    ("object_sensor", None),
];

/// Event sources of the contract that this version may not hold, and the kind of connection that each uses.
const NAMED_SOURCES: [(&str, Option<&str>); 1] = [("postgres", Some("postgres"))];

/// The form of a table.
pub(super) struct Form {
    pub(super) schema: Value,
    /// Absent where the schema is no schema.
    pub(super) validator: Option<Validator>,
}

impl Form {
    fn of(schema: Value) -> Self {
        let validator = jsonschema::validator_for(&schema).ok();
        Self { schema, validator }
    }
}

/// One executor, ready to check.
pub(super) struct Compiled {
    pub(super) executor: Arc<dyn AnyExecutor>,
    pub(super) form: Form,
}

/// One event source, ready to check.
pub(super) struct CompiledSource {
    pub(super) source: Arc<dyn AnyEventSource>,
    pub(super) form: Form,
}

/// Every executor that a task may name.
pub(in super::super) struct Executors {
    built: HashMap<&'static str, Compiled>,
    kinds: Vec<String>,
    outside: Vec<String>,
    sources: BTreeMap<&'static str, CompiledSource>,
}

/// What a name stands for.
pub(super) enum Found<'e> {
    Built(&'e Compiled),
    /// Known, and not in this program.
    NotYet,
    Unknown,
}

impl Executors {
    /// Compiles the schema of each executor.
    pub(in super::super) fn new(registry: &Registry) -> Self {
        let compile = |executor: &Arc<dyn AnyExecutor>| {
            let form = Form::of(executor.config_schema());
            let executor = Arc::clone(executor);
            (executor.kind(), Compiled { executor, form })
        };
        let compile_source = |source: &Arc<dyn AnyEventSource>| {
            let form = Form::of(source.config_schema());
            let source = Arc::clone(source);
            (source.kind(), CompiledSource { source, form })
        };
        let built: HashMap<_, _> = registry.iter().map(compile).collect();
        let named = NAMED
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| registry.get(name).is_none());
        let kinds = registry.kinds().chain(named).map(str::to_owned).collect();
        Self {
            built,
            kinds,
            outside: Vec::new(),
            sources: registry.sources().map(compile_source).collect(),
        }
    }

    /// The same with the executors out of process that the project names.
    pub(in super::super) fn with_outside<'n>(
        mut self,
        names: impl Iterator<Item = &'n String>,
    ) -> Self {
        self.outside = names.cloned().collect();
        self.kinds.extend(
            self.outside
                .iter()
                .filter(|name| !self.built.contains_key(name.as_str()))
                .cloned()
                .collect::<Vec<_>>(),
        );
        self
    }

    pub(super) fn find(&self, name: &str) -> Found<'_> {
        match self.built.get(name) {
            Some(compiled) => Found::Built(compiled),
            None if self.is_known(name) => Found::NotYet,
            None => Found::Unknown,
        }
    }

    pub(super) fn is_known(&self, name: &str) -> bool {
        self.kinds.iter().any(|kind| kind == name)
    }

    /// The kind of connection of an executor.
    pub(super) fn connection_kind(&self, name: &str) -> Option<&'static str> {
        match self.built.get(name) {
            Some(compiled) => compiled.executor.connection_kind(),
            None => NAMED
                .iter()
                .find(|(known, _)| *known == name)
                .and_then(|(_, kind)| *kind),
        }
    }

    /// An event source of this program.
    pub(super) fn source(&self, kind: &str) -> Option<&CompiledSource> {
        self.sources.get(kind)
    }

    /// Every event source that a trigger may name.
    pub(in super::super) fn source_kinds(&self) -> BTreeSet<&str> {
        let named = NAMED_SOURCES.iter().map(|(kind, _)| *kind);
        self.sources.keys().copied().chain(named).collect()
    }

    /// The kind of connection of an event source.
    pub(super) fn source_connection_kind(&self, kind: &str) -> Option<&'static str> {
        match self.sources.get(kind) {
            Some(compiled) => compiled.source.connection_kind(),
            None => NAMED_SOURCES
                .iter()
                .find(|(known, _)| *known == kind)
                .and_then(|(_, kind)| *kind),
        }
    }

    /// Every name that a task may give.
    pub(in super::super) fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(String::as_str)
    }

    pub(super) fn report_unknown(&self, report: &Report<'_>, name: &str, place: Place) {
        let known = self.kinds.iter().map(String::as_str);
        let guess = report.did_you_mean(name, known.clone());
        let note = Note::error(
            "unknown_executor",
            place,
            format!("there is no executor `{}`{guess}", shown(name)),
        );
        report.say(note.maybe_help(suggest::known("known are", known)));
    }
}
