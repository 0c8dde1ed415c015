//! The long campaigns by hand, and the program that they kill: without one of its own words this is `noctule`.

use std::process::ExitCode;

use clap::Parser as _;

mod by_hand;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("work") => noctule_campaign::work::main(words),
        Some("crash" | "engines") => by_hand::main(&by_hand::Words::parse()),
        _ => noctule_campaign::under_fire::main(),
    }
}
