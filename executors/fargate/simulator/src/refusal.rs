//! A request that is refused, in the words and the format of its service.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use noctule_simulated::Answer;
use serde_json::{Value, json};

use super::{action::Service, xml::escape};

/// An error answer: a type, a message and what else stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    resource_ids: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Refusal {
            status,
            code: code.to_owned(),
            message: message.into(),
            resource_ids: Vec::new(),
        }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Refusal::new(400, "InvalidParameterException", message)
    }

    pub(crate) fn client(message: impl Into<String>) -> Self {
        Refusal::new(400, "ClientException", message)
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Refusal::new(400, "SerializationException", message)
    }

    pub(crate) fn no_cluster() -> Self {
        Refusal::new(400, "ClusterNotFoundException", "Cluster not found.")
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Refusal::new(400, "ValidationError", message)
    }

    /// The token was used with other parameters.
    pub(crate) fn conflict(resource_ids: Vec<String>) -> Self {
        let message = "The RunTask request could not be processed due to conflicts. The provided clientToken is \
                       already in use with a different RunTask request.";
        Refusal {
            resource_ids,
            ..Refusal::new(400, "ConflictException", message)
        }
    }

    pub(crate) fn response(&self, service: Service) -> Response {
        self.answer(service, &uuid::Uuid::new_v4().to_string())
            .into()
    }

    /// The answer with this id of the request.
    pub(crate) fn answer(&self, service: Service, id: &str) -> Answer {
        let answer = match service {
            Service::LoadBalancing => Answer::text(self.status, XML, self.xml(id)),
            Service::Ecs | Service::Logs | Service::Secrets => {
                Answer::text(self.status, JSON, self.json().to_string())
            }
        };
        answer.header("x-amzn-requestid", id)
    }

    fn json(&self) -> Value {
        // The gate in front of a service writes `Message`, the service itself `message`.
        let word = match self.code.as_str() {
            "AccessDeniedException" => "Message",
            _ => "message",
        };
        let mut body = json!({"__type": self.code, word: self.message});
        if !self.resource_ids.is_empty() {
            body["resourceIds"] = json!(self.resource_ids);
        }
        body
    }

    fn xml(&self, id: &str) -> String {
        let kind = if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        format!(
            "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\n  <Error>\n    \
             <Type>{kind}</Type>\n    <Code>{}</Code>\n    <Message>{}</Message>\n  </Error>\n  \
             <RequestId>{id}</RequestId>\n</ErrorResponse>\n",
            escape(&self.code),
            escape(&self.message)
        )
    }
}

const JSON: &str = "application/x-amz-json-1.1";
const XML: &str = "text/xml";

/// An ordinary JSON answer.
pub(crate) fn json_response(value: &Value) -> Response {
    respond(JSON, value.to_string())
}

/// An ordinary XML answer.
pub(crate) fn xml_response(text: String) -> Response {
    respond(XML, text)
}

fn respond(kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
