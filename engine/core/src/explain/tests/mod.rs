//! The sentences, over runs in every kind of wait.

mod backfills;
mod pools;
mod waiting;
mod work;

use noctule_executor::{ErrorClass, ExecutorError};

use super::{
    Gate, Holder, Known, Other, Pool, Rate, Reason, explain, explain_ask, explain_backfill,
};
use crate::ask::{Ask, TriggerWish, Wish};
use crate::backfill::{
    Around, Backfill, Errand, Night, NightState, Only, Phase as BackfillPhase, Tally,
};
use crate::name::RunId;
use crate::run::TaskRunIx;
use crate::run::{Actor, Event, Instant, News};
use crate::view::sample::{Story, at, dag, task};

fn clock(at: Instant) -> String {
    at.format("%H:%M:%S").to_string()
}

const CALM: Known<'_> = Known {
    now: Instant::UNIX_EPOCH,
    engine: Some("`noctule serve`, pid 7"),
    slots: 2,
    holding: &[],
    pools: &[],
    rates: &[],
    ready_before: 0,
    running: &[],
    queued_before: 0,
    say: &clock,
};

fn told(story: &Story, name: Option<&str>, known: &Known<'_>) -> Vec<Reason> {
    let task = name.map(|name| TaskRunIx(story.dag.find(name).unwrap().0));
    explain(
        &story.dag,
        &story.run,
        task,
        &Known {
            now: at(story.second),
            ..*known
        },
    )
}

fn only(story: &Story, name: Option<&str>, known: &Known<'_>) -> Reason {
    let mut all = told(story, name, known);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn story() -> Story {
    let tasks = vec![
        task("a", &[], 3),
        task("b", &[], 3),
        task("join", &["a", "b"], 0),
        task("last", &["join"], 0),
    ];
    Story::of(dag(tasks))
}
