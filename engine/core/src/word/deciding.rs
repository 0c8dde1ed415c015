//! What a step of a run gives to tell, and to whom: from what the journal says of it, and the rules of the run's version.

use noctule_executor::ErrorClass;

use super::notice::{Notice, TaskNotice, line, name};
use super::rule::{Occasion, Rule};
use crate::dag::Dag;
use crate::name::StoreId;
use crate::run::{
    AttemptEnd, AttemptState, Fact, Instant, Record, Run, RunEnding, TaskRun, TaskRunIx, Verdict,
};
use crate::scheduling::{DropReason, Dropped};

/// One thing that happened, and the rule that says who is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What happened.
    pub notice: Notice,
    /// Whom to tell, and about what. None: nobody has asked, and yet a success may close what was told before.
    pub rule: Option<Rule>,
    /// Who asked for the run wants to be called back at this end.
    pub callback: Option<String>,
}

/// What these records of a run give to tell.
#[must_use]
pub fn notices(dag: &Dag, run: &Run, records: &[Record]) -> Vec<Told> {
    let told = |record: &Record| match &record.fact {
        Fact::RunEnded { ending } => Some(of_run(dag, run, record.at, *ending)),
        Fact::TaskEnded { verdict, why } => {
            of_task(dag, run, record.task?, record.at, *verdict, why.as_deref())
        }
        _ => None,
    };
    records.iter().filter_map(told).collect()
}

fn of_run(dag: &Dag, run: &Run, at: Instant, ending: RunEnding) -> Told {
    let occasion = match ending {
        RunEnding::Succeeded => Occasion::Succeeded,
        RunEnding::Failed => Occasion::Failed,
        RunEnding::Cancelled => Occasion::Cancelled,
        RunEnding::TimedOut => Occasion::TimedOut,
    };
    let culprit = match occasion {
        Occasion::Failed | Occasion::TimedOut => culprit(dag, run),
        _ => None,
    };
    let mut notice = blank(dag, run, occasion, at, &format!("run {}", run.round));
    match culprit {
        Some(ix) => blame(&mut notice, dag, run, ix, None, false),
        None => notice.what = words(occasion).to_owned(),
    }
    if occasion == Occasion::TimedOut {
        notice.class = Some(ErrorClass::TimedOut);
    }
    Told {
        notice,
        rule: dag.definition().notify.clone(),
        callback: run.facts.callback.clone(),
    }
}

fn of_task(
    dag: &Dag,
    run: &Run,
    ix: TaskRunIx,
    at: Instant,
    verdict: Verdict,
    why: Option<&str>,
) -> Option<Told> {
    let task = run.tasks.get(ix.index())?;
    let rule = task.definition(dag).notify.clone()?;
    // Its items are told, and not the whole of them once more.
    if task
        .expansion
        .as_ref()
        .is_some_and(|expansion| !expansion.items.is_empty())
    {
        return None;
    }
    let occasion = match verdict {
        Verdict::Succeeded => Occasion::Succeeded,
        Verdict::Failed => Occasion::Failed,
        Verdict::TimedOut => Occasion::TimedOut,
        Verdict::Cancelled => Occasion::Cancelled,
        // The task that failed before it is told.
        Verdict::Skipped | Verdict::UpstreamFailed => return None,
    };
    let which = format!("task {} {}", run.round, ix.0);
    let mut notice = blank(dag, run, occasion, at, &which);
    blame(&mut notice, dag, run, ix, why, true);
    Some(Told {
        notice,
        rule: Some(rule),
        callback: None,
    })
}

fn blank(dag: &Dag, run: &Run, occasion: Occasion, at: Instant, which: &str) -> Notice {
    let facts = &run.facts;
    let moment = at.timestamp_millis().to_string();
    Notice {
        id: Notice::id_of(&[facts.id.as_str(), which, occasion.word(), &moment]),
        occasion,
        at,
        dag: dag.definition().id.clone(),
        run: Some(facts.id.clone()),
        ingestion_id: Some(facts.ingestion_id.as_str().to_owned()),
        task: None,
        class: None,
        through: None,
        what: String::new(),
    }
}

