//! Traces: which spans follow from what of a run is durable.
//!
//! | a record | is the end of a span |
//! |---|---|
//! | an attempt ended | of the attempt: from its intent to its end, below the round it is of |
//! | the round is over | of the round: the first from the run's creation and at the top of the trace, a later one from its own beginning and below the first |
//!
//! Guarantees: pure; the same records of the same run make the same spans, whoever looks at them and however often, so one
//! that is exported again is known by its ids. A span is made of ended things alone, and never ends before it began.
//!
//! Never: holds an output, a parameter or a secret.

mod id;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use self::id::{SpanId, TraceId, traceparent};
use crate::dag::Dag;
use crate::name::DagHash;
use crate::run::{
    Attempt, AttemptEnd, AttemptState, Ended, Fact, Instant, Nature, Phase, Record, Run, RunEnding,
    TaskRun,
};

/// A longer message is cut.
const LONGEST_FAULT: usize = 1_000;

/// Something that lasted, and is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Of which run.
    pub trace: TraceId,
    /// Its own id.
    pub id: SpanId,
    /// The span that it stands below.
    pub parent: Option<SpanId>,
    /// What it is called.
    pub name: String,
    /// It is somebody else's work that was awaited.
    pub is_call: bool,
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// What happened meanwhile.
    pub moments: Vec<(&'static str, Instant)>,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// It ended badly, and why.
    pub fault: Option<String>,
}

/// What is known of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::Whole(i64::from(number))
    }
}

/// The spans that end with these records of a run, of which the first was made in the given round. The run is as it stood
/// after the last of them, or earlier; each span has the version that its round ran under, whatever the run took later.
#[must_use]
pub fn spans(dag: &Dag, run: &Run, first_round: u32, records: &[Record]) -> Vec<Span> {
    let mut round = first_round;
    let mut began = None;
    let first_taken = records.iter().find_map(Record::taken);
    let mut version = first_taken.map_or(&run.facts.version, |repin| &repin.from);
    let mut spans = Vec::new();
    for record in records {
        version = record.taken().map_or(version, |repin| &repin.to);
        match &record.fact {
            Fact::RunRetried { .. } => (round, began) = (round + 1, None),
            Fact::RunStarted { .. } => began = Some(record.at),
            Fact::RunEnded { ending } => {
                let began = began.or_else(|| began_of(run, round));
                let within = (began, record.at);
                spans.push(of_round(run, (round, version), within, *ending));
            }
            Fact::AttemptEnded { .. } => spans.extend(of_attempt(dag, run, round, record)),
            _ => {}
        }
    }
    spans
}

/// The round in which the first of these records was made, which are the last ones of a run.
#[must_use]
pub fn round_before(run: &Run, records: &[Record]) -> u32 {
    let retried = |record: &&Record| matches!(record.fact, Fact::RunRetried { .. });
    let retries = records.iter().filter(retried).count();
    let retries = u32::try_from(retries).unwrap_or(u32::MAX);
    run.round.saturating_sub(retries).max(1)
}

/// When the present round of a run began.
fn began_of(run: &Run, round: u32) -> Option<Instant> {
    match &run.phase {
        Phase::Running { started_at, .. } if run.round == round => Some(*started_at),
        Phase::Ended { started_at, .. } if run.round == round => *started_at,
        _ => None,
    }
}

fn of_round(
    run: &Run,
    (round, version): (u32, &DagHash),
    (began, ended): (Option<Instant>, Instant),
    ending: RunEnding,
) -> Span {
    let facts = &run.facts;
    let first = round == 1;
    let start = if first {
        facts.created_at
    } else {
        began.unwrap_or(ended)
    };
    let mut attributes = of_run(run);
    attributes.extend([
        ("noctule.profile", facts.profile.as_str().into()),
        ("noctule.trigger", facts.trigger.word().into()),
        ("noctule.logical_time", written(facts.logical_time)),
        ("noctule.version", version.as_str().into()),
        ("noctule.round", round.into()),
        ("noctule.state", ending.word().into()),
    ]);
    let bad = matches!(ending, RunEnding::Failed | RunEnding::TimedOut);
    let id = SpanId::of_round(&facts.id, round);
    Span {
        trace: TraceId::of(&facts.id),
        id,
        parent: (!first).then(|| SpanId::of_round(&facts.id, 1)),
        name: format!("run {}", facts.dag),
        is_call: false,
        began: start.min(ended),
        ended,
        moments: within((start, ended), [("started", began)]),
        attributes,
        fault: bad.then(|| format!("the run {}", ending.word())),
    }
}

