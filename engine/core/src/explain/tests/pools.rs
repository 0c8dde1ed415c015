//! Tasks that wait for a pool.

use super::*;

fn with_pool(slots: u32) -> Story {
    let mut uses = task("a", &[], 0);
    uses.pool = crate::dag::PoolUse {
        name: "gpu".into(),
        slots,
    };
    let mut story = Story::of(dag(vec![uses]));
    story.begin();
    story
}

fn pool(size: Option<u32>, held: &[(&str, u32)], first: Option<(&str, u32)>) -> [Pool; 1] {
    let holder = |task: &str| Holder {
        run: "r-9".to_owned(),
        dag: "other".to_owned(),
        task: task.to_owned(),
        since: at(-3_600),
    };
    let held = held.iter().map(|(task, slots)| (holder(task), *slots));
    [Pool {
        name: "gpu".to_owned(),
        slots: size,
        held: held.collect(),
        first: first.map(|(task, slots)| (holder(task), slots)),
    }]
}

fn of_pool(story: &Story, pools: &[Pool]) -> Reason {
    let reason = only(story, Some("a"), &Known { pools, ..CALM });
    assert_eq!(reason.gate, Gate::Pool, "{reason:?}");
    assert_eq!(reason.since, Some(at(1)));
    reason
}

#[test]
fn a_task_that_waits_for_its_pool_names_who_holds_it_and_since_when() {
    let reason = of_pool(&with_pool(1), &pool(Some(1), &[("train[k7]", 1)], None));
    assert_eq!(
        reason.text,
        "`a` is ready and waits for pool `gpu`: 1 of 1 held, by `train[k7]` of other r-9 (since 13:40:00)"
    );
    assert_eq!(
        reason.next.as_deref(),
        Some("it is the first in line: it starts when enough is given back")
    );
    let reason = of_pool(&with_pool(2), &pool(Some(4), &[("x", 3)], Some(("y", 4))));
    assert_eq!(
        reason.text,
        "`a` is ready and waits for 2 of pool `gpu`: 3 of 4 held, by `x` of other r-9 (3 since 13:40:00)"
    );
}

#[test]
fn a_task_for_which_there_is_room_names_for_whom_that_is_kept() {
    let reason = of_pool(
        &with_pool(1),
        &pool(Some(4), &[("x", 3)], Some(("large", 4))),
    );
    assert_eq!(
        reason.next.as_deref(),
        Some("`large` of other r-9 is before it and takes 4: what is free is kept for that")
    );
}

#[test]
fn a_use_that_its_pool_is_too_small_for_says_how_large_the_pool_must_be() {
    let reason = of_pool(&with_pool(2), &pool(Some(1), &[], None));
    assert_eq!(
        reason.text,
        "`a` is ready and cannot start: it takes 2 of pool `gpu`, which has 1"
    );
    let reason = of_pool(&with_pool(2), &[]);
    assert!(
        reason
            .text
            .ends_with("which is not in the project any more"),
        "{}",
        reason.text
    );
    assert!(
        reason
            .next
            .expect("a cure")
            .contains("[pools] to 2 or more")
    );
}

#[test]
fn a_pool_with_room_is_not_what_a_task_waits_for() {
    let story = with_pool(1);
    let own = pool(Some(4), &[("x", 3)], None);
    let known = Known {
        pools: &own,
        ..CALM
    };
    assert_eq!(only(&story, Some("a"), &known).gate, Gate::Slot);
}
