//! A world of values: work that is started and ends by a script, and an engine that may be killed between any two steps.
//!
//! It performs what the states ask for, exactly as an engine does, and keeps a ledger of every launch that arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use noctule_executor::{
    AttemptKey, Clearing, ErrorClass, ExecutorError, Finished, Outcome, Recovery, Request, Status,
    Use, Wait,
};
use serde_json::{Map, Value, json};

use super::journal::Journal;
use crate::dag::{Dag, Definition, OnUnknown, PoolUse, Retries, TaskDefinition, TriggerRule};
use crate::name::{StoreId, attempt_key};
use crate::run::{
    Activity, Attempt, Board, Cleared, Event, Fact, Handle, Instant, Intent, Limits, Nature,
    NewRun, News, Phase, Port, Prepared, Previous, Run, RunEnding, Step, TaskRunIx, TaskState,
    Trigger, activity, advance, create,
};
use crate::ticks::IngestionId;

pub(super) fn at(second: i64) -> Instant {
    chrono::DateTime::from_timestamp(1_762_516_800 + second, 0).unwrap()
}

/// A task by its name, its dependencies, and what a test wants otherwise.
pub(super) fn task(
    name: &str,
    depends_on: &[&str],
    change: impl FnOnce(&mut TaskDefinition),
) -> TaskDefinition {
    let mut task = TaskDefinition {
        name: name.parse().unwrap(),
        executor: "scripted".to_owned(),
        depends_on: depends_on
            .iter()
            .map(|name| name.parse().unwrap())
            .collect(),
        wait: Wait::Block,
        with: Map::new(),
        timeout: None,
        total_timeout: None,
        start_timeout: None,
        poll_interval: Duration::from_secs(15),
        retries: Retries::default(),
        trigger_rule: TriggerRule::AllSuccess,
        may_fail: false,
        priority: 0,
        when: None,
        success: None,
        skip_when: None,
        on_unknown: OnUnknown::Fail,
        expose_secrets: false,
        map: None,
        within: None,
        hold_until: None,
        pool: PoolUse::default(),
        notify: None,
    };
    change(&mut task);
    task
}

pub(super) fn dag(tasks: Vec<TaskDefinition>) -> Dag {
    dag_with(tasks, |_| {})
}

pub(super) fn dag_with(tasks: Vec<TaskDefinition>, change: impl FnOnce(&mut Definition)) -> Dag {
    let mut definition = Definition {
        id: "d".parse().unwrap(),
        description: None,
        owner: None,
        tags: Vec::new(),
        timeout: None,
        max_active_runs: 1,
        notify: None,
        must_end_by: None,
        schedule: None,
        trigger: None,
        ingestion: None,
        params: BTreeMap::new(),
        tasks,
        not_yet: Vec::new(),
    };
    change(&mut definition);
    Dag::new(definition).unwrap()
}

/// What the backend does with one send.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Send {
    Ok,
    /// The work is started, the answer is lost.
    LostAnswer,
    /// Nothing is started, the answer is lost.
    LostRequest,
    Fails(ExecutorError),
}

/// What a task's work does.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) sends: Vec<Send>,
    pub(super) outcomes: Vec<Outcome>,
    /// Seconds from launch to end; none: until it is cancelled.
    pub(super) lasts: Option<i64>,
    pub(super) recovery: Recovery,
    pub(super) nature: Nature,
    /// It is on the machine of the engine that sends it.
    pub(super) local: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            sends: Vec::new(),
            outcomes: Vec::new(),
            lasts: Some(5),
            recovery: Recovery::Search {
                after: [1, 5, 15, 30].map(Duration::from_secs).to_vec(),
            },
            nature: Nature::Remote,
            local: false,
        }
    }
}

pub(super) fn succeeded() -> Outcome {
    Outcome::Succeeded {
        output: json!({"status": "success"}),
    }
}

