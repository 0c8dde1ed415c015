//! What a `serve` does while another one, on another machine, is the engine: it says through the store how the local
//! commands of its own machine stand, so that none of them counts as lost while its machine lives.
//!
//! It starts nothing and stops nothing. What cannot be read or written now is tried again.

use std::convert::Infallible;
use std::time::Duration;

use noctule_runtime::Standby;
use noctule_store::Store;

use super::asking::actor;
use super::hosting::host;
use crate::error::CliError;
use crate::project::OpenProject;
use crate::simulator::Addresses;
use crate::surface::Surface;

/// Signs within the time after which a silent machine counts as gone.
const SIGNS: u32 = 5;
/// The shortest time between two.
const OFTEN: Duration = Duration::from_secs(1);

/// Relays until it is dropped.
pub(super) async fn relay(
    open: &OpenProject,
    surface: &Surface,
    store: &Store,
) -> Result<Infallible, CliError> {
    let project = open.project()?;
    let surroundings = open.surroundings(surface, store, Addresses::default())?;
    let (host, by) = (host(), actor(surface));
    let every = (project.engine.host_lost_after / SIGNS).max(OFTEN);
    loop {
        let standby = Standby {
            store,
            surroundings: &surroundings,
            profile: &project.profile,
            host: &host,
            by: by.clone(),
        };
        if let Err(error) = standby.relay(chrono::Utc::now()).await {
            tracing::debug!(%error, "failed to say how the commands of this machine stand");
        }
        tokio::time::sleep(every).await;
    }
}
