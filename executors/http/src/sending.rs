//! One call over the wire, redirects included.
//!
//! Whatever is not safe is sent exactly once. What the task sends along (credentials, its headers, its body) never leaves
//! the origin that the task names, and a redirect leads into no private network.

use reqwest::header::{ACCEPT, HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use crate::answer::Received;
use crate::client::{Clients, Line};
use crate::error::{HttpError, cause};
use crate::prepared::Prepared;
use crate::target;

/// The most redirects of one call.
const MAX_REDIRECTS: usize = 5;

/// How a call may go.
pub(crate) struct Rules<'a> {
    pub(crate) line: Line,
    /// Redirects may lead into private networks.
    pub(crate) private_targets: bool,
    /// The service chose this address already.
    pub(crate) chosen: bool,
    /// Statuses that are answers, even if they redirect.
    pub(crate) expect: &'a [u16],
}

/// The next request of a call.
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    chosen: bool,
}

/// Where a redirect leads.
enum Turn {
    Stay(Option<String>),
    To(Box<Hop>),
}

/// Sends a call and reads its answer.
pub(crate) async fn send(
    clients: &Clients,
    call: Prepared,
    rules: &Rules<'_>,
) -> Result<Received, HttpError> {
    let origin = call.url.origin();
    let mut hop = Hop {
        method: call.method,
        url: call.url,
        headers: call.headers,
        body: call.body,
        chosen: rules.chosen,
    };
    for count in 0.. {
        let here = (hop.method.clone(), hop.url.clone());
        let headers = hop.headers.clone();
        let response = once(clients, hop, rules, &call.name, count).await?;
        match turn(&here, headers, &response, rules, count) {
            Turn::To(next) => {
                hop = *next;
                hop.chosen = rules.chosen || hop.url.origin() != origin;
            }
            Turn::Stay(note) => {
                let mut received = Received::read(response, &call.hidden).await;
                received.note = note;
                return Ok(received);
            }
        }
    }
    Err(HttpError::Invalid("no request was made".to_owned()))
}

async fn once(
    clients: &Clients,
    hop: Hop,
    rules: &Rules<'_>,
    name: &str,
    count: usize,
) -> Result<Response, HttpError> {
    let guarded = hop.chosen && !rules.private_targets;
    if guarded && target::is_private_literal(&hop.url) {
        let refusal = format!("{name}: the service leads to a private address");
        return Err(HttpError::Invalid(refusal));
    }
    let client = clients.of(Line {
        guarded,
        ..rules.line
    })?;
    let mut request = client.request(hop.method, hop.url).headers(hop.headers);
    if let Some(body) = hop.body {
        request = request.body(body);
    }
    request.send().await.map_err(|error| {
        let call = name.to_owned();
        let cause = cause(&error);
        if error.is_builder() {
            return HttpError::Invalid(format!("{call}: {cause}"));
        }
        // After a redirect the first request was received, whatever becomes of the second.
        if error.is_connect() && count == 0 {
            return HttpError::NotSent { call, cause };
        }
        let cause = if error.is_timeout() {
            "the line was silent for too long".to_owned()
        } else {
            format!("the answer is lost: {cause}")
        };
        HttpError::Lost { call, cause }
    })
}

fn turn(
    (method, url): &(Method, Url),
    headers: HeaderMap,
    response: &Response,
    rules: &Rules<'_>,
    count: usize,
) -> Turn {
    let status = response.status();
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    if !redirects || rules.expect.contains(&status.as_u16()) {
        return Turn::Stay(None);
    }
    let location = response.headers().get(LOCATION);
    let next = location
        .and_then(|l| l.to_str().ok())
        .and_then(|l| url.join(l).ok());
    let Some(next) = next else {
        return Turn::Stay(Some("it leads nowhere".to_owned()));
    };
    if let Some(note) = refusal(method, url, &next, status, rules, count) {
        return Turn::Stay(Some(note));
    }
    let mut kept = headers;
    if next.origin() != url.origin() {
        kept = kept
            .remove(ACCEPT)
            .map(|accept| (ACCEPT, accept))
            .into_iter()
            .collect();
    }
    Turn::To(Box::new(Hop {
        method: if *method == Method::HEAD {
            Method::HEAD
        } else {
            Method::GET
        },
        url: next,
        headers: without_body(kept),
        body: None,
        chosen: true,
    }))
}

fn refusal(
    method: &Method,
    from: &Url,
    next: &Url,
    status: StatusCode,
    rules: &Rules<'_>,
    count: usize,
) -> Option<String> {
    let to = target::shown(next);
    if !method.is_safe() && status != StatusCode::SEE_OTHER {
        return Some(format!(
            "it leads to {to}, and a {method} is not sent twice"
        ));
    }
    if count >= MAX_REDIRECTS {
        return Some(format!("there were more than {MAX_REDIRECTS} redirects"));
    }
    if target::absolute(next.as_str()).is_err()
        || (from.scheme() == "https" && next.scheme() != "https")
    {
        return Some(format!("it leads to {to}, which is not followed"));
    }
    let guarded = !rules.private_targets && next.origin() != from.origin();
    if guarded && target::is_private_literal(next) {
        return Some(format!("it leads to {to}, a private address"));
    }
    None
}

fn without_body(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(reqwest::header::CONTENT_TYPE);
    headers
}
