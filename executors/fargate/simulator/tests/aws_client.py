"""Drives the simulator with AWS's own client; exits 0 only if every answer is as AWS's.

Argument: the endpoint of a simulator that verifies signatures (key AKIDSIMULATED, secret `simulated`),
with the families `etl` (prints two lines, ends with 0; a sidecar beside it), `web` (answers /health) and
`held` (runs until stopped). The region is us-east-1.
"""

import json
import sys
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

URL = sys.argv[1]
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
NETWORK = {
    "awsvpcConfiguration": {
        "subnets": ["subnet-0a"],
        "securityGroups": ["sg-0a"],
        "assignPublicIp": "DISABLED",
    }
}


def client(service, **more):
    return boto3.client(
        service,
        endpoint_url=URL,
        region_name="us-east-1",
        aws_access_key_id=more.pop("key", "AKIDSIMULATED"),
        aws_secret_access_key=more.pop("secret", "simulated"),
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, **more),
    )


ECS, LOGS, ELB = client("ecs"), client("logs"), client("elbv2")


def run(family="held", **more):
    return ECS.run_task(taskDefinition=family, launchType="FARGATE", networkConfiguration=NETWORK, **more)


def started(family="held", **more):
    answer = run(family, **more)
    assert answer["failures"] == [] and len(answer["tasks"]) == 1, answer
    return answer["tasks"][0]["taskArn"]


