//! One watch over a source of events: look, tell the engine of each occasion without a run, wait for a hint, look again.
//!
//! The look is the truth and the hint only a hint: a lost one costs `every`, a doubled one a look. It makes no runs and
//! decides nothing. It may be dropped at any await; the next watch sees the same occasions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use noctule_core::ask::{Answer, Refusal};
use noctule_core::name::DagId;
use noctule_executor::{AnyEventSource, Context, ExecutorError, Occasion};
use noctule_store::{Store, StoreError};
use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::work::pause;

/// The longest that one look may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The shortest time between two looks: a storm of hints is one hint.
const REST: Duration = Duration::from_millis(100);
/// Occasions that are told before their answers are awaited.
const AT_ONCE: usize = 500;
/// The longest key of an occasion, in bytes.
const LONGEST_KEY: usize = 500;

/// What a watch tells the engine.
pub(crate) struct Sighting {
    /// Of which DAG.
    pub(crate) dag: DagId,
    /// Which of its watches: one that was replaced is not heard.
    pub(crate) watch: u64,
    /// What was seen.
    pub(crate) seen: Seen,
}

/// What was seen.
pub(crate) enum Seen {
    /// An occasion that has no run, as far as the store can tell.
    Occasion {
        occasion: Occasion,
        reply: oneshot::Sender<Answer>,
    },
    /// What keeps occasions from becoming runs; none: nothing does.
    Trouble(Option<String>),
}

/// One watch, with all that it needs.
pub(crate) struct Watch {
    pub(crate) dag: DagId,
    pub(crate) number: u64,
    pub(crate) source: Arc<dyn AnyEventSource>,
    pub(crate) context: Context,
    pub(crate) table: Value,
    pub(crate) every: Duration,
    pub(crate) store: Store,
    pub(crate) tell: UnboundedSender<Sighting>,
}

/// What a watch remembers of the occasions that hold.
#[derive(Default)]
struct Memory {
    /// The store has a run of it.
    made: HashSet<String>,
    /// No run can be made of it with these parameters.
    refused: HashMap<String, (Map<String, Value>, String)>,
}

/// The idempotency key of an occasion's run.
pub(crate) fn run_key(occasion: &str) -> String {
    format!("trigger:{occasion}")
}

impl Watch {
    /// Watches until it is dropped.
    pub(crate) async fn watch(self) {
        let mut memory = Memory::default();
        let mut failures = 0;
        loop {
            let rest = match self.look(&mut memory).await {
                Ok(()) => {
                    failures = 0;
                    self.say(memory.trouble());
                    let hint = self.source.hint(&self.context, &self.table, self.every);
                    // A source that cannot even wait is looked at on the timer alone.
                    if let Ok(Err(_)) = timeout(self.every, hint).await {
                        sleep(self.every).await;
                    }
                    REST
                }
                Err(error) => {
                    failures += 1;
                    self.say(Some(format!("failed to look for occasions: {error}")));
                    pause(failures, &error)
                }
            };
            sleep(rest).await;
        }
    }

    fn say(&self, trouble: Option<String>) {
        self.tell(Seen::Trouble(trouble));
    }

    fn tell(&self, seen: Seen) {
        // The engine may have ended; then this watch is about to.
        drop(self.tell.send(Sighting {
            dag: self.dag.clone(),
            watch: self.number,
            seen,
        }));
    }

    /// One look, until every occasion of it has a durable answer.
    async fn look(&self, memory: &mut Memory) -> Result<(), ExecutorError> {
        let looking = self.source.look(&self.context, &self.table);
        let occasions = timeout(PATIENCE, looking).await.map_err(|_| {
            ExecutorError::unavailable(format!("the look took longer than {}s", PATIENCE.as_secs()))
        })??;
        memory.keep_only(&occasions);
        let mut new = Vec::new();
        for occasion in occasions {
            if !memory.knows(&occasion) && !self.has_run(&occasion, memory).await? {
                new.push(occasion);
            }
        }
        for some in new.chunks(AT_ONCE) {
            let asked: Vec<_> = some.iter().map(|occasion| self.ask(occasion)).collect();
            for (occasion, answer) in some.iter().zip(asked) {
                memory.learn(occasion, answer.await.ok())?;
            }
        }
        Ok(())
    }

