//! The calls about tasks that exist: `DescribeTasks`, `ListTasks`, `StopTask`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    arn::Place,
    cloud::{Cloud, cluster},
    fault::Twist,
    read::{read, within},
    refusal::Refusal,
    shared::Shared,
    status::{Status, Stop, StopCode},
    task::Task,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeTasks {
    cluster: Option<String>,
    tasks: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

/// Shows tasks; the unknown ones are failures.
pub(crate) fn describe(
    shared: &Shared,
    place: &Place,
    body: &[u8],
    twist: Option<&Twist>,
) -> Result<Value, Refusal> {
    let (request, _) = read::<DescribeTasks>(body)?;
    let cluster = cluster(&shared.settings, place, request.cluster.as_deref())?;
    check_ids(&request.tasks)?;
    let with_tags = includes_tags(&request.include)?;
    let arns: Vec<String> = request
        .tasks
        .iter()
        .map(|given| Ok(place.task(&cluster, &place.task_id(&cluster, given)?)))
        .collect::<Result<_, Refusal>>()?;
    let now = shared.now();
    shared.read(|cloud| {
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            let known = cloud
                .task(&arn)
                .filter(|task| Cloud::is_shown(task, &shared.settings, now));
            match known.filter(|_| twist != Some(&Twist::Missing)) {
                Some(task) if twist == Some(&Twist::Stale) => {
                    tasks.push(task.with_tags(task.before.clone(), with_tags));
                }
                Some(task) => tasks.push(task.with_tags(task.render(), with_tags)),
                None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
            }
        }
        Ok(json!({"tasks": tasks, "failures": failures}))
    })
}

fn check_ids(tasks: &[String]) -> Result<(), Refusal> {
    match tasks.len() {
        0 => Err(Refusal::invalid_parameter("Tasks cannot be empty.")),
        count if count > 100 => Err(Refusal::invalid_parameter(
            "Tasks cannot contain more than 100 elements.",
        )),
        _ => Ok(()),
    }
}

pub(crate) fn includes_tags(include: &[String]) -> Result<bool, Refusal> {
    match include.iter().find(|one| *one != "TAGS") {
        Some(other) => Err(Refusal::invalid_parameter(format!(
            "Unknown include: {other}"
        ))),
        None => Ok(!include.is_empty()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListTasks {
    cluster: Option<String>,
    desired_status: Option<String>,
    started_by: Option<String>,
    family: Option<String>,
    launch_type: Option<String>,
    service_name: Option<String>,
    container_instance: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl ListTasks {
    fn check(&self) -> Result<(), Refusal> {
        if self.service_name.is_some() || self.container_instance.is_some() {
            return Err(Refusal::invalid_parameter(
                "there are no services and no container instances in a simulated cluster.",
            ));
        }
        if self.started_by.is_some() && self.family.is_some() {
            return Err(Refusal::invalid_parameter(
                "cannot specify startedBy with any other filter.",
            ));
        }
        match self.launch_type.as_deref() {
            None | Some("FARGATE") => Ok(()),
            Some(other) => Err(Refusal::invalid_parameter(format!(
                "no {other} tasks here."
            ))),
        }
    }

    /// Whether tasks that are wanted stopped are asked for; None: a state that no task is wanted in.
    fn stopped(&self) -> Result<Option<bool>, Refusal> {
        match self.desired_status.as_deref() {
            None | Some("RUNNING") => Ok(Some(false)),
            Some("STOPPED") => Ok(Some(true)),
            Some("PENDING") => Ok(None),
            Some(other) => Err(Refusal::invalid_parameter(format!(
                "Unknown desiredStatus: {other}"
            ))),
        }
    }

    fn takes(&self, task: &Task, stopped: Option<bool>) -> bool {
        let wanted_stopped = task.stop_reason().is_some() || task.status == Status::Stopped;
        stopped == Some(wanted_stopped)
            && self
                .started_by
                .as_ref()
                .is_none_or(|by| task.request.started_by.as_ref() == Some(by))
            && self
                .family
                .as_ref()
                .is_none_or(|family| task.definition.family == *family)
    }
}

/// The ARNs of tasks, page by page.
pub(crate) fn list(shared: &Shared, place: &Place, body: &[u8]) -> Result<Value, Refusal> {
    let (request, _) = read::<ListTasks>(body)?;
    let cluster = cluster(&shared.settings, place, request.cluster.as_deref())?;
    request.check()?;
    let stopped = request.stopped()?;
    let most = within("maxResults", request.max_results.unwrap_or(100), 1, 100)?;
    let after = page_start(request.next_token.as_deref())?;
    let now = shared.now();
    shared.read(|cloud| {
        let rest = cloud.tasks.range(after..).filter(|(_, task)| {
            task.place == *place
                && task.cluster == cluster
                && Cloud::is_shown(task, &shared.settings, now)
                && request.takes(task, stopped)
        });
        let mut rest = rest.peekable();
        let arns: Vec<&str> = rest
            .by_ref()
            .take(most)
            .map(|(_, task)| task.arn.as_str())
            .collect();
        let mut answer = json!({"taskArns": arns});
        if let Some((next, _)) = rest.peek() {
            answer["nextToken"] = json!(format!("{PAGE}{:x}", *next ^ MASK));
        }
        Ok(answer)
    })
}

/// Tokens are not meant to be made up or counted with.
const PAGE: &str = "eyJ";
const MASK: u64 = 0x5eed_5eed_5eed;

fn page_start(token: Option<&str>) -> Result<u64, Refusal> {
    let Some(token) = token else { return Ok(0) };
    let digits = token.strip_prefix(PAGE);
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number
        .map(|number| number ^ MASK)
        .ok_or_else(|| Refusal::invalid_parameter("Invalid token"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StopTask {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

/// Asks for the end of a task; asking twice changes nothing.
pub(crate) fn stop(
    shared: &Shared,
    place: &Place,
    body: &[u8],
    twist: Option<&Twist>,
) -> Result<Value, Refusal> {
    let (request, _) = read::<StopTask>(body)?;
    let cluster = cluster(&shared.settings, place, request.cluster.as_deref())?;
    let arn = place.task(&cluster, &place.task_id(&cluster, &request.task)?);
    let now = shared.now();
    let reason = request.reason.as_deref().unwrap_or("Task stopped by user");
    shared.change(|cloud, _| {
        let known = cloud.task_mut(&arn).filter(|task| {
            Cloud::is_shown(task, &shared.settings, now) || task.status != Status::Stopped
        });
        let Some(task) = known else {
            return Err(Refusal::invalid_parameter(
                "The referenced task was not found.",
            ));
        };
        if twist != Some(&Twist::Ignored) {
            task.ask_stop(Stop::new(StopCode::UserInitiated, reason));
        }
        Ok(json!({"task": task.with_tags(task.render(), true)}))
    })
}
