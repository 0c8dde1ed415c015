//! An engine of values: it performs what the core asks for, and may be killed after any commit.

use super::*;

/// An engine over the world. `run` is its memory, `stored` is what a killed engine finds.
pub(in crate::run::tests) struct Engine<'a> {
    /// The versions that there are; a fresh engine finds the one of its run among them.
    dags: &'a [Dag],
    pub(in crate::run::tests) dag: &'a Dag,
    pub(in crate::run::tests) world: World,
    pub(in crate::run::tests) run: Run,
    pub(in crate::run::tests) stored: Run,
    pub(in crate::run::tests) now: Instant,
    pub(in crate::run::tests) facts: Vec<Fact>,
    hands: BTreeMap<TaskRunIx, (u32, Activity)>,
    board: Board,
    pub(in crate::run::tests) journal: Journal<'a>,
    slots: usize,
    /// Killed after that many commits and effects, each counted.
    pub(in crate::run::tests) kill_after: Option<usize>,
    pub(in crate::run::tests) events: usize,
}

impl<'a> Engine<'a> {
    pub(in crate::run::tests) fn new(dag: &'a Dag, world: World) -> Self {
        Self::with_versions(std::slice::from_ref(dag), world)
    }

    /// A run of the first of these versions.
    pub(in crate::run::tests) fn with_versions(dags: &'a [Dag], world: World) -> Self {
        let dag = &dags[0];
        let new = NewRun {
            id: "r1".parse().unwrap(),
            profile: "local".parse().unwrap(),
            trigger: Trigger::Schedule { tick: at(0) },
            ingestion_id: IngestionId::given("20251107120000").unwrap(),
            logical_time: at(0),
            params: Map::new(),
            vars: Map::new(),
            previous: Previous::default(),
            callback: None,
        };
        let (run, step) = create(dag, new, at(0));
        let journal = Journal::new(dags, &run, &step);
        let mut engine = Self {
            dags,
            dag,
            world,
            stored: run.clone(),
            run,
            now: at(0),
            facts: Vec::new(),
            hands: BTreeMap::new(),
            board: Board::default(),
            journal,
            slots: 16,
            kill_after: None,
            events: 0,
        };
        engine.look_anew();
        engine
    }

    pub(in crate::run::tests) fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    fn look_anew(&mut self) {
        self.board = Board::default();
        self.board.look_run(&self.run);
        for ix in 0..self.run.tasks.len() {
            self.board
                .look(self.dag, &self.run, TaskRunIx(u32::try_from(ix).unwrap()));
        }
    }

    pub(in crate::run::tests) fn happen(&mut self, event: Event) -> Step {
        let step = advance(self.dag, &mut self.run, event, self.now, &self.world);
        self.journal.append(&step, &self.run);
        self.facts
            .extend(step.records.iter().map(|record| record.fact.clone()));
        self.board.look_run(&self.run);
        self.look_anew();
        step
    }

    /// What was decided becomes durable, and its journal has to make the same of it.
    fn commit(&mut self) {
        self.stored = self.run.clone();
        self.journal.commit(&self.stored);
    }

    fn killed(&mut self) -> bool {
        self.events += 1;
        self.kill_after == Some(self.events)
    }

    /// Everything in memory is gone; a fresh engine reads the store.
    fn restart(&mut self) {
        self.kill_after = None;
        self.run = self.stored.clone();
        let pinned = |dag: &&Dag| *dag.hash() == self.run.facts.version;
        self.dag = self.dags.iter().find(pinned).unwrap_or(self.dag);
        self.journal.forget();
        self.hands.clear();
        self.look_anew();
        self.happen(Event::Resumed);
        self.happen(Event::Due);
        self.commit();
    }

    /// The store is set back to an earlier state, and says so to a fresh engine. The world goes on as it is.
    pub(in crate::run::tests) fn set_back(&mut self, to: Run, journal: Journal<'a>) {
        self.run = to;
        self.journal = journal;
        self.journal.forget();
        self.hands.clear();
        self.look_anew();
        self.happen(Event::Doubted);
        self.happen(Event::Resumed);
        self.happen(Event::Due);
        self.commit();
    }

    /// One turn: begin, admit, commit, perform.
    fn turn(&mut self) -> bool {
        if matches!(self.run.phase, Phase::Queued { .. }) {
            self.happen(Event::Begin);
        }
        loop {
            let tasks: Vec<_> = self
                .board
                .admissible(Limits::of_slots(self.slots))
                .into_iter()
                .map(|(_, ix)| ix)
                .collect();
            if tasks.is_empty() {
                break;
            }
            self.happen(Event::Admit { tasks });
        }
        if self.killed() {
            return false;
        }
        self.commit();
        !self.killed()
    }

    fn wanted(&self) -> Vec<(TaskRunIx, Attempt, Activity)> {
        let tasks = (0u32..).map(TaskRunIx).zip(&self.run.tasks);
        tasks
            .filter_map(|(ix, task)| Some((ix, task.live()?.clone(), activity(task.live()?)?)))
            .collect()
    }

