//! Connections for reading, a few, kept while they are well. A read that meets a restart is made again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::connection::Server;
use super::said::unavailable;
use crate::error::StoreError;

const READERS: usize = 4;
/// Between two tries, from the first to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

pub(super) struct Readers {
    server: Arc<Server>,
    places: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection that is in use. It is closed unless it is given back.
pub(super) struct Reader<'a> {
    pub(super) connection: PgConnection,
    readers: &'a Readers,
    _place: SemaphorePermit<'a>,
}

impl Readers {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            places: Semaphore::new(READERS),
            idle: Mutex::default(),
        }
    }

    pub(super) async fn take(&self) -> Result<Reader<'_>, StoreError> {
        let closed = |_| unavailable(&self.server.place, "its connections are closed");
        let place = self.places.acquire().await.map_err(closed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.server.connect().await?,
        };
        Ok(Reader {
            connection,
            readers: self,
            _place: place,
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// It is well, and nothing is open on it.
    pub(super) fn give_back(self) {
        self.readers.idle().push(self.connection);
    }
}

/// For how long something is tried again.
pub(super) struct Patience {
    end: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn of(limit: Duration) -> Self {
        Self {
            end: Instant::now() + limit,
            pause: PAUSES.0,
        }
    }

    /// Waits before the next try; not, once patience is over.
    pub(super) async fn rest(&mut self) -> bool {
        if Instant::now() + self.pause >= self.end {
            return false;
        }
        tokio::time::sleep(jittered(self.pause)).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        true
    }
}

/// Somewhere between half of a pause and all of it, so that those who lost the server together do not come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let share = RandomState::new().build_hasher().finish() % 500;
    pause.mul_f64(0.5 + share as f64 / 1_000.0)
}

/// Reads over a connection, again where the server was gone for a moment. Reading changes nothing, so it may be done twice.
macro_rules! steadily {
    ($store:expr, $reader:ident => $read:expr) => {{
        let store = $store;
        let limit = store.server.ttl.max(std::time::Duration::from_secs(5));
        let mut patience = $crate::postgres::readers::Patience::of(store.server.ttl);
        loop {
            let reading = async {
                let mut reader = store.readers.take().await?;
                let $reader = &mut reader.connection;
                let read = $read;
                if read.is_ok() {
                    reader.give_back();
                }
                read
            };
            match $crate::postgres::said::within(limit, &store.server.place, reading).await {
                Err(error) if error.is_passing() && patience.rest().await => {}
                read => break read,
            }
        }
    }};
}
pub(super) use steadily;
