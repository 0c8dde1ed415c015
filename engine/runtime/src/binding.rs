//! What of a batch belongs together: the writes of one decision, which are durable together or not at all.
//!
//! | belongs to | |
//! |---|---|
//! | the night of a backfill | the birth, the new round or the end of its run |
//! | the record of a DAG, up to where its ticks are decided | the runs of these ticks, and those that get none |
//! | a run | the version that it is pinned to, what is told of it unless the store refuses that |
//! | an answer | what it says was done |
//!
//! Guarantees: pure. What has nothing to do with each other is never bound.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::backfill::NightState;
use noctule_core::name::{DagHash, DagId, RunId};

use crate::batch::{Batch, Of};

/// What is known of the runs and DAGs of a batch besides.
pub(crate) struct Known<'a> {
    /// The version of a run.
    pub(crate) version: &'a dyn Fn(&RunId) -> Option<DagHash>,
    /// The DAG whose tick a run is for.
    pub(crate) ticks: &'a dyn Fn(&RunId) -> Option<DagId>,
    /// The version that new runs of a DAG take.
    pub(crate) current: &'a dyn Fn(&DagId) -> Option<DagHash>,
}

/// The groups of a batch; those that wait are left out, with all that is bound to them.
pub(crate) fn groups(batch: &Batch, known: &Known<'_>, waits: &BTreeSet<Of>) -> Vec<Vec<Of>> {
    let all: Vec<Of> = batch.all().into_iter().collect();
    let places: BTreeMap<&Of, usize> = all.iter().zip(0..).collect();
    let mut roots: Vec<usize> = (0..all.len()).collect();
    for (one, other) in bonds(batch, known) {
        // The work does not wait for its word.
        if matches!(one, Of::Message(_)) && waits.contains(&one) {
            continue;
        }
        // What is durable already binds nothing.
        if let (Some(one), Some(other)) = (places.get(&one), places.get(&other)) {
            let (one, other) = (root(&roots, *one), root(&roots, *other));
            roots[one.max(other)] = one.min(other);
        }
    }
    let mut groups: BTreeMap<usize, Vec<Of>> = BTreeMap::new();
    for (at, of) in all.iter().enumerate() {
        let group = groups.entry(root(&roots, at)).or_default();
        group.push(of.clone());
    }
    let goes = |group: &Vec<Of>| !group.iter().any(|of| waits.contains(of));
    groups.into_values().filter(goes).collect()
}

fn root(roots: &[usize], mut at: usize) -> usize {
    while roots[at] != at {
        at = roots[at];
    }
    at
}

fn bonds(batch: &Batch, known: &Known<'_>) -> Vec<(Of, Of)> {
    let mut bonds = Vec::new();
    for (id, (_, nights)) in &batch.backfills {
        for (_, night) in nights {
            if let NightState::Running { run, .. } | NightState::Ended { run, .. } = &night.state {
                bonds.push((Of::Backfill(id.clone()), Of::Run(run.clone())));
            }
        }
    }
    for run in batch.steps.keys() {
        let version = (known.version)(run).map(Of::Version);
        bonds.extend(version.map(|version| (Of::Run(run.clone()), version)));
    }
    for run in batch.births.keys() {
        let dag = (known.ticks)(run).into_iter();
        let records = dag.flat_map(|dag| [Of::Dag(dag.clone()), Of::Withdrawn(dag)]);
        bonds.extend(records.map(|record| (Of::Run(run.clone()), record)));
    }
    for dag in batch.withdrawn.keys() {
        bonds.push((Of::Withdrawn(dag.clone()), Of::Dropped(dag.clone())));
    }
    for dag in &batch.dags {
        bonds.push((Of::Dag(dag.clone()), Of::Dropped(dag.clone())));
        let version = (known.current)(dag).map(Of::Version);
        bonds.extend(version.map(|version| (Of::Dag(dag.clone()), version)));
    }
    let told = batch.told.iter().cloned();
    bonds.extend(told.map(|(message, of)| (Of::Message(message), of)));
    let answers = batch.answers.iter();
    bonds.extend(answers.filter_map(|given| Some((Of::Answer(given.to), given.of.clone()?))));
    bonds
}

