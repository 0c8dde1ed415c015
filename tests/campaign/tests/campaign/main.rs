//! Short campaigns against the real program. The long forms are `cargo xtask crash` and `cargo xtask engines`.
//!
//! `NOCTULE_CAMPAIGN_KILLS` makes the crash loops longer, `NOCTULE_CAMPAIGN_START` gives them another start value.

mod crash;
mod engines;
mod product;
