//! The pages, in a real browser.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod browser;
#[expect(
    dead_code,
    reason = "the client of the other tests has more than is needed here"
)]
#[path = "../web/client.rs"]
mod client;
mod hostile;
mod line;
mod logs;
mod minimap;
mod night;
mod nights;
mod pages;
mod reading;
mod run;
#[expect(
    dead_code,
    reason = "the measurement of the first paint uses more of it"
)]
mod seed;
#[expect(
    dead_code,
    reason = "the stage of the other tests has more than is needed here"
)]
#[path = "../web/stage.rs"]
mod stage;
mod taking;
