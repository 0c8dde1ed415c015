//! Everything that exists: jobs, executions, operations, logs and the record of requests.
//!
//! Its methods are the calls of the API as changes of this state; none of them waits, so each is
//! atomic under the one lock around it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::{
    ExecutionView, JobConfig, JobScript, RecordedRequest, State,
    execution::Execution,
    job::Job,
    log_entry::LogBook,
    name::{ExecutionName, JobName, Place, random_suffix},
    operation::{Operation, Subject, any},
    overrides::Plan,
    refusal::Refusal,
    schema_read::Message,
    script::Work,
};

/// When lists show new executions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum ListLag {
    #[default]
    None,
    After(Duration),
    /// Executions from this sequence number on stay hidden.
    HeldFrom(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Cloud {
    pub(crate) scripts: BTreeMap<String, JobScript>,
    pub(crate) jobs: BTreeMap<JobName, Job>,
    /// Configured jobs that somebody deleted.
    gone: BTreeSet<JobName>,
    pub(crate) executions: BTreeMap<u64, Execution>,
    numbers: HashMap<ExecutionName, u64>,
    pub(crate) operations: BTreeMap<u64, Operation>,
    pub(crate) logs: LogBook,
    /// By full name (`projects/P/secrets/S`), or by the short one in every project.
    pub(crate) secrets: BTreeMap<String, SecretString>,
    pub(crate) record: Vec<Arc<RecordedRequest>>,
    pub(crate) list_lag: ListLag,
    next: u64,
}

impl Cloud {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn state(&self) -> State {
        State {
            requests: self.record.clone(),
            executions: self.executions.values().map(ExecutionView::of).collect(),
        }
    }

    pub(crate) fn script(&self, job: &str) -> JobScript {
        self.scripts
            .get(job)
            .cloned()
            .unwrap_or_else(|| JobScript::command(JobConfig::default()))
    }

    /// Brings the configured jobs to a place that is asked for the first time.
    pub(crate) fn settle(&mut self, place: &Place, now: DateTime<Utc>) {
        for (id, script) in &self.scripts {
            let name = JobName {
                place: place.clone(),
                job: id.clone(),
            };
            if !self.jobs.contains_key(&name) && !self.gone.contains(&name) {
                self.jobs
                    .insert(name.clone(), Job::configured(name, &script.config, now));
            }
        }
    }

    pub(crate) fn job(&mut self, name: &JobName, now: DateTime<Utc>) -> Result<&mut Job, Refusal> {
        self.settle(&name.place, now);
        self.jobs
            .get_mut(name)
            .ok_or_else(|| missing("JOB", &name.job, &name.place))
    }

    pub(crate) fn show_job(&self, job: &Job) -> Value {
        let latest = job
            .latest
            .as_ref()
            .and_then(|name| self.execution(name).ok());
        job.render(latest)
    }

    pub(crate) fn remove_job(&mut self, name: &JobName) {
        let theirs = self
            .executions
            .values()
            .filter(|execution| execution.name.job == *name);
        for execution in theirs
            .map(|execution| execution.name.clone())
            .collect::<Vec<_>>()
        {
            self.remove_execution(&execution);
        }
        self.jobs.remove(name);
        self.gone.insert(name.clone());
    }

    pub(crate) fn execution(&self, name: &ExecutionName) -> Result<&Execution, Refusal> {
        let found = self
            .numbers
            .get(name)
            .and_then(|number| self.executions.get(number));
        found.ok_or_else(|| missing("EXECUTION", &name.execution, name.place()))
    }

    pub(crate) fn execution_mut(
        &mut self,
        name: &ExecutionName,
    ) -> Result<&mut Execution, Refusal> {
        let found = self
            .numbers
            .get(name)
            .and_then(|number| self.executions.get_mut(number));
        found.ok_or_else(|| missing("EXECUTION", &name.execution, name.place()))
    }

    /// The execution a person means by a short or a full name.
    pub(crate) fn named(&self, name: &str) -> Option<&Execution> {
        self.executions
            .values()
            .find(|execution| execution.name.answers_to(name))
    }

    /// Forgets an execution; its containers are told to end.
    pub(crate) fn remove_execution(&mut self, name: &ExecutionName) -> Option<Execution> {
        let number = self.numbers.remove(name)?;
        let mut execution = self.executions.remove(&number)?;
        execution.cancel(execution.created);
        Some(execution)
    }

    /// A new execution of a job, named by `token` or by chance.
    pub(crate) fn add_execution(
        &mut self,
        job: &JobName,
        plan: Plan,
        token: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<ExecutionName, Refusal> {
        let id = match token {
            Some(token) => format!("{}-{token}", job.job),
            None => format!("{}-{}", job.job, random_suffix()),
        };
        let name = ExecutionName {
            job: job.clone(),
            execution: id,
        };
        if self.numbers.contains_key(&name) {
            return Err(Refusal::already_exists(format!(
                "Resource '{}' already exists.",
                name.execution
            )));
        }
        let scripted = self.script(&job.job).work != Work::Command;
        let number = self.number();
        let execution = Execution::new(name.clone(), plan, number, scripted, now);
        self.executions.insert(number, execution);
        self.numbers.insert(name.clone(), number);
        let job = self.job(job, now)?;
        job.executions += 1;
        job.latest = Some(name.clone());
        Ok(name)
    }

    /// The executions of a job (`-`: of all jobs there) that lists already show, newest first.
    pub(crate) fn listed<'a>(
        &'a self,
        job: &'a JobName,
    ) -> impl Iterator<Item = (u64, &'a Execution)> {
        let theirs = |execution: &Execution| {
            execution.name.place() == &job.place && (job.job == "-" || execution.name.job == *job)
        };
        let newest_first = self
            .executions
            .iter()
            .rev()
            .map(|(number, execution)| (*number, execution));
        newest_first.filter(move |(_, execution)| theirs(execution) && self.is_visible(execution))
    }

    fn is_visible(&self, execution: &Execution) -> bool {
        match self.list_lag {
            ListLag::None => true,
            ListLag::After(lag) => execution.born.elapsed() >= lag,
            ListLag::HeldFrom(first) => execution.sequence < first,
        }
    }

    pub(crate) fn hold_lists(&mut self) {
        self.list_lag = ListLag::HeldFrom(self.next + 1);
    }

    /// A new operation; the answer is how it looks now.
    pub(crate) fn add_operation(&mut self, place: &Place, subject: Subject) -> Value {
        let sequence = self.number();
        let name = format!("{place}/operations/{}", uuid::Uuid::new_v4());
        let operation = Operation {
            name,
            place: place.clone(),
            sequence,
            subject,
        };
        let shown = self.show_operation(&operation).unwrap_or_default();
        self.operations.insert(sequence, operation);
        shown
    }

    pub(crate) fn follow(&mut self, name: &ExecutionName) -> Value {
        self.add_operation(name.place(), Subject::Execution(name.clone()))
    }

    pub(crate) fn done(&mut self, place: &Place, kind: &str, resource: Value) -> Value {
        self.add_operation(place, Subject::Done(any(kind, resource)))
    }

    pub(crate) fn show_operation(&self, operation: &Operation) -> Option<Value> {
        match &operation.subject {
            Subject::Execution(name) => operation.render(self.execution(name).ok()),
            Subject::Done(_) => operation.render(None),
        }
    }

    pub(crate) fn operation(&self, name: &str) -> Result<Value, Refusal> {
        let found = self
            .operations
            .values()
            .find(|operation| operation.name == name);
        let shown = found.and_then(|operation| self.show_operation(operation));
        shown.ok_or_else(|| Refusal::not_found(format!("Operation '{name}' was not found.")))
    }
}

/// Google's words for something that is not there.
pub(crate) fn missing(kind: &str, id: &str, place: &Place) -> Refusal {
    let Place { project, location } = place;
    Refusal::not_found(format!(
        "Resource '{id}' of kind '{kind}' in region '{location}' in project '{project}' does not exist."
    ))
}

/// Refuses a request made for another version of the resource.
pub(crate) fn check_etag(given: &Message, actual: &str) -> Result<(), Refusal> {
    match given.get("etag").and_then(Value::as_str) {
        Some(etag) if etag != actual => Err(Refusal::aborted(format!(
            "Conflict for resource: version '{etag}' was specified but current version is '{actual}'."
        ))),
        _ => Ok(()),
    }
}