#[cfg(test)]
mod tests {
    use noctule_core::ask::Answer;
    use noctule_core::run::Step;
    use noctule_store::AskId;

    use super::*;
    use crate::batch::Given;

    fn run(name: &str) -> Of {
        Of::Run(name.parse().unwrap())
    }

    fn dag(name: &str) -> DagId {
        name.parse().unwrap()
    }

    /// Runs `a1`, `a2` of DAG `a` and `b1` of `b`, all new; the record of `a` changed, an answer is about `a2`.
    fn batch() -> Batch {
        let mut batch = Batch::default();
        for name in ["a1", "a2", "b1"] {
            batch.steps.insert(name.parse().unwrap(), Step::default());
            batch.births.insert(name.parse().unwrap(), None);
        }
        batch.dags.insert(dag("a"));
        batch.answers.push(Given {
            to: AskId(1),
            answer: crate::asking::done(None),
            of: Some(run("a2")),
        });
        batch
    }

    fn of(batch: &Batch, ticks: bool, waits: &[Of]) -> Vec<Vec<Of>> {
        let known = Known {
            version: &|_| None,
            ticks: &|run| ticks.then(|| dag(&run.as_str()[..1])),
            current: &|_| None,
        };
        groups(batch, &known, &waits.iter().cloned().collect())
    }

    #[test]
    fn runs_for_ticks_go_with_the_record_of_their_dag_and_an_answer_with_what_it_says() {
        let batch = batch();
        let first = vec![
            Of::Dag(dag("a")),
            run("a1"),
            run("a2"),
            Of::Answer(AskId(1)),
        ];
        assert_eq!(of(&batch, true, &[]), [first, vec![run("b1")]]);
        let asked = [
            vec![Of::Dag(dag("a"))],
            vec![run("a1")],
            vec![run("a2"), Of::Answer(AskId(1))],
            vec![run("b1")],
        ];
        assert_eq!(of(&batch, false, &[]), asked);
    }

    #[test]
    fn whatever_is_bound_to_something_that_waits_waits_with_it() {
        let mut batch = batch();
        assert_eq!(of(&batch, true, &[run("a1")]), [vec![run("b1")]]);
        let told = ("m".to_owned(), run("b1"));
        let message = noctule_core::word::MessageId(told.0);
        batch.told.insert((message.clone(), told.1));
        // Of a message that is durable already nothing follows.
        assert_eq!(of(&batch, true, &[run("a1")]), [vec![run("b1")]]);
        assert_eq!(of(&batch, true, &[Of::Message(message)]).len(), 2);
    }

    #[test]
    fn runs_of_a_dag_whose_file_went_meanwhile_go_with_its_last_record() {
        let mut batch = batch();
        batch.dags.clear();
        let record = serde_json::json!({
            "dag": "a", "file": "dags/a.toml", "withdrawn": true, "schedule_fingerprint": "",
            "first_seen": "2026-01-13T14:00:00Z",
        });
        let record = serde_json::from_value(record).unwrap();
        batch.withdrawn.insert(dag("a"), record);
        let record = Of::Withdrawn(dag("a"));
        assert_eq!(of(&batch, true, &[record]), [vec![run("b1")]]);
    }

    #[test]
    fn what_was_written_is_gone_and_the_rest_stays() {
        let mut batch = batch();
        let taken = batch.take(&[run("a1"), Of::Dag(dag("a"))].into());
        assert_eq!(taken.all(), [Of::Dag(dag("a")), run("a1")].into());
        assert!(taken.births.len() == 1 && batch.births.len() == 2);
        let left = [run("a2"), run("b1"), Of::Answer(AskId(1))];
        assert_eq!(batch.all(), left.clone().into());
        assert!(left.iter().all(|of| batch.has(of)) && !batch.has(&run("a1")));
        assert!(matches!(batch.answers[0].answer, Answer::Done { .. }));
    }
}
