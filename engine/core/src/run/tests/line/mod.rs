//! Who goes next: priority, turns, pools; and an index that is the state, whatever happens.

use std::collections::BTreeMap;

use noctule_executor::{Finished, Status, Wait};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::world::{World, at, dag, failed, succeeded, task};
use crate::dag::{Dag, PoolUse, TaskDefinition};
use crate::run::line::{Lane, Line};
use crate::run::{
    Actor, AttemptState, Board, Event, Handle, Limits, NewRun, News, Phase, Previous, Run,
    TaskRunIx, TaskState, Trigger, advance, create,
};
use crate::ticks::IngestionId;

mod pools;
mod proof;

/// Several live runs, one board.
struct Bench {
    live: Vec<(Dag, Run)>,
    board: Board,
    slots: usize,
    pools: BTreeMap<String, u32>,
    second: i64,
}

impl Bench {
    fn new(slots: usize, pools: &[(&str, u32)]) -> Self {
        let pools = pools.iter().map(|(name, size)| ((*name).to_owned(), *size));
        Self {
            live: Vec::new(),
            board: Board::default(),
            slots,
            pools: pools.collect(),
            second: 0,
        }
    }

    /// A run of these tasks, begun.
    fn run(&mut self, tasks: Vec<TaskDefinition>) -> usize {
        self.run_for(Trigger::Schedule { tick: at(0) }, tasks)
    }

    /// The same for a backfill.
    fn backfill(&mut self, tasks: Vec<TaskDefinition>) -> usize {
        let (tick, by) = (at(0), Actor::engine());
        let backfill = "b-1".parse().unwrap();
        self.run_for(Trigger::Backfill { tick, by, backfill }, tasks)
    }

    fn run_for(&mut self, trigger: Trigger, tasks: Vec<TaskDefinition>) -> usize {
        let dag = dag(tasks);
        let new = NewRun {
            id: format!("r{}", self.live.len()).parse().unwrap(),
            profile: "local".parse().unwrap(),
            trigger,
            ingestion_id: IngestionId::given("20251107120000").unwrap(),
            logical_time: at(0),
            params: Map::new(),
            vars: Map::new(),
            previous: Previous::default(),
            callback: None,
        };
        let (run, _) = create(&dag, new, at(self.second));
        self.live.push((dag, run));
        self.happen(self.live.len() - 1, Event::Begin);
        self.live.len() - 1
    }

    fn happen(&mut self, run: usize, event: Event) {
        self.second += 1;
        let (dag, run) = &mut self.live[run];
        let step = advance(dag, run, event, at(self.second), &World::default());
        self.board.look_run(run);
        for ix in (0u32..).map(TaskRunIx).take(run.tasks.len()) {
            if step.run_changed || step.touched.contains(&ix) {
                self.board.look(dag, run, ix);
            }
        }
    }

