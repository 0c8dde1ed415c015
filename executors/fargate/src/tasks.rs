//! The calls to ECS, each with its own words.
//!
//! Guarantees: `RunTask` sends the given bytes as they are. Lists are read to their end. Nothing here decides what an
//! answer means.
//! Facts: DescribeTasks takes 100 ARNs and answers 200 for unknown ones; ListTasks lists only RUNNING unless asked.

use aws_sdk_ecs::types::{DesiredStatus, TaskDefinition, TaskField};
use aws_smithy_types::body::SdkBody;

use crate::definition::Definition;
use crate::failure::{CallError, Op};
use crate::record::Record;
use crate::session::Session;

/// The most tasks of one DescribeTasks.
pub(crate) const MOST_DESCRIBED: usize = 100;
/// The most pages of one list that are read: 100,000 tasks.
const MOST_PAGES: usize = 1_000;

/// What an answer says about a task that it does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) arn: String,
    pub(crate) reason: String,
    pub(crate) detail: String,
}

/// An answer that holds tasks and gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) tasks: Vec<Record>,
    pub(crate) gaps: Vec<Gap>,
}

fn answer(tasks: &[aws_sdk_ecs::types::Task], failures: &[aws_sdk_ecs::types::Failure]) -> Answer {
    let gap = |failure: &aws_sdk_ecs::types::Failure| Gap {
        arn: failure.arn().unwrap_or_default().to_owned(),
        reason: failure.reason().unwrap_or_default().to_owned(),
        detail: failure.detail().unwrap_or_default().to_owned(),
    };
    Answer {
        tasks: tasks.iter().filter_map(Record::read).collect(),
        gaps: failures.iter().map(gap).collect(),
    }
}

impl Session<'_> {
    /// Sends a launch. The SDK signs and sends; the body is ours, byte for byte.
    pub(crate) async fn run_task(&self, cluster: &str, body: Vec<u8>) -> Result<Answer, CallError> {
        let op = Op::new("ecs:RunTask", format!("cluster `{cluster}`"));
        let said = self
            .call(op, |clients| {
                let body = body.clone();
                async move {
                    // The SDK wants a definition; what it makes of it is replaced before it is signed.
                    let call = clients.ecs.run_task().task_definition("stored");
                    let call = call.customize().mutate_request(move |request| {
                        let length = body.len().to_string();
                        request.headers_mut().insert("content-length", length);
                        *request.body_mut() = SdkBody::from(body.clone());
                    });
                    call.send().await
                }
            })
            .await?;
        Ok(answer(said.tasks(), said.failures()))
    }

    /// Reads tasks of one cluster, 100 at most.
    pub(crate) async fn describe(
        &self,
        cluster: &str,
        arns: &[String],
        tags: bool,
    ) -> Result<Answer, CallError> {
        let op = Op::new("ecs:DescribeTasks", format!("cluster `{cluster}`"));
        let said = self
            .call(op, |clients| {
                let call = clients.ecs.describe_tasks().cluster(cluster);
                let call = call.set_tasks(Some(arns.to_vec()));
                let include = tags.then(|| vec![TaskField::Tags]);
                call.set_include(include).send()
            })
            .await?;
        Ok(answer(said.tasks(), said.failures()))
    }

    /// The ARNs of a cluster's tasks, of one mark or of all.
    pub(crate) async fn list(
        &self,
        cluster: &str,
        started_by: Option<&str>,
        desired: DesiredStatus,
    ) -> Result<Vec<String>, CallError> {
        let mut arns = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let op = Op::new("ecs:ListTasks", format!("cluster `{cluster}`"));
            let said = self
                .call(op, |clients| {
                    let call = clients.ecs.list_tasks().cluster(cluster);
                    let call = call.set_started_by(started_by.map(str::to_owned));
                    let call = call.desired_status(desired.clone()).max_results(100);
                    call.set_next_token(token.clone()).send()
                })
                .await?;
            arns.extend(said.task_arns().iter().cloned());
            token = said.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        Ok(arns)
    }

    /// Asks a task to stop.
    pub(crate) async fn stop(&self, cluster: &str, task: &str, why: &str) -> Result<(), CallError> {
        let op = Op::new("ecs:StopTask", format!("task `{task}`"));
        let stopped = self.call(op, |clients| {
            let call = clients.ecs.stop_task().cluster(cluster);
            call.task(task).reason(why).send()
        });
        stopped.await.map(drop)
    }

    /// A revision of a task definition. One that names its revision is read once.
    pub(crate) async fn definition(&self, name: &str) -> Result<Definition, CallError> {
        let shelf = self.executor.definitions();
        let identity = &self.settings.identity;
        if let Some(known) = shelf.get(identity, name) {
            return Ok(known);
        }
        let op = Op::new(
            "ecs:DescribeTaskDefinition",
            format!("task definition `{name}`"),
        );
        let said = self
            .call(op.clone(), |clients| {
                let call = clients.ecs.describe_task_definition();
                call.task_definition(name).send()
            })
            .await?;
        let read = said.task_definition().and_then(read_definition);
        let read = read.ok_or_else(|| CallError::Lost {
            op,
            cause: "it names no revision".to_owned(),
        })?;
        shelf.keep(identity, name, &read);
        Ok(read)
    }
}

fn read_definition(answer: &TaskDefinition) -> Option<Definition> {
    Definition::read(answer)
}
