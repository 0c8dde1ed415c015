"""Drives the simulator with Google's own client; exits 0 only if every answer is as Google's.

Argument: the base URL of a simulator with the jobs `etl` (succeeds), `broken` (exit code 7) and
`held` (runs until cancelled).
"""

import sys

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.run_v2.services.executions.transports.rest import ExecutionsRestTransport
from google.cloud.run_v2.services.jobs.transports.rest import JobsRestTransport
from google.cloud.run_v2.services.tasks.transports.rest import TasksRestTransport

URL = sys.argv[1]
HOST = URL.removeprefix("http://")
PLACE = "projects/p/locations/us-central1"


def transport(kind):
    return kind(host=HOST, url_scheme="http", credentials=AnonymousCredentials())


JOBS = run_v2.JobsClient(transport=transport(JobsRestTransport))
EXECUTIONS = run_v2.ExecutionsClient(transport=transport(ExecutionsRestTransport))
TASKS = run_v2.TasksClient(transport=transport(TasksRestTransport))
Condition = run_v2.Condition


def request(job, **overrides):
    return run_v2.RunJobRequest(name=f"{PLACE}/jobs/{job}", overrides=overrides)


def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call} was not refused with {kind}")


def completed(execution):
    return next(one for one in execution.conditions if one.type_ == "Completed")


def a_run_with_overrides_ends_and_shows_what_was_merged():
    env = [run_v2.EnvVar(name="B", value="run"), run_v2.EnvVar(name="C", value="")]
    override = run_v2.RunJobRequest.Overrides.ContainerOverride(args=["--day", "1"], env=env)
    operation = JOBS.run_job(request("etl", container_overrides=[override], task_count=2, timeout={"seconds": 60}))
    name = operation.metadata.name
    assert name.startswith(f"{PLACE}/jobs/etl/executions/etl-"), name
    result = operation.result(timeout=60)
    assert (result.name, result.succeeded_count, result.task_count) == (name, 2, 2), result
    execution = EXECUTIONS.get_execution(name=name)
    container = execution.template.containers[0]
    assert list(container.args) == ["--day", "1"]
    assert {one.name: one.value for one in container.env} == {"A": "job", "B": "run", "C": ""}
    assert execution.template.timeout.total_seconds() == 60
    assert completed(execution).state == Condition.State.CONDITION_SUCCEEDED
    assert execution.completion_time >= execution.start_time >= execution.create_time
    assert not execution.reconciling and execution.log_uri and execution.etag


def a_failure_shows_reason_and_exit_code():
    operation = JOBS.run_job(request("broken"))
    message = refused(exceptions.GoogleAPICallError, operation.result, timeout=60)
    assert "The container exited with an error." in message, message
    execution = EXECUTIONS.get_execution(name=operation.metadata.name)
    assert execution.failed_count == 1 and execution.succeeded_count == 0
    assert completed(execution).state == Condition.State.CONDITION_FAILED
    assert completed(execution).execution_reason == Condition.ExecutionReason.NON_ZERO_EXIT_CODE
    (task,) = list(TASKS.list_tasks(parent=execution.name))
    assert task.last_attempt_result.exit_code == 7, task
    assert TASKS.get_task(name=task.name).uid == task.uid


def a_cancel_ends_without_an_error():
    operation = JOBS.run_job(request("held"))
    cancelling = EXECUTIONS.cancel_execution(name=operation.metadata.name)
    execution = cancelling.result(timeout=60)
    assert execution.cancelled_count == 1
    assert completed(execution).execution_reason == Condition.ExecutionReason.CANCELLED
    assert operation.result(timeout=60).name == execution.name
    said = refused(exceptions.BadRequest, EXECUTIONS.cancel_execution, name=execution.name)
    assert "already completed" in said, said


def executions_are_listed_newest_first_over_pages():
    names = [JOBS.run_job(request("held")).metadata.name for _ in range(3)]
    page_by_page = run_v2.ListExecutionsRequest(parent=f"{PLACE}/jobs/held", page_size=2)
    listed = [one.name for one in EXECUTIONS.list_executions(page_by_page)]
    assert listed[:3] == names[::-1], listed
    everywhere = [one.name for one in EXECUTIONS.list_executions(parent=f"{PLACE}/jobs/-")]
    assert set(listed) < set(everywhere)
    EXECUTIONS.delete_execution(name=names[0]).result(timeout=60)
    refused(exceptions.NotFound, EXECUTIONS.get_execution, name=names[0])


def a_job_is_created_changed_read_and_deleted():
    container = run_v2.Container(image="img", env=[run_v2.EnvVar(name="A", value="1")])
    template = run_v2.ExecutionTemplate(template=run_v2.TaskTemplate(containers=[container], max_retries=0))
    job = run_v2.Job(template=template, launch_stage=4, labels={"state": "new"})
    made = JOBS.create_job(parent=PLACE, job=job, job_id="made").result(timeout=60)
    assert made.name == f"{PLACE}/jobs/made" and made.template.template.max_retries == 0
    assert made.terminal_condition.state == Condition.State.CONDITION_SUCCEEDED
    refused(exceptions.Conflict, JOBS.create_job, parent=PLACE, job=job, job_id="made")
    made.template.task_count = 3
    assert JOBS.update_job(job=made).result(timeout=60).template.task_count == 3
    assert JOBS.run_job(name=made.name).result(timeout=60).succeeded_count == 3
    read = JOBS.get_job(name=made.name)
    assert read.execution_count == 1 and read.generation == 2
    assert read.latest_created_execution.completion_status.name == "EXECUTION_SUCCEEDED"
    assert made.name in [one.name for one in JOBS.list_jobs(parent=PLACE)]
    JOBS.delete_job(name=made.name).result(timeout=60)
    refused(exceptions.NotFound, JOBS.get_job, name=made.name)


def mistakes_are_refused_as_google_does():
    said = refused(exceptions.NotFound, JOBS.run_job, name=f"{PLACE}/jobs/nope")
    assert "does not exist" in said, said
    refused(exceptions.BadRequest, JOBS.run_job, request("etl", task_count=10001))
    session = JOBS.transport._session
    answer = session.post(f"{URL}/v2/{PLACE}/jobs/etl:run", json={"overrides": {"x": 1}})
    error = exceptions.from_http_response(answer)
    assert isinstance(error, exceptions.BadRequest), error
    assert "Unknown name \"x\" at 'overrides': Cannot find field." in str(error), error


def operations_are_listed_and_deleted():
    operation = JOBS.run_job(request("etl"))
    operation.result(timeout=60)
    client = JOBS.transport.operations_client
    assert operation.operation.name in [one.name for one in client.list_operations(PLACE, "")]
    client.delete_operation(operation.operation.name)
    refused(exceptions.NotFound, client.get_operation, operation.operation.name)


def the_endpoint_may_be_given_as_a_client_option():
    options = {"api_endpoint": URL}
    client = run_v2.JobsClient(transport="rest", credentials=AnonymousCredentials(), client_options=options)
    assert client.run_job(request("etl")).result(timeout=60).succeeded_count == 1


CHECKS = [
    a_run_with_overrides_ends_and_shows_what_was_merged,
    a_failure_shows_reason_and_exit_code,
    a_cancel_ends_without_an_error,
    executions_are_listed_newest_first_over_pages,
    a_job_is_created_changed_read_and_deleted,
    mistakes_are_refused_as_google_does,
    operations_are_listed_and_deleted,
    the_endpoint_may_be_given_as_a_client_option,
]

for check in CHECKS:
    check()
    print(f"ok: {check.__name__}", flush=True)
print(f"all {len(CHECKS)} checks passed", flush=True)
