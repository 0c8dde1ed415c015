//! Those who ask for runs while engines die: several at once, through the command line, each keeping what was accepted. Somebody
//! else cancels and retries now and then.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::chance::Chance;
use crate::error::CampaignError;
use crate::process::End;
use crate::stage::Stage;

/// After a refusal the same is asked again, as anybody would.
const AGAIN: Duration = Duration::from_millis(50);
/// Between two who meddle.
const MEDDLE: u64 = 2_000;

/// A run that was accepted with exit code 0.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) dag: &'static str,
    pub(crate) key: String,
    /// The run, where an engine said it at once; else the ask was kept.
    pub(crate) run: Option<String>,
    /// When it was accepted.
    pub(crate) at: DateTime<Utc>,
}

/// What the clients share.
#[derive(Default)]
pub(crate) struct Desk {
    stop: AtomicBool,
    /// Runs that are not over, as was last seen.
    pub(crate) live: AtomicUsize,
    accepted: Mutex<Vec<Accepted>>,
    findings: Mutex<Vec<String>>,
    pub(crate) refused: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) meddled: AtomicU64,
}

/// The clients at work.
pub(crate) struct Clients {
    pub(crate) desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
}

impl Desk {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn find(&self, finding: String) {
        lock(&self.findings).push(finding);
    }

    /// An ask was kept for somebody else.
    pub(crate) fn keep(&self, dag: &'static str, key: String) {
        let (run, at) = (None, Utc::now());
        lock(&self.accepted).push(Accepted { dag, key, run, at });
    }

    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        lock(&self.accepted).clone()
    }

    pub(crate) fn findings(&self) -> Vec<String> {
        lock(&self.findings).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clients {
    /// Starts so many, who keep so many runs under way.
    pub(crate) fn start(
        stage: &Arc<Stage>,
        count: usize,
        live: usize,
        chance: &mut Chance,
    ) -> Self {
        let desk = Arc::new(Desk::default());
        let mut threads: Vec<JoinHandle<()>> = (0..count)
            .map(|number| {
                let client = Client {
                    stage: Arc::clone(stage),
                    desk: Arc::clone(&desk),
                    chance: chance.branch(),
                    number,
                    most_live: live,
                };
                std::thread::spawn(move || client.ask_on())
            })
            .collect();
        let (stage, desk_of, chance) = (Arc::clone(stage), Arc::clone(&desk), chance.branch());
        threads.push(std::thread::spawn(move || {
            meddle_on(&stage, &desk_of, chance);
        }));
        Self { desk, threads }
    }

    /// Lets them finish what they are at.
    pub(crate) fn end(self) -> Arc<Desk> {
        self.desk.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            if thread.join().is_err() {
                self.desk
                    .find("a client of the campaign itself failed".to_owned());
            }
        }
        self.desk
    }
}

struct Client {
    stage: Arc<Stage>,
    desk: Arc<Desk>,
    chance: Chance,
    number: usize,
    most_live: usize,
}

/// What became of asking.
enum Answer {
    Accepted(Option<String>),
    Refused,
}

impl Client {
    fn ask_on(mut self) {
        let dags: Vec<_> = self.stage.dags().collect();
        let mut count = 0_u64;
        while !self.desk.is_over() {
            if self.desk.live.load(Ordering::SeqCst) >= self.most_live {
                std::thread::sleep(AGAIN);
                continue;
            }
            // Those that come first in the list come more often.
            let (one, other) = (self.chance.below(10), self.chance.below(10));
            let place = usize::try_from(one.min(other)).unwrap_or(0) % dags.len();
            let key = format!("client{}-{count}", self.number);
            count += 1;
            if let Some(accepted) = self.insist(dags[place].id, key) {
                self.ask_twice(&accepted);
                lock(&self.desk.accepted).push(accepted);
            }
        }
    }

    /// Asks until it is accepted, always with the same key.
    fn insist(&self, dag: &'static str, key: String) -> Option<Accepted> {
        while !self.desk.is_over() {
            match self.trigger(dag, &key) {
                Ok(Answer::Accepted(run)) => {
                    return Some(Accepted {
                        dag,
                        key,
                        run,
                        at: Utc::now(),
                    });
                }
                Ok(Answer::Refused) => std::thread::sleep(AGAIN),
                Err(error) => {
                    self.desk.find(format!("a client could not ask: {error}"));
                    return None;
                }
            }
        }
        None
    }

    /// Now and then the same is asked once more: it must be the same run.
    fn ask_twice(&mut self, first: &Accepted) {
        if !self.chance.once_in(8) {
            return;
        }
        if let (Some(run), Ok(Answer::Accepted(Some(again)))) =
            (&first.run, self.trigger(first.dag, &first.key))
        {
            self.desk.repeated.fetch_add(1, Ordering::SeqCst);
            if again != *run {
                self.desk.find(format!(
                    "{first:?} was said to be run {again} when it was asked again"
                ));
            }
        }
    }

    fn trigger(&self, dag: &str, key: &str) -> Result<Answer, CampaignError> {
        let words = ["trigger", dag, "--idempotency-key", key, "-o", "json"];
        let (end, printed, told) = self.stage.ends(&words)?;
        match end {
            Some(End::Code(0)) => {
                let said: Value = serde_json::from_str(&printed).unwrap_or_default();
                Ok(Answer::Accepted(said["id"].as_str().map(str::to_owned)))
            }
            // The store or the engine cannot be reached now; nobody answered in time, and the ask is kept.
            Some(End::Code(6 | 7)) => {
                self.desk.refused.fetch_add(1, Ordering::SeqCst);
                Ok(Answer::Refused)
            }
            Some(other) => {
                self.desk.find(format!(
                    "`{}` ended with {other:?}: {told}",
                    words.join(" ")
                ));
                Ok(Answer::Refused)
            }
            None => {
                self.desk
                    .find(format!("`{}` never ended: {told}", words.join(" ")));
                Ok(Answer::Refused)
            }
        }
    }
}

/// Cancels runs that may be live, and retries runs that may have failed.
fn meddle_on(stage: &Stage, desk: &Desk, mut chance: Chance) {
    while !desk.is_over() {
        std::thread::sleep(chance.millis(MEDDLE));
        let accepted = desk.accepted();
        let recent = accepted.len().saturating_sub(40);
        let Some(Accepted { run: Some(run), .. }) = chance.pick(&accepted[recent..]) else {
            continue;
        };
        let verb = if chance.once_in(3) { "retry" } else { "cancel" };
        match stage.ends(&[verb, run]) {
            Ok((Some(End::Code(0)), _, _)) => {
                desk.meddled.fetch_add(1, Ordering::SeqCst);
            }
            // It is over, or is not; the store cannot be reached.
            Ok((Some(End::Code(4 | 6)), _, _)) => {}
            Ok((end, _, told)) => desk.find(format!("`{verb} {run}` ended with {end:?}: {told}")),
            Err(error) => desk.find(format!("nobody could {verb}: {error}")),
        }
    }
}