    fn limits(&self) -> Limits<'_> {
        Limits {
            slots: self.slots,
            pools: &self.pools,
        }
    }

    /// Hands out what is free; tells to whom, as `run.task`.
    fn admit(&mut self) -> Vec<String> {
        let places = self.board.admissible(self.limits());
        let mut told = Vec::new();
        for (id, ix) in places {
            let run = self.live.iter().position(|(_, run)| run.facts.id == id);
            let run = run.expect("a live run");
            told.push(format!("{id}.{}", self.name(run, ix)));
            self.happen(run, Event::Admit { tasks: vec![ix] });
        }
        told
    }

    fn name(&self, run: usize, ix: TaskRunIx) -> String {
        let (dag, run) = &self.live[run];
        dag.task(run.tasks[ix.index()].task).name.to_string()
    }

    fn ix(&self, run: usize, name: &str) -> TaskRunIx {
        let (_, tasks) = &self.live[run];
        let mut all = (0u32..).map(TaskRunIx).take(tasks.tasks.len());
        all.find(|ix| self.name(run, *ix) == name).expect("a task")
    }

    fn news(&mut self, run: usize, name: &str, news: News) {
        let task = self.ix(run, name);
        let attempt = self.live[run].1.tasks[task.index()].attempts.last();
        let attempt = attempt.map_or(1, |attempt| attempt.number);
        let event = Event::News {
            task,
            attempt,
            news,
        };
        self.happen(run, event);
    }

    fn launched(&mut self, run: usize, name: &str) {
        let handle = Handle {
            advances: 0,
            raw: Value::Null,
            public: Value::Null,
        };
        self.news(run, name, News::Launched { handle });
    }

    fn ends(&mut self, run: usize, name: &str) {
        self.launched(run, name);
        let status = Status::Finished(Finished::now(succeeded()));
        self.news(run, name, News::Polled { status });
    }

    fn anew(&self) -> Board {
        let mut anew = Board::default();
        for (dag, run) in &self.live {
            anew.look_run(run);
            for ix in (0u32..).map(TaskRunIx).take(run.tasks.len()) {
                anew.look(dag, run, ix);
            }
        }
        anew
    }

    /// What live state says is held of a pool; no index is asked.
    fn held(&self, pool: &str) -> u32 {
        let tasks = self.live.iter().flat_map(|(dag, run)| {
            run.tasks
                .iter()
                .map(move |task| (dag.task(task.task), task))
        });
        tasks
            .filter(|(task, run)| &*task.pool.name == pool && run.live().is_some())
            .map(|(task, _)| task.pool.slots)
            .sum()
    }
}

fn gpu(slots: u32) -> PoolUse {
    PoolUse {
        name: "gpu".into(),
        slots,
    }
}

fn uses(name: &str, pool: PoolUse) -> TaskDefinition {
    task(name, &[], |task| task.pool = pool)
}

fn many(count: usize, wait: Wait) -> Vec<TaskDefinition> {
    let one = |i: usize| task(&format!("t{i}"), &[], |task| task.wait = wait);
    (0..count).map(one).collect()
}

#[test]
fn a_thousand_items_delay_the_start_of_another_run_by_one_turn() {
    for wait in [Wait::Block, Wait::Poll] {
        let mut bench = Bench::new(1, &[]);
        let map = bench.run(many(1_000, wait));
        let mut served = bench.admit();
        let small = bench.run(many(3, wait));
        for _ in 0..7 {
            let last = served.last().expect("somebody holds the slot").clone();
            let (run, task) = last.split_once('.').expect("run.task");
            let run = if run == "r0" { map } else { small };
            match wait {
                Wait::Block => bench.ends(run, task),
                _ => bench.launched(run, task),
            }
            served.extend(bench.admit());
        }
        assert_eq!(
            served,
            [
                "r0.t0", "r0.t1", "r1.t0", "r0.t2", "r1.t1", "r0.t3", "r1.t2", "r0.t4"
            ],
            "{wait:?}"
        );
    }
}

#[test]
fn slots_that_are_free_at_once_go_round_the_runs() {
    let mut bench = Bench::new(5, &[]);
    for _ in 0..3 {
        bench.run(many(4, Wait::Block));
    }
    assert_eq!(bench.admit(), ["r0.t0", "r1.t0", "r2.t0", "r0.t1", "r1.t1"]);
}

#[test]
fn a_higher_priority_goes_before_every_turn() {
    let mut bench = Bench::new(2, &[]);
    bench.run(many(4, Wait::Block));
    bench.run(vec![
        task("urgent", &[], |task| task.priority = 1),
        task("more", &[], |task| task.priority = 1),
        task("other", &[], |_| {}),
    ]);
    assert_eq!(bench.admit(), ["r1.urgent", "r1.more"]);
}

