//! What holds a pool, who waits for it, and who passes.

use super::*;

#[test]
fn a_pool_is_held_while_the_remote_work_runs_and_is_stopped_though_no_slot_is() {
    let mut bench = Bench::new(9, &[("gpu", 1)]);
    let remote = |name: &str| {
        task(name, &[], |task| {
            task.pool = gpu(1);
            task.wait = Wait::Poll;
        })
    };
    let (a, b) = (bench.run(vec![remote("a")]), bench.run(vec![remote("b")]));
    assert_eq!(bench.admit(), ["r0.a"]);
    bench.launched(a, "a");
    assert_eq!(bench.board.holding(), []);
    assert_eq!(bench.board.holding_of("gpu").len(), 1);
    assert_eq!(bench.admit(), [""; 0]);
    let by = Actor {
        name: "operator".to_owned(),
        via: "cli".to_owned(),
    };
    bench.happen(a, Event::Cancel { by, reason: None });
    let stopping = bench.live[a].1.tasks[0].live().map(|live| &live.state);
    assert!(matches!(stopping, Some(AttemptState::Cancelling(_))));
    assert_eq!(bench.admit(), [""; 0], "until its end is seen");
    let status = Status::Finished(Finished::now(succeeded()));
    bench.news(a, "a", News::Polled { status });
    assert_eq!(bench.admit(), ["r1.b"]);
    assert_eq!(
        bench.board.holding_of("gpu")[0].0.0,
        bench.live[b].1.facts.id
    );
}

#[test]
fn a_full_pool_does_not_block_the_tasks_of_others() {
    let mut bench = Bench::new(9, &[("gpu", 1), ("db", 1)]);
    bench.run(vec![uses("a", gpu(1))]);
    bench.admit();
    bench.run(vec![uses("b", gpu(1))]);
    bench.run(vec![
        task("plain", &[], |_| {}),
        uses(
            "rows",
            PoolUse {
                name: "db".into(),
                slots: 1,
            },
        ),
    ]);
    let mut served = bench.admit();
    served.sort();
    assert_eq!(served, ["r2.plain", "r2.rows"]);
}

#[test]
fn a_large_use_is_not_passed_for_ever_by_small_ones() {
    let mut bench = Bench::new(9, &[("gpu", 2)]);
    let first = bench.run(vec![uses("small", gpu(1))]);
    bench.admit();
    let large = bench.run(vec![uses("large", gpu(2)), task("plain", &[], |_| {})]);
    assert_eq!(bench.admit(), ["r1.plain"], "one of two is free");
    for _ in 0..5 {
        bench.run(vec![uses("small", gpu(1))]);
        assert_eq!(bench.admit(), [""; 0], "the free one is kept");
    }
    let first_of = bench.board.first_of_pool("gpu", 2).expect("somebody waits");
    assert_eq!((first_of.0.0.as_str(), first_of.1), ("r1", 2));
    bench.ends(first, "small");
    assert_eq!(bench.admit(), ["r1.large"]);
    bench.ends(large, "large");
    assert_eq!(bench.admit(), ["r2.small", "r3.small"]);
}

#[test]
fn a_higher_priority_passes_a_large_use_that_waits() {
    let mut bench = Bench::new(9, &[("gpu", 2)]);
    bench.run(vec![uses("small", gpu(1))]);
    bench.admit();
    bench.run(vec![uses("large", gpu(2))]);
    bench.run(vec![task("urgent", &[], |task| {
        task.pool = gpu(1);
        task.priority = 5;
    })]);
    assert_eq!(bench.admit(), ["r2.urgent"]);
}

#[test]
fn a_use_that_became_larger_than_its_pool_lets_others_pass() {
    let mut bench = Bench::new(9, &[("gpu", 4)]);
    bench.run(vec![uses("small", gpu(1))]);
    bench.run(vec![uses("large", gpu(4))]);
    assert_eq!(bench.admit(), ["r0.small"]);
    bench.pools.insert("gpu".to_owned(), 3);
    bench.run(vec![uses("late", gpu(2))]);
    assert_eq!(bench.admit(), ["r2.late"]);
    bench.pools.remove("gpu");
    bench.run(vec![uses("never", gpu(1))]);
    assert_eq!(bench.admit(), [""; 0], "a pool that is gone has no room");
}
