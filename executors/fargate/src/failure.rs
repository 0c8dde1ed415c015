//! A call that failed, and what its failure says: was the work surely not started, or perhaps?
//!
//! Guarantees: `sense` is the one table of error codes, pure. "Surely not started" is said only where nothing was sent or
//! AWS refused the call; a 5xx, a reset, a timeout and an answer that cannot be read are lost answers.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use noctule_executor::{ErrorClass, ExecutorError};

/// How long a launch stays away when Fargate has no room.
const CAPACITY_PAUSE: Duration = Duration::from_secs(120);

/// One call: the action as IAM names it, and what it was tried on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) action: &'static str,
    pub(crate) subject: String,
}

impl Op {
    pub(crate) fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self {
            action,
            subject: subject.into(),
        }
    }
}

/// An answer that is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The ARNs of a `ConflictException`.
    pub(crate) resources: Vec<String>,
    pub(crate) retry_after: Option<Duration>,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum CallError {
    /// Nothing was sent.
    #[error("{} on {}: not sent: {cause}", .op.action, .op.subject)]
    NotSent {
        op: Op,
        cause: String,
        lasting: bool,
    },
    /// It was sent, and the answer is lost.
    #[error("{} on {}: the answer is lost: {cause}", .op.action, .op.subject)]
    Lost { op: Op, cause: String },
    /// It was refused.
    #[error("{} on {}: {} {}: {}", .op.action, .op.subject, .refusal.status, .refusal.code, .refusal.message)]
    Refused { op: Op, refusal: Refusal },
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    /// Back off.
    Throttled,
    /// No room, or a quota: back off for minutes.
    Capacity,
    /// The credentials, or the clock: once more with fresh ones.
    Renew,
    /// The service failed.
    Transient,
    /// The token was used with other parameters: the work is there.
    Conflict,
    /// Asking again changes nothing.
    Fatal(ErrorClass),
}

/// The table of error codes.
pub(crate) fn sense(refusal: &Refusal) -> Sense {
    let code = refusal.code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "LimitExceededException"
        | "SlowDown"
        | "PriorRequestNotComplete" => Sense::Throttled,
        "ServerException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => Sense::Transient,
        "ConflictException" => Sense::Conflict,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => Sense::Renew,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedException"
        | "UnauthorizedOperation"
        | "OptInRequired"
        | "BlockedException" => Sense::Fatal(ErrorClass::Permission),
        "ClusterNotFoundException"
        | "ResourceNotFoundException"
        | "TargetGroupNotFound"
        | "TargetGroupNotFoundException" => Sense::Fatal(ErrorClass::NotFound),
        "ClientException" | "InvalidParameterException" => sense_of_words(&refusal.message),
        "PlatformUnknownException"
        | "PlatformTaskDefinitionIncompatibilityException"
        | "UnsupportedFeatureException"
        | "ValidationException"
        | "ValidationError" => Sense::Fatal(ErrorClass::Config),
        _ => sense_of_status(refusal.status),
    }
}

/// ECS says several things by one code.
fn sense_of_words(message: &str) -> Sense {
    let said = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&[
        "capacity is unavailable",
        "you've reached the limit",
        "limit on the number of tasks",
        "concurrent tasks",
        "vcpu limit",
    ]) {
        return Sense::Capacity;
    }
    if says(&[
        "referenced task was not found",
        "taskdefinition not found",
        "task definition not found",
        "unable to describe task definition",
        "cluster not found",
    ]) {
        return Sense::Fatal(ErrorClass::NotFound);
    }
    Sense::Fatal(ErrorClass::Config)
}

fn sense_of_status(status: u16) -> Sense {
    match status {
        429 => Sense::Throttled,
        401 => Sense::Renew,
        403 => Sense::Fatal(ErrorClass::Permission),
        404 => Sense::Fatal(ErrorClass::NotFound),
        400..=407 | 409..=499 => Sense::Fatal(ErrorClass::Config),
        _ => Sense::Transient,
    }
}

