//! Nights that happened before the test: runs in the store as an engine leaves them, made from numbers and not from chance.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::dag::Dag;
use noctule_core::run::{
    NewRun, Phase, Previous, Run, RunEnding, Step, TaskEnd, TaskState, Trigger, Verdict,
};
use noctule_executor::Registry;
use noctule_executor_testing::{Scripted, ScriptedWorld};
use noctule_store::{Lease, Owner, PinnedVersion, Role, Store, Write};

use crate::stage::{Stage, read, settings};

/// A DAG with its text.
pub(crate) struct Known {
    pub(crate) dag: Dag,
    version: PinnedVersion,
}

/// A DAG as the engine will read it from this text.
pub(crate) fn known(text: &str) -> Known {
    let registry = Registry::new().with(Scripted::new(ScriptedWorld::new()));
    let published = read(&registry, &[text]).remove(0);
    let dag = Dag::new(published.definition.clone()).unwrap();
    let version = PinnedVersion {
        hash: dag.hash().clone(),
        definition: published.definition,
        source_file: published.file,
        source_text: text.to_owned(),
        git_commit: None,
        first_seen: Utc::now() - TimeDelta::days(90),
    };
    Known { dag, version }
}

/// So many tasks in a chain of groups of ten, by names that are as long as names are.
pub(crate) fn wide(id: &str, tasks: usize) -> String {
    let mut text = format!(
        "id = \"{id}\"\ndescription = \"Copies every table of the night\"\nowner = \"data\"\n[schedule]\ncron = \"0 2 * * *\"\n"
    );
    for task in 0..tasks {
        text.push_str(&format!(
            "[tasks.load_table_{task:03}]\nexecutor = \"scripted\"\n"
        ));
        if task >= 10 {
            text.push_str(&format!("depends_on = [\"load_table_{:03}\"]\n", task - 10));
        }
    }
    text
}

/// How a task of a run ended: mostly well, some badly with what follows them, some skipped.
pub(crate) fn fate(run: usize, task: usize) -> Verdict {
    let bad = |task: usize| (task * 7 + run * 13).is_multiple_of(97);
    let upstream = (1..=3).any(|back| task >= back * 10 && bad(task - back * 10));
    match (task, run) {
        (task, _) if bad(task) => Verdict::Failed,
        _ if upstream => Verdict::UpstreamFailed,
        (task, run) if (task + run).is_multiple_of(53) => Verdict::Skipped,
        _ => Verdict::Succeeded,
    }
}

async fn hold(store: &Store) -> Lease {
    let owner = Owner {
        pid: std::process::id(),
        host: "h".to_owned(),
        role: Role::Run,
        since: Utc::now(),
        listen: None,
    };
    store.acquire(&owner).await.unwrap()
}

/// A run that is over.
fn over(
    known: &Known,
    tick: DateTime<Utc>,
    minutes: i64,
    fates: &dyn Fn(usize) -> Verdict,
) -> (Run, Step) {
    let new = NewRun {
        id: format!("{}-{}", known.dag.definition().id, tick.timestamp())
            .parse()
            .unwrap(),
        profile: settings().profile,
        trigger: Trigger::Schedule { tick },
        ingestion_id: known.dag.ingestion_id(tick).unwrap(),
        logical_time: tick,
        params: serde_json::Map::new(),
        vars: serde_json::Map::new(),
        previous: Previous::default(),
        callback: None,
    };
    let (mut run, step) = noctule_core::run::create(&known.dag, new, tick);
    let at = tick + TimeDelta::minutes(minutes);
    let mut bad = false;
    for (place, task) in run.tasks.iter_mut().enumerate() {
        let verdict = fates(place);
        bad |= verdict == Verdict::Failed;
        task.state = TaskState::Ended(TaskEnd {
            verdict,
            at,
            why: None,
            marked_by: None,
        });
    }
    let ending = if bad {
        RunEnding::Failed
    } else {
        RunEnding::Succeeded
    };
    run.phase = Phase::Ended {
        ending,
        started_at: Some(tick + TimeDelta::seconds(2)),
        at,
    };
    (run, step)
}

/// So many nights of a DAG, the last one this morning.
pub(crate) async fn nights(
    store: &Store,
    known: &Known,
    nights: usize,
    fates: impl Fn(usize, usize) -> Verdict,
) {
    let lease = hold(store).await;
    let version = &known.version;
    store
        .commit(&lease, &[Write::Pin { version }])
        .await
        .unwrap();
    let last = Utc::now() - TimeDelta::hours(9);
    for night in 0..nights {
        let back = i64::try_from(nights - 1 - night).unwrap();
        let tick = last - TimeDelta::days(back);
        let minutes = 20 + i64::try_from(night * 37 % 90).unwrap();
        let (run, step) = over(known, tick, minutes, &|task| fates(night, task));
        let write = Write::Create {
            run: &run,
            step: &step,
            idempotency_key: None,
        };
        store.commit(&lease, &[write]).await.unwrap();
    }
    lease.release().await.unwrap();
}

/// A server over a store with nights of these DAGs, their engine attached.
pub(crate) async fn stage(texts: &[&str], happened: &[(usize, usize)]) -> Stage {
    let all: Arc<Vec<Known>> = Arc::new(texts.iter().map(|text| known(text)).collect());
    let before = async |store: &Store| {
        for (dag, count) in happened {
            nights(store, &all[*dag], *count, fate).await;
        }
    };
    let mut settings = settings();
    settings.zone = chrono_tz::Europe::Berlin;
    Stage::after(texts, settings, before)
        .await
        .attached(texts)
        .await
}

/// So many short runs that were long ago, of an earlier version with one task.
pub(crate) async fn ages(store: &Store, known: &Known, runs: usize) {
    let lease = hold(store).await;
    let version = &known.version;
    store
        .commit(&lease, &[Write::Pin { version }])
        .await
        .unwrap();
    let first = Utc::now() - TimeDelta::days(3_000);
    for batch in 0..runs.div_ceil(1_000) {
        let made: Vec<(Run, Step)> = (0..1_000)
            .map(|number| {
                let minutes = i64::try_from(batch * 1_000 + number).unwrap() * 10;
                over(known, first + TimeDelta::minutes(minutes), 5, &|_| {
                    Verdict::Succeeded
                })
            })
            .collect();
        let writes: Vec<Write<'_>> = made
            .iter()
            .map(|(run, step)| Write::Create {
                run,
                step,
                idempotency_key: None,
            })
            .collect();
        store.commit(&lease, &writes).await.unwrap();
    }
    lease.release().await.unwrap();
}
