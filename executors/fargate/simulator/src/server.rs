//! The simulator as something to start, hold and drop.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use noctule_simulated::{Wire, WireListener};
use tokio::{net::TcpListener, sync::oneshot};

use super::{call, cloud::Cloud, error::SimulatorError, settings::Settings, shared::Shared};

/// A running simulator. Dropping it closes its address and kills its containers.
pub struct Simulator {
    pub(crate) shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

impl Simulator {
    /// Starts to listen; must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub async fn start(settings: Settings) -> Result<Simulator, SimulatorError> {
        let wanted = settings.listen;
        let failed = |source| SimulatorError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let cloud = Cloud::new(&settings, address.port());
        let faults = settings.faults.clone();
        let shared = Arc::new(Shared::new(settings, cloud));
        for fault in faults {
            shared.order(fault);
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new()
            .fallback(call::answer)
            .with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<Wire>();
        let serving = axum::serve(WireListener(listener), service).with_graceful_shutdown(async {
            // An error means that the sender was dropped, which is a stop too.
            drop(stopped.await);
        });
        tokio::spawn(async move { serving.await });
        Ok(Simulator {
            shared,
            address,
            stop: Some(stop),
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint of all its services, without a slash at the end.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, and returns when its containers are gone.
    pub async fn stop(mut self) {
        let mut running = self.close();
        while running.join_next().await.is_some() {}
    }

    fn close(&mut self) -> tokio::task::JoinSet<()> {
        if let Some(stop) = self.stop.take() {
            // Whoever listened may be gone with the runtime.
            let _ = stop.send(());
        }
        self.shared.end()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.close());
    }
}
