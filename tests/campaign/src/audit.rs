//! The comparison at the end: what the work wrote down against what the store says. Each rule is a function that gives a line
//! for each breach, and no line is ever explained away: what a fault makes honest (an end that nobody saw) is an excuse with
//! an instant, and counts only for attempts that were under way then.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use noctule_executor::ErrorClass;

use crate::books::{AttemptRow, RunRow};
use crate::ledger::{Deed, Word};

/// Backends say instants by the millisecond, the ledger by the microsecond.
const ROUNDING: TimeDelta = TimeDelta::milliseconds(2);

/// All that the rules look at.
pub(crate) struct Evidence<'a> {
    pub(crate) runs: &'a [RunRow],
    pub(crate) works: &'a BTreeMap<String, Work>,
    /// Stretches in which the end of a command could go unseen: its supervisor was killed, or could not write.
    pub(crate) excuses: &'a [(DateTime<Utc>, DateTime<Utc>)],
    pub(crate) slots: usize,
    /// From the first sight of the schedule until the faults stopped.
    pub(crate) time: (DateTime<Utc>, DateTime<Utc>),
}

/// What the ledger says of one attempt key.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) began: Vec<Deed>,
    pub(crate) ended: Vec<Deed>,
}

impl Work {
    fn code(&self) -> Option<i32> {
        match self.ended.first()?.word {
            Word::Ended(code) => Some(code),
            Word::Began => None,
        }
    }

    fn stretch(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        Some((self.began.first()?.at, self.ended.first()?.at))
    }
}

/// The ledger by key.
pub(crate) fn works(deeds: Vec<Deed>) -> BTreeMap<String, Work> {
    let mut works: BTreeMap<String, Work> = BTreeMap::new();
    for deed in deeds {
        let work = works.entry(deed.key.clone()).or_default();
        match deed.word {
            Word::Began => work.began.push(deed),
            Word::Ended(_) => work.ended.push(deed),
        }
    }
    works
}

/// Every breach of every rule.
pub(crate) fn breaches(evidence: &Evidence<'_>) -> Vec<String> {
    let rules = [
        launched_at_most_once,
        nothing_unrecorded,
        success_is_work_done,
        failure_is_what_happened,
        unknown_only_where_nobody_could_know,
        runs_have_ended,
        attempts_without_gaps,
        dependants_come_after,
        pools_hold_one,
        slots_are_kept,
        every_tick_has_one_run,
    ];
    rules.iter().flat_map(|rule| rule(evidence)).collect()
}

fn attempts<'e>(evidence: &'e Evidence<'_>) -> impl Iterator<Item = &'e AttemptRow> {
    evidence.runs.iter().flat_map(|run| &run.attempts)
}

fn named(attempt: &AttemptRow) -> String {
    let AttemptRow { run, task, key, .. } = attempt;
    format!("run {run}, {task}, attempt {} ({key})", attempt.number)
}

fn launched_at_most_once(evidence: &Evidence<'_>) -> Vec<String> {
    let doubles = evidence
        .works
        .iter()
        .filter(|(_, work)| work.began.len() > 1);
    doubles
        .map(|(key, work)| {
            let (count, first) = (work.began.len(), &work.began[0]);
            let (run, task) = (&first.run, &first.task);
            format!("launched {count} times: {key}, {task} of run {run}")
        })
        .collect()
}

fn nothing_unrecorded(evidence: &Evidence<'_>) -> Vec<String> {
    let known: HashMap<&str, &AttemptRow> = attempts(evidence)
        .map(|attempt| (attempt.key.as_str(), attempt))
        .collect();
    let mut breaches = Vec::new();
    for deed in evidence.works.values().flat_map(|work| &work.began) {
        match known.get(deed.key.as_str()) {
            None => breaches.push(format!("the store knows no attempt {}: {deed:?}", deed.key)),
            Some(row)
                if (&row.run, &row.task, row.number) != (&deed.run, &deed.task, deed.attempt) =>
            {
                breaches.push(format!("{} worked as {deed:?}", named(row)));
            }
            Some(_) => {}
        }
    }
    breaches
}

