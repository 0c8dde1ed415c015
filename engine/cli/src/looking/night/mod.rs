//! `tonight` and `top`: the night on one screen, and what goes on, live.
//!
//! Guarantees: both show what the pages show, by the same functions, whether a server is asked or the store is read; no
//! engine has to run.

mod frame;
mod line;
mod screen;
mod source;
mod tonight;
mod top;

pub(crate) use self::tonight::tonight;
pub(crate) use self::top::top;