def refused(code, call, *args, status=400, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        return error
    raise AssertionError(f"{call} was not refused with {code}")


def control(path, body):
    request = urllib.request.Request(f"{URL}/_simulator/{path}", data=json.dumps(body).encode(), method="POST")
    urllib.request.urlopen(request, timeout=10).read()


def state():
    return json.load(urllib.request.urlopen(f"{URL}/_simulator/state", timeout=10))


def describe(arn):
    return ECS.describe_tasks(tasks=[arn], include=["TAGS"])["tasks"][0]


def until(what, look, limit=30):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {limit} s: {what}")


def stopped(arn):
    return until("STOPPED", lambda: (task := describe(arn))["lastStatus"] == "STOPPED" and task)


def a_task_runs_to_its_end_and_its_lines_are_read():
    override = {"name": "main", "environment": [{"name": "WHO", "value": "me"}]}
    arn = started(
        "etl",
        startedBy="run/1",
        tags=[{"key": "noctule", "value": "a b"}],
        overrides={"containerOverrides": [override]},
    )
    ECS.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    task = describe(arn)
    assert (task["stopCode"], task["desiredStatus"]) == ("EssentialContainerExited", "STOPPED"), task
    assert {one["name"]: one["exitCode"] for one in task["containers"]} == {"main": 0, "side": 143}, task
    assert task["tags"] == [{"key": "noctule", "value": "a b"}] and task["startedBy"] == "run/1", task
    assert task["createdAt"] <= task["pullStartedAt"] <= task["startedAt"] <= task["stoppedAt"], task
    assert task["taskDefinitionArn"].endswith(":task-definition/etl:1"), task
    place = {"logGroupName": "/ecs/etl", "logStreamName": f"ecs/main/{arn.rsplit('/', 1)[1]}"}
    page = LOGS.get_log_events(**place, startFromHead=True, limit=1)
    assert [event["message"] for event in page["events"]] == ["hello me"], page
    page = LOGS.get_log_events(**place, startFromHead=True, nextToken=page["nextForwardToken"])
    assert [event["message"] for event in page["events"]] == ["bye"], page
    again = LOGS.get_log_events(**place, startFromHead=True, nextToken=page["nextForwardToken"])
    assert again["events"] == [] and again["nextForwardToken"] == page["nextForwardToken"], again


def a_log_that_is_not_there_is_refused():
    refused("ResourceNotFoundException", LOGS.get_log_events, logGroupName="/ecs/etl", logStreamName="ecs/main/0")
    refused("ResourceNotFoundException", LOGS.get_log_events, logGroupName="/no", logStreamName="x")


def a_token_starts_once_and_conflicts_with_another_request():
    first = run(clientToken="token-1", startedBy="key-1")
    second = run(clientToken="token-1", startedBy="key-1")
    assert first["tasks"] == second["tasks"], (first, second)
    error = refused("ConflictException", run, clientToken="token-1", startedBy="key-2")
    assert isinstance(error, ECS.exceptions.ConflictException), error
    assert error.response["resourceIds"] == [first["tasks"][0]["taskArn"]], error.response
    assert state()["ledger"]["key-1"] == 1


def the_clients_own_tokens_differ():
    # boto3 fills in a token of its own for each call.
    assert started() != started()


def a_lost_answer_is_found_by_the_same_request():
    control("faults", {"fault": "lost_answer"})
    try:
        run(clientToken="token-lost", startedBy="key-lost")
        raise AssertionError("an answer came")
    except (ConnectionClosedError, EndpointConnectionError):
        pass
    arn = started(clientToken="token-lost", startedBy="key-lost")
    assert ECS.list_tasks(startedBy="key-lost")["taskArns"] == [arn]
    assert state()["ledger"]["key-lost"] == 1


def lists_show_what_is_asked_for():
    arns = {started(startedBy="listed") for _ in range(5)}
    pages = ECS.get_paginator("list_tasks").paginate(startedBy="listed", PaginationConfig={"PageSize": 2})
    pages = [page["taskArns"] for page in pages]
    assert [len(page) for page in pages] == [2, 2, 1] and set(sum(pages, [])) == arns, pages
    one = arns.pop()
    answer = ECS.stop_task(task=one, reason="enough")["task"]
    assert (answer["desiredStatus"], answer["stopCode"]) == ("STOPPED", "UserInitiated"), answer
    assert stopped(one)["stoppedReason"] == "enough"
    assert ECS.list_tasks(startedBy="listed", desiredStatus="STOPPED")["taskArns"] == [one]
    assert set(ECS.list_tasks(startedBy="listed")["taskArns"]) == arns
    assert arns < set(ECS.list_tasks(family="held", launchType="FARGATE")["taskArns"])
    refused("InvalidParameterException", ECS.list_tasks, nextToken="made-up")
    refused("InvalidParameterException", ECS.list_tasks, maxResults=101)


def unknown_things_are_failures_or_refusals():
    answer = ECS.describe_tasks(tasks=["0123456789abcdef0123456789abcdef"])
    assert [one["reason"] for one in answer["failures"]] == ["MISSING"] and answer["tasks"] == [], answer
    refused("InvalidParameterException", ECS.describe_tasks, tasks=["a"] * 101)
    refused("InvalidParameterException", ECS.stop_task, task="0123456789abcdef0123456789abcdef")
    error = refused("ClusterNotFoundException", ECS.list_tasks, cluster="nowhere")
    assert isinstance(error, ECS.exceptions.ClusterNotFoundException)
    refused("ClientException", run, "nothing")
    refused("ClientException", ECS.describe_task_definition, taskDefinition="nothing")
    answer = ECS.describe_clusters(clusters=["default", "nowhere"])
    assert [one["clusterName"] for one in answer["clusters"]] == ["default"], answer
    assert [one["reason"] for one in answer["failures"]] == ["MISSING"], answer


def a_task_definition_shows_its_containers():
    shown = ECS.describe_task_definition(taskDefinition="etl")["taskDefinition"]
    assert (shown["revision"], shown["status"], shown["networkMode"]) == (1, "ACTIVE", "awsvpc"), shown
    assert [(one["name"], one["essential"]) for one in shown["containerDefinitions"]] == [("main", True), ("side", False)]
    options = shown["containerDefinitions"][0]["logConfiguration"]["options"]
    assert (options["awslogs-group"], options["awslogs-stream-prefix"]) == ("/ecs/etl", "ecs"), options
    assert ECS.describe_task_definition(taskDefinition=shown["taskDefinitionArn"])["taskDefinition"] == shown


def wrong_requests_are_refused():
    invalid = "InvalidParameterException"
    refused(invalid, run, count=11)
    refused(invalid, run, clientToken="a b")
    refused(invalid, run, clientToken="x" * 65)
    refused(invalid, run, startedBy="a.b")
    refused(invalid, run, tags=[{"key": "aws:x", "value": ""}])
    refused(invalid, run, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])
    refused(invalid, ECS.run_task, taskDefinition="held", launchType="FARGATE")
    refused(invalid, run, overrides={"containerOverrides": [{"name": "other"}]})
    long = [{"name": "A", "value": "x" * 8192}]
    refused(invalid, run, overrides={"containerOverrides": [{"name": "main", "environment": long}]})
    refused("PlatformUnknownException", run, platformVersion="9")


