//! The board is the state, whatever happens and in whatever order.

use super::*;

/// What may happen to one of the runs.
#[derive(Debug, Clone)]
enum Stir {
    Run(Vec<(u32, i64, bool)>),
    Admit,
    Launched(usize),
    Ends(usize, bool),
    Cancel(usize),
    Resize(u32),
}

fn stir() -> impl Strategy<Value = Stir> {
    let tasks = prop::collection::vec((0..4u32, 0..2i64, any::<bool>()), 1..5);
    prop_oneof![
        2 => tasks.prop_map(Stir::Run),
        4 => Just(Stir::Admit),
        3 => any::<usize>().prop_map(Stir::Launched),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(at, good)| Stir::Ends(at, good)),
        1 => any::<usize>().prop_map(Stir::Cancel),
        1 => (0..5u32).prop_map(Stir::Resize),
    ]
}

impl Bench {
    fn stir(&mut self, stir: &Stir) {
        let active = self.active();
        let pick = |at: usize| active.get(at % active.len().max(1)).cloned();
        match stir {
            Stir::Run(tasks) => {
                let make = |(i, (slots, priority, poll)): (usize, &(u32, i64, bool))| {
                    task(&format!("t{i}"), &[], |task| {
                        task.priority = *priority;
                        if *poll {
                            task.wait = Wait::Poll;
                        }
                        if *slots > 0 {
                            task.pool = gpu(*slots);
                        }
                    })
                };
                self.run(tasks.iter().enumerate().map(make).collect());
            }
            Stir::Admit => self.admit_and_judge(),
            Stir::Launched(at) => {
                if let Some((run, name)) = pick(*at) {
                    self.launched(run, &name);
                }
            }
            Stir::Ends(at, good) => {
                if let Some((run, name)) = pick(*at) {
                    let outcome = if *good {
                        succeeded()
                    } else {
                        failed(noctule_executor::ErrorClass::User)
                    };
                    let status = Status::Finished(Finished::now(outcome));
                    self.launched(run, &name);
                    self.news(run, &name, News::Polled { status });
                }
            }
            Stir::Cancel(at) if !self.live.is_empty() => {
                let by = Actor {
                    name: "operator".to_owned(),
                    via: "cli".to_owned(),
                };
                let run = at % self.live.len();
                self.happen(run, Event::Cancel { by, reason: None });
            }
            Stir::Cancel(_) => {}
            Stir::Resize(size) => {
                self.pools.insert("gpu".to_owned(), *size);
            }
        }
    }

    fn active(&self) -> Vec<(usize, String)> {
        let runs = (0..self.live.len()).flat_map(|run| {
            let tasks = self.live[run].1.tasks.len();
            (0u32..).map(TaskRunIx).take(tasks).map(move |ix| (run, ix))
        });
        runs.filter(|(run, ix)| self.live[*run].1.tasks[ix.index()].live().is_some())
            .map(|(run, ix)| (run, self.name(run, ix)))
            .collect()
    }

    /// Hands out, and judges by live state alone: no limit is passed, and nothing is left that could have begun.
    fn admit_and_judge(&mut self) {
        let before = self.held("gpu");
        self.admit();
        let (held, size) = (self.held("gpu"), self.pools["gpu"]);
        assert!(held <= size.max(before), "{held} of {size} held");
        let slots = self.board.holding().len();
        assert!(slots <= self.slots);
        let room = size.saturating_sub(held);
        let first = self.board.first_of_pool("gpu", size);
        for (dag, run) in &self.live {
            let begun = matches!(run.phase, Phase::Running { .. });
            for task in run.tasks.iter().filter(|_| begun && slots < self.slots) {
                if !matches!(task.state, TaskState::Ready { .. }) {
                    continue;
                }
                let wanted = &dag.task(task.task).pool;
                assert!(
                    !wanted.is_default(),
                    "a plain task waits beside a free slot"
                );
                let kept = first.as_ref().is_some_and(|(_, slots)| *slots > room);
                assert!(
                    wanted.slots > size || kept,
                    "a task waits beside a free pool"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_board_is_the_one_built_anew_and_no_limit_is_passed(
        stirs in prop::collection::vec(stir(), 1..40)
    ) {
        let mut bench = Bench::new(3, &[("gpu", 3)]);
        for stir in &stirs {
            bench.stir(stir);
            prop_assert_eq!(&bench.board, &bench.anew(), "after {:?}", stir);
        }
    }
}
