//! What a committed fact counts for.

use noctule_core::dag::Dag;
use noctule_core::run::{Fact, Record, Run, Trigger};
use noctule_executor::ErrorClass;

use super::Meters;
use super::labels::{AttemptEnded, LaunchStep, RunCreated, RunEnded};

impl Meters {
    pub(super) fn count(&self, dag: &Dag, run: &Run, record: &Record) {
        let of_dag = || run.facts.dag.to_string();
        match &record.fact {
            Fact::RunCreated { trigger } => {
                let made = RunCreated {
                    dag: of_dag(),
                    trigger: trigger.word(),
                };
                self.runs_created.get_or_create(&made).inc();
                if let Trigger::Schedule { tick } = trigger {
                    let late = (record.at - *tick).to_std().unwrap_or_default();
                    self.tick_lateness.observe(late.as_secs_f64());
                }
            }
            Fact::RunEnded { ending } => {
                let ended = RunEnded {
                    dag: of_dag(),
                    state: ending.word(),
                };
                self.runs_ended.get_or_create(&ended).inc();
            }
            Fact::Intended { .. } => self.launch(dag, run, record, "intended"),
            Fact::LaunchTrouble { .. } => self.launch(dag, run, record, "trouble"),
            Fact::Searching { .. } => self.launch(dag, run, record, "searching"),
            Fact::SentAgain => self.launch(dag, run, record, "sent_again"),
            Fact::Launched { adopted: true, .. } => self.launch(dag, run, record, "adopted"),
            Fact::Launched { adopted: false, .. } => self.launch(dag, run, record, "launched"),
            Fact::AttemptEnded { state, class, .. } => {
                let ended = AttemptEnded {
                    executor: executor(dag, run, record),
                    state: state.clone(),
                    class: class.map_or("", ErrorClass::as_str),
                };
                self.attempts_ended.get_or_create(&ended).inc();
            }
            Fact::Alarm { .. } => {
                self.alarms.inc();
            }
            _ => {}
        }
    }

    fn launch(&self, dag: &Dag, run: &Run, record: &Record, step: &'static str) {
        let executor = executor(dag, run, record);
        self.launches
            .get_or_create(&LaunchStep { executor, step })
            .inc();
    }
}

fn executor(dag: &Dag, run: &Run, record: &Record) -> String {
    let task = record.task.and_then(|ix| run.tasks.get(ix.index()));
    task.map_or_else(String::new, |task| task.definition(dag).executor.clone())
}
