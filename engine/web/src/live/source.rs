//! Where the lines of a listener come from: everything that happens, or the journal of one run.
//!
//! Guarantees: what is fetched at a time is bounded, and nothing is held between but a place; so a listener that reads
//! slowly costs no more than one that reads at once.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Bytes;
use noctule_core::name::RunId;
use noctule_core::run::Fact;
use noctule_core::view::EventView;

use super::client::LiveEvent;
use super::history::Heard;
use super::told::{About, Position, Told, reset};
use crate::access::Caller;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// Records of a journal read at a time.
const PAGE: u32 = 200;

/// What a look gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetched {
    /// There may be more.
    More,
    /// Nothing: what comes next is rung for.
    All,
    /// Nothing, and nobody rings.
    Unrung,
    /// Nothing more will come here.
    Over,
}

/// Everything that somebody may know.
pub(super) struct Everything {
    pub(super) caller: Caller,
    pub(super) place: Position,
}

/// The journal of one run: from the store where its place in what is told is not known, or gone.
pub(super) struct Journal {
    pub(super) run: RunId,
    /// The last entry that was told.
    pub(super) last: u64,
    pub(super) place: Option<Position>,
}

pub(super) enum Source {
    Everything(Everything),
    Journal(Journal),
}

impl Source {
    pub(super) async fn fetch(&mut self, web: &Web, ready: &mut VecDeque<Bytes>) -> Fetched {
        match self {
            Self::Everything(all) => all.fetch(web, ready),
            Self::Journal(journal) => match journal.fetch(web, ready).await {
                Ok(fetched) => fetched,
                Err(problem) => {
                    tracing::warn!(run = %journal.run, problem = %problem.detail, "a journal cannot be told on");
                    Fetched::Over
                }
            },
        }
    }
}

impl Everything {
    fn fetch(&mut self, web: &Web, ready: &mut VecDeque<Bytes>) -> Fetched {
        match web.feed().after(&self.place) {
            Heard::Silent => Fetched::Over,
            Heard::Gone(now) => {
                let id = now.id();
                ready.push_back(reset(&id, "{}"));
                self.place = now;
                Fetched::More
            }
            Heard::Told(told) => {
                let Some(last) = told.last() else {
                    return Fetched::All;
                };
                self.place.number = last.number;
                let theirs = told.iter().filter(|told| {
                    // What nobody knows the DAG of names nothing.
                    let dag = told.dag.as_ref();
                    dag.is_none_or(|dag| self.caller.sees(dag.as_str()))
                });
                ready.extend(theirs.map(|told| told.line.clone()));
                Fetched::More
            }
        }
    }
}

impl Journal {
    async fn fetch(&mut self, web: &Web, ready: &mut VecDeque<Bytes>) -> Result<Fetched, Problem> {
        let Some(place) = &mut self.place else {
            return self.read(web, ready).await;
        };
        match web.feed().after(place) {
            Heard::Silent | Heard::Gone(_) => {
                self.place = None;
                Ok(Fetched::More)
            }
            Heard::Told(told) => {
                let Some(newest) = told.last() else {
                    return Ok(Fetched::All);
                };
                place.number = newest.number;
                let lost = |told: &Arc<Told>| told.about.may_miss(&self.run);
                if told.iter().any(lost) {
                    // It is in the store, or whoever listens hears that it is not.
                    self.place = None;
                    return Ok(Fetched::More);
                }
                for told in &told {
                    match &told.about {
                        About::Run { run, seq, .. } if *run == self.run && *seq > self.last => {
                            self.last = *seq;
                            ready.push_back(line(*seq, &told.json));
                        }
                        _ => {}
                    }
                }
                Ok(Fetched::More)
            }
        }
    }

    /// The next entries from the store.
    async fn read(&mut self, web: &Web, ready: &mut VecDeque<Bytes>) -> Result<Fetched, Problem> {
        // The place is taken before the look, so that nothing falls between; what is in both is told once.
        let now = web.feed().now();
        let page = web.store().records(&self.run, self.last, PAGE).await?;
        if let Some((newest, _)) = page.last() {
            // The run as it is after them: each task that they name is in it.
            let story = web.story(&self.run).await?;
            self.last = *newest;
            // A change that is no news is kept for `replay`.
            for (seq, record) in page.iter().filter(|(_, record)| record.fact != Fact::Noted) {
                let event = LiveEvent {
                    run: self.run.to_string(),
                    dag: story.run.facts.dag.to_string(),
                    event: EventView::of(&story.dag, &story.run, *seq, record),
                };
                let json = serde_json::to_vec(&event)
                    .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
                ready.push_back(line(*seq, &json));
            }
        }
        if page.len() == PAGE as usize {
            return Ok(Fetched::More);
        }
        let rung = now.is_some();
        self.place = now;
        Ok(if rung { Fetched::More } else { Fetched::Unrung })
    }
}

/// One entry on the wire. JSON has no line break.
fn line(seq: u64, json: &[u8]) -> Bytes {
    [format!("id: {seq}\ndata: ").as_bytes(), json, b"\n\n"]
        .concat()
        .into()
}