fn success_is_work_done(evidence: &Evidence<'_>) -> Vec<String> {
    let succeeded = attempts(evidence).filter(|attempt| attempt.state == "succeeded");
    succeeded
        .filter_map(|attempt| {
            let Some(work) = evidence.works.get(&attempt.key) else {
                return Some(format!("succeeded without any work: {}", named(attempt)));
            };
            let counts = (work.began.len(), work.ended.len());
            if counts != (1, 1) || work.code() != Some(0) {
                return Some(format!(
                    "succeeded, and the work says {work:?}: {}",
                    named(attempt)
                ));
            }
            let (late, said) = (work.ended[0].at, attempt.ended_at?);
            (late > said + ROUNDING).then(|| {
                format!(
                    "succeeded at {said}, before its work ended at {late}: {}",
                    named(attempt)
                )
            })
        })
        .collect()
}

fn failure_is_what_happened(evidence: &Evidence<'_>) -> Vec<String> {
    // Lost, refused and never started is nothing that any fault of ours makes.
    let impossible = |class: ErrorClass| {
        matches!(
            class,
            ErrorClass::Config
                | ErrorClass::Permission
                | ErrorClass::NotFound
                | ErrorClass::NeverStarted
                | ErrorClass::Lost
        )
    };
    attempts(evidence)
        .filter_map(|attempt| {
            let class = attempt.class?;
            if impossible(class) {
                return Some(format!("{class}: {}: {}", named(attempt), attempt.message));
            }
            let code = evidence.works.get(&attempt.key).and_then(Work::code);
            let lies = class == ErrorClass::User && (code.is_none() || code == Some(0));
            lies.then(|| {
                format!(
                    "failed as `{class}`, and the work says {code:?}: {}: {}",
                    named(attempt),
                    attempt.message
                )
            })
        })
        .collect()
}

fn unknown_only_where_nobody_could_know(evidence: &Evidence<'_>) -> Vec<String> {
    let excused = |attempt: &AttemptRow| {
        let end = attempt.ended_at.unwrap_or(attempt.intended_at);
        let mut excuses = evidence.excuses.iter();
        excuses.any(|(from, to)| attempt.intended_at <= *to && end >= *from)
    };
    attempts(evidence)
        .filter(|attempt| attempt.class == Some(ErrorClass::Unknown))
        .filter(|attempt| match attempt.kind.as_str() {
            // A plain call that was cut off: nobody can be asked what became of it.
            "http" => false,
            "process" => !excused(attempt),
            _ => true,
        })
        .map(|attempt| {
            format!(
                "unknown without a cause: {}: {}",
                named(attempt),
                attempt.message
            )
        })
        .collect()
}

fn runs_have_ended(evidence: &Evidence<'_>) -> Vec<String> {
    let live = evidence.runs.iter().filter(|run| !run.over);
    live.map(|run| {
        format!(
            "never ended: run {} of {}: {:#?}",
            run.id, run.dag, run.attempts
        )
    })
    .collect()
}

fn attempts_without_gaps(evidence: &Evidence<'_>) -> Vec<String> {
    let gaps = evidence.runs.iter().flat_map(|run| &run.gaps);
    gaps.cloned().collect()
}

/// In runs that nobody retried, what depends on a task begins after all its work has ended.
fn dependants_come_after(evidence: &Evidence<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    for run in evidence.runs.iter().filter(|run| run.round == 1) {
        let mut ends: HashMap<&str, DateTime<Utc>> = HashMap::new();
        for attempt in &run.attempts {
            if let Some(end) = evidence
                .works
                .get(&attempt.key)
                .and_then(|work| work.ended.first())
            {
                let latest = ends.entry(&attempt.task).or_insert(end.at);
                *latest = end.at.max(*latest);
            }
        }
        for attempt in &run.attempts {
            let began = evidence
                .works
                .get(&attempt.key)
                .and_then(|work| work.began.first());
            let Some(began) = began.filter(|_| attempt.kind != "http") else {
                continue;
            };
            let early = |name: &&String| ends.get(name.as_str()).is_some_and(|end| *end > began.at);
            if let Some(name) = attempt.upstream.iter().find(early) {
                breaches.push(format!("began before {name} had ended: {}", named(attempt)));
            }
        }
    }
    breaches
}

