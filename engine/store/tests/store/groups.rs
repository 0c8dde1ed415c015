//! Writes that belong together: whole or not at all, whichever of them is refused, and beside groups that are written.

use noctule_core::backfill::NightState;
use noctule_core::run::Trigger;
use noctule_store::{Store, StoreError, Write, Written};

use crate::backfills::{head, night};
use crate::bed::{Bed, on_every_store};
use crate::sample::{begin, create, id, manual, minutes, pinned, run, scheduled, unknown_version};

on_every_store!(
    a_group_is_written_whole_or_not_at_all,
    nothing_of_a_group_is_written_where_one_of_its_runs_has_the_id_of_another,
    nothing_of_a_group_is_written_where_a_run_that_goes_on_is_not_there,
    a_run_that_exists_already_breaks_no_rule_of_its_group,
);

/// One letter for each: done, there already, failed, held back.
fn letters(written: &[Written]) -> String {
    let letter = |written: &Written| match written {
        Written::Done => 'D',
        Written::Existing(_) => 'E',
        Written::Failed(StoreError::Refused(_)) => 'F',
        Written::Failed(_) => '!',
        Written::HeldBack => 'H',
    };
    written.iter().map(letter).collect()
}

async fn nights(store: &Store) -> usize {
    let nights = store.nights(&"b-1".parse().unwrap()).await.unwrap();
    nights.len()
}

async fn live(store: &Store) -> Vec<String> {
    let live = store.live_runs().await.unwrap();
    live.iter().map(|run| run.facts.id.to_string()).collect()
}

async fn a_group_is_written_whole_or_not_at_all(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 2).await;
    let backfill = head("b-1", "d", 0);
    let begun = |which: &str| NightState::Running {
        run: id(which),
        round: Some(1),
        since: minutes(8),
    };
    let rows = [(0, night(0, begun("good"))), (1, night(1, begun("bad")))];
    let of_backfill = Write::Backfill {
        backfill: &backfill,
        nights: &rows,
    };
    let tick = |minute| Trigger::Backfill {
        tick: minutes(minute),
        by: noctule_core::run::Actor::engine(),
        backfill: "b-1".parse().unwrap(),
    };
    let (good, good_step) = run(&dag, "good", tick(0));
    let (mut bad, bad_step) = run(&dag, "bad", tick(1));
    bad.facts.version = unknown_version();
    let (other, other_step) = run(&dag, "other", manual());
    let (last, last_step) = run(&dag, "last", manual());
    let (good, bad) = (create(&good, &good_step), create(&bad, &bad_step));
    let (other, last) = (create(&other, &other_step), create(&last, &last_step));
    // Wherever the one that is refused stands in its group, and the group among the others.
    let night = [of_backfill, good, bad];
    let groups: [&[Write<'_>]; 2] = [&night, &[other]];
    let written = store.commit_groups(&lease, &groups).await.unwrap();
    assert_eq!(letters(&written), "HHFD", "{written:?}");
    assert_eq!((nights(&store).await, live(&store).await.len()), (0, 1));
    let night = [bad, good, of_backfill];
    let groups: [&[Write<'_>]; 2] = [&[last], &night];
    let written = store.commit_groups(&lease, &groups).await.unwrap();
    assert_eq!(letters(&written), "DFHH", "{written:?}");
    assert_eq!(nights(&store).await, 0);
    let backfills = store.find_backfills(&Default::default()).await.unwrap();
    assert_eq!(backfills, []);
    // Without the one that was refused the others are written.
    let night = [of_backfill, good];
    let written = store.commit_groups(&lease, &[&night]).await.unwrap();
    assert_eq!(letters(&written), "DD", "{written:?}");
    drop(store);
    let store = bed.open().await;
    assert_eq!(nights(&store).await, 2);
    let mut live = live(&store).await;
    live.sort();
    assert_eq!(live, ["good", "last", "other"]);
    store.check().await.unwrap();
}

async fn nothing_of_a_group_is_written_where_one_of_its_runs_has_the_id_of_another(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let (there, step) = run(&dag, "r", manual());
    let written = store.commit(&lease, &[create(&there, &step)]).await;
    assert_eq!(letters(&written.unwrap()), "D");
    let backfill = head("b-1", "d", 0);
    let of_backfill = Write::Backfill {
        backfill: &backfill,
        nights: &[(0, night(0, NightState::Waiting))],
    };
    let (again, again_step) = run(&dag, "r", scheduled(minutes(3)));
    let group = [of_backfill, create(&again, &again_step)];
    let written = store.commit_groups(&lease, &[&group]).await.unwrap();
    assert_eq!(letters(&written), "HF", "{written:?}");
    assert_eq!(nights(&store).await, 0);
    assert_eq!(store.run(&id("r")).await.unwrap(), Some(there));
}

async fn nothing_of_a_group_is_written_where_a_run_that_goes_on_is_not_there(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let backfill = head("b-1", "d", 0);
    let of_backfill = Write::Backfill {
        backfill: &backfill,
        nights: &[(0, night(0, NightState::Waiting))],
    };
    let (mut never, _) = run(&dag, "never", manual());
    let step = begin(&mut never);
    let lost = Write::Step {
        run: &never,
        step: &step,
    };
    let (other, other_step) = run(&dag, "other", manual());
    let other = create(&other, &other_step);
    let group = [of_backfill, lost];
    let groups: [&[Write<'_>]; 2] = [&group, &[other]];
    let written = store.commit_groups(&lease, &groups).await.unwrap();
    assert_eq!(letters(&written), "HFD", "{written:?}");
    assert_eq!(nights(&store).await, 0);
    assert_eq!(live(&store).await, ["other"]);
}

async fn a_run_that_exists_already_breaks_no_rule_of_its_group(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let (there, step) = run(&dag, "there", scheduled(minutes(3)));
    let written = store.commit(&lease, &[create(&there, &step)]).await;
    assert_eq!(letters(&written.unwrap()), "D");
    let backfill = head("b-1", "d", 0);
    let of_backfill = Write::Backfill {
        backfill: &backfill,
        nights: &[(0, night(0, NightState::Waiting))],
    };
    let (again, again_step) = run(&dag, "again", scheduled(minutes(3)));
    let group = [of_backfill, create(&again, &again_step)];
    let written = store.commit_groups(&lease, &[&group]).await.unwrap();
    assert_eq!(letters(&written), "DE", "{written:?}");
    // The same beside a group that is refused: then each is made by itself.
    let (mut bad, bad_step) = run(&dag, "bad", manual());
    bad.facts.version = unknown_version();
    let groups: [&[Write<'_>]; 2] = [&[create(&bad, &bad_step)], &group];
    let written = store.commit_groups(&lease, &groups).await.unwrap();
    assert_eq!(letters(&written), "FDE", "{written:?}");
    assert_eq!(live(&store).await, ["there"]);
}
