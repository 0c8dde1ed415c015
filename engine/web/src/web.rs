//! The server as whoever runs the engine holds it, and what every operation works with.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use noctule_core::ask::{Answer, Ask, Wish};
use noctule_core::name::ProfileName;
use noctule_runtime::{Control, RuntimeError};
use noctule_store::{AskId, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::access::Caller;
use crate::admission::Access;
use crate::error::WebError;
use crate::known::Versions;
use crate::live::Feed;
use crate::names::Names;
use crate::pages::{Columns, Pictures};
use crate::problem::{Code, Problem};

/// How long an ask may wait for the loop of the engine.
const VALID: Duration = Duration::from_secs(60);
/// The same, for the engine of another process.
const PASSED_ON: chrono::TimeDelta = chrono::TimeDelta::seconds(15);
/// How much longer its answer is awaited: what expired is refused, and that is an answer.
const GRACE: chrono::TimeDelta = chrono::TimeDelta::seconds(10);
/// The longest pause between two looks for its answer.
const LOOK_AROUND: Duration = Duration::from_millis(500);
/// Logs that are read from backends at once.
const LOG_READERS: usize = 16;

/// What a server is told of its project.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The profile of the store.
    pub profile: ProfileName,
    /// Attempts that may hold a slot at once.
    pub slots: usize,
    /// The zone of instants in sentences.
    pub zone: Tz,
    /// Under which address people reach it.
    pub public_url: Option<String>,
    /// Clients that may listen to live events at once.
    pub streams: usize,
}

/// Clients that may listen to live events at once, where nobody says otherwise.
pub const STREAMS: usize = 1_024;

/// How a server stands to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It waits for the store: it can look, and passes on what it is asked.
    Standby,
    /// It is the engine.
    Engine,
    /// It is about to end.
    Draining,
}

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct Web(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings,
    access: Access,
    names: Names,
    versions: Versions,
    columns: Columns,
    pictures: Pictures,
    feed: Arc<Feed>,
    engine: RwLock<(Stand, Option<Control>)>,
    streams: Arc<Semaphore>,
    log_readers: Semaphore,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").finish_non_exhaustive()
    }
}

impl Web {
    /// A server over a store. Until it is given an engine it can only look.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(store: Store, settings: Settings) -> Result<Self, WebError> {
        Self::guarded(store, settings, Access::default())
    }

    /// The same for a server that others than this machine may reach.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn guarded(store: Store, settings: Settings, access: Access) -> Result<Self, WebError> {
        let names = Names::new(settings.public_url.as_deref())?;
        if access.provider.is_some() && settings.public_url.is_none() {
            return Err(WebError::NoWayBack);
        }
        Ok(Self(Arc::new(Inner {
            store,
            streams: Arc::new(Semaphore::new(settings.streams)),
            settings,
            access,
            names,
            versions: Versions::default(),
            columns: Columns::default(),
            pictures: Pictures::default(),
            feed: Arc::new(Feed::new()),
            engine: RwLock::new((Stand::Standby, None)),
            log_readers: Semaphore::new(LOG_READERS),
        })))
    }

    /// Answers requests until the future is dropped.
    pub async fn serve(self, listener: TcpListener) {
        crate::server::serve(self, listener).await;
    }

    /// Gives it the engine of this process, which is ready now: asks go there, and what it changes is told to everybody
    /// who listens.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn attach(&self, engine: Control) -> Result<(), RuntimeError> {
        let changed = engine.changed()?;
        let mut attached = self.engine_mut();
        self.0.feed.start(self.0.store.clone(), changed);
        *attached = (Stand::Engine, Some(engine));
        Ok(())
    }

    /// The engine of this process ends, or the store is lost: asks go through the store, to whoever holds it.
    pub fn stand(&self, stand: Stand) {
        let mut engine = self.engine_mut();
        engine.0 = stand;
        if stand == Stand::Standby {
            engine.1 = None;
            self.0.feed.stop();
        }
    }

    fn engine_mut(&self) -> RwLockWriteGuard<'_, (Stand, Option<Control>)> {
        let engine = &self.0.engine;
        engine.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stands(&self) -> Stand {
        let engine = &self.0.engine;
        engine.read().unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    pub(crate) fn versions(&self) -> &Versions {
        &self.0.versions
    }

    pub(crate) fn known_columns(&self) -> &Columns {
        &self.0.columns
    }

    pub(crate) fn pictures(&self) -> &Pictures {
        &self.0.pictures
    }

    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    pub(crate) fn log_readers(&self) -> &Semaphore {
        &self.0.log_readers
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    /// The engine of this process.
    ///
    /// # Errors
    /// There is none yet.
    pub(crate) fn engine(&self) -> Result<Control, Problem> {
        let engine = self.0.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.1.clone().ok_or_else(|| {
            Problem::new(
                Code::EngineUnavailable,
                "the engine of this server does not hold the store yet",
            )
        })
    }

    /// Who holds the store, in words.
    pub(crate) async fn holder(&self) -> Result<Option<String>, Problem> {
        let holder = self.0.store.holder().await?;
        Ok(holder.map(|owner| owner.to_string()))
    }

    /// Asks the engine; what it did is durable when this returns.
    ///
    /// # Errors
    /// It refused, or there is none.
    pub(crate) async fn ask(&self, caller: &Caller, wish: Wish) -> Result<Answer, Problem> {
        let at = self.now();
        let ask = Ask {
            profile: self.settings().profile.clone(),
            by: caller.actor(),
            at,
            valid_until: at + VALID,
            wish,
        };
        let answer = match self.engine() {
            // An engine that ends meanwhile may have done it before.
            Ok(engine) => engine.ask(ask).await.map_err(|_| may_be_done())?,
            Err(none) => self.pass_on(ask).await?.ok_or(none)?,
        };
        match answer {
            Answer::Refused { kind, message } => Err(Problem::refused(kind, message)),
            done @ Answer::Done { .. } => Ok(done),
        }
    }

    /// Asks whoever holds the store, through it. None: nobody does, and nothing was asked.
    async fn pass_on(&self, mut ask: Ask) -> Result<Option<Answer>, Problem> {
        let store = self.store();
        if store.holder().await?.is_none() {
            return Ok(None);
        }
        ask.valid_until = ask.at + PASSED_ON;
        let id = store.ask(&ask).await?;
        // From here on only an answer says what became of it.
        let answer = self.answer_of(id, ask.valid_until + GRACE).await;
        answer.ok().flatten().map(Some).ok_or_else(may_be_done)
    }

    async fn answer_of(
        &self,
        id: AskId,
        until: DateTime<Utc>,
    ) -> Result<Option<Answer>, StoreError> {
        let store = self.store();
        let mut token = store.change_token().await?;
        loop {
            if let Some(answer) = store.answer_of(id).await? {
                return Ok(Some(answer));
            }
            if self.now() >= until {
                return Ok(None);
            }
            token = store.changed_since(token, LOOK_AROUND).await?;
        }
    }
}

/// It was asked, and nobody said what became of it.
fn may_be_done() -> Problem {
    Problem::new(
        Code::TookTooLong,
        "no answer came from the engine; what was asked for may still be done",
    )
}
