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
    /// No execution has this name.
    #[error("no execution is named {name}")]
    UnknownExecution {
        /// The name asked for, short or full.
        name: String,
    },
    /// The execution has ended; an ending cannot be changed.
    #[error("execution {name} has already ended")]
    AlreadyEnded {
        /// The full name.
        name: String,
    },
    /// Nothing can be told to a container that is a real command.
    #[error("execution {name} runs a command, so its end is not for the test to decide")]
    NotScripted {
        /// The full name.
        name: String,
    },
}
