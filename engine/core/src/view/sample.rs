//! Runs in every kind of standing, for the tests of what is said about them. Made by the state machine, never by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use noctule_executor::{
    AttemptKey, ErrorClass, ExecutorError, Finished, Outcome, Recovery, Request, Status, Wait,
};
use serde_json::{Map, Value, json};

use crate::dag::{Dag, Definition, OnUnknown, PoolUse, Retries, TaskDefinition, TriggerRule};
use crate::run::{
    Actor, Event, Handle, Instant, Intent, Nature, NewRun, News, Port, Prepared, Previous, Run,
    TaskRunIx, Trigger, advance, create,
};
use crate::ticks::IngestionId;

pub(crate) fn at(second: i64) -> Instant {
    chrono::DateTime::from_timestamp(1_768_315_200 + second, 0).unwrap()
}

pub(crate) fn task(name: &str, depends_on: &[&str], retries: u32) -> TaskDefinition {
    TaskDefinition {
        name: name.parse().unwrap(),
        executor: "cloud_run".to_owned(),
        depends_on: depends_on
            .iter()
            .map(|name| name.parse().unwrap())
            .collect(),
        wait: Wait::Block,
        with: Map::new(),
        timeout: Some(Duration::from_secs(3_600)),
        total_timeout: None,
        start_timeout: None,
        poll_interval: Duration::from_secs(15),
        retries: Retries {
            max: retries,
            delay: Duration::from_secs(60),
            ..Retries::default()
        },
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
    }
}

pub(crate) fn dag(tasks: Vec<TaskDefinition>) -> Dag {
    let definition = Definition {
        id: "nightly".parse().unwrap(),
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
    Dag::new(definition).unwrap()
}

/// Everything can be prepared, every expression holds.
struct Willing;

impl Port for Willing {
    fn key(&self, _: &Dag, _: &Run, task: TaskRunIx, number: u32) -> AttemptKey {
        AttemptKey::from_text(format!("n1-00000000-{}-{number}", task.0))
    }

    fn prepare(&self, _: &Dag, _: &Run, _: &Intent<'_>) -> Result<Prepared, String> {
        Ok(Prepared {
            request: Request(json!({ "secret": "is nobody's business" })),
            config: Value::Null,
            connection: None,
            wait: Wait::Block,
            recovery: Recovery::Search {
                after: [1, 5].map(Duration::from_secs).to_vec(),
            },
            nature: Nature::Remote,
            local: false,
            obliges: false,
        })
    }

    fn items(&self, _: &Dag, _: &Run, _: TaskRunIx) -> Result<Vec<(String, Value)>, String> {
        Ok(Vec::new())
    }

    fn holds(
        &self,
        _: &Dag,
        _: &Run,
        _: TaskRunIx,
        _: &str,
        _: Option<&Value>,
    ) -> Result<bool, String> {
        Ok(true)
    }
}

/// A run that is told what happens, one second after the other.
pub(crate) struct Story {
    pub(crate) dag: Dag,
    pub(crate) run: Run,
    pub(crate) second: i64,
}

impl Story {
    pub(crate) fn of(dag: Dag) -> Self {
        let new = NewRun {
            id: "r-1".parse().unwrap(),
            profile: "default".parse().unwrap(),
            trigger: Trigger::Manual { by: operator() },
            ingestion_id: IngestionId::given("20260113140000").unwrap(),
            logical_time: at(-1),
            params: Map::new(),
            vars: Map::new(),
            previous: Previous::default(),
            callback: None,
        };
        let (run, _) = create(&dag, new, at(0));
        Self {
            dag,
            run,
            second: 0,
        }
    }

    pub(crate) fn happen(&mut self, event: Event) -> &mut Self {
        self.second += 1;
        advance(&self.dag, &mut self.run, event, at(self.second), &Willing);
        self
    }

    pub(crate) fn begin(&mut self) -> &mut Self {
        self.happen(Event::Begin)
    }

    pub(crate) fn admit(&mut self, task: &str) -> &mut Self {
        let tasks = vec![self.ix(task)];
        self.happen(Event::Admit { tasks })
    }

    pub(crate) fn news(&mut self, task: &str, news: News) -> &mut Self {
        let ix = self.ix(task);
        let attempt = self.run.tasks[ix.index()]
            .attempts
            .last()
            .map_or(1, |attempt| attempt.number);
        self.happen(Event::News {
            task: ix,
            attempt,
            news,
        })
    }

    pub(crate) fn launched(&mut self, task: &str) -> &mut Self {
        let public = json!({ "execution_name": "x-1", "region": "r1", "log_uri": null });
        self.news(
            task,
            News::Launched {
                handle: Handle {
                    advances: 0,
                    raw: json!({ "token": "raw" }),
                    public,
                },
            },
        )
    }

    pub(crate) fn working(&mut self, task: &str) -> &mut Self {
        self.launched(task);
        self.news(
            task,
            News::Polled {
                status: Status::Running {
                    started_at: Some(at(self.second)),
                    poll_after: None,
                },
            },
        )
    }

    pub(crate) fn finished(&mut self, task: &str, outcome: Outcome) -> &mut Self {
        self.news(
            task,
            News::Polled {
                status: Status::Finished(Finished::now(outcome)),
            },
        )
    }

    pub(crate) fn failed(&mut self, task: &str, class: ErrorClass, message: &str) -> &mut Self {
        self.finished(
            task,
            Outcome::failed(class, message, Some(json!({ "exit_code": 3 }))),
        )
    }

    pub(crate) fn refused(&mut self, task: &str, error: ExecutorError) -> &mut Self {
        self.news(task, News::LaunchFailed { error })
    }

    pub(crate) fn cancel(&mut self) -> &mut Self {
        self.happen(Event::Cancel {
            by: operator(),
            reason: Some("wrong day".to_owned()),
        })
    }

    fn ix(&self, task: &str) -> TaskRunIx {
        TaskRunIx(self.dag.find(task).unwrap().0)
    }
}

fn operator() -> Actor {
    Actor {
        name: "operator".to_owned(),
        via: "cli".to_owned(),
    }
}
