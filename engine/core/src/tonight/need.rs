//! What goes on only once a person acts: work that cannot be watched, work of which nobody knows whether it was started or
//! how it ended, files and triggers that make no runs.
//!
//! Never: lists what the engine settles by itself, sooner or later.

use noctule_executor::ErrorClass;

use crate::dag::Dag;
use crate::run::{Attempt, AttemptEnd, AttemptState, Duty, Run, TaskRun, TaskRunIx, Verdict};
use crate::view::{DagView, NeedView};

/// What of a run wants a person; of a run that is over, only what was called unknown.
#[must_use]
pub fn needs_of_run(dag: &Dag, run: &Run) -> Vec<NeedView> {
    let all = (0u32..).map(TaskRunIx).zip(&run.tasks);
    let needs = all.filter_map(|(ix, task)| {
        let (why, text, since) = need(task)?;
        Some(NeedView {
            dag: run.facts.dag.to_string(),
            run: Some(run.facts.id.to_string()),
            ingestion_id: Some(run.facts.ingestion_id.as_str().to_owned()),
            task: Some(run.name_of(dag, ix)),
            why,
            text: text.to_owned(),
            since,
        })
    });
    needs.collect()
}

/// What of a DAG itself wants a person.
#[must_use]
pub fn needs_of_dag(dag: &DagView) -> Vec<NeedView> {
    let need = |why, text: &str, since| NeedView {
        dag: dag.dag.clone(),
        run: None,
        ingestion_id: None,
        task: None,
        why,
        text: text.to_owned(),
        since,
    };
    let mut needs = Vec::new();
    if let ("broken", Some(error)) = (dag.state, &dag.error) {
        needs.push(need("broken", error, None));
    }
    if let ("active", Some(trouble)) = (dag.state, &dag.trouble) {
        needs.push(need("trigger", &trouble.what, Some(trouble.since)));
    }
    if let Some(refused) = &dag.refused_ticks {
        needs.push(need("refused_tick", &refused.what, Some(refused.since)));
    }
    needs
}

fn need(task: &TaskRun) -> Option<(&'static str, &str, Option<crate::run::Instant>)> {
    let mut left = task.obligations.iter().filter_map(|left| match &left.duty {
        Duty::GivenUp { at, why } => Some(("left_standing", why.as_str(), Some(*at))),
        Duty::Held | Duty::Due { .. } => None,
    });
    if let Some(left) = left.next() {
        return Some(left);
    }
    if let Some(Attempt {
        state: AttemptState::Running(work),
        ..
    }) = task.live()
    {
        let alarm = work.alarm.as_ref()?;
        return Some(("alarm", alarm, Some(work.launched_at)));
    }
    // Marked by hand, it is settled.
    let end = task.end().filter(|end| end.marked_by.is_none())?;
    if !matches!(end.verdict, Verdict::Failed | Verdict::TimedOut) {
        return None;
    }
    match &task.attempts.last()?.state {
        AttemptState::Ended(ended) => match &ended.end {
            AttemptEnd::Failed {
                class: ErrorClass::Unknown,
                message,
                ..
            } => Some(("unknown", message, Some(end.at))),
            _ => None,
        },
        _ => None,
    }
}
