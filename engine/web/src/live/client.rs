//! Those who listen: to one run from its journal on, or to everything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use futures_util::stream;
use noctule_core::name::RunId;
use noctule_core::run::Fact;
use noctule_core::view::EventView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};

use super::history::{Position, Told};
use crate::access::{Caller, Need, Role, Scoped};
use crate::known::Story;
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The pause after which a client hears that the line is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What they hear: an event without an id, for a browser tells its pages nothing of comments.
const ALIVE: &str = "event: alive\ndata: {}\n\n";
/// The pause after which it is looked whether a client still may listen: a token that was revoked ends its streams so soon.
const AGAIN: Duration = Duration::from_secs(5);
/// Records of a journal read at a time.
const PAGE: u32 = 500;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `GET /api/v1/events`.
pub(crate) struct Events;
/// `GET /api/v1/runs/{run}/stream`.
pub(crate) struct RunStream;

/// An entry of a run's journal, as it is told live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveEvent {
    /// The run.
    pub run: String,
    /// Its DAG.
    pub dag: String,
    /// The entry.
    #[serde(flatten)]
    pub event: EventView,
}

impl Operation for Events {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/events";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const NAME: &'static str = "events";
    const SUMMARY: &'static str = "Everything that happens, as server-sent events; `Last-Event-ID` goes on from there, or a `reset` says that this is gone";
    const MEDIA: &'static str = "text/event-stream";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let place = place(&web)?;
        let caller = call.caller.clone();
        let known = last_event(&call.headers);
        let after = known.map(|id| {
            Position::read(id).unwrap_or(Position {
                history: String::new(),
                number: 0,
            })
        });
        let listening = web.feed().listen_after(after.as_ref());
        let from = listening.from;
        let mut ready = VecDeque::new();
        match listening.missed {
            Some(missed) if known.is_some() => {
                ready.extend(
                    missed
                        .iter()
                        .filter(|told| caller.sees(told.dag.as_str()))
                        .map(|told| line(&from.at(told.number), &told.json)),
                );
            }
            Some(_) => ready.push_back(format!("id: {}\n\n", from.at(from.number))),
            None => ready.push_back(format!(
                "id: {}\nevent: reset\ndata: {{}}\n\n",
                from.at(from.number)
            )),
        }
        let write = move |told: &Told| {
            let theirs = caller.sees(told.dag.as_str());
            theirs.then(|| line(&from.at(told.number), &told.json))
        };
        Ok(streaming(Client {
            ready,
            heard: listening.next,
            write,
            guard: Guard::new(&web, call.caller),
            _place: place,
        }))
    }
}

impl Operation for RunStream {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/runs/{run}/stream";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "run_stream";
    const SUMMARY: &'static str =
        "The journal of a run, from its beginning or after `Last-Event-ID`, and on as it grows";
    const MEDIA: &'static str = "text/event-stream";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let id = call.run()?;
        let place = place(&web)?;
        let after = match last_event(&call.headers) {
            None => 0,
            Some(id) => id.parse().map_err(|_| {
                let said = "Last-Event-ID: this is no number of an entry";
                Problem::new(Code::InvalidParameter, said)
            })?,
        };
        // Listening begins before the journal is read, so that nothing falls between; what is in both is told once.
        let heard = web.feed().listen();
        let story = web.story(&id).await?;
        let (ready, mut last) = journal(&web, story, after).await?;
        let write = move |told: &Told| {
            let news = told.run == id && told.seq > last;
            last = if news { told.seq } else { last };
            news.then(|| line(&told.seq.to_string(), &told.json))
        };
        Ok(streaming(Client {
            ready,
            heard,
            write,
            guard: Guard::new(&web, call.caller),
            _place: place,
        }))
    }
}

fn last_event(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(LAST_EVENT_ID)
        .map(|id| id.to_str().unwrap_or("?"))
}

fn place(web: &Web) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(web.streams()).try_acquire_owned().map_err(|_| {
        let said = format!("{} clients listen already", web.settings().streams);
        Problem::new(Code::TooManyStreams, said)
    })
}

/// The journal of a run after an entry, and the number of its last entry.
async fn journal(web: &Web, story: Story, after: u64) -> Result<(VecDeque<String>, u64), Problem> {
    let id: &RunId = &story.run.facts.id;
    let mut lines = VecDeque::new();
    let mut last = after;
    loop {
        let page = web.store().records(id, last, PAGE).await?;
        for (seq, record) in &page {
            last = *seq;
            // A change that is no news is kept for `replay`.
            if record.fact == Fact::Noted {
                continue;
            }
            let event = LiveEvent {
                run: id.to_string(),
                dag: story.run.facts.dag.to_string(),
                event: EventView::of(&story.dag, &story.run, *seq, record),
            };
            let json = serde_json::to_string(&event)
                .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
            lines.push_back(line(&seq.to_string(), &json));
        }
        if page.len() < PAGE as usize {
            return Ok((lines, last));
        }
    }
}

/// One event on the wire. JSON has no line break.
fn line(id: &str, json: &str) -> String {
    format!("id: {id}\ndata: {json}\n\n")
}

/// One who listens.
struct Client<W> {
    /// What they get first.
    ready: VecDeque<String>,
    heard: Receiver<Arc<Told>>,
    /// How an event is written for them; none: it is not theirs.
    write: W,
    guard: Guard,
    _place: OwnedSemaphorePermit,
}

/// Looks now and then whether somebody who listens still may.
struct Guard {
    web: Web,
    caller: Caller,
    looked: Instant,
}

impl Guard {
    fn new(web: &Web, caller: Caller) -> Self {
        Self {
            web: web.clone(),
            caller,
            looked: Instant::now(),
        }
    }

    async fn admits(&mut self) -> bool {
        if self.looked.elapsed() < AGAIN {
            return true;
        }
        self.looked = Instant::now();
        self.web.is_still(&self.caller).await
    }
}

impl<W: FnMut(&Told) -> Option<String>> Client<W> {
    /// The next bytes; none where they are too far behind: they come back, and go on where they were.
    async fn next(&mut self) -> Option<String> {
        if let Some(ready) = self.ready.pop_front() {
            return Some(ready);
        }
        let alive = Instant::now() + HEARTBEAT;
        loop {
            let pause = AGAIN.min(alive - Instant::now());
            let heard = timeout(pause, self.heard.recv()).await;
            if !self.guard.admits().await {
                return None;
            }
            match heard {
                Err(_) if Instant::now() < alive => {}
                Err(_) => return Some(ALIVE.to_owned()),
                Ok(Ok(told)) => {
                    if let Some(line) = (self.write)(&told) {
                        return Some(line);
                    }
                }
                Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => return None,
            }
        }
    }
}

fn streaming<W>(client: Client<W>) -> Response
where
    W: FnMut(&Told) -> Option<String> + Send + 'static,
{
    // The head leaves at once, and tells a browser when to come back.
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"retry: 2000\n\n"))]);
    let rest = stream::unfold(client, |mut client| async {
        let bytes = Bytes::from(client.next().await?);
        Some((Ok::<_, Infallible>(bytes), client))
    });
    let mut response = Response::new(Body::from_stream(stream::StreamExt::chain(first, rest)));
    let headers = response.headers_mut();
    let of = HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, of("text/event-stream"));
    headers.insert(CACHE_CONTROL, of("no-store"));
    response
}
