//! The sessions of each connection. A changed address or password is another connection, with sessions of its own.
//!
//! Long statements and short questions have places of their own, so that hours of work never keep a poll waiting.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use noctule_executor::{Context, ErrorClass, Listener};

use crate::error::PostgresError;
use crate::listening::Hub;
use crate::pacing::Pacing;
use crate::settings::Settings;
use crate::sqlstate;

/// Questions of one connection at once.
const QUESTIONS: usize = 2;
/// A session that was idle for longer is not used again.
const IDLE: Duration = Duration::from_secs(60);

/// The sessions of all connections, shared by the executors and the event source of one binary. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Databases {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pacing: Pacing,
    open: Mutex<HashMap<String, Arc<Pool>>>,
}

impl Databases {
    /// No sessions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with other times.
    #[must_use]
    pub fn with_pacing(pacing: Pacing) -> Self {
        let open = Mutex::default();
        Self {
            shared: Arc::new(Shared { pacing, open }),
        }
    }

    pub(crate) fn pacing(&self) -> Pacing {
        self.shared.pacing
    }

    /// The sessions of the connection of a call, its secrets looked up now.
    pub(crate) async fn of(&self, context: &Context) -> Result<Arc<Pool>, PostgresError> {
        let connection = context.connection.as_ref();
        let settings =
            Settings::of(connection).map_err(|problem| PostgresError::Config(problem.message))?;
        let name = connection.map_or("", |connection| connection.name.as_str());
        let url = settings.url(context).await?;
        let mut open = lock(&self.shared.open);
        if let Some(pool) = open.get(name)
            && pool.is_of(&settings, &url)
        {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(Pool::new(name, settings, url, self.shared.pacing)?);
        open.insert(name.to_owned(), Arc::clone(&pool));
        Ok(pool)
    }
}

impl Databases {
    /// The listener of each connection that has one.
    pub(crate) fn listeners(&self) -> Vec<Listener> {
        let open = lock(&self.shared.open);
        let listener = |pool: &Arc<Pool>| {
            let (hears, channels) = pool.hub.hears()?;
            let connection = pool.name.clone();
            Some(Listener {
                connection,
                hears,
                channels,
            })
        };
        open.values().filter_map(listener).collect()
    }
}

/// What a session is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A statement that may take long.
    Work,
    /// A short look.
    Question,
}

/// The sessions of one connection.
pub(crate) struct Pool {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) pacing: Pacing,
    pub(crate) hub: Hub,
    url: SecretString,
    options: PgConnectOptions,
    work: Arc<Semaphore>,
    questions: Arc<Semaphore>,
    idle: Mutex<Vec<(Instant, PgConnection)>>,
}

/// Options show their password when they are printed.
impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Pool");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}

impl Pool {
    fn new(
        name: &str,
        settings: Settings,
        url: SecretString,
        pacing: Pacing,
    ) -> Result<Self, PostgresError> {
        let options = settings.options(name, &url)?;
        Ok(Self {
            name: name.to_owned(),
            hub: Hub::new(options.clone(), pacing),
            work: Arc::new(Semaphore::new(settings.max_connections())),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            idle: Mutex::default(),
            settings,
            pacing,
            url,
            options,
        })
    }

    fn is_of(&self, settings: &Settings, url: &SecretString) -> bool {
        self.url.expose_secret() == url.expose_secret() && self.settings == *settings
    }

    /// Where it leads, without a user or a password: what a handle remembers.
    pub(crate) fn place(&self) -> String {
        let options = &self.options;
        let database = options
            .get_database()
            .unwrap_or_else(|| options.get_username());
        match options.get_socket() {
            Some(socket) => format!("{}/{database}", socket.display()),
            None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
        }
    }

    /// A place for one session; waited for.
    pub(crate) async fn seat(
        &self,
        purpose: Purpose,
    ) -> Result<OwnedSemaphorePermit, PostgresError> {
        let seats = match purpose {
            Purpose::Work => &self.work,
            Purpose::Question => &self.questions,
        };
        let seat = Arc::clone(seats).acquire_owned().await;
        seat.map_err(|_| PostgresError::config("the pool is closed"))
    }

    /// A session that was used before and may have died since.
    pub(crate) fn used(&self) -> Option<PgConnection> {
        let mut idle = lock(&self.idle);
        idle.retain(|(since, _)| since.elapsed() < IDLE);
        idle.pop().map(|(_, connection)| connection)
    }

    /// Keeps a session that is clean.
    pub(crate) fn keep(&self, connection: PgConnection) {
        lock(&self.idle).push((Instant::now(), connection));
    }

    /// A fresh session.
    pub(crate) async fn open(&self) -> Result<PgConnection, PostgresError> {
        open(&self.options, self.pacing.answer)
            .await
            .map_err(|error| self.named(error))
    }

    fn named(&self, error: PostgresError) -> PostgresError {
        let prefix = |message| format!("connection `{}`: {message}", self.name);
        match error {
            PostgresError::NotConnected(message) => PostgresError::NotConnected(prefix(message)),
            PostgresError::NotLetIn { class, message } => PostgresError::NotLetIn {
                class,
                message: prefix(message),
            },
            PostgresError::Config(message) => PostgresError::Config(prefix(message)),
            other => other,
        }
    }

    /// Asks the server to stop what a session does that nobody waits for any more. In the background, once.
    pub(crate) fn cancel(&self, pid: i32) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // Behind a pooling proxy the number belongs to others too.
        if !self.settings.notifications {
            return;
        }
        let (options, limit) = (self.options.clone(), self.pacing.answer);
        drop(runtime.spawn(async move {
            let asked = async {
                let mut connection = open(&options, limit).await?;
                sqlx::query("SELECT pg_cancel_backend($1)")
                    .bind(pid)
                    .execute(&mut connection)
                    .await
                    .map_err(|error| PostgresError::NotConnected(error.to_string()))
            };
            if let Ok(Err(error)) = tokio::time::timeout(limit, asked).await {
                tracing::warn!(%error, "a statement that nobody waits for could not be cancelled");
            }
        }));
    }
}

/// Opens a session within a limit. The message names neither user nor password.
pub(crate) async fn open(
    options: &PgConnectOptions,
    limit: Duration,
) -> Result<PgConnection, PostgresError> {
    use sqlx::Connection as _;
    let opening = PgConnection::connect_with(options);
    match tokio::time::timeout(limit, opening).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(not_opened(&error)),
        Err(_) => Err(PostgresError::NotConnected(format!(
            "could not connect within {} ms",
            limit.as_millis()
        ))),
    }
}

fn not_opened(error: &sqlx::Error) -> PostgresError {
    let message = format!("could not connect: {}", crate::error::cause(error));
    match error {
        sqlx::Error::Database(said) => {
            let code = said.code().unwrap_or_default();
            match sqlstate::class(&code) {
                class @ (ErrorClass::Permission | ErrorClass::NotFound) => {
                    PostgresError::NotLetIn { class, message }
                }
                _ => PostgresError::NotConnected(message),
            }
        }
        sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => PostgresError::Config(message),
        _ => PostgresError::NotConnected(message),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
