//! The crash loop, as short as it can be and still strike every sort of fault.
#![expect(
    clippy::print_stdout,
    reason = "the figures are what a campaign is for"
)]

use std::path::Path;

use noctule_campaign::{Crash, Kind, Least, Terms};

/// The program under fire, and the one that its work is.
const PROGRAM: &str = env!("CARGO_BIN_EXE_noctule-campaign");
/// Another one in each long campaign; here always the same.
const START: u64 = 0x6e6f_6374;

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn survives(kind: Kind, kills: u64, places: u64) {
    let kills = number("NOCTULE_CAMPAIGN_KILLS", kills);
    let terms = Terms {
        kills,
        start: number("NOCTULE_CAMPAIGN_START", START),
        kind,
        clients: 3,
        least: Least {
            kills,
            done: kills,
            accepted: kills / 2,
            places,
            of_each: 1,
        },
    };
    let tell = |line: &str| println!("{line}");
    let report =
        Crash::run(Path::new(PROGRAM), &terms, &tell).expect("the campaign is carried out");
    assert!(report.failures().is_empty(), "{report}");
    println!("{report}");
}

#[test]
fn on_sqlite_killed_engines_lose_nothing_and_launch_nothing_twice() {
    survives(Kind::Sqlite, 45, 4);
}

#[test]
fn on_postgres_killed_engines_and_a_crashing_server_lose_nothing_and_launch_nothing_twice() {
    survives(Kind::Postgres, 22, 1);
}
