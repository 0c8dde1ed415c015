//! What a test does with a running simulator: look, wait, decide, disturb.

use std::{sync::Arc, time::Duration};

use noctule_simulated::lock;

use super::{
    Condition, Effect, Ending, ExecutionView, Fault, RecordedRequest, RequestPattern, Simulator,
    SimulatorError, State,
    cloud::ListLag,
    execution::Execution,
    log_entry::{Source, Stream},
    name::ExecutionName,
};

impl Simulator {
    /// Everything at this moment.
    pub fn state(&self) -> State {
        self.shared.read(|cloud| cloud.state())
    }

    /// Every request that arrived, oldest first.
    pub fn requests(&self) -> Vec<Arc<RecordedRequest>> {
        self.shared.read(|cloud| cloud.record.clone())
    }

    /// How many `run` requests arrived, whatever was answered.
    pub fn runs_sent(&self) -> usize {
        self.state().runs().count()
    }

    /// How many `cancel` requests arrived, whatever was answered.
    pub fn cancels_sent(&self) -> usize {
        self.state().cancels().count()
    }

    /// Every execution, oldest first.
    pub fn executions(&self) -> Vec<ExecutionView> {
        self.state().executions
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

    /// Waits until so many executions exist, and returns the newest.
    pub async fn wait_for_executions(&self, count: usize) -> Option<ExecutionView> {
        self.wait_for(|state| state.executions.len() >= count)
            .await
            .executions
            .pop()
    }

    /// Ends a scripted execution, by its short or full name.
    pub fn finish(&self, execution: &str, ending: Ending) -> Result<(), SimulatorError> {
        self.decide(execution, |execution, now| execution.finish(ending, now))
    }

    /// Starts the containers of a scripted execution that is queued.
    pub fn begin(&self, execution: &str) -> Result<(), SimulatorError> {
        self.decide(execution, Execution::begin_all)
    }

    /// Puts a condition in place of the one of its type.
    pub fn set_condition(
        &self,
        execution: &str,
        condition: Condition,
    ) -> Result<(), SimulatorError> {
        let name = self.find(execution)?;
        self.shared.change_execution(&name, |execution, now| {
            execution.set_condition(condition, now);
        });
        Ok(())
    }

    /// Forgets an execution, as Google does after a while: 404 from now on.
    pub fn remove(&self, execution: &str) -> Result<(), SimulatorError> {
        let name = self.find(execution)?;
        self.shared.change(|cloud, _| cloud.remove_execution(&name));
        Ok(())
    }

    /// Forgets every operation: 404 from now on, while the executions are still there.
    pub fn remove_operations(&self) {
        self.shared.change(|cloud, _| cloud.operations.clear());
    }

    /// Writes a line to the standard output of an execution's first task.
    pub fn write_log(&self, execution: &str, line: &str) -> Result<(), SimulatorError> {
        let source = Source {
            execution: self.find(execution)?,
            task: 0,
            attempt: 0,
        };
        self.shared
            .change(|cloud, now| cloud.logs.write(&source, Stream::Stdout, line, now));
        Ok(())
    }

    /// Orders a fault for the next `times` requests of a kind (`usize::MAX`: until withdrawn).
    pub fn fault(&self, pattern: RequestPattern, times: usize, effect: Effect) -> Fault {
        self.shared.faults.add(pattern.matcher(), times, effect)
    }

    /// Keeps executions that are created from now on out of lists, until `release_lists`.
    pub fn hold_lists(&self) {
        self.shared.change(|cloud, _| cloud.hold_lists());
    }

    /// Shows every execution in lists again.
    pub fn release_lists(&self) {
        self.shared
            .change(|cloud, _| cloud.list_lag = ListLag::None);
    }

    /// Shows executions in lists only when they are this old.
    pub fn lag_lists(&self, lag: Duration) {
        self.shared
            .change(|cloud, _| cloud.list_lag = ListLag::After(lag));
    }

    /// Asks for this bearer token from now on; None asks for nothing.
    pub fn require_token(&self, token: Option<&str>) {
        *lock(&self.shared.token) = token.map(str::to_owned);
    }

    fn find(&self, name: &str) -> Result<ExecutionName, SimulatorError> {
        let found = self
            .shared
            .read(|cloud| cloud.named(name).map(|execution| execution.name.clone()));
        found.ok_or_else(|| SimulatorError::UnknownExecution {
            name: name.to_owned(),
        })
    }

    fn decide(
        &self,
        name: &str,
        change: impl FnOnce(&mut Execution, chrono::DateTime<chrono::Utc>),
    ) -> Result<(), SimulatorError> {
        let name = self.find(name)?;
        self.shared.change(|cloud, now| {
            let Ok(execution) = cloud.execution_mut(&name) else {
                return Ok(());
            };
            match (execution.is_done(), execution.scripted) {
                (true, _) => Err(SimulatorError::AlreadyEnded {
                    name: name.to_string(),
                }),
                (_, false) => Err(SimulatorError::NotScripted {
                    name: name.to_string(),
                }),
                (false, true) => {
                    change(execution, now);
                    Ok(())
                }
            }
        })
    }
}