def faults_are_errors_of_the_client():
    for fault, code, status in [
        ("throttled", "ThrottlingException", 400),
        ("access_denied", "AccessDeniedException", 400),
        ("server_error", "ServerException", 500),
        ("no_capacity", "ClientException", 400),
        ("expired_token", "ExpiredTokenException", 400),
    ]:
        control("faults", {"fault": fault})
        error = refused(code, run, status=status)
        assert error.response["Error"]["Message"], error.response
    control("faults", {"fault": "throttled", "action": "DescribeTargetHealth"})
    refused("Throttling", ELB.describe_target_health, TargetGroupArn=GROUP)
    control("faults", {"fault": "failures", "reason": "RESOURCE:ENI"})
    answer = run()
    assert answer["tasks"] == [] and answer["failures"][0]["reason"] == "RESOURCE:ENI", answer


def a_target_goes_from_initial_to_unused():
    arn = started("web")
    until("RUNNING", lambda: describe(arn)["lastStatus"] == "RUNNING")
    details = {one["name"]: one["value"] for one in describe(arn)["attachments"][0]["details"]}
    address = details["privateIPv4Address"]
    assert address.startswith("127."), details
    target = {"Id": address, "Port": 8080}

    def health(**more):
        (shown,) = ELB.describe_target_health(TargetGroupArn=GROUP, Targets=[target])["TargetHealthDescriptions"]
        assert (shown["Target"]["Id"], shown["Target"]["Port"]) == (address, 8080), shown
        return shown["TargetHealth"]

    assert health()["State"] == "unused" and health()["Reason"] == "Target.NotRegistered"
    for _ in range(2):
        ELB.register_targets(TargetGroupArn=GROUP, Targets=[target])
    assert health()["State"] in ("initial", "healthy", "unhealthy")
    ELB.get_waiter("target_in_service").wait(
        TargetGroupArn=GROUP, Targets=[target], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert health() == {"State": "healthy"}, health()
    for _ in range(2):
        ELB.deregister_targets(TargetGroupArn=GROUP, Targets=[target])
    assert health()["State"] == "draining" and health()["Reason"] == "Target.DeregistrationInProgress"
    control("advance", {"seconds": 300})
    assert health()["State"] == "unused"
    (group,) = ELB.describe_target_groups(TargetGroupArns=[GROUP])["TargetGroups"]
    assert (group["TargetType"], group["TargetGroupName"], group["HealthCheckPath"]) == ("ip", "web", "/health"), group


def wrong_targets_are_refused():
    other = GROUP.replace("/web/", "/other/")
    error = refused("TargetGroupNotFound", ELB.describe_target_health, TargetGroupArn=other)
    assert isinstance(error, ELB.exceptions.TargetGroupNotFoundException)
    register = ELB.register_targets
    refused("ValidationError", register, TargetGroupArn=GROUP, Targets=[{"Id": "i-1"}])
    refused("ValidationError", register, TargetGroupArn="no-arn", Targets=[{"Id": "127.1.2.3"}])


def a_wrong_key_or_secret_is_refused():
    refused("InvalidSignatureException", client("ecs", secret="other").list_tasks)
    refused("UnrecognizedClientException", client("ecs", key="AKIDOTHER").list_tasks)
    refused("SignatureDoesNotMatch", client("elbv2", secret="other").describe_target_groups, status=403)
    refused("InvalidSignatureException", client("logs", secret="x").get_log_events, logGroupName="a", logStreamName="b")


CHECKS = [
    check
    for name, check in list(globals().items())
    if name.split("_")[0] in ("a", "the", "lists", "unknown", "wrong", "faults") and callable(check)
]

for check in CHECKS:
    check()
    print(f"ok {check.__name__}")
assert len(CHECKS) == 13, len(CHECKS)
print(f"{len(CHECKS)} checks passed")
