//! An ask that waits for an engine.

use super::{Gate, Reason};
use crate::ask::{Ask, BackfillAct, Wish};
use crate::run::{Instant, Run};

/// Explains an ask that nobody has answered yet.
#[must_use]
pub fn explain_ask(ask: &Ask, engine: Option<&str>, say: &dyn Fn(Instant) -> String) -> Reason {
    let what = match &ask.wish {
        Wish::Trigger(wish) => format!("a run of `{}`", wish.dag),
        Wish::Cancel { run, .. } => format!("the end of run {run}"),
        Wish::Retry { run, .. } => format!("a retry of run {run}"),
        Wish::Mark {
            run, task, verdict, ..
        } => format!("`{task}` of run {run} to be {}", verdict.word()),
        Wish::Pause { dag, .. } => format!("a pause of `{dag}`"),
        Wish::Resume { dag, .. } => format!("`{dag}` to be resumed"),
        Wish::Backfill(wish) => format!("a backfill of `{}`", wish.dag),
        Wish::ActOnBackfill { backfill, act, .. } => {
            let act = match act {
                BackfillAct::Pause => "paused",
                BackfillAct::Resume => "resumed",
                BackfillAct::Cancel => "cancelled",
            };
            format!("backfill {backfill} to be {act}")
        }
        Wish::Resend { message } => format!("message {message} to be sent again"),
        Wish::Report(report) => format!("its report of attempt {} to be heard", report.key),
        Wish::Reload => "the DAG files to be read again".to_owned(),
    };
    let text = format!("{} asked for {what}, and nobody has answered", ask.by.name);
    let next = match engine {
        Some(engine) => format!(
            "{engine} answers within a second; if it does not, it is not well: look at its log"
        ),
        None => format!(
            "no engine is running: start `noctule serve`; without one the ask is dropped at {}",
            say(ask.valid_until)
        ),
    };
    Reason::new(Gate::AskWaiting, text)
        .since(ask.at)
        .next(next)
        .next_at(ask.valid_until)
}

/// Whether an ask is about a run that exists.
#[must_use]
pub fn concerns(ask: &Ask, run: &Run) -> bool {
    match &ask.wish {
        Wish::Cancel { run: id, .. } | Wish::Retry { run: id, .. } | Wish::Mark { run: id, .. } => {
            *id == run.facts.id
        }
        Wish::Report(report) => report.run == run.facts.id,
        Wish::Trigger(_)
        | Wish::Pause { .. }
        | Wish::Resume { .. }
        | Wish::Backfill(_)
        | Wish::ActOnBackfill { .. }
        | Wish::Resend { .. }
        | Wish::Reload => false,
    }
}
