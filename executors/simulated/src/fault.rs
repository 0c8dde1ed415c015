//! Faults to order: what goes wrong with the next requests of a kind.
//!
//! Each order says whether the request is acted on before its answer is lost. Orders are taken in
//! the order they were given; one request meets at most one.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use tokio::sync::watch;

use super::{lock::lock, record::RecordedRequest, wire::Wire};

type Matcher = Box<dyn Fn(&RecordedRequest) -> bool + Send + Sync>;

/// Whether a text has this form, in which `*` stands for any letters.
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            rest.is_empty()
                || (0..=tail.len()).any(|at| tail.is_char_boundary(at) && fits(rest, &tail[at..]))
        }),
    }
}

/// An answer put in place of the ordinary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Any text.
    pub fn text(status: u16, kind: &str, body: impl Into<String>) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
        .header("content-type", kind)
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Response {
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &answer.headers {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<A = Answer> {
    /// Not acted on; this is answered.
    Answer(A),
    /// Acted on; then this is answered in place of the truth.
    ActThenAnswer(A),
    /// Not acted on; the connection ends without a byte.
    DropRequest,
    /// Acted on; the connection ends without a byte.
    LoseAnswer,
    /// Acted on; the connection is reset.
    Reset,
    /// Acted on; the answer's head and so many bytes of its body arrive, then the connection ends.
    Truncate {
        /// Bytes of the body.
        body_bytes: usize,
    },
    /// Held until released, then acted on and answered; never acted on if the client leaves first.
    Hang,
    /// Acted on at once, the answer held until released.
    HangAnswer,
    /// Acted on after this time.
    Delay(Duration),
}

/// An order, as the one who gave it holds it. Dropping it changes nothing.
#[derive(Clone)]
pub struct Fault(Arc<Control>);

impl Fault {
    /// Lets held requests go, and those still to come.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }

    /// How many more requests it is for.
    pub fn remaining(&self) -> usize {
        *lock(&self.0.left)
    }

    /// Withdraws what is left of it.
    pub fn withdraw(&self) {
        *lock(&self.0.left) = 0;
        self.release();
    }
}

struct Control {
    left: Mutex<usize>,
    released: watch::Sender<bool>,
}

/// What is to happen to the requests it matches.
pub struct Order<E> {
    matches: Matcher,
    effect: E,
    control: Arc<Control>,
}

impl<E> Order<E> {
    /// What happens to the request.
    pub fn effect(&self) -> &E {
        &self.effect
    }

    fn takes(&self, request: &RecordedRequest) -> bool {
        let mut left = lock(&self.control.left);
        if *left == 0 || !(self.matches)(request) {
            return false;
        }
        *left = left.saturating_sub(usize::from(*left != usize::MAX));
        true
    }

    async fn wait(&self) {
        let mut released = self.control.released.subscribe();
        // The sender is ours, so it cannot be gone.
        drop(released.wait_for(|released| *released).await);
    }
}

/// The orders there are.
pub struct FaultList<E>(Mutex<Vec<Arc<Order<E>>>>);

impl<E> Default for FaultList<E> {
    fn default() -> Self {
        FaultList(Mutex::default())
    }
}

impl<E> FaultList<E> {
    /// One more order, for so many requests (`usize::MAX`: until withdrawn).
    pub fn add(
        &self,
        matches: impl Fn(&RecordedRequest) -> bool + Send + Sync + 'static,
        times: usize,
        effect: E,
    ) -> Fault {
        let control = Arc::new(Control {
            left: Mutex::new(times),
            released: watch::Sender::new(false),
        });
        let order = Order {
            matches: Box::new(matches),
            effect,
            control: Arc::clone(&control),
        };
        lock(&self.0).push(Arc::new(order));
        Fault(control)
    }

    /// The order that this request meets, which has one less to go.
    pub fn take(&self, request: &RecordedRequest) -> Option<Arc<Order<E>>> {
        lock(&self.0)
            .iter()
            .find(|order| order.takes(request))
            .cloned()
    }

    /// Lets every held request go.
    pub fn release_all(&self) {
        for order in lock(&self.0).iter() {
            order.control.released.send_replace(true);
        }
    }
}

/// Answers one request as ordered; `ordinary` is what would happen without the order.
pub async fn carry_out<A: Clone + Into<Response>>(
    order: &Order<Effect<A>>,
    wire: &Wire,
    ordinary: impl Future<Output = Response>,
) -> Response {
    match &order.effect {
        Effect::Answer(answer) => answer.clone().into(),
        Effect::ActThenAnswer(answer) => {
            drop(ordinary.await);
            answer.clone().into()
        }
        Effect::DropRequest => {
            wire.cut(0, false);
            closing(Response::new(Body::empty()))
        }
        Effect::LoseAnswer => cut(wire, ordinary, false).await,
        Effect::Reset => cut(wire, ordinary, true).await,
        Effect::Truncate { body_bytes } => {
            let response = ordinary.await;
            wire.cut_body(*body_bytes);
            closing(response)
        }
        Effect::Hang => {
            order.wait().await;
            ordinary.await
        }
        Effect::HangAnswer => {
            let response = ordinary.await;
            order.wait().await;
            response
        }
        Effect::Delay(time) => {
            tokio::time::sleep(*time).await;
            ordinary.await
        }
    }
}

async fn cut(wire: &Wire, ordinary: impl Future<Output = Response>, reset: bool) -> Response {
    let response = ordinary.await;
    wire.cut(0, reset);
    closing(response)
}

fn closing(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        assert!(fits("*:run", "/v2/projects/p/jobs/etl:run"));
        assert!(fits("*/jobs/*/executions", "/v2/jobs/etl/executions"));
        assert!(!fits("*/executions", "/v2/jobs/etl/executions/e"));
        assert!(!fits("/v2", "/v2/x"));
        assert!(fits("*", ""));
    }
}