fn stretches(
    evidence: &Evidence<'_>,
    wanted: impl Fn(&AttemptRow) -> bool,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    attempts(evidence)
        // What is unknown has given its place up though it may run on.
        .filter(|attempt| wanted(attempt) && attempt.class != Some(ErrorClass::Unknown))
        .filter_map(|attempt| evidence.works.get(&attempt.key)?.stretch())
        .collect()
}

/// The most stretches that overlap.
fn most_at_once(stretches: &[(DateTime<Utc>, DateTime<Utc>)]) -> usize {
    let mut turns: Vec<(DateTime<Utc>, bool)> = Vec::new();
    for (from, to) in stretches {
        turns.push((*from, true));
        turns.push((*to, false));
    }
    // An end comes before a beginning at the same instant.
    turns.sort_unstable();
    let (mut now, mut most) = (0_usize, 0);
    for (_, begins) in turns {
        now = if begins {
            now + 1
        } else {
            now.saturating_sub(1)
        };
        most = most.max(now);
    }
    most
}

fn pools_hold_one(evidence: &Evidence<'_>) -> Vec<String> {
    let most = most_at_once(&stretches(evidence, |attempt| {
        attempt.task.contains("_pool_")
    }));
    let breach = (most > 1).then(|| format!("{most} pieces of work at once in a pool of 1"));
    breach.into_iter().collect()
}

fn slots_are_kept(evidence: &Evidence<'_>) -> Vec<String> {
    let most = most_at_once(&stretches(evidence, |attempt| {
        attempt.blocks && attempt.kind != "http"
    }));
    let breach = (most > evidence.slots).then(|| {
        format!(
            "{most} blocking pieces of work at once with {} slots",
            evidence.slots
        )
    });
    breach.into_iter().collect()
}

/// How many runs each minute of the campaign has.
fn every_tick_has_one_run(evidence: &Evidence<'_>) -> Vec<String> {
    let mut ticks: BTreeMap<i64, usize> =
        minutes(evidence.time).map(|minute| (minute, 0)).collect();
    for tick in evidence.runs.iter().filter_map(|run| run.tick) {
        // The last engine may have made further ones.
        *ticks.entry(tick.timestamp() / 60).or_default() += 1;
    }
    let wrong = ticks.into_iter().filter(|(_, runs)| *runs != 1);
    wrong
        .map(|(minute, runs)| format!("the tick of minute {minute} has {runs} runs"))
        .collect()
}

/// The minutes that begin between two instants.
pub(crate) fn minutes((from, to): (DateTime<Utc>, DateTime<Utc>)) -> impl Iterator<Item = i64> {
    from.timestamp() / 60 + 1..=to.timestamp() / 60
}

/// The longest time from a tick of the campaign to its run.
pub(crate) fn lateness(runs: &[RunRow]) -> TimeDelta {
    let late = runs
        .iter()
        .filter_map(|run| Some(run.created_at - run.tick?));
    late.max().unwrap_or_default()
}

/// What the clouds themselves count, which must be what the store knows: one piece of work a key, none left running.
pub(crate) fn clouds(keys: &[(String, bool)], known: &HashSet<String>, cloud: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut breaches = Vec::new();
    for (key, running) in keys {
        if !seen.insert(key) {
            breaches.push(format!("{cloud} was given {key} twice"));
        }
        if !known.contains(key) {
            breaches.push(format!(
                "{cloud} has {key}, and the store knows nothing of it"
            ));
        }
        if *running {
            breaches.push(format!("{cloud} still runs {key}"));
        }
    }
    breaches
}

#[cfg(test)]
mod tests;
