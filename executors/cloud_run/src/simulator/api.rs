//! The calls of the API: a route, parameters and a body in, a JSON message out.
//!
//! Each call checks everything before it changes anything.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    cloud::{check_etag, missing},
    duration,
    job::Job,
    log_list,
    name::{ExecutionName, JobName, Place, is_job_id},
    operation::validated,
    overrides::Plan,
    page::Page,
    path::Route,
    query::Parameters,
    refusal::Refusal,
    render::Fields,
    schema_read::{self, Message},
    shared::Shared,
};

type Answered = Result<Value, Refusal>;

const USUAL_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// Carries out one call.
pub(crate) async fn call(
    shared: &Arc<Shared>,
    route: Route,
    query: &Parameters,
    body: &[u8],
) -> Answered {
    match route {
        Route::RunJob(job) => run(shared, &job, &schema_read::read("RunJobRequest", "", body)?),
        Route::GetJob(job) => shared.change(|cloud, now| {
            let job = cloud.job(&job, now)?.clone();
            Ok(cloud.show_job(&job))
        }),
        Route::ListJobs(place) => list_jobs(shared, &place, query),
        Route::CreateJob(place) => {
            create_job(shared, place, query, schema_read::read("Job", "job", body)?)
        }
        Route::PatchJob(job) => {
            patch_job(shared, job, query, schema_read::read("Job", "job", body)?)
        }
        Route::DeleteJob(job) => delete_job(shared, &job, query),
        Route::ListExecutions(job) => list_executions(shared, &job, query),
        Route::GetExecution(name) => shared.read(|cloud| Ok(cloud.execution(&name)?.render())),
        Route::CancelExecution(name) => cancel(
            shared,
            &name,
            &schema_read::read("CancelExecutionRequest", "", body)?,
        ),
        Route::DeleteExecution(name) => delete_execution(shared, &name, query),
        Route::ListTasks(name) => list_tasks(shared, &name, query),
        Route::GetTask(name, task) => get_task(shared, &name, &task),
        Route::ListOperations(place) => list_operations(shared, &place, query),
        Route::GetOperation(name) => shared.read(|cloud| cloud.operation(&name)),
        Route::WaitOperation(name) => {
            wait(
                shared,
                &name,
                &schema_read::read("WaitOperationRequest", "", body)?,
            )
            .await
        }
        Route::DeleteOperation(name) => delete_operation(shared, &name),
        Route::ListLogEntries => {
            let request = schema_read::read("ListLogEntriesRequest", "", body)?;
            shared.read(|cloud| log_list::list(&cloud.logs, &request))
        }
    }
}