pub(super) fn failed(class: ErrorClass) -> Outcome {
    Outcome::failed(class, "as scripted", None)
}

#[derive(Debug, Clone)]
struct Work {
    ends: Option<Instant>,
    outcome: Outcome,
    cancelled: bool,
}

/// The world outside of the engine.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    scripts: BTreeMap<String, Script>,
    works: BTreeMap<AttemptKey, Work>,
    sends: BTreeMap<String, usize>,
    starts: BTreeMap<String, usize>,
    /// Every launch that started work.
    pub(super) ledger: Vec<AttemptKey>,
    pub(super) cancels: usize,
    conditions: BTreeMap<String, Result<bool, String>>,
    /// Works that others use, once they run.
    ready: BTreeSet<AttemptKey>,
    /// In which order answers are heard; none: in the order of the run.
    seed: Option<u64>,
    /// How often tearing down fails before it is done.
    stubborn: usize,
    /// What was torn down, and how its users had ended.
    pub(super) torn_down: Vec<(AttemptKey, Use)>,
}

impl World {
    pub(super) fn with(mut self, task: &str, script: Script) -> Self {
        self.scripts.insert(task.to_owned(), script);
        self
    }

    pub(super) fn when(mut self, expression: &str, held: Result<bool, String>) -> Self {
        self.conditions.insert(expression.to_owned(), held);
        self
    }

    pub(super) fn stubborn(mut self, tries: usize) -> Self {
        self.stubborn = tries;
        self
    }

    pub(super) fn shuffled(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn script(&self, task: &str) -> Script {
        self.scripts.get(task).cloned().unwrap_or_default()
    }

    fn launch(&mut self, task: &str, key: &AttemptKey, now: Instant) -> Result<(), ExecutorError> {
        let script = self.script(task);
        let count = self.sends.entry(task.to_owned()).or_default();
        let send = script.sends.get(*count).cloned().unwrap_or(Send::Ok);
        *count += 1;
        match send {
            Send::Fails(error) => return Err(error),
            Send::LostRequest => return Err(ExecutorError::unknown("connection reset")),
            Send::Ok | Send::LostAnswer => {}
        }
        let idempotent = script.recovery == Recovery::Resend && self.works.contains_key(key);
        if !idempotent {
            self.ledger.push(key.clone());
            let started = self.starts.entry(task.to_owned()).or_default();
            let outcome = script
                .outcomes
                .get(*started)
                .cloned()
                .unwrap_or_else(succeeded);
            *started += 1;
            let ends = script
                .lasts
                .map(|seconds| now + chrono::Duration::seconds(seconds));
            self.works.insert(
                key.clone(),
                Work {
                    ends,
                    outcome,
                    cancelled: false,
                },
            );
        }
        if send == Send::LostAnswer {
            Err(ExecutorError::unknown("answer lost"))
        } else {
            Ok(())
        }
    }

    fn status(&self, key: &AttemptKey, now: Instant) -> Status {
        let Some(work) = self.works.get(key) else {
            return Status::Lost {
                reason: "gone".to_owned(),
            };
        };
        match work.ends {
            _ if self.ready.contains(key) && !work.cancelled => Status::Ready {
                output: json!({"address": "10.0.0.1"}),
            },
            Some(end) if end <= now => Status::Finished(Finished::now(work.outcome.clone())),
            _ => Status::Running {
                started_at: None,
                poll_after: None,
            },
        }
    }

    fn cancel(&mut self, key: &AttemptKey, now: Instant) {
        self.cancels += 1;
        if let Some(work) = self.works.get_mut(key)
            && work.ends.is_none_or(|end| end > now)
        {
            work.ends = Some(now);
            work.cancelled = true;
            work.outcome = Outcome::Cancelled {
                by: None,
                output: None,
            };
        }
    }
}

impl Port for World {
    fn key(&self, dag: &Dag, run: &Run, task: TaskRunIx, number: u32) -> AttemptKey {
        let store: StoreId = "0123abcd".parse().unwrap();
        let task_run = &run.tasks[task.index()];
        let name = task_run.definition(dag).name.as_str();
        let map_key = task_run.map_key.as_deref();
        attempt_key(&store, &run.facts.id, name, map_key, number)
    }

