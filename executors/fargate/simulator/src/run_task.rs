//! `RunTask`: each token starts its tasks once; a refused request starts nothing.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    arn::Place,
    cloud::{Cloud, Spent, cluster},
    fault::{Fate, Twist},
    read::read,
    refusal::Refusal,
    run_request::RunTask,
    shared::Shared,
    start::Start,
    task::{NewTask, Task},
};

/// Starts tasks, as far as nothing was ordered to the contrary.
pub(crate) fn run_task(
    shared: &Arc<Shared>,
    place: &Place,
    body: &[u8],
    twist: Option<&Twist>,
) -> Result<Value, Refusal> {
    let (request, sent) = read::<RunTask>(body)?;
    let count = request.check(&sent)?;
    let cluster = cluster(&shared.settings, place, request.cluster.as_deref())?;
    let run = Run {
        place: place.clone(),
        token: request
            .client_token
            .clone()
            .map(|token| (place.cluster(&cluster), token)),
        cluster,
        request: Arc::new(request),
        sent,
        count,
    };
    let (answer, started) = shared.change(|cloud, now| {
        if let Some(known) = run.known(cloud, shared, now)? {
            return Ok((known, Vec::new()));
        }
        run.start(cloud, now, twist)
    })?;
    for arn in started {
        shared.begin(arn);
    }
    Ok(answer)
}

struct Run {
    place: Place,
    cluster: String,
    token: Option<(String, String)>,
    request: Arc<RunTask>,
    sent: Value,
    count: usize,
}

impl Run {
    /// The answer that was given to the same token before.
    fn known(
        &self,
        cloud: &Cloud,
        shared: &Shared,
        now: DateTime<Utc>,
    ) -> Result<Option<Value>, Refusal> {
        let spent = self
            .token
            .as_ref()
            .and_then(|token| cloud.tokens.get(token));
        let life = TimeDelta::from_std(shared.settings.token_life).unwrap_or(TimeDelta::MAX);
        match spent.filter(|spent| now - spent.at < life) {
            None => Ok(None),
            Some(spent) if spent.request == self.sent => Ok(Some(spent.answer.clone())),
            Some(spent) => Err(Refusal::conflict(spent.tasks.clone())),
        }
    }

    fn start(
        &self,
        cloud: &mut Cloud,
        now: DateTime<Utc>,
        twist: Option<&Twist>,
    ) -> Result<(Value, Vec<String>), Refusal> {
        let definition = cloud
            .definition(&self.place, &self.request.task_definition)
            .ok_or_else(|| Refusal::client("TaskDefinition not found."))?;
        if !definition.active {
            return Err(Refusal::client("TaskDefinition is inactive"));
        }
        self.request.check_against(&definition)?;
        let (failure, ghost) = match twist {
            Some(Twist::Failures { reason, ghost }) => (Some(reason), *ghost),
            _ => (None, false),
        };
        let fate = match twist {
            Some(Twist::Fate(fate)) => fate.clone(),
            _ => Fate::default(),
        };
        let started: Vec<String> = if failure.is_none() || ghost {
            (0..self.count)
                .map(|_| self.add(cloud, &definition, &fate, now))
                .collect()
        } else {
            Vec::new()
        };
        let answer = match failure {
            Some(reason) => self.failed(reason),
            None => shown(cloud, &started),
        };
        if let (Some(token), false) = (&self.token, started.is_empty()) {
            let spent = Spent {
                request: self.sent.clone(),
                answer: answer.clone(),
                tasks: started.clone(),
                at: now,
            };
            cloud.tokens.insert(token.clone(), spent);
        }
        Ok((answer, started))
    }

    fn add(
        &self,
        cloud: &mut Cloud,
        definition: &Arc<super::definition::Definition>,
        fate: &Fate,
        now: DateTime<Utc>,
    ) -> String {
        let task = Task::new(NewTask {
            place: self.place.clone(),
            cluster: self.cluster.clone(),
            sequence: cloud.number(),
            definition: Arc::clone(definition),
            request: Arc::clone(&self.request),
            overrides: self
                .sent
                .get("overrides")
                .cloned()
                .unwrap_or_else(|| json!({})),
            fate: fate.clone(),
            address: cloud.address(),
            now,
        });
        cloud.starts.push(Start::of(&task));
        cloud.add(task)
    }

    fn failed(&self, reason: &str) -> Value {
        let arn = self.place.cluster(&self.cluster);
        json!({"tasks": [], "failures": [{"arn": arn, "reason": reason}]})
    }
}

fn shown(cloud: &Cloud, started: &[String]) -> Value {
    let tasks = started.iter().filter_map(|arn| cloud.task(arn));
    let tasks: Vec<Value> = tasks
        .map(|task| task.with_tags(task.render(), true))
        .collect();
    json!({"tasks": tasks, "failures": []})
}