fn flag(request: &Message, name: &str) -> bool {
    request
        .get(name)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// The `etag` of a query, as if it came in a body.
fn etag(query: &Parameters) -> Message {
    let text = query.text("etag");
    if text.is_empty() {
        Message::new()
    } else {
        Message::from_iter([("etag".to_owned(), json!(text))])
    }
}

fn run(shared: &Arc<Shared>, name: &JobName, request: &Message) -> Answered {
    let overrides = request
        .get("overrides")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let (answer, started) = shared.change(|cloud, now| {
        let job = cloud.job(name, now)?;
        check_etag(request, &job.etag())?;
        let plan = Plan::new(&job.template(), &overrides)?;
        if flag(request, "validateOnly") {
            return Ok((validated("Execution", json!({"job": name.job})), None));
        }
        let execution = cloud.add_execution(name, plan, None, now)?;
        Ok((cloud.follow(&execution), Some(execution)))
    })?;
    if let Some(execution) = started {
        shared.start(execution);
    }
    Ok(answer)
}

fn create_job(shared: &Arc<Shared>, place: Place, query: &Parameters, body: Message) -> Answered {
    let id = query.text("jobId").to_owned();
    if !is_job_id(&id) {
        return Err(Refusal::invalid(format!(
            "Violation in CreateJobRequest.job_id: the id must start with a letter, hold only small letters, digits \
             and hyphens, and be shorter than 64 characters: \"{id}\"."
        )));
    }
    let name = JobName { place, job: id };
    store_job(
        shared,
        &name,
        query.flag("validateOnly")?,
        |known, now| match known {
            Some(_) => Err(Refusal::already_exists(format!(
                "Resource '{}' already exists.",
                name.job
            ))),
            None => Job::new(name.clone(), body, now),
        },
    )
}

fn patch_job(shared: &Arc<Shared>, name: JobName, query: &Parameters, body: Message) -> Answered {
    let may_create = query.flag("allowMissing")?;
    store_job(
        shared,
        &name,
        query.flag("validateOnly")?,
        |known, now| match known {
            Some(job) => {
                check_etag(&body, &job.etag())?;
                job.patched(body, now)
            }
            None if may_create => Job::new(name.clone(), body, now),
            None => Err(missing("JOB", &name.job, &name.place)),
        },
    )
}

/// Stores what `make` makes of the known job, and starts the execution it asks for.
fn store_job(
    shared: &Arc<Shared>,
    name: &JobName,
    only_check: bool,
    make: impl FnOnce(Option<&Job>, chrono::DateTime<chrono::Utc>) -> Result<Job, Refusal>,
) -> Answered {
    let (answer, started) = shared.change(|cloud, now| {
        cloud.settle(&name.place, now);
        let job = make(cloud.jobs.get(name), now)?;
        let token = job.start_token().map(str::to_owned);
        check_token(name, token.as_deref())?;
        let plan = Plan::new(&job.template(), &Message::new())?;
        if only_check {
            return Ok((validated("Job", cloud.show_job(&job)), None));
        }
        cloud.jobs.insert(name.clone(), job);
        let started = match &token {
            Some(token) => cloud.add_execution(name, plan, Some(token), now).ok(),
            None => None,
        };
        let job = cloud.job(name, now)?.clone();
        let shown = cloud.show_job(&job);
        Ok((cloud.done(&name.place, "Job", shown), started))
    })?;
    if let Some(execution) = started {
        shared.start(execution);
    }
    Ok(answer)
}

fn check_token(name: &JobName, token: Option<&str>) -> Result<(), Refusal> {
    match token {
        Some(token) if name.job.len() + token.len() >= 63 => Err(Refusal::invalid(
            "Violation in Job.start_execution_token: the sum of job name and token length must be fewer than 63 characters.",
        )),
        _ => Ok(()),
    }
}

fn delete_job(shared: &Arc<Shared>, name: &JobName, query: &Parameters) -> Answered {
    let only_check = query.flag("validateOnly")?;
    shared.change(|cloud, now| {
        let job = cloud.job(name, now)?.clone();
        check_etag(&etag(query), &job.etag())?;
        let shown = cloud.show_job(&job);
        if only_check {
            return Ok(validated("Job", shown));
        }
        cloud.remove_job(name);
        Ok(cloud.done(&name.place, "Job", shown))
    })
}

fn cancel(shared: &Arc<Shared>, name: &ExecutionName, request: &Message) -> Answered {
    shared.change(|cloud, now| {
        let execution = cloud.execution_mut(name)?;
        check_etag(request, &execution.etag())?;
        if execution.is_done() {
            let sentence = format!(
                "Execution {} cannot be cancelled because it has already completed.",
                name.execution
            );
            return Err(Refusal::failed_precondition(sentence));
        }
        if flag(request, "validateOnly") {
            return Ok(validated("Execution", execution.render()));
        }
        execution.cancel(now);
        Ok(cloud.follow(name))
    })
}

fn delete_execution(shared: &Arc<Shared>, name: &ExecutionName, query: &Parameters) -> Answered {
    let only_check = query.flag("validateOnly")?;
    shared.change(|cloud, now| {
        let execution = cloud.execution_mut(name)?;
        check_etag(&etag(query), &execution.etag())?;
        if only_check {
            return Ok(validated("Execution", execution.render()));
        }
        execution.delete(now);
        let shown = execution.render();
        cloud.remove_execution(name);
        Ok(cloud.done(name.place(), "Execution", shown))
    })
}

fn page(query: &Parameters) -> Result<Page, Refusal> {
    Page::new(
        query.number("pageSize")?,
        query.text("pageToken"),
        USUAL_PAGE,
        LARGEST_PAGE,
    )
}

fn listed(key: &str, (items, token): (Vec<Value>, String)) -> Value {
    Fields::default()
        .put(key, json!(items))
        .put("nextPageToken", json!(token))
        .value()
}

fn list_jobs(shared: &Arc<Shared>, place: &Place, query: &Parameters) -> Answered {
    let page = page(query)?;
    query.flag("showDeleted")?;
    shared.change(|cloud, now| {
        cloud.settle(place, now);
        let here = cloud.jobs.values().filter(|job| job.name.place == *place);
        let jobs = (1..)
            .zip(here)
            .map(|(number, job)| (number, cloud.show_job(job)));
        Ok(listed("jobs", page.cut(false, jobs)))
    })
}

fn list_executions(shared: &Arc<Shared>, name: &JobName, query: &Parameters) -> Answered {
    let page = page(query)?;
    query.flag("showDeleted")?;
    shared.change(|cloud, now| {
        if name.job != "-" {
            cloud.job(name, now)?;
        }
        let (found, token) = page.cut(true, cloud.listed(name));
        Ok(listed(
            "executions",
            (
                found
                    .into_iter()
                    .map(super::execution::Execution::render)
                    .collect(),
                token,
            ),
        ))
    })
}

fn list_tasks(shared: &Arc<Shared>, name: &ExecutionName, query: &Parameters) -> Answered {
    let page = page(query)?;
    query.flag("showDeleted")?;
    shared.read(|cloud| {
        let execution = cloud.execution(name)?;
        let numbered = execution
            .tasks
            .iter()
            .map(|task| (u64::from(task.index) + 1, task));
        let (found, token) = page.cut(false, numbered);
        let shown = found
            .into_iter()
            .map(|task| task.render(name, &execution.plan.template, execution.created));
        Ok(listed("tasks", (shown.collect(), token)))
    })
}

fn get_task(shared: &Arc<Shared>, name: &ExecutionName, id: &str) -> Answered {
    shared.read(|cloud| {
        let execution = cloud.execution(name)?;
        let task = execution.tasks.iter().find(|task| task.id(name) == id);
        let task = task.ok_or_else(|| missing("TASK", id, name.place()))?;
        Ok(task.render(name, &execution.plan.template, execution.created))
    })
}

fn list_operations(shared: &Arc<Shared>, place: &Place, query: &Parameters) -> Answered {
    let page = page(query)?;
    shared.read(|cloud| {
        let here = cloud
            .operations
            .values()
            .rev()
            .filter(|operation| operation.place == *place);
        let shown = here
            .filter_map(|operation| Some((operation.sequence, cloud.show_operation(operation)?)));
        Ok(listed("operations", page.cut(true, shown)))
    })
}

fn delete_operation(shared: &Arc<Shared>, name: &str) -> Answered {
    shared.change(|cloud, _| {
        cloud.operation(name)?;
        cloud
            .operations
            .retain(|_, operation| operation.name != name);
        Ok(json!({}))
    })
}

/// Waits for an operation's end, but no longer than asked; then it is answered as it is.
async fn wait(shared: &Arc<Shared>, name: &str, request: &Message) -> Answered {
    let given = request.get("timeout").and_then(Value::as_str);
    let patience = given
        .and_then(|text| duration::from_proto(text).ok())
        .unwrap_or(Duration::from_secs(30));
    let mut news = shared.news();
    let done = async {
        loop {
            let shown = shared.read(|cloud| cloud.operation(name))?;
            if shown.get("done").is_some() || news.changed().await.is_err() {
                return Ok(shown);
            }
        }
    };
    match tokio::time::timeout(patience, done).await {
        Ok(answer) => answer,
        Err(_) => shared.read(|cloud| cloud.operation(name)),
    }
}
