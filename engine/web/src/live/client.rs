//! Those who listen: to one run from its journal on, or to everything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use futures_util::stream;
use noctule_core::view::EventView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout};

use super::source::{Everything, Fetched, Journal, Source};
use super::told::Position;
use crate::access::{Caller, Need, Role, Scoped};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The pause after which a client hears that the line is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What they hear: an event without an id, for a browser tells its pages nothing of comments.
const ALIVE: Bytes = Bytes::from_static(b"event: alive\ndata: {}\n\n");
/// The pause after which it is looked whether a client still may listen: a token that was revoked ends its streams so soon,
/// whether anything happens or not, and however slowly they read.
const AGAIN: Duration = Duration::from_secs(5);
/// The pause before a journal is looked at again where nobody tells of changes.
const LOOK: Duration = Duration::from_secs(2);
/// The share of time of each who listens: so long after news, one after another, they hear of it, and all that came until
/// then at once. A thousand that woke together would keep the engine of this process from its work.
const SHARE: Duration = Duration::from_micros(250);
/// Turns go round by the golden section: however many there are, those next to each other come far apart.
const SECTION: f64 = 0.618_034;

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
    const SUMMARY: &'static str = "Everything that happens, as server-sent events: entries of journals, and how backfills stand (events named `backfill`); `Last-Event-ID` goes on from there. An event named `reset` says that something is missing: the place is gone, or something (named, where that is known) cannot be read; the state is to be looked at anew. Only the server whose engine holds the store can tell: another one says 503";
    const MEDIA: &'static str = "text/event-stream";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let now = web.feed().now().ok_or_else(|| {
            let said = "this server stands by: what happens is told by the one whose engine holds the store";
            Problem::new(Code::EngineUnavailable, said)
        })?;
        let known = last_event(&call.headers).map(Position::read);
        // A position at once, so that a line that breaks before anything happens can go on.
        let ready = match known {
            Some(_) => VecDeque::new(),
            None => VecDeque::from([format!("id: {}\n\n", now.id()).into()]),
        };
        let source = Source::Everything(Everything {
            caller: call.caller.clone(),
            place: known.unwrap_or(now),
        });
        Ok(streaming(Client::new(web, call.caller, source, ready)?))
    }
}

impl Operation for RunStream {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/runs/{run}/stream";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "run_stream";
    const SUMMARY: &'static str = "The journal of a run, from its beginning or after `Last-Event-ID`, and on as it grows; a server that stands by looks into the store every two seconds";
    const MEDIA: &'static str = "text/event-stream";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let last = match last_event(&call.headers) {
            None => 0,
            Some(id) => id.parse().map_err(|_| {
                let said = "Last-Event-ID: this is no number of an entry";
                Problem::new(Code::InvalidParameter, said)
            })?,
        };
        // What cannot be told at all is said now.
        let run = web.story(&call.run()?).await?.run.facts.id;
        let source = Source::Journal(Journal {
            run,
            last,
            place: None,
        });
        let client = Client::new(web, call.caller, source, VecDeque::new())?;
        Ok(streaming(client))
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

/// One who listens.
struct Client {
    source: Source,
    /// What they get first: what was fetched at one time.
    ready: VecDeque<Bytes>,
    bell: watch::Receiver<()>,
    /// Their place in the turn: from a half to one and a half.
    turn: f64,
    guard: Guard,
    _place: OwnedSemaphorePermit,
}

/// Those who came before, ever.
static CAME: AtomicU64 = AtomicU64::new(0);

/// Looks now and then whether somebody who listens still may.
struct Guard {
    web: Web,
    caller: Caller,
    looked: Instant,
}

impl Guard {
    async fn admits(&mut self) -> bool {
        if self.looked.elapsed() < AGAIN {
            return true;
        }
        self.looked = Instant::now();
        self.web.is_still(&self.caller).await
    }
}

impl Client {
    fn new(
        web: Web,
        caller: Caller,
        source: Source,
        ready: VecDeque<Bytes>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            source,
            ready,
            bell: web.feed().bell(),
            turn: 0.5 + (CAME.fetch_add(1, Ordering::Relaxed) as f64 * SECTION).fract(),
            _place: place(&web)?,
            guard: Guard {
                web,
                caller,
                looked: Instant::now(),
            },
        })
    }

    /// The next bytes; none: this stream is over, and they may come back.
    async fn next(&mut self) -> Option<Bytes> {
        let alive = Instant::now() + HEARTBEAT;
        loop {
            if !self.guard.admits().await {
                return None;
            }
            if let Some(lines) = self.lines() {
                return Some(lines);
            }
            // Before the look, so that what is told after it rings.
            self.bell.borrow_and_update();
            let web = &self.guard.web;
            let pause = match self.source.fetch(web, &mut self.ready).await {
                Fetched::More => continue,
                Fetched::Over => return None,
                // What was just read is told before the pause.
                Fetched::Unrung if !self.ready.is_empty() => continue,
                Fetched::Unrung => LOOK,
                Fetched::All => AGAIN,
            };
            let now = Instant::now();
            if now >= alive {
                return Some(ALIVE);
            }
            match timeout(pause.min(alive - now), self.bell.changed()).await {
                Ok(Err(_)) => return None,
                Ok(Ok(())) => tokio::time::sleep(self.wait()).await,
                Err(_) => {}
            }
        }
    }

    /// How long after news it is their turn.
    fn wait(&self) -> Duration {
        let web = &self.guard.web;
        let all = web.settings().streams - web.streams().available_permits();
        SHARE.mul_f64(all as f64 * self.turn)
    }

    /// What is ready, in one piece: so it takes one write.
    fn lines(&mut self) -> Option<Bytes> {
        if self.ready.len() < 2 {
            return self.ready.pop_front();
        }
        let parts: Vec<Bytes> = self.ready.drain(..).collect();
        Some(parts.concat().into())
    }
}

