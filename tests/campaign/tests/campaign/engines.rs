//! Three engines on one Postgres, for as long as it takes to strike every sort of fault once and a little more.

use std::path::Path;
use std::time::Duration;

use noctule_campaign::{Engines, Kind, Least, Terms};

const PROGRAM: &str = env!("CARGO_BIN_EXE_noctule-campaign");

#[test]
fn of_three_engines_one_holds_the_store_and_none_loses_or_repeats_what_another_began() {
    let terms = Terms {
        kills: 0,
        start: 0x0074_6872_6565,
        kind: Kind::Postgres,
        clients: 3,
        least: Least {
            kills: 2,
            done: 40,
            accepted: 10,
            places: 0,
            of_each: 1,
        },
    };
    let tell = |line: &str| println!("{line}");
    let time = Duration::from_secs(25);
    let report = Engines::run(Path::new(PROGRAM), &terms, time, &tell);
    let report = report.expect("the campaign is carried out");
    assert!(report.failures().is_empty(), "{report}");
    println!("{report}");
}
