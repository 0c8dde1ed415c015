//! The `http` executor: one call, or a call whose work is then followed.
//!
//! ```toml
//! [tasks.convert]
//! executor = "http"
//! with = { connection = "steps", url = "/v1/conversions", json = { bsda = "{{ run.ingestion_id }}" } }
//! success = "output.body.status == 'success'"
//!
//! [tasks.render]
//! executor = "http"
//! with.url = "https://render.example.com/jobs"
//! with.json = { scene = 7 }
//! with.poll = { url = "{{ answer.body.status_url }}", until = "body.state == 'done'", fail_if = "body.state == 'failed'" }
//! ```
//!
//! Guarantees: what is not safe is sent exactly once for a launch, always with `Idempotency-Key`; a lost answer is
//! `unknown`, and only a connection that never came about is "surely not sent"; an answer is bounded in size and
//! redirects in number; credentials and headers of a task never leave the origin it names; addresses that a service
//! chooses lead into no private network. Never: a verdict on an answer that is not whole, a secret in a document,
//! handle or message, unpacking of compressed bodies.
#![warn(missing_docs)]

mod answer;
mod asking;
mod auth;
mod check;
mod client;
mod config;
mod credentials;
mod doctor;
mod document;
mod error;
mod executor;
mod following;
mod guard;
mod handle;
mod header;
mod judging;
mod pacing;
mod prepared;
mod sending;
mod session;
mod target;
mod verdict;
mod watching;

pub use config::HttpConfig;
pub use executor::Http;
pub use handle::HttpHandle;
pub use pacing::Pacing;
