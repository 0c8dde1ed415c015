//! For those who write executors, and for those who test engines: a conformance suite, and an executor without a world.
//!
//! # Does my executor keep the contract?
//!
//! Say how to make it, and name configurations whose ends are known; every rule that applies is then judged by name.
//! What you leave out is skipped, and the report says so.
//!
//! ```
//! use std::sync::Arc;
//!
//! use noctule_executor::{AnyExecutor, ErrorClass};
//! use noctule_executor_testing::{
//!     Case, Expected, Scripted, ScriptedWorld, Subject, TestingError, conformance,
//! };
//! use serde_json::{Value, json};
//!
//! struct Mine(Arc<ScriptedWorld>);
//!
//! impl Subject for Mine {
//!     fn executor(&self) -> Arc<dyn AnyExecutor> {
//!         Arc::new(Scripted::new(Arc::clone(&self.0)))
//!     }
//!     fn succeeds(&self) -> Value {
//!         json!({ "after": "10ms" })
//!     }
//!     fn runs_long(&self) -> Option<Value> {
//!         Some(json!({ "hold": true }))
//!     }
//!     fn verdicts(&self) -> Vec<Case> {
//!         vec![Case::new(
//!             "done, but not all of it",
//!             json!({ "ends": "short" }),
//!             Expected::Failed(ErrorClass::User),
//!         )]
//!     }
//! }
//!
//! # fn main() -> Result<(), TestingError> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
//! # let Ok(runtime) = runtime else { return Ok(()) };
//! # runtime.block_on(async {
//! let report = conformance(&Mine(ScriptedWorld::new())).await?;
//! println!("{report}");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! In a test: `#[tokio::test] async fn it_keeps_the_contract() -> Result<(), TestingError> { … }`.
//!
//! # Does my engine keep its promises?
//!
//! [`Scripted`] is an executor like any other (`executor = "scripted"`), and its backend is a [`ScriptedWorld`] that
//! the test holds. The world outlives executor values, engines and, in a folder ([`ScriptedWorld::on_disk`]),
//! processes that are killed. A task's `with` is a [`Script`]:
//!
//! ```toml
//! [tasks.convert]
//! executor = "scripted"
//! with = { after = "5s", ends = ["failed", "succeeded"], launch = ["lost_answer"], output = { rows = 3 } }
//! ```
//!
//! The test watches the [`Ledger`] ([`ScriptedWorld::until`], [`ScriptedWorld::launched`]), ends work by hand
//! ([`ScriptedWorld::hold`], [`ScriptedWorld::finish`]), and stops an engine at any effect
//! ([`ScriptedWorld::freeze`], [`ScriptedWorld::frozen`], [`ScriptedWorld::thaw`]) to kill it there.
//! [`Ledger::double_launches`] is empty, or the engine is wrong.
//!
//! Scripts run on tokio's clock, so a paused clock makes them instant. Nothing here reaches a network.
#![warn(missing_docs)]

mod conformance;
mod disk;
mod error;
mod ledger;
mod script;
mod scripted;
mod sight;
mod steps;
mod surroundings;
mod world;

pub use conformance::{Case, Expected, Judgement, Report, Subject, conformance, judge};
pub use error::TestingError;
pub use ledger::{Effect, End, Ledger, Sent, Work};
pub use noctule_executor::Span;
pub use script::{Ending, Endings, Script};
pub use scripted::{Scripted, ScriptedHandle};
pub use steps::{AdoptStep, CancelStep, LaunchStep, Outage, PollStep, Steps};
pub use surroundings::{CANARY, CanarySecrets, attempt, context, fresh_key};
pub use world::ScriptedWorld;
