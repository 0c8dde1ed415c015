//! A request that waits for the end of one run.

use noctule_core::name::RunId;
use tokio::sync::watch;

use super::history::Heard;
use super::told::{About, Position};
use crate::web::Web;

/// Hears of ends from when it was made.
pub(crate) struct Ear {
    web: Web,
    bell: watch::Receiver<()>,
    place: Option<Position>,
}

impl Ear {
    pub(crate) fn new(web: &Web) -> Self {
        Self {
            web: web.clone(),
            bell: web.feed().bell(),
            place: web.feed().now(),
        }
    }

    /// Waits for word that a round of a run is over, or that such word may have been missed. Where nobody tells
    /// anything, there is none.
    pub(crate) async fn end_of(&mut self, run: &RunId) {
        loop {
            self.bell.borrow_and_update();
            if self.has_word(run) {
                return;
            }
            if self.bell.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn has_word(&mut self, run: &RunId) -> bool {
        let feed = self.web.feed();
        let Some(place) = &mut self.place else {
            self.place = feed.now();
            return self.place.is_some();
        };
        loop {
            match feed.after(place) {
                Heard::Silent => {
                    self.place = None;
                    return true;
                }
                Heard::Gone(now) => {
                    *place = now;
                    return true;
                }
                Heard::Told(told) => {
                    let Some(last) = told.last() else {
                        return false;
                    };
                    place.number = last.number;
                    let ends = |about: &About| {
                        matches!(about, About::Run { run: of, ends: true, .. } if of == run)
                            || about.may_miss(run)
                    };
                    if told.iter().any(|told| ends(&told.about)) {
                        return true;
                    }
                }
            }
        }
    }
}
