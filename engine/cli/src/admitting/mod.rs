//! `noctule token …`, `noctule session …` and `noctule audit`: who may what, and who asked for what. In the store, or over a server.
//!
//! Guarantees: a secret is printed once, alone on stdout; every change leaves an audit event, written before it is done.

mod audit;
mod listing;
mod sessions;
mod tokens;

pub(crate) use self::audit::audit;
pub(crate) use self::sessions::session;
pub(crate) use self::tokens::token;
