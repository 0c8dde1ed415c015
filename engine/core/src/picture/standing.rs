//! How each task of a run stands, in few words, for a picture.

use std::collections::HashMap;

use crate::dag::{Dag, TaskIx};
use crate::view::{RunView, TaskView, Word};

/// How a task stands, in a picture of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The word of the contract.
    pub word: Word,
    /// More, such as the counts of its items or the number of its tries.
    pub more: String,
}

/// How every task of a DAG stands in a run, by its index; none: the run does not know it yet.
#[must_use]
pub fn standings(dag: &Dag, run: &RunView) -> Vec<Option<Standing>> {
    let mut single: HashMap<&str, &TaskView> = HashMap::new();
    let mut items: HashMap<&str, Vec<&TaskView>> = HashMap::new();
    for task in &run.tasks {
        if task.map_key.is_some() {
            items.entry(&task.task).or_default().push(task);
        } else {
            single.insert(&task.task, task);
        }
    }
    let whole = |task: TaskIx| {
        let name = dag.task(task).name.as_str();
        let mapped = run.mapped.iter().find(|mapped| mapped.task == name);
        if let Some(mapped) = mapped {
            let all = mapped.items;
            let counted = [
                (mapped.succeeded, "✓"),
                (mapped.failed, "✕"),
                (mapped.running, "▶"),
                (mapped.waiting, "○"),
                (mapped.skipped, "»"),
            ];
            return Some(of_items(mapped.state, all, &counted));
        }
        if let Some(within) = items.get(name) {
            return Some(of_inner(within));
        }
        let task = single.get(name)?;
        Some(Standing {
            word: task.state,
            more: match task.attempts.len() {
                0 | 1 => String::new(),
                tries => format!("{tries} tries"),
            },
        })
    };
    dag.tasks().map(whole).collect()
}

/// `7✓ 1✕ of 12`: only what there is.
fn of_items(word: Word, all: usize, counted: &[(usize, &str)]) -> Standing {
    let told: Vec<String> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, sign)| format!("{count}{sign}"))
        .collect();
    let more = match told.len() {
        0 => format!("{all} items"),
        1 => format!("{all} item{}", if all == 1 { "" } else { "s" }),
        _ => told.join(" "),
    };
    Standing { word, more }
}

/// A task within a group, over all items: how the worst stands that counts.
fn of_inner(items: &[&TaskView]) -> Standing {
    let count = |words: &[&str]| {
        let of = |task: &&&TaskView| words.contains(&task.state);
        items.iter().filter(of).count()
    };
    let (good, bad) = (
        count(&["succeeded"]),
        count(&["failed", "timed_out", "upstream_failed"]),
    );
    let (busy, skipped) = (count(&["running"]), count(&["skipped", "cancelled"]));
    let waiting = items.len() - good - bad - busy - skipped;
    let word = match () {
        () if busy > 0 => "running",
        () if waiting > 0 => "waiting",
        () if bad > 0 => "failed",
        () if good > 0 => "succeeded",
        () => "skipped",
    };
    let counted = [
        (good, "✓"),
        (bad, "✕"),
        (busy, "▶"),
        (waiting, "○"),
        (skipped, "»"),
    ];
    of_items(word, items.len(), &counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample;

    #[test]
    fn counts_tell_only_what_there_is() {
        let told = |counted: &[(usize, &str)], all| of_items("running", all, counted).more;
        assert_eq!(told(&[(7, "✓"), (0, "✕"), (2, "▶")], 9), "7✓ 2▶");
        assert_eq!(told(&[(9, "✓"), (0, "✕")], 9), "9 items");
        assert_eq!(told(&[(1, "✓")], 1), "1 item");
        assert_eq!(told(&[], 0), "0 items");
    }

    #[test]
    fn every_task_of_a_run_has_its_word() {
        let mut story = sample::Story::of(sample::dag(vec![
            sample::task("a", &[], 0),
            sample::task("b", &["a"], 0),
        ]));
        story.begin().admit("a").working("a");
        let view = RunView::of(&story.dag, &story.run);
        let words: Vec<Word> = standings(&story.dag, &view)
            .into_iter()
            .map(|standing| standing.map_or("", |standing| standing.word))
            .collect();
        assert_eq!(words, ["running", "waiting"]);
    }
}
