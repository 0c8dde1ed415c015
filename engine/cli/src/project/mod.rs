//! The project on disk: where it is, what its files say, and what an engine is given of it.
//!
//! Guarantees: nothing in a file is executed; files are read bounded, and only inside the project; loading makes no state.

mod arming;
mod checkout;
mod choosing;
mod exporting;
mod files;
mod footing;
mod open;
mod place;

pub(crate) use self::arming::reader_of;
pub(crate) use self::choosing::{Chosen, is_path};
pub(crate) use self::footing::Footing;
pub(crate) use self::open::OpenProject;