    fn prepare(&self, dag: &Dag, run: &Run, intent: &Intent<'_>) -> Result<Prepared, String> {
        let task = run.tasks[intent.task.index()].definition(dag);
        let script = self.script(task.name.as_str());
        if task.with.contains_key("bad") {
            return Err("`with.bad` is none".to_owned());
        }
        Ok(Prepared {
            request: Request(json!({"task": task.name.as_str(), "key": intent.key.as_str()})),
            config: Value::Null,
            connection: None,
            wait: task.wait,
            recovery: script.recovery,
            nature: script.nature,
            local: script.local,
            obliges: task.hold_until.is_some(),
        })
    }

    fn items(&self, dag: &Dag, run: &Run, head: TaskRunIx) -> Result<Vec<(String, Value)>, String> {
        let rule = run.tasks[head.index()].definition(dag).map.clone();
        let list = rule.and_then(|rule| rule.items.as_array().cloned());
        let list = list.ok_or_else(|| "`map`: expected a list".to_owned())?;
        let name = |value: Value| (value.to_string(), value);
        Ok(list.into_iter().map(name).collect())
    }

    fn holds(
        &self,
        _: &Dag,
        _: &Run,
        _: TaskRunIx,
        expression: &str,
        _: Option<&Value>,
    ) -> Result<bool, String> {
        self.conditions.get(expression).cloned().unwrap_or(Ok(true))
    }
}

/// An engine over the world. `run` is its memory, `stored` is what a killed engine finds.
pub(super) struct Engine<'a> {
    /// The versions that there are; a fresh engine finds the one of its run among them.
    dags: &'a [Dag],
    pub(super) dag: &'a Dag,
    pub(super) world: World,
    pub(super) run: Run,
    pub(super) stored: Run,
    pub(super) now: Instant,
    pub(super) facts: Vec<Fact>,
    hands: BTreeMap<TaskRunIx, (u32, Activity)>,
    board: Board,
    pub(super) journal: Journal<'a>,
    slots: usize,
    /// Killed after that many commits and effects, each counted.
    pub(super) kill_after: Option<usize>,
    pub(super) events: usize,
}

impl<'a> Engine<'a> {
    pub(super) fn new(dag: &'a Dag, world: World) -> Self {
        Self::with_versions(std::slice::from_ref(dag), world)
    }

    /// A run of the first of these versions.
    pub(super) fn with_versions(dags: &'a [Dag], world: World) -> Self {
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

    pub(super) fn slots(mut self, slots: usize) -> Self {
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

    pub(super) fn happen(&mut self, event: Event) -> Step {
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
    pub(super) fn set_back(&mut self, to: Run, journal: Journal<'a>) {
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
    pub(super) fn run_to_end(&mut self) -> RunEnding {
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
    pub(super) fn pass_time(&mut self) {
        self.now += chrono::Duration::seconds(1);
        if self.board.next_due().is_some_and(|due| due <= self.now) {
            self.happen(Event::Due);
        }
    }

    /// Runs until `now` is reached.
    pub(super) fn until(&mut self, second: i64) {
        while self.now < at(second) {
            assert!(self.turn());
            match self.perform() {
                Some(true) => {}
                _ => self.pass_time(),
            }
        }
        assert!(self.turn());
    }

    pub(super) fn states(&self) -> BTreeMap<String, &'static str> {
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

    pub(super) fn launched_at_most_once(&self) {
        let keys: BTreeSet<_> = self.world.ledger.iter().collect();
        assert_eq!(
            keys.len(),
            self.world.ledger.len(),
            "a key was launched twice: {:?}",
            self.world.ledger
        );
    }
}
