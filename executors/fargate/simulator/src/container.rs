//! One container of a task: a local command, or whatever a test decides.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use noctule_simulated::{Container, End};
use tokio::{sync::watch, time::sleep};

use super::{
    definition::{ContainerDefinition, LOG_PREFIX, Work},
    shared::Shared,
    status::Ending,
};

const TERMINATED: i32 = 128 + 15;
const KILLED: i32 = 128 + 9;

/// What became of a container.
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) essential: bool,
    pub(crate) never_started: bool,
    pub(crate) ending: Ending,
}

/// Runs a container until it ends by itself or `term` says so.
pub(crate) async fn run(
    shared: Arc<Shared>,
    arn: String,
    definition: ContainerDefinition,
    term: watch::Receiver<bool>,
) -> Ended {
    let (name, essential) = (definition.name.clone(), definition.essential);
    let running = Running {
        shared,
        arn,
        definition,
        term,
    };
    let (ending, never_started) = match running.run().await {
        Ok(ending) => (ending, false),
        Err(reason) => (Ending::lost().because(&reason), true),
    };
    Ended {
        name,
        essential,
        never_started,
        ending,
    }
}

struct Running {
    shared: Arc<Shared>,
    arn: String,
    definition: ContainerDefinition,
    term: watch::Receiver<bool>,
}

impl Running {
    /// How it ended, or why it could not start.
    async fn run(&self) -> Result<Ending, String> {
        tokio::select! {
            biased;
            () = self.termination() => return Ok(Ending::exit(TERMINATED)),
            ending = self.told() => return Ok(ending),
            () = sleep(self.definition.delay) => {}
        }
        match &self.definition.work {
            Work::Command(command) if command.is_empty() => Ok(Ending::exit(0)),
            Work::Command(command) => self.command(command).await,
            Work::Held { ignores_term } => {
                let grace = ignores_term.then_some(self.definition.stop_timeout);
                Ok(self.held(grace).await)
            }
            Work::Ends { after, ending } => tokio::select! {
                biased;
                () = self.termination() => Ok(Ending::exit(TERMINATED)),
                ending = self.told() => Ok(ending),
                () = sleep(*after) => Ok(ending.clone()),
            },
        }
    }

    async fn termination(&self) {
        if self.term.clone().wait_for(|term| *term).await.is_err() {
            // Without its life there is nothing left to wait for; the container is dropped with it.
            std::future::pending::<()>().await;
        }
    }

    /// What a test decides.
    async fn told(&self) -> Ending {
        let told = self.shared.read(|cloud| {
            let task = cloud.task(&self.arn)?;
            let mut containers = task.containers.iter();
            let own = containers.find(|one| one.name == self.definition.name)?;
            Some(own.told.subscribe())
        });
        if let Some(mut told) = told
            && let Ok(ending) = told.wait_for(Option::is_some).await
            && let Some(ending) = ending.clone()
        {
            return ending;
        }
        std::future::pending().await
    }

    async fn held(&self, grace: Option<Duration>) -> Ending {
        tokio::select! {
            biased;
            ending = self.told() => return ending,
            () = self.termination() => {}
        }
        let Some(grace) = grace else {
            return Ending::exit(TERMINATED);
        };
        tokio::select! {
            ending = self.told() => ending,
            () = sleep(grace) => Ending::exit(KILLED),
        }
    }

    async fn command(&self, command: &[String]) -> Result<Ending, String> {
        let container = Container {
            command: self.command_line(command),
            env: self.env(),
            cwd: self.definition.cwd.clone(),
        };
        let (shared, (group, stream)) = (Arc::clone(&self.shared), self.stream());
        let write = move |_, line: &str| {
            shared.change(|cloud, now| cloud.logs.write(&group, &stream, line, now));
        };
        let grace = self.definition.stop_timeout;
        match container.run(self.termination(), grace, write).await.0 {
            End::Exited(code) => Ok(Ending::exit(code)),
            End::Killed(signal) => Ok(Ending::exit(128 + signal)),
            End::NotStarted(why) => Err(format!("CannotStartContainerError: {why}")),
        }
    }

    fn command_line(&self, command: &[String]) -> Vec<String> {
        let given = self.shared.read(|cloud| {
            let request = &cloud.task(&self.arn)?.request;
            Some(request.overrides.command(&self.definition.name)?.to_vec())
        });
        [command, &given.unwrap_or_default()].concat()
    }

    fn env(&self) -> BTreeMap<String, String> {
        let own = self.shared.read(|cloud| {
            let task = cloud.task(&self.arn)?;
            let mut env = task.env(&self.definition.name);
            env.insert("ECS_SIM_ADDRESS".to_owned(), task.address.to_string());
            env.insert("ECS_SIM_TASK_ARN".to_owned(), task.arn.clone());
            env.entry("AWS_REGION".to_owned())
                .or_insert_with(|| task.place.region.clone());
            Some(env)
        });
        let mut env = own.unwrap_or_default();
        if let Some(port) = self.definition.port {
            env.insert("ECS_SIM_PORT".to_owned(), port.to_string());
        }
        env
    }

    fn stream(&self) -> (String, String) {
        let own = self.shared.read(|cloud| {
            let task = cloud.task(&self.arn)?;
            let stream = format!("{LOG_PREFIX}/{}/{}", self.definition.name, task.id);
            Some((task.definition.log_group(), stream))
        });
        own.unwrap_or_default()
    }
}
