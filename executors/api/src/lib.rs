//! The contract between Noctule and an executor: all that an executor author sees.
//!
//! An executor starts, finds, watches and stops pieces of remote work. It implements [`Executor`], typed for its
//! author; the engine uses the object-safe face [`AnyExecutor`], which every [`Executor`] has by a blanket
//! implementation. Deadlines, retries, slots and concurrency belong to the engine and are never an executor's.
//!
//! What the contract guarantees to an executor: the attempt key is given and stable over restarts; the request
//! it made is stored before [`Executor::launch`] is called, and the same document comes back on any resend.
//! What an executor guarantees: [`Executor::request`] and [`Executor::check`] are pure; a handle works in a
//! process that never saw the launch; an error says whether the work was surely not started.
//!
//! This crate depends on no other crate of Noctule and performs no I/O.
#![warn(missing_docs)]

mod attempt;
mod capabilities;
mod class;
mod connection;
mod context;
mod draft;
mod erased;
mod error;
mod executor;
mod keepsake;
mod logs;
mod obligation;
mod outcome;
mod problem;
mod registry;
mod request;
mod source;
mod span;
mod text;
mod vault;

pub use attempt::{Attempt, AttemptKey, RunFacts};
pub use capabilities::{Capabilities, Recovery, Wait};
pub use class::ErrorClass;
pub use connection::Connection;
pub use context::{Budget, Call, Context, Host, SecretSource, Unlimited};
pub use draft::{Draft, Leaf};
pub use erased::AnyExecutor;
pub use error::ExecutorError;
pub use executor::Executor;
pub use keepsake::Keepsake;
pub use logs::{LogCursor, LogPage};
pub use obligation::{Clearing, Owned, Use};
pub use outcome::{Finished, Outcome, Status};
pub use problem::{Finding, Problem};
pub use registry::Registry;
pub use request::Request;
pub use source::{AnyEventSource, EventSource, Listener, Occasion};
pub use span::Span;
pub use text::{Entry, SecretRef, Text};
pub use vault::{Passing, Vault};

pub use async_trait::async_trait;
pub use secrecy;
