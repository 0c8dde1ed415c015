//! The thread that takes a lease and keeps it: on a runtime and a connection of its own, so that neither a busy engine nor a
//! store that is busy with it can keep it from renewing in time. The connection that took it is there to renew it, however
//! many more are to be had.

use std::sync::Arc;
use std::time::Instant;

use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};

use super::connection::Server;
use super::readers::jittered;
use super::said::{At, unavailable, within};
use super::trust::Trust;
use crate::error::StoreError;

/// The guard is looked at again after whoever held the row has let go of it: of several, one passes.
const ACQUIRE: &str = "\
    WITH taken AS (UPDATE noctule.lease SET owner = $1, token = gen_random_uuid()::text, \
            expires_at = clock_timestamp() + make_interval(secs => $2::float8), \
            waiter_until = CASE WHEN waiter_token = $3 THEN '-infinity' ELSE waiter_until END \
        WHERE expires_at <= clock_timestamp() AND (waiter_until <= clock_timestamp() OR waiter_token = $3) \
            AND (current_setting('synchronous_commit') <> 'off' \
                OR set_config('synchronous_commit', 'on', true) IS NOT NULL) \
        RETURNING token) \
    UPDATE noctule.store SET epoch = epoch + 1 FROM taken RETURNING epoch, commits, token";
const RENEW: &str = "UPDATE noctule.lease SET expires_at = clock_timestamp() + make_interval(secs => $2::float8) \
    WHERE token = $1 AND expires_at > clock_timestamp()";
const RELEASE: &str = "UPDATE noctule.lease SET expires_at = '-infinity' WHERE token = $1";

/// A hold on the thread. It ends, and gives the lease back, when this is dropped.
#[derive(Debug)]
pub(super) struct Renewal(mpsc::UnboundedSender<oneshot::Sender<Result<(), StoreError>>>);

type Orders = mpsc::UnboundedReceiver<oneshot::Sender<Result<(), StoreError>>>;

impl Renewal {
    /// Asks for the lease to be given back; none: it is lost, or was given back already.
    pub(super) fn ask_release(&self) -> Option<oneshot::Receiver<Result<(), StoreError>>> {
        let (done, seen) = oneshot::channel();
        self.0.send(done).ok().map(|()| seen)
    }
}

/// A lease that was just taken.
pub(super) struct Taken {
    pub(super) epoch: i64,
    pub(super) commits: i64,
    pub(super) token: String,
    pub(super) trust: Arc<Trust>,
}

struct Keeper {
    server: Arc<Server>,
    connection: Option<PgConnection>,
    token: String,
    trust: Arc<Trust>,
}

/// Starts the thread, which takes the lease if it is to be had. Who no longer waits for that gets none: then it is given
/// back.
pub(super) async fn take(
    server: &Arc<Server>,
    owner: String,
    waiter: Option<String>,
) -> Result<Option<(Taken, Renewal)>, StoreError> {
    let failed = |error: std::io::Error| {
        unavailable(&server.place, format!("the lease cannot be kept: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let (orders, inbox) = mpsc::unbounded_channel();
    let (tell, told) = oneshot::channel();
    let server_of_thread = Arc::clone(server);
    let life = async move {
        match ask(&server_of_thread, &owner, waiter.as_deref()).await {
            Ok(Some((taken, connection))) => {
                let keeper = Keeper {
                    server: server_of_thread,
                    connection: Some(connection),
                    token: taken.token.clone(),
                    trust: Arc::clone(&taken.trust),
                };
                // Nobody waits: the orders are closed with that, and it lets go.
                drop(tell.send(Ok(Some(taken))));
                keeper.keep(inbox).await;
            }
            Ok(None) => drop(tell.send(Ok(None))),
            Err(error) => drop(tell.send(Err(error))),
        }
    };
    std::thread::Builder::new()
        .name("lease".to_owned())
        .spawn(move || runtime.block_on(life))
        .map_err(failed)?;
    let ended = |_| unavailable(&server.place, "the thread of the lease has ended");
    let taken = told.await.map_err(ended)??;
    Ok(taken.map(|taken| (taken, Renewal(orders))))
}

async fn ask(
    server: &Server,
    owner: &str,
    waiter: Option<&str>,
) -> Result<Option<(Taken, PgConnection)>, StoreError> {
    let mut connection = server.connect().await?;
    let asked = Instant::now();
    let query = sqlx::query_as(ACQUIRE)
        .bind(owner)
        .bind(server.ttl.as_secs_f64())
        .bind(waiter);
    let place = &server.place;
    let taking = async { query.fetch_optional(&mut connection).await.at(place) };
    let taken: Option<(i64, i64, String)> = within(server.ttl / 3, place, taking).await?;
    let taken = taken.map(|(epoch, commits, token)| Taken {
        epoch,
        commits,
        token,
        trust: Arc::new(Trust::since(asked, server.ttl)),
    });
    Ok(taken.map(|taken| (taken, connection)))
}

impl Keeper {
    async fn keep(mut self, mut orders: Orders) {
        let ttl = self.server.ttl;
        let mut pause = ttl / 3;
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => return self.let_go(order).await,
                () = tokio::time::sleep(pause) => {}
            }
            let sent = Instant::now();
            let limit = (ttl / 3).min(self.trust.left());
            let place = self.server.place.clone();
            pause = match within(limit, &place, self.renew()).await {
                Ok(true) => {
                    self.trust.renew(sent);
                    ttl / 3
                }
                Ok(false) => return self.trust.end(),
                Err(_) => {
                    self.connection = None;
                    jittered(ttl / 15)
                }
            };
            // Also one that was lost by being slow is given back, as soon as that can be said.
            if !self.trust.holds() {
                let order = orders.try_recv().ok();
                return self.let_go(order).await;
            }
        }
    }

    async fn renew(&mut self) -> Result<bool, StoreError> {
        let ttl = self.server.ttl.as_secs_f64();
        let token = self.token.clone();
        let place = self.server.place.clone();
        let query = sqlx::query(RENEW).bind(token).bind(ttl);
        let done = query.execute(self.connected().await?).await.at(&place)?;
        Ok(done.rows_affected() == 1)
    }

    async fn let_go(mut self, order: Option<oneshot::Sender<Result<(), StoreError>>>) {
        self.trust.end();
        let limit = self.server.ttl / 3;
        let place = self.server.place.clone();
        let mut released = within(limit, &place, self.release()).await;
        if released.is_err() {
            // The connection may have been dead for long; a fresh one is not.
            self.connection = None;
            released = within(limit, &place, self.release()).await;
        }
        if let Some(order) = order {
            // Whoever asked may have gone.
            drop(order.send(released));
        }
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        let place = self.server.place.clone();
        let query = sqlx::query(RELEASE).bind(self.token.clone());
        query.execute(self.connected().await?).await.at(&place)?;
        Ok(())
    }

    async fn connected(&mut self) -> Result<&mut PgConnection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.server.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }
}