impl CallError {
    /// What the SDK says.
    pub(crate) fn of<E>(op: &Op, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let op = op.clone();
        if let SdkError::ServiceError(service) = &error {
            let refusal = refusal(service.err(), service.raw());
            return Self::Refused { op, refusal };
        }
        let cause = chain(&error);
        let credentials = find::<CredentialsError>(&error).is_some();
        let refused_connection = find::<io::Error>(&error)
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if let SdkError::ResponseError(response) = &error {
            let status = response.raw().status().as_u16();
            if (400..500).contains(&status) && status != 408 {
                // An error that a front end wrote: the service never saw the call.
                let message = "the answer is no answer of AWS".to_owned();
                let refusal = Refusal {
                    status,
                    message,
                    ..Refusal::default()
                };
                return Self::Refused { op, refusal };
            }
        }
        match error {
            SdkError::ConstructionFailure(_) => Self::not_sent(op, cause, true),
            SdkError::DispatchFailure(_) if credentials => Self::not_sent(op, cause, true),
            SdkError::DispatchFailure(_) if refused_connection => Self::not_sent(op, cause, false),
            _ => Self::Lost { op, cause },
        }
    }

    fn not_sent(op: Op, cause: String, lasting: bool) -> Self {
        Self::NotSent { op, cause, lasting }
    }

    /// The refusal, if it is one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// What a refusal means.
    pub(crate) fn sense(&self) -> Option<Sense> {
        self.refusal().map(sense)
    }

    /// Whether the thing asked about is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.sense() == Some(Sense::Fatal(ErrorClass::NotFound))
    }

    /// For a launch.
    pub(crate) fn of_launch(&self) -> ExecutorError {
        let message = self.said();
        match self {
            Self::NotSent { lasting, .. } => ExecutorError::Unavailable {
                message,
                alarm: *lasting,
            },
            Self::Lost { .. } => ExecutorError::Unknown { message },
            Self::Refused { refusal, .. } => match sense(refusal) {
                Sense::Throttled => throttled(refusal.retry_after, message),
                Sense::Capacity => throttled(Some(CAPACITY_PAUSE), message),
                Sense::Transient | Sense::Conflict => ExecutorError::Unknown { message },
                Sense::Renew => ExecutorError::rejected(ErrorClass::Permission, message),
                Sense::Fatal(class) => ExecutorError::rejected(class, message),
            },
        }
    }

    /// For a read that a launch needs first: nothing was started by it.
    pub(crate) fn of_preparation(&self) -> ExecutorError {
        match self.of_launch() {
            ExecutorError::Unknown { message } => ExecutorError::unavailable(message),
            other => other,
        }
    }

    /// For everything else: never a verdict about the work.
    pub(crate) fn of_read(&self) -> ExecutorError {
        let message = self.said();
        match self {
            Self::NotSent { lasting: true, .. } => ExecutorError::alarm(message),
            Self::NotSent { .. } | Self::Lost { .. } => ExecutorError::unavailable(message),
            Self::Refused { refusal, .. } => match sense(refusal) {
                Sense::Throttled | Sense::Capacity => throttled(refusal.retry_after, message),
                Sense::Transient | Sense::Conflict => ExecutorError::unavailable(message),
                Sense::Renew | Sense::Fatal(_) => ExecutorError::alarm(message),
            },
        }
    }

    /// The message, with the right that is missing by the name that IAM has for it.
    pub(crate) fn said(&self) -> String {
        let text = self.to_string();
        match self {
            Self::Refused { op, refusal }
                if sense(refusal) == Sense::Fatal(ErrorClass::Permission) =>
            {
                let action = missing_action(&refusal.message).unwrap_or(op.action);
                format!("missing right `{action}`: {text}")
            }
            _ => text,
        }
    }
}

fn throttled(retry_after: Option<Duration>, message: String) -> ExecutorError {
    ExecutorError::Throttled {
        retry_after,
        message,
    }
}

/// The action in "… is not authorized to perform: iam:PassRole on resource: …".
fn missing_action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("to perform: ")?;
    let action = rest.split_whitespace().next()?.trim_end_matches(['.', ',']);
    action.contains(':').then_some(action)
}

fn refusal(error: &impl ProvideErrorMetadata, raw: &HttpResponse) -> Refusal {
    let body = raw.body().bytes().unwrap_or_default();
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let ids = json["resourceIds"].as_array().into_iter().flatten();
    let seconds = raw.headers().get("retry-after");
    Refusal {
        status: raw.status().as_u16(),
        code: error.code().unwrap_or_default().to_owned(),
        message: error.message().unwrap_or_default().to_owned(),
        resources: ids
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect(),
        retry_after: seconds
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs),
    }
}

/// An error and everything under it, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = Some(error);
    while let Some(error) = at {
        let text = error.to_string();
        if !parts.last().is_some_and(|last| last.contains(&text)) {
            parts.push(text);
        }
        at = error.source();
    }
    parts.join(": ")
}

fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        at = error.source();
    }
    None
}

#[cfg(test)]
#[path = "failure_table.rs"]
mod table;