#[test]
fn a_backfill_lets_everything_else_pass_whatever_its_priority() {
    let mut bench = Bench::new(3, &[("gpu", 2)]);
    let urgent = |name: &str, pool: PoolUse| {
        task(name, &[], |task| {
            task.priority = 100;
            task.pool = pool;
        })
    };
    bench.backfill(vec![urgent("a", PoolUse::default()), urgent("b", gpu(2))]);
    bench.run(vec![
        uses("plain", PoolUse::default()),
        uses("small", gpu(1)),
    ]);
    let mut served = bench.admit();
    served.sort();
    assert_eq!(served, ["r0.a", "r1.plain", "r1.small"]);
    let first = bench.board.first_of_pool("gpu", 2).expect("one waits");
    assert_eq!(first.0.0.as_str(), "r0");
    bench.run(vec![uses("late", gpu(1))]);
    bench.ends(1, "plain");
    assert_eq!(bench.admit(), ["r2.late"], "though the other waits longer");
}

#[test]
fn a_retry_by_hand_takes_a_run_out_of_its_backfill() {
    let mut bench = Bench::new(1, &[]);
    let night = bench.backfill(vec![task("a", &[], |_| {})]);
    assert!(bench.live[night].1.backfill.is_some());
    assert_eq!(bench.admit(), ["r0.a"]);
    bench.ends(night, "a");
    let by = Actor::engine();
    let again = Event::Retry {
        tasks: vec![TaskRunIx(0)],
        by,
        reason: None,
        backfill: None,
        definition: None,
    };
    bench.happen(night, again);
    bench.happen(night, Event::Begin);
    bench.backfill(vec![task("b", &[], |task| task.priority = 9)]);
    assert_eq!(bench.board, bench.anew());
    assert_eq!(bench.admit(), ["r0.a"]);
}

#[test]
fn in_the_queue_the_runs_of_a_backfill_stand_behind_all_others() {
    let mut board = Board::default();
    let mut bench = Bench::new(1, &[]);
    let (first, second) = (
        bench.backfill(many(1, Wait::Block)),
        bench.run(many(1, Wait::Block)),
    );
    for ix in [first, second] {
        let run = &mut bench.live[ix].1;
        run.phase = Phase::Queued { since: at(0) };
        board.look_run(run);
    }
    let dag = bench.live[first].1.facts.dag.clone();
    let queued: Vec<&str> = board.queued(&dag).map(|run| run.as_str()).collect();
    assert_eq!(queued, ["r1", "r0"]);
    assert_eq!(board.beginnable(&dag, 1).unwrap().as_str(), "r1");
}

#[test]
fn ten_thousand_ready_tasks_cost_what_is_handed_out() {
    let mut line = Line::default();
    let lane = Lane {
        begun: true,
        yields: false,
    };
    let mut bench = Bench::new(0, &[("gpu", 1)]);
    for i in 0..5_000 {
        let pool = if i % 2 == 0 {
            gpu(1)
        } else {
            PoolUse::default()
        };
        bench.run(vec![uses("a", pool.clone()), uses("b", pool)]);
    }
    for (dag, run) in &bench.live {
        for (ix, task) in (0u32..).map(TaskRunIx).zip(&run.tasks) {
            line.look((run.facts.id.clone(), ix), dag.task(task.task), task, lane);
        }
    }
    assert_eq!(line.waiting(), 10_000);
    bench.slots = 16;
    let admission = line.admissible(bench.limits());
    assert_eq!(admission.places.len(), 16);
    assert!(admission.looked <= 20, "looked at {}", admission.looked);
}

#[test]
fn a_change_that_the_board_was_not_told_of_is_found_by_building_it_anew() {
    let mut bench = Bench::new(1, &[("gpu", 1)]);
    let run = bench.run(vec![uses("a", gpu(1)), uses("b", gpu(1))]);
    assert_eq!(bench.board, bench.anew());
    let (dag, run) = &mut bench.live[run];
    let tasks = vec![TaskRunIx(0)];
    advance(dag, run, Event::Admit { tasks }, at(9), &World::default());
    assert_ne!(bench.board, bench.anew());
}