fn of_attempt(dag: &Dag, run: &Run, round: u32, record: &Record) -> Option<Span> {
    let task_run = run.tasks.get(record.task?.index())?;
    let number = record.attempt?;
    let attempt = task_run.attempts.iter().find(|one| one.number == number)?;
    let AttemptState::Ended(ended) = &attempt.state else {
        return None;
    };
    let began = attempt.intended_at;
    // The clock of a backend may be behind ours.
    let over = ended.ended_at.max(began);
    let facts = &run.facts;
    Some(Span {
        trace: TraceId::of(&facts.id),
        id: SpanId::of_attempt(&attempt.key),
        parent: Some(SpanId::of_round(&facts.id, round)),
        name: task_run.definition(dag).name.to_string(),
        is_call: attempt.prepared.nature != Nature::Sensor,
        began,
        ended: over,
        moments: within(
            (began, over),
            [
                ("launched", ended.launched_at),
                ("started", ended.started_at),
            ],
        ),
        attributes: known(dag, run, task_run, attempt, ended, &record.fact),
        fault: fault(&ended.end),
    })
}

fn of_run(run: &Run) -> Vec<(&'static str, Attribute)> {
    let facts = &run.facts;
    vec![
        ("noctule.dag", facts.dag.as_str().into()),
        ("noctule.run", facts.id.as_str().into()),
        ("noctule.ingestion_id", facts.ingestion_id.as_str().into()),
    ]
}

fn known(
    dag: &Dag,
    run: &Run,
    task_run: &TaskRun,
    attempt: &Attempt,
    ended: &Ended,
    fact: &Fact,
) -> Vec<(&'static str, Attribute)> {
    let task = task_run.definition(dag);
    let mut attributes = of_run(run);
    attributes.extend([
        ("noctule.task", task.name.as_str().into()),
        ("noctule.executor", task.executor.as_str().into()),
        ("noctule.attempt", attempt.number.into()),
        ("noctule.attempt_key", attempt.key.as_str().into()),
        ("noctule.state", ended.end.word().into()),
    ]);
    let texts = [
        ("noctule.map_key", task_run.map_key.as_deref()),
        ("noctule.connection", attempt.prepared.connection.as_deref()),
    ];
    let texts = texts.into_iter();
    attributes.extend(texts.filter_map(|(name, text)| Some((name, text?.into()))));
    if let Fact::AttemptEnded {
        class: Some(class), ..
    } = fact
    {
        attributes.push(("error.type", class.as_str().into()));
    }
    let code = output(&ended.end).and_then(|output| output.get("exit_code")?.as_i64());
    attributes.extend(code.map(|code| ("noctule.exit_code", Attribute::Whole(code))));
    attributes
}

fn output(end: &AttemptEnd) -> Option<&Value> {
    match end {
        AttemptEnd::Succeeded { output } => Some(output),
        AttemptEnd::Failed { output, .. }
        | AttemptEnd::Skipped { output }
        | AttemptEnd::Cancelled { output, .. }
        | AttemptEnd::TimedOut { output, .. } => output.as_ref(),
    }
}

fn fault(end: &AttemptEnd) -> Option<String> {
    match end {
        AttemptEnd::Failed { message, .. } | AttemptEnd::TimedOut { message, .. } => {
            Some(message.chars().take(LONGEST_FAULT).collect())
        }
        _ => None,
    }
}

fn within<const N: usize>(
    (began, ended): (Instant, Instant),
    moments: [(&'static str, Option<Instant>); N],
) -> Vec<(&'static str, Instant)> {
    let inside = |at: &Instant| (began..=ended).contains(at);
    let moments = moments.into_iter();
    let known = moments.filter_map(|(what, at)| Some((what, at.filter(inside)?)));
    known.collect()
}

fn written(at: Instant) -> Attribute {
    Attribute::Text(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}
