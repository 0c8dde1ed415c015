//! The `process` executor: local commands, under a supervisor that outlives the engine.
//!
//! [`Process`] is what the engine holds; it talks over a Unix socket to one small [`supervisor`] process for each
//! store, which starts the commands, writes down when they began and ended, and stops them when asked. A command
//! is started at most once for an attempt key, its end is known though no engine was running, and an end that
//! nobody saw is `unknown`, never success.
//!
//! Secrets travel over the socket only: no record, log of ours or message holds one.
#![warn(missing_docs)]

mod address;
mod client;
mod config;
mod document;
mod environment;
mod error;
mod executor;
mod files;
mod forgetting;

mod handle;
mod launch;
mod log;
mod machine;
mod outbox;
mod owned;
mod protocol;
mod record;
mod refusal;
mod settings;
mod starter;
pub mod supervisor;
#[doc(hidden)]
pub mod untrusted;
mod verdict;

pub use config::Config;
pub use error::Error;
pub use executor::Process;
pub use handle::Handle;
pub use settings::Settings;
