//! The REST API and the live events of Noctule: what a program beside us and a person on call ask of a running engine.
//!
//! One table of operations makes the router, the roles and the OpenAPI document. Every request of every transport passes
//! one function, which refuses what nobody allowed: strange hosts and origins, callers without the right, bodies that are
//! too large or of another type. It decides nothing about runs: it reads the store, and asks the engine.
//!
//! Never: writes run state, serves anything executable, tells a foreign origin anything.
#![warn(missing_docs)]

mod access;
mod act;
mod admission;
mod audit;
mod compressed;
mod error;
mod gate;
mod knowing;
mod known;
mod live;
mod login;
mod names;
mod openapi;
mod operation;
mod page;
mod pages;
mod problem;
mod read;
mod scope;
mod server;
mod sessions;
mod stalling;
mod table;
mod tokens;
mod web;

pub use access::Role;
pub use act::{
    Acted, BackfillActBody, BackfillBody, CancelBody, CancelManyBody, DryRun, MarkBody,
    MarkManyBody, MarkedAs, PauseBody, ResumeBody, RetryBody, RetryDefinition, RetryManyBody,
    TriggerBody, Which,
};
pub use admission::Access;
pub use audit::{AuditList, AuditView};
pub use error::WebError;
pub use known::standing;
pub use live::{LiveBackfill, LiveEvent};
pub use login::{Oidc, provider_name};
pub use page::{BackfillList, EventList, List, RunList};
pub use problem::{Code, ProblemDocument};
pub use read::{
    DeliveryList, EventsView, HealthView, LOG_HEADERS, ListenerView, OutboxView, Rooms, SpansView,
    UnwrittenView, tonight, under_way,
};
pub use sessions::SessionView;
pub use table::{Route, routes};
pub use tokens::{IssuedToken, TokenBody, TokenError, TokenView, granted};
pub use web::{STREAMS, Settings, Stand, Web};
