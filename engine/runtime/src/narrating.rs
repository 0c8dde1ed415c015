//! Log lines of what is durable of runs: one for each thing that people ask about at night, with the same fields on each.
//!
//! Never: tells an output, a parameter or a handle.

use noctule_core::dag::Dag;
use noctule_core::run::{Fact, Record, Run, Step};
use noctule_core::trace::{SpanId, TraceId};
use noctule_executor::ErrorClass;

/// Where an attempt of a run is.
struct At<'a> {
    task: &'a str,
    map_key: Option<&'a str>,
    number: u32,
    key: &'a str,
    executor: &'a str,
    span: SpanId,
}

/// Tells the records of a step.
pub(crate) fn narrate(dag: &Dag, run: &Run, step: &Step) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    for record in &step.records {
        match at(dag, run, record) {
            Some(at) => of_attempt(run, &at, &record.fact),
            None => of_run(run, &record.fact),
        }
    }
}

fn at<'a>(dag: &'a Dag, run: &'a Run, record: &Record) -> Option<At<'a>> {
    let task_run = run.tasks.get(record.task?.index())?;
    let number = record.attempt?;
    let attempt = task_run.attempts.iter().find(|one| one.number == number)?;
    let task = task_run.definition(dag);
    Some(At {
        task: task.name.as_str(),
        map_key: task_run.map_key.as_deref(),
        number,
        key: attempt.key.as_str(),
        executor: &task.executor,
        span: SpanId::of_attempt(&attempt.key),
    })
}

fn of_run(run: &Run, fact: &Fact) {
    let (id, dag, trace_id) = (
        run.facts.id.as_str(),
        run.facts.dag.as_str(),
        TraceId::of(&run.facts.id),
    );
    match fact {
        Fact::RunCreated { trigger } => {
            let ingestion_id = run.facts.ingestion_id.as_str();
            tracing::info!(run = id, dag, ingestion_id, trigger = trigger.word(), %trace_id, "a run was made");
        }
        Fact::RunStarted { round } => {
            tracing::info!(run = id, dag, round, %trace_id, "a run began");
        }
        Fact::RunRetried { by, tasks, .. } => {
            tracing::info!(run = id, dag, tasks, by = by.name, %trace_id, "a run is retried");
        }
        Fact::RunEnded { ending } => {
            tracing::info!(run = id, dag, state = ending.word(), %trace_id, "a run ended");
        }
        _ => {}
    }
}

fn of_attempt(run: &Run, at: &At<'_>, fact: &Fact) {
    macro_rules! told {
        ($what:literal $(, $name:ident = $value:expr)*) => {
            tracing::info!(
                run = run.facts.id.as_str(), dag = run.facts.dag.as_str(), task = at.task, map_key = at.map_key,
                attempt = at.number, key = at.key, executor = at.executor $(, $name = $value)*,
                trace_id = %TraceId::of(&run.facts.id), span_id = %at.span, $what
            )
        };
    }
    match fact {
        Fact::Intended { .. } => told!("an attempt is intended"),
        Fact::Launched { adopted, .. } => told!("its work is known", adopted = *adopted),
        Fact::LaunchTrouble { message, .. } => {
            told!("a launch is tried again", error = message.as_str());
        }
        Fact::Searching { message, .. } => {
            told!("its work is searched for", error = message.as_str());
        }
        Fact::Alarm { message } => told!("somebody must act", error = message.as_str()),
        Fact::AttemptEnded {
            state,
            class,
            message,
        } => {
            told!(
                "an attempt ended",
                state = state.as_str(),
                class = class.map(ErrorClass::as_str),
                error = message.as_deref()
            );
        }
        _ => {}
    }
}
