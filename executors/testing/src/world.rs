//! The remote world of the scripted executor: it outlives every executor value and every engine.
//!
//! In memory its time is tokio's, so a paused clock works; on disk it is the wall clock, shared by all processes.
//! Waiting is by notification in memory; only a world on disk is looked at again every few milliseconds, because
//! another process may have changed it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

use noctule_executor::{ExecutorError, Outcome};

use crate::TestingError;
use crate::disk::Folder;
use crate::ledger::{Effect, Ledger, Sent, Work};
use crate::script::Script;
use crate::steps::LaunchStep;

/// How often a world on disk is looked at for changes of other processes.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

type LaunchHook = Arc<dyn Fn(&Sent) -> Option<LaunchStep> + Send + Sync>;

/// The remote world.
pub struct ScriptedWorld {
    zero: Instant,
    memory: Mutex<Ledger>,
    folder: Option<Folder>,
    broken: Mutex<Option<String>>,
    /// Anything happened: what tests wait for.
    changed: watch::Sender<u64>,
    /// The end of some work moved: what polls wait for, lest every call wake every poll.
    settled: watch::Sender<u64>,
    on_launch: Mutex<Option<LaunchHook>>,
}

impl fmt::Debug for ScriptedWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedWorld")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedWorld {
    fn with_folder(folder: Option<Folder>) -> Arc<Self> {
        Arc::new(Self {
            zero: Instant::now(),
            memory: Mutex::default(),
            folder,
            broken: Mutex::default(),
            changed: watch::Sender::new(0),
            settled: watch::Sender::new(0),
            on_launch: Mutex::default(),
        })
    }

    /// A world in memory, on tokio's clock.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::with_folder(None)
    }

    /// A world in a folder that several processes share, and that outlives them.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn on_disk(path: impl AsRef<Path>) -> Result<Arc<Self>, TestingError> {
        let folder = Folder::open(path.as_ref())?;
        folder.change(|_| ())?;
        Ok(Self::with_folder(Some(folder)))
    }

    /// The world's time, from its zero (on disk: the Unix epoch).
    #[must_use]
    pub fn now(&self) -> Duration {
        match self.folder {
            None => self.zero.elapsed(),
            Some(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
        }
    }

    /// Looks at the ledger.
    pub fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        let Some(folder) = &self.folder else {
            return look(&locked(&self.memory));
        };
        let ledger = self.noting_failure(folder.read()).unwrap_or_default();
        look(&ledger)
    }

    /// A copy of the ledger.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.look(Ledger::clone)
    }

    pub(crate) fn change<T: Default>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let result = match &self.folder {
            None => change(&mut locked(&self.memory)),
            Some(folder) => self
                .noting_failure(folder.change(change))
                .unwrap_or_default(),
        };
        self.changed.send_modify(|count| *count += 1);
        result
    }

    /// A change that may have moved the end of some work.
    pub(crate) fn settle<T: Default>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let result = self.change(change);
        self.settled.send_modify(|count| *count += 1);
        result
    }

    fn noting_failure<T>(&self, result: Result<T, TestingError>) -> Option<T> {
        result
            .map_err(|error| *locked(&self.broken) = Some(error.to_string()))
            .ok()
    }

    /// An alarm when the world on disk could not be read or written: nothing it says counts any more.
    pub(crate) fn sound(&self) -> Result<(), ExecutorError> {
        match locked(&self.broken).clone() {
            None => Ok(()),
            Some(message) => Err(ExecutorError::alarm(message)),
        }
    }

    /// Gives a task another script than its `with` says, from the next launch on.
    pub fn script(&self, task: &str, script: &Script) {
        self.change(|ledger| ledger.set_script(task, script));
    }

    /// Answers launches: a step given back replaces the scripted one.
    pub fn on_launch(&self, answer: impl Fn(&Sent) -> Option<LaunchStep> + Send + Sync + 'static) {
        *locked(&self.on_launch) = Some(Arc::new(answer));
    }

    pub(crate) fn answer_to(&self, sent: &Sent) -> Option<LaunchStep> {
        let hook = locked(&self.on_launch).clone();
        hook.and_then(|answer| answer(sent))
    }

    /// The work of this task, now and from now on, goes on until [`finish`](Self::finish).
    pub fn hold(&self, task: &str) {
        self.settle(|ledger| ledger.hold(task));
    }

    /// Ends the running work of a task (or of a key) now, and gives how many pieces that were.
    pub fn finish(&self, task_or_key: &str, outcome: &Outcome) -> usize {
        let now = self.now();
        self.settle(|ledger| ledger.finish(now, task_or_key, outcome))
    }

    /// Ends the running work of a task (or of a key) as its script says.
    pub fn succeed(&self, task_or_key: &str) -> usize {
        let success = self.look(|ledger| ledger.latest(task_or_key).map(|w| w.script.success()));
        success.map_or(0, |success| self.finish(task_or_key, &success))
    }

    /// The world no longer knows the work of a task (or of a key).
    pub fn forget(&self, task_or_key: &str) {
        self.settle(|ledger| ledger.forget(task_or_key));
    }

    /// Answers the next polls, of whatever work, with `unavailable`; `0` ends it, `u32::MAX` is a lasting outage.
    pub fn fail_polls(&self, count: u32) {
        self.change(|ledger| ledger.fail_polls(count));
    }

    /// Waits until the ledger shows something.
    pub async fn until<T>(&self, mut show: impl FnMut(&Ledger) -> Option<T>) -> T {
        let mut seen = self.changed.subscribe();
        loop {
            seen.mark_unchanged();
            if let Some(shown) = self.look(&mut show) {
                return shown;
            }
            self.wait(&mut seen, None).await;
        }
    }

    /// Waits until work of a task (or of a key) was started, and gives the latest.
    pub async fn launched(&self, task_or_key: &str) -> Work {
        self.until(|ledger| ledger.latest(task_or_key).cloned())
            .await
    }

    /// Waits until an effect was reached this often in all.
    pub async fn reached(&self, effect: Effect, times: u64) {
        self.until(|ledger| (ledger.count(effect) >= times).then_some(()))
            .await;
    }

    /// Stops whoever reaches this effect (any, if none is named), after letting `skip` of them pass. From then on no
    /// call passes, as if the engine stood still, until [`thaw`](Self::thaw).
    pub fn freeze(&self, effect: Option<Effect>, skip: u64) {
        self.change(|ledger| ledger.set_gate(effect, skip));
    }

    /// Waits until a call stands still.
    pub async fn frozen(&self) {
        self.until(|ledger| ledger.is_frozen().then_some(())).await;
    }

    /// Lets calls pass again.
    pub fn thaw(&self) {
        self.change(Ledger::open_gate);
    }

    /// Where every call of an executor stops when it is told to.
    pub(crate) async fn pass(&self, effect: Effect) -> Result<(), ExecutorError> {
        while self.change(|ledger| ledger.reach(effect)) {
            self.until(|ledger| (!ledger.is_frozen()).then_some(()))
                .await;
        }
        self.sound()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.settled.subscribe()
    }

    /// Waits for a change, at most until a moment of the world's time. Without a moment no timer is set in memory: a
    /// paused clock would run to it.
    pub(crate) async fn wait(&self, seen: &mut watch::Receiver<u64>, until: Option<Duration>) {
        let rest = until.map(|until| until.saturating_sub(self.now()));
        let rest = match (&self.folder, rest) {
            (None, None) => {
                // The sender lives as long as the world, so this is never an error.
                if seen.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                return;
            }
            (None, Some(rest)) => rest,
            (Some(_), rest) => rest.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN),
        };
        tokio::select! {
            _ = seen.changed() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}
