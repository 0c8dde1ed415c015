//! What a person looks at: pages in HTML, made here, with nothing of another host in them.
//!
//! Guarantees: what stands in a page is read by the same functions as the API's answers, and passes the same gate; every
//! name and text is escaped by the one template engine; no script and no style stands in a page, so the policy that goes
//! with it forbids both. Never: decides anything, or changes anything but through the API.

mod action;
mod assets;
mod attempt;
mod dag;
mod health;
mod layout;
mod marks;
mod picture;
mod refused;
mod run;
mod times;
mod tonight;

pub(crate) use self::assets::ShowAsset;
pub(crate) use self::attempt::{ShowAttemptPage, ShowTaskPage};
pub(crate) use self::dag::{
    Columns, ShowCell, ShowDefinition, ShowGrid, ShowHistory, ShowNights, ShowTrigger,
};
pub(crate) use self::health::ShowHealth;
pub(crate) use self::picture::{Pictures, ShowGraphPage};
pub(crate) use self::refused::{logged_out, page_of, wants_page};
pub(crate) use self::run::ShowRunPage;
pub(crate) use self::tonight::ShowTonight;