fn streaming(client: Client) -> Response {
    // The head leaves at once, and tells a browser when to come back.
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"retry: 2000\n\n"))]);
    let rest = stream::unfold(client, |mut client| async {
        let bytes = client.next().await?;
        Some((Ok::<_, Infallible>(bytes), client))
    });
    let mut response = Response::new(Body::from_stream(stream::StreamExt::chain(first, rest)));
    let headers = response.headers_mut();
    let of = HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, of("text/event-stream"));
    headers.insert(CACHE_CONTROL, of("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use noctule_core::access::Scope;
    use noctule_core::run::Actor;
    use noctule_store::{AccessSecret, Grant, OpenOptions, Revocation, SecretKind, Store};

    use super::*;
    use crate::live::history::AT_ONCE;
    use crate::live::told::About;

    const STREAMS: usize = crate::web::STREAMS;

    async fn web(folder: &tempfile::TempDir) -> Web {
        let options = OpenOptions {
            profile: "test".parse().unwrap(),
            new_id: "0123abcd".parse().unwrap(),
            now: Utc::now(),
            base: folder.path().to_owned(),
            create: true,
            hook: None,
        };
        let store = Store::open("sqlite://state.db", options).await.unwrap();
        let settings = crate::Settings {
            profile: "test".parse().unwrap(),
            slots: 1,
            zone: chrono_tz::Tz::UTC,
            public_url: None,
            streams: STREAMS,
        };
        let web = Web::new(store, settings).unwrap();
        web.feed().history().begin();
        web
    }

    fn tell(web: &Web, events: usize) {
        for seq in 1..=events as u64 {
            let about = About::Run {
                run: "r".parse().unwrap(),
                seq,
                ends: false,
            };
            web.feed()
                .history()
                .tell(about, &"d".parse().unwrap(), "{}");
        }
        web.feed().history().ring();
    }

    fn client(web: &Web, caller: Caller) -> Client {
        let source = Source::Everything(Everything {
            caller: caller.clone(),
            place: web.feed().now().unwrap(),
        });
        Client::new(web.clone(), caller, source, VecDeque::new()).unwrap()
    }

    async fn heard(client: &mut Client) -> String {
        String::from_utf8(client.next().await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_thousand_hear_of_news_one_after_another_and_one_alone_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let web = web(&folder).await;
        let mut all = vec![client(&web, Caller::Loopback)];
        assert!(all[0].wait() < Duration::from_millis(1));
        for _ in 1..STREAMS {
            all.push(client(&web, Caller::Loopback));
        }
        let mut waits: Vec<Duration> = all.iter().map(Client::wait).collect();
        waits.sort_unstable();
        let share = SHARE * u32::try_from(STREAMS).unwrap();
        assert!(share / 2 <= waits[0] && waits[STREAMS - 1] < 2 * share);
        // In no tenth of the time comes more than its part.
        for tenth in waits.windows(STREAMS / 8) {
            assert!(tenth[STREAMS / 8 - 1] - tenth[0] > share / 10);
        }
    }

    #[tokio::test]
    async fn who_falls_behind_holds_a_bounded_part_and_is_told_of_the_gap() {
        let folder = tempfile::tempdir().unwrap();
        let web = web(&folder).await;
        let mut client = client(&web, Caller::Loopback);
        tell(&web, 1_000);
        assert_eq!(heard(&mut client).await.matches("data:").count(), AT_ONCE);
        // They read no more for long, while very much happens.
        tell(&web, 40_000);
        let reset = heard(&mut client).await;
        let now = web.feed().now().unwrap().id();
        assert_eq!(reset, format!("id: {now}\nevent: reset\ndata: {{}}\n\n"));
        tell(&web, 1);
        assert_eq!(heard(&mut client).await.matches("data:").count(), 1);
    }

    #[tokio::test]
    async fn who_reads_slowly_is_looked_at_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let web = web(&folder).await;
        let secret = AccessSecret::new(SecretKind::Token).unwrap();
        let by = Actor {
            name: "ada".to_owned(),
            via: "cli".to_owned(),
        };
        let grant = Grant {
            name: "ci".to_owned(),
            role: Role::Viewer,
            scope: Scope::everything(),
            created_at: Utc::now(),
            created_by: by.clone(),
            expires_at: None,
        };
        let hash = secret.hash();
        assert!(web.store().create_token(&hash, &grant).await.unwrap());
        let caller = Caller::Known(Arc::new(crate::access::Known {
            name: "ci".to_owned(),
            role: Role::Viewer,
            scope: Scope::everything(),
            by: crate::access::Means::Token,
            hash: hash.clone(),
        }));
        let mut client = client(&web, caller);
        tell(&web, 1_000);
        assert!(client.next().await.is_some());
        client.guard.looked -= 2 * AGAIN;
        assert!(client.next().await.is_some(), "the token counts still");
        let at = Utc::now();
        let (id, revocation) = (hash.short(), Revocation { at, by });
        assert!(web.store().revoke_token(&id, &revocation).await.unwrap());
        assert!(client.next().await.is_some(), "it was just looked at");
        client.guard.looked -= 2 * AGAIN;
        assert_eq!(client.next().await, None, "with much left to read");
    }
}