    /// Carries out the first obligation that is due; tells whether there was one.
    fn clear(&mut self) -> Option<bool> {
        let due = (0u32..)
            .map(TaskRunIx)
            .zip(&self.run.tasks)
            .find_map(|(ix, task)| {
                let mut asked = task.obligations.iter();
                asked.find_map(|o| Some((ix, o.clone(), o.asks_for()?)))
            });
        let Some((task, obligation, asked)) = due else {
            return Some(false);
        };
        if asked.not_before.is_some_and(|at| at > self.now) {
            return Some(false);
        }
        let cleared = if self.world.stubborn > 0 {
            self.world.stubborn -= 1;
            Cleared::Failed {
                message: "not now".to_owned(),
            }
        } else {
            let key = AttemptKey::from_text(obligation.handle.raw.as_str().unwrap());
            self.world.cancel(&key, self.now);
            self.world.torn_down.push((key, asked.usage));
            Cleared::Answered {
                clearing: Clearing::Done,
            }
        };
        if self.killed() {
            return None;
        }
        self.happen(Event::Cleared {
            task,
            attempt: obligation.attempt,
            cleared,
        });
        Some(true)
    }

    /// Performs what is wanted and possible now; tells whether anything happened.
    fn perform(&mut self) -> Option<bool> {
        match self.clear() {
            Some(false) => {}
            happened => return happened,
        }
        let mut wanted = self.wanted();
        if let Some(seed) = &mut self.world.seed {
            // A small generator of its own keeps the order the same on every machine.
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let len = wanted.len().max(1);
            wanted.rotate_left(usize::try_from(*seed >> 33).unwrap() % len);
        }
        for (ix, attempt, activity) in wanted {
            let place = (attempt.number, activity);
            let name = self.run.tasks[ix.index()]
                .definition(self.dag)
                .name
                .to_string();
            let waits = match activity {
                Activity::Look { at, .. } => at > self.now,
                _ => false,
            };
            let once = !matches!(activity, Activity::Watch { .. } | Activity::Cancel { .. });
            if waits || (once && self.hands.get(&ix) == Some(&place)) {
                continue;
            }
            if attempt.prepared.obliges {
                self.world.ready.insert(attempt.key.clone());
            }
            let news = self.news(&name, &attempt, activity, ix);
            self.hands.insert(ix, place);
            if self.killed() {
                return None;
            }
            if let Some(news) = news {
                let step = self.happen(Event::News {
                    task: ix,
                    attempt: attempt.number,
                    news,
                });
                if !step.is_empty() {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    fn news(
        &mut self,
        name: &str,
        attempt: &Attempt,
        activity: Activity,
        ix: TaskRunIx,
    ) -> Option<News> {
        let handle = || Handle {
            advances: 0,
            raw: json!(attempt.key.as_str()),
            public: json!({"key": attempt.key.as_str()}),
        };
        match activity {
            Activity::Launch { .. } => {
                Some(match self.world.launch(name, &attempt.key, self.now) {
                    Ok(()) => News::Launched { handle: handle() },
                    Err(error) => News::LaunchFailed { error },
                })
            }
            Activity::Look { .. } => {
                let found = self.world.works.contains_key(&attempt.key).then(handle);
                Some(News::Looked { found })
            }
            Activity::Cancel { .. } => {
                if self.hands.get(&ix) != Some(&(attempt.number, activity)) {
                    self.world.cancel(&attempt.key, self.now);
                }
                Some(News::Polled {
                    status: self.world.status(&attempt.key, self.now),
                })
            }
            Activity::Watch { .. } => Some(News::Polled {
                status: self.world.status(&attempt.key, self.now),
            }),
        }
    }

    /// Runs until the run is over, jumping over time in which nothing happens.
    pub(in crate::run::tests) fn run_to_end(&mut self) -> RunEnding {
        for _ in 0..20_000 {
            if !self.turn() {
                self.restart();
                continue;
            }
            if let Phase::Ended { ending, .. } = self.run.phase {
                self.journal.replays(&self.stored);
                return ending;
            }
            match self.perform() {
                None => self.restart(),
                Some(true) => {}
                Some(false) => self.pass_time(),
            }
        }
        panic!("the run does not end: {:#?}", self.run);
    }

    /// Moves to the next second and does what is due.
    pub(in crate::run::tests) fn pass_time(&mut self) {
        self.now += chrono::Duration::seconds(1);
        if self.board.next_due().is_some_and(|due| due <= self.now) {
            self.happen(Event::Due);
        }
    }

    /// Runs until `now` is reached.
    pub(in crate::run::tests) fn until(&mut self, second: i64) {
        while self.now < at(second) {
            assert!(self.turn());
            match self.perform() {
                Some(true) => {}
                _ => self.pass_time(),
            }
        }
        assert!(self.turn());
    }

    pub(in crate::run::tests) fn states(&self) -> BTreeMap<String, &'static str> {
        let word = |state: &TaskState| state.word();
        self.run
            .tasks
            .iter()
            .enumerate()
            .map(|(ix, task)| {
                let ix = TaskRunIx(u32::try_from(ix).unwrap());
                (self.run.name_of(self.dag, ix), word(&task.state))
            })
            .collect()
    }

    pub(in crate::run::tests) fn launched_at_most_once(&self) {
        let keys: BTreeSet<_> = self.world.ledger.iter().collect();
        assert_eq!(
            keys.len(),
            self.world.ledger.len(),
            "a key was launched twice: {:?}",
            self.world.ledger
        );
    }
}
