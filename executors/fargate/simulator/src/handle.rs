//! What a test does with a running simulator: look, wait, decide, disturb.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use noctule_simulated::{Fault as Ordered, RecordedRequest};
use serde_json::Value;

use super::{
    action::Action,
    cloud::Cloud,
    error::SimulatorError,
    fault::{Fault, What},
    server::Simulator,
    shared::Shared,
    start::{Start, ledger},
    status::{Ending, Status, Stop, StopCode},
    view::{State, TargetView, TaskView},
};

impl Cloud {
    pub(crate) fn calls(&self, action: Action) -> usize {
        let record = self.record.iter();
        record
            .filter(|request| Action::of(request) == Some(action))
            .count()
    }
}

impl Shared {
    pub(crate) fn order(&self, fault: Fault) -> Ordered {
        let action = fault.action;
        let matches = move |request: &RecordedRequest| Action::of(request) == Some(action);
        match fault.what {
            What::Wire(effect) => self.on_the_wire.add(matches, fault.times, effect),
            What::Twist(twist) => self.twists.add(matches, fault.times, twist),
        }
    }

    /// Ends a container by its name, or every essential one.
    pub(crate) fn finish(
        &self,
        task: &str,
        container: Option<&str>,
        ending: &Ending,
    ) -> Result<(), SimulatorError> {
        self.change(|cloud, _| {
            let name = task.to_owned();
            let task = cloud
                .named(task)
                .ok_or(SimulatorError::UnknownTask { name })?;
            if task.status == Status::Stopped {
                let name = task.id.clone();
                return Err(SimulatorError::AlreadyStopped { name });
            }
            let mut told = 0;
            for (one, known) in task.containers.iter().zip(&task.definition.containers) {
                if container.map_or(known.essential, |name| name == one.name) {
                    one.told.send_replace(Some(ending.clone()));
                    told += 1;
                }
            }
            match container {
                Some(container) if told == 0 => Err(SimulatorError::UnknownContainer {
                    task: task.id.clone(),
                    container: container.to_owned(),
                }),
                _ => Ok(()),
            }
        })
    }
}

impl Simulator {
    /// Everything at this moment.
    pub fn state(&self) -> State {
        self.shared.read(State::of)
    }

    /// Every task that was ever started, in that order.
    pub fn tasks(&self) -> Vec<TaskView> {
        self.state().tasks
    }

    /// Every target that is registered or drains.
    pub fn targets(&self) -> Vec<TargetView> {
        self.state().targets
    }

    /// How many requests of a kind arrived, whatever was answered.
    pub fn calls(&self, action: Action) -> usize {
        self.shared.read(|cloud| cloud.calls(action))
    }

    /// Every request that arrived, oldest first.
    pub fn requests(&self) -> Vec<Arc<RecordedRequest>> {
        self.shared.read(|cloud| cloud.record.clone())
    }

    /// Every start that a request made, also of tasks that can no longer be described.
    pub fn starts(&self) -> Vec<Start> {
        self.shared.read(|cloud| cloud.starts.clone())
    }

    /// How many tasks each key started.
    pub fn ledger(&self) -> BTreeMap<String, usize> {
        ledger(&self.starts())
    }

    /// A task as `DescribeTasks` would show it, with its tags.
    pub fn describe(&self, task: &str) -> Option<Value> {
        self.shared.read(|cloud| {
            let task = cloud.named(task)?;
            Some(task.with_tags(task.render(), true))
        })
    }

    /// Waits, without a limit, until `reached` says yes to the state, and returns that state.
    pub async fn wait_for(&self, mut reached: impl FnMut(&State) -> bool) -> State {
        let mut news = self.shared.news();
        loop {
            let state = self.state();
            // The sender lives in this simulator, so the news cannot end.
            if reached(&state) || news.changed().await.is_err() {
                return state;
            }
        }
    }

    /// Orders a fault; what is returned can withdraw it and let held requests go.
    pub fn order(&self, fault: Fault) -> Ordered {
        self.shared.order(fault)
    }

    /// Ends the essential containers of a task, by its ARN or id, whatever they are doing.
    pub fn finish(&self, task: &str, ending: &Ending) -> Result<(), SimulatorError> {
        self.shared.finish(task, None, ending)
    }

    /// Ends one container of a task.
    pub fn finish_container(
        &self,
        task: &str,
        container: &str,
        ending: &Ending,
    ) -> Result<(), SimulatorError> {
        self.shared.finish(task, Some(container), ending)
    }

    /// Lets a task go on that was ordered to stay in a state.
    pub fn proceed(&self, task: &str) -> Result<(), SimulatorError> {
        self.shared.read(|cloud| {
            let name = task.to_owned();
            let task = cloud
                .named(task)
                .ok_or(SimulatorError::UnknownTask { name })?;
            task.go_on();
            Ok(())
        })
    }

    /// Somebody else, or AWS itself, stops a task.
    pub fn stop_task(
        &self,
        task: &str,
        code: StopCode,
        reason: &str,
    ) -> Result<(), SimulatorError> {
        self.shared.change(|cloud, _| {
            let name = task.to_owned();
            let arn = cloud.named(task).map(|task| task.arn.clone());
            let task = arn.and_then(|arn| cloud.task_mut(&arn));
            let task = task.ok_or(SimulatorError::UnknownTask { name })?;
            task.ask_stop(Stop::new(code, reason));
            Ok(())
        })
    }

    /// Writes a line to the log of a container.
    pub fn write_log(&self, task: &str, container: &str, line: &str) -> Result<(), SimulatorError> {
        self.shared.change(|cloud, now| {
            let name = task.to_owned();
            let task = cloud
                .named(task)
                .ok_or(SimulatorError::UnknownTask { name })?;
            let stream = format!("{}/{container}/{}", super::definition::LOG_PREFIX, task.id);
            let group = task.definition.log_group();
            cloud.logs.write(&group, &stream, line, now);
            Ok(())
        })
    }

    /// Sets the clock ahead: tokens and stopped tasks grow old. The lives of tasks do not go faster.
    pub fn advance(&self, time: Duration) {
        self.shared.advance(time);
    }
}
