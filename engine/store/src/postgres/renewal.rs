//! The thread that keeps a lease: on a runtime and a connection of its own, so that neither a busy engine nor a store that is
//! busy with it can keep it from renewing in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};

use super::connection::Server;
use super::readers::jittered;
use super::said::{At, unavailable, within};
use super::trust::Trust;
use crate::error::StoreError;

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

struct Keeper {
    server: Arc<Server>,
    connection: Option<PgConnection>,
    token: String,
    trust: Arc<Trust>,
}

/// Starts the thread.
pub(super) fn start(
    server: &Arc<Server>,
    token: String,
    trust: Arc<Trust>,
) -> Result<Renewal, StoreError> {
    let (orders, inbox) = mpsc::unbounded_channel();
    let failed = |error: std::io::Error| {
        unavailable(&server.place, format!("the lease cannot be kept: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let keeper = Keeper {
        server: Arc::clone(server),
        connection: None,
        token,
        trust,
    };
    std::thread::Builder::new()
        .name("lease".to_owned())
        .spawn(move || runtime.block_on(keeper.keep(inbox)))
        .map_err(failed)?;
    Ok(Renewal(orders))
}

impl Keeper {
    async fn keep(mut self, mut orders: Orders) {
        let ttl = self.server.ttl;
        let mut pause = Duration::ZERO;
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