/// Says which task it was, and what its last attempt said.
fn blame(
    notice: &mut Notice,
    dag: &Dag,
    run: &Run,
    ix: TaskRunIx,
    why: Option<&str>,
    subject: bool,
) {
    let task = &run.tasks[ix.index()];
    let definition = task.definition(dag);
    let attempt = task.attempts.last();
    let (class, message) = said(task);
    let own = task.end().and_then(|end| end.why.as_deref());
    let connection = attempt.and_then(|attempt| attempt.prepared.connection.clone());
    notice.class = class;
    notice.through = Some(connection.unwrap_or_else(|| definition.executor.clone()));
    notice.what = line(why.or(own).or(message).unwrap_or(words(notice.occasion)));
    notice.task = Some(TaskNotice {
        name: name(&run.name_of(dag, ix)),
        ix: ix.0,
        attempt: attempt.map(|attempt| attempt.number),
        subject,
    });
}

/// What the last attempt of a task said of its end.
fn said(task: &TaskRun) -> (Option<ErrorClass>, Option<&str>) {
    let state = task.attempts.last().map(|attempt| &attempt.state);
    let Some(AttemptState::Ended(ended)) = state else {
        return (None, None);
    };
    match &ended.end {
        AttemptEnd::Failed { class, message, .. } => (Some(*class), Some(message)),
        AttemptEnd::TimedOut { message, .. } => (Some(ErrorClass::TimedOut), Some(message)),
        AttemptEnd::Cancelled { message, .. } => (Some(ErrorClass::Cancelled), Some(message)),
        AttemptEnd::Succeeded { .. } | AttemptEnd::Skipped { .. } => (None, None),
    }
}

/// The task that a run failed by: of those that count, the first that ended badly by itself; of a mapped one, its item.
fn culprit(dag: &Dag, run: &Run) -> Option<TaskRunIx> {
    let by_itself = |ix: &TaskRunIx| {
        let task = &run.tasks[ix.index()];
        let bad = task
            .end()
            .is_some_and(|end| matches!(end.verdict, Verdict::Failed | Verdict::TimedOut));
        bad && task.gone.is_none() && !task.definition(dag).may_fail
    };
    let all = (0..u32::try_from(run.tasks.len()).unwrap_or(u32::MAX)).map(TaskRunIx);
    let first = |candidates: Vec<TaskRunIx>| {
        let ended = |ix: &TaskRunIx| run.tasks[ix.index()].end().map(|end| end.at);
        candidates.into_iter().min_by_key(|ix| (ended(ix), ix.0))
    };
    let bad: Vec<TaskRunIx> = all.filter(by_itself).collect();
    let is_head = |ix: &TaskRunIx| run.tasks[ix.index()].expansion.is_some();
    let (heads, single): (Vec<TaskRunIx>, Vec<TaskRunIx>) = bad.into_iter().partition(is_head);
    first(single).or_else(|| first(heads))
}

fn words(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Succeeded => "it ended well",
        Occasion::Failed => "it failed",
        Occasion::TimedOut => "its deadline passed",
        Occasion::Cancelled => "it was cancelled",
        Occasion::Late => "it is late",
        Occasion::NeverStarted => "it did not start",
        Occasion::Recovered => "it is well again",
    }
}

/// Ticks that got no run, unless a person wanted that.
#[must_use]
pub fn not_started(dag: &Dag, dropped: &Dropped, store: &StoreId, now: Instant) -> Option<Told> {
    if dropped.reason == DropReason::Paused {
        return None;
    }
    let rule = dag.definition().notify.clone()?;
    let id = &dag.definition().id;
    let first = dropped.first.to_rfc3339();
    let ticks = match dropped.count {
        1 => format!("the tick of {}", shown(dropped.first)),
        count => format!(
            "{count} ticks from {} to {}",
            shown(dropped.first),
            shown(dropped.last)
        ),
    };
    let notice = Notice {
        id: Notice::id_of(&[store.as_str(), id.as_str(), "tick", &first]),
        occasion: Occasion::NeverStarted,
        at: now,
        dag: id.clone(),
        run: None,
        ingestion_id: None,
        task: None,
        class: None,
        through: None,
        what: format!("{ticks} got no run: {}", dropped.reason.words()),
    };
    Some(Told {
        notice,
        rule: Some(rule),
        callback: None,
    })
}

fn shown(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
