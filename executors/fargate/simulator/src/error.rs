//! What can go wrong for the holder of a simulator, as opposed to the sender of a request.

use std::net::SocketAddr;

/// An error of the simulator's own interface.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No task has this name.
    #[error("no task is named {name}")]
    UnknownTask {
        /// The ARN or id asked for.
        name: String,
    },
    /// The task has ended; an ending cannot be changed.
    #[error("task {name} has already stopped")]
    AlreadyStopped {
        /// The ARN or id.
        name: String,
    },
    /// The task has no such container.
    #[error("task {task} has no container named {container}")]
    UnknownContainer {
        /// The ARN or id.
        task: String,
        /// The name asked for.
        container: String,
    },
}