    async fn has_run(
        &self,
        occasion: &Occasion,
        memory: &mut Memory,
    ) -> Result<bool, ExecutorError> {
        let found = self
            .store
            .run_by_key(&self.dag, &run_key(&occasion.key))
            .await;
        let unreadable = |error: StoreError| ExecutorError::unavailable(error.to_string());
        let made = found.map_err(unreadable)?.is_some();
        if made {
            memory.made.insert(occasion.key.clone());
        }
        Ok(made)
    }

    fn ask(&self, occasion: &Occasion) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        self.tell(Seen::Occasion {
            occasion: occasion.clone(),
            reply,
        });
        answer
    }
}

impl Memory {
    /// Forgets what does not hold any more, so that it never grows beyond a look.
    fn keep_only(&mut self, occasions: &[Occasion]) {
        let held: HashSet<&str> = occasions.iter().map(|one| one.key.as_str()).collect();
        self.made.retain(|key| held.contains(key.as_str()));
        self.refused.retain(|key, _| held.contains(key.as_str()));
    }

    fn knows(&mut self, occasion: &Occasion) -> bool {
        if occasion.key.is_empty() || occasion.key.len() > LONGEST_KEY {
            let message = format!("a key has 1 to {LONGEST_KEY} bytes");
            self.refuse(occasion, message);
        }
        let refused = self.refused.get(&occasion.key);
        self.made.contains(&occasion.key)
            || refused.is_some_and(|(params, _)| *params == occasion.params)
    }

    fn refuse(&mut self, occasion: &Occasion, message: String) {
        self.refused
            .insert(occasion.key.clone(), (occasion.params.clone(), message));
    }

    /// What the engine answered. That a run was made is learned from the store, by the next look.
    fn learn(&mut self, occasion: &Occasion, answer: Option<Answer>) -> Result<(), ExecutorError> {
        match answer {
            Some(Answer::Done { .. }) => {
                self.refused.remove(&occasion.key);
                Ok(())
            }
            Some(Answer::Refused {
                kind: Refusal::Unreachable,
                message,
            }) => Err(ExecutorError::unavailable(message)),
            Some(Answer::Refused { message, .. }) => {
                self.refuse(occasion, message);
                Ok(())
            }
            None => Err(ExecutorError::unavailable("the engine gave no answer")),
        }
    }

    fn trouble(&self) -> Option<String> {
        let (key, (_, message)) = self.refused.iter().min_by_key(|(key, _)| *key)?;
        let more = match self.refused.len() - 1 {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        Some(format!("occasion `{key}` makes no run: {message}{more}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn occasion(key: &str, order: u32) -> Occasion {
        let params = [("order".to_owned(), json!(order))].into_iter().collect();
        let key = key.to_owned();
        Occasion { key, params }
    }

    fn refusal(kind: Refusal) -> Answer {
        let message = "no".to_owned();
        Answer::Refused { kind, message }
    }

    #[test]
    fn a_refused_occasion_is_asked_for_again_only_when_it_has_changed() {
        let mut memory = Memory::default();
        let answer = refusal(Refusal::Invalid);
        memory.learn(&occasion("a", 1), Some(answer)).expect("said");
        assert!(memory.knows(&occasion("a", 1)));
        assert!(!memory.knows(&occasion("a", 2)));
        assert_eq!(
            memory.trouble().as_deref(),
            Some("occasion `a` makes no run: no")
        );
        memory.keep_only(&[]);
        assert!(!memory.knows(&occasion("a", 1)), "it came again");
        assert_eq!(memory.trouble(), None);
    }

    #[test]
    fn an_engine_that_cannot_answer_now_is_asked_again() {
        let mut memory = Memory::default();
        for answer in [Some(refusal(Refusal::Unreachable)), None] {
            assert!(memory.learn(&occasion("a", 1), answer).is_err());
            assert!(!memory.knows(&occasion("a", 1)));
        }
    }

    #[test]
    fn a_key_that_is_no_key_is_refused_before_it_is_asked_for() {
        let mut memory = Memory::default();
        assert!(memory.knows(&occasion("", 1)));
        assert!(memory.knows(&occasion(&"x".repeat(LONGEST_KEY + 1), 1)));
        assert!(!memory.knows(&occasion(&"x".repeat(LONGEST_KEY), 1)));
    }
}
