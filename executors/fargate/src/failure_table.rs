//! The table of errors: what each means for a launch and for a read.

use super::*;

fn refused(status: u16, code: &str, message: &str) -> CallError {
    CallError::Refused {
        op: Op::new("ecs:RunTask", "cluster `c`"),
        refusal: Refusal {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            ..Refusal::default()
        },
    }
}

fn word(error: &ExecutorError) -> String {
    match error {
        ExecutorError::Rejected { class, .. } => format!("rejected {class}"),
        ExecutorError::Throttled { .. } => "throttled".to_owned(),
        ExecutorError::Unknown { .. } => "unknown".to_owned(),
        ExecutorError::Unavailable { alarm: true, .. } => "alarm".to_owned(),
        ExecutorError::Unavailable { .. } => "unavailable".to_owned(),
    }
}

#[test]
fn every_code_has_its_meaning() {
    for (status, code, message, launch, read) in [
        (
            400,
            "ThrottlingException",
            "Rate exceeded",
            "throttled",
            "throttled",
        ),
        (
            500,
            "ThrottlingException",
            "Rate exceeded",
            "throttled",
            "throttled",
        ),
        (
            400,
            "com.amazonaws.ecs#ThrottlingException",
            "",
            "throttled",
            "throttled",
        ),
        (
            400,
            "ThrottlingException:http://internal/",
            "",
            "throttled",
            "throttled",
        ),
        (400, "RequestLimitExceeded", "", "throttled", "throttled"),
        (
            400,
            "TooManyRequestsException",
            "",
            "throttled",
            "throttled",
        ),
        (400, "LimitExceededException", "", "throttled", "throttled"),
        (429, "", "", "throttled", "throttled"),
        (500, "ServerException", "", "unknown", "unavailable"),
        (500, "InternalFailure", "", "unknown", "unavailable"),
        (503, "ServiceUnavailable", "", "unknown", "unavailable"),
        (503, "", "", "unknown", "unavailable"),
        (408, "", "", "unknown", "unavailable"),
        (
            400,
            "ClientException",
            "Capacity is unavailable at this time. Please try again later",
            "throttled",
            "throttled",
        ),
        (
            400,
            "ClientException",
            "You've reached the limit on the number of tasks you can run concurrently",
            "throttled",
            "throttled",
        ),
        (400, "ConflictException", "", "unknown", "unavailable"),
        (
            400,
            "ExpiredTokenException",
            "",
            "rejected permission",
            "alarm",
        ),
        (
            400,
            "UnrecognizedClientException",
            "",
            "rejected permission",
            "alarm",
        ),
        (400, "RequestExpired", "", "rejected permission", "alarm"),
        (401, "", "", "rejected permission", "alarm"),
        (
            400,
            "AccessDeniedException",
            "",
            "rejected permission",
            "alarm",
        ),
        (403, "", "", "rejected permission", "alarm"),
        (400, "BlockedException", "", "rejected permission", "alarm"),
        (
            400,
            "ClusterNotFoundException",
            "Cluster not found.",
            "rejected not_found",
            "alarm",
        ),
        (
            400,
            "ClientException",
            "TaskDefinition not found.",
            "rejected not_found",
            "alarm",
        ),
        (
            400,
            "ClientException",
            "Unable to describe task definition.",
            "rejected not_found",
            "alarm",
        ),
        (
            400,
            "ClientException",
            "TaskDefinition is inactive",
            "rejected config",
            "alarm",
        ),
        (
            400,
            "InvalidParameterException",
            "No Fargate configuration exists for given values",
            "rejected config",
            "alarm",
        ),
        (
            400,
            "PlatformUnknownException",
            "",
            "rejected config",
            "alarm",
        ),
        (
            400,
            "PlatformTaskDefinitionIncompatibilityException",
            "",
            "rejected config",
            "alarm",
        ),
        (
            400,
            "UnsupportedFeatureException",
            "",
            "rejected config",
            "alarm",
        ),
        (400, "SomethingNew", "", "rejected config", "alarm"),
        (404, "", "", "rejected not_found", "alarm"),
    ] {
        let error = refused(status, code, message);
        assert_eq!(
            word(&error.of_launch()),
            launch,
            "launch: {status} {code} {message}"
        );
        assert_eq!(
            word(&error.of_read()),
            read,
            "read: {status} {code} {message}"
        );
        let preparation = word(&error.of_preparation());
        let expected = if launch == "unknown" {
            "unavailable"
        } else {
            launch
        };
        assert_eq!(
            preparation, expected,
            "preparation: {status} {code} {message}"
        );
    }
}

#[test]
fn what_was_lost_is_unknown_and_what_was_not_sent_is_not() {
    let op = Op::new("ecs:RunTask", "cluster `c`");
    let lost = CallError::Lost {
        op: op.clone(),
        cause: "reset".to_owned(),
    };
    assert_eq!(word(&lost.of_launch()), "unknown");
    assert_eq!(word(&lost.of_read()), "unavailable");
    for (lasting, expected) in [(true, "alarm"), (false, "unavailable")] {
        let error = CallError::NotSent {
            op: op.clone(),
            cause: "no credentials".to_owned(),
            lasting,
        };
        assert_eq!(word(&error.of_launch()), expected);
        assert_eq!(word(&error.of_read()), expected);
    }
}

#[test]
fn a_missing_right_is_named_as_iam_names_it() {
    let plain = refused(400, "AccessDeniedException", "no");
    assert!(
        plain.said().starts_with("missing right `ecs:RunTask`: "),
        "{}",
        plain.said()
    );
    let role = "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: iam:PassRole on resource: \
                arn:aws:iam::1:role/worker because no identity-based policy allows the iam:PassRole action";
    let passing = refused(400, "AccessDeniedException", role);
    assert!(
        passing.said().starts_with("missing right `iam:PassRole`: "),
        "{}",
        passing.said()
    );
    assert!(
        !refused(400, "ClientException", "no")
            .said()
            .contains("missing right")
    );
}
