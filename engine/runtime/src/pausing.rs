//! Asks about DAGs: no ticks until further notice, ticks again, the files read again.
//!
//! Ticks during a pause make no runs, and a resume makes none for them unless it is asked to.

use std::sync::Arc;

use noctule_core::ask::{Answer, Refusal};
use noctule_core::name::DagId;
use noctule_core::run::Actor;
use noctule_core::scheduling::DueTick;
use noctule_store::Pause;

use crate::asking::{done, refused};
use crate::engine::Engine;
use crate::error::RuntimeError;

impl Engine {
    pub(crate) fn pause(&mut self, dag: &DagId, by: Actor, why: Option<String>) -> Answer {
        let since = self.options.clock.now();
        let Some(known) = self.catalog.get_mut(dag) else {
            return refused(Refusal::NotFound, format!("there is no DAG `{dag}`"));
        };
        if let Some(pause) = &known.record.pause {
            return Answer::Done {
                run: None,
                existing: true,
                notes: vec![format!("already paused by {}", pause.by.name)],
            };
        }
        known.record.pause = Some(Pause { by, why, since });
        self.batch.dags.insert(dag.clone());
        self.watch(dag);
        done(None)
    }

    pub(crate) async fn resume_dag(
        &mut self,
        dag: &DagId,
        catchup: bool,
    ) -> Result<Answer, RuntimeError> {
        let now = self.options.clock.now();
        let Some(known) = self.catalog.get_mut(dag) else {
            return Ok(refused(
                Refusal::NotFound,
                format!("there is no DAG `{dag}`"),
            ));
        };
        let Some(pause) = known.record.pause.take() else {
            return Ok(Answer::Done {
                run: None,
                existing: true,
                notes: vec!["it was not paused".to_owned()],
            });
        };
        let version = Arc::clone(&known.dag);
        self.batch.dags.insert(dag.clone());
        let mut made = 0usize;
        if catchup && let Some(schedule) = version.schedule() {
            let ticks: Vec<_> = schedule.ticks_between(pause.since, now).collect();
            made = ticks.len();
            for tick in ticks {
                let due = DueTick {
                    tick,
                    caught_up: true,
                };
                self.create_for_tick(&version, due, now).await?;
            }
        }
        self.consider(dag, Some(now));
        self.expect_tick(dag);
        self.watch(dag);
        let notes = if catchup {
            vec![format!("{made} runs for the ticks of the pause")]
        } else {
            Vec::new()
        };
        Ok(Answer::Done {
            run: None,
            existing: false,
            notes,
        })
    }

    pub(crate) fn reload(&mut self) -> Answer {
        self.reloads.notify_one();
        done(None)
    }
}
