//! The simulation, in the bounded form of the test command; the long form is the program of this package.
//!
//! `NOCTULE_SIMULATION_SEEDS` asks for another number of histories.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use noctule_simulation::{History, Kind, Mistake, Struck, live_through, minima, seeds_until_found};

/// Seeds that once broke a rule, and what they showed, of the core, of the loop or of the referee itself. What they showed
/// of the core has a test of its own there (`run/tests/found.rs`), which holds when the generator of histories changes.
const ONCE_BROKEN: [(Kind, u64, &str); 8] = [
    (
        Kind::Work,
        2_991,
        "a clock that jumped ahead cut the quiet period of a search short: work was launched twice",
    ),
    (
        Kind::Work,
        3_697,
        "a step was taken under a handle that was not durable yet",
    ),
    (
        Kind::Work,
        2_905,
        "the first commit of a DAG told of ticks before it told of the DAG",
    ),
    (
        Kind::Work,
        187,
        "the referee forbade a question that crossed its own time-out on the way",
    ),
    (
        Kind::Work,
        19_862,
        "the referee judged the end of a pause by a clock that had been set back since",
    ),
    (
        Kind::Work,
        29_629,
        "the referee forbade a request whose work somebody had just said to leave alone",
    ),
    (
        Kind::Work,
        94_505,
        "the referee let a pause last until its end was durable, long after people had ended it",
    ),
    (
        Kind::Work,
        193_922,
        "the simulated loop tore down and polled without a look at its lease, which the real one has",
    ),
];

fn seeds(kind: Kind) -> u64 {
    let asked = std::env::var("NOCTULE_SIMULATION_SEEDS").ok();
    let asked = asked.and_then(|text| text.parse().ok());
    asked.unwrap_or(match kind {
        Kind::Work => 800,
        Kind::Schedules => 60,
        Kind::Changes => 100,
    })
}

/// Does something for every number below a bound, on every core.
fn each(count: u64, act: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    act(number);
                }
            });
        }
    });
}

fn hold(kind: Kind) {
    let count = seeds(kind);
    let sum = Mutex::new((Struck::default(), Vec::new()));
    each(count, |seed| {
        let History { broken, struck, .. } = live_through(kind, seed, None);
        let mut sum = sum.lock().expect("no thread panics");
        sum.0.add(&struck);
        sum.1
            .extend(broken.map(|what| format!("{kind:?} seed {seed}: {what}")));
    });
    let (struck, broken) = sum.into_inner().expect("no thread panics");
    assert!(broken.is_empty(), "{broken:#?}");
    for (what, least) in minima(kind, count) {
        let found = struck.of(what);
        assert!(
            found >= least,
            "{what}: {found}, wanted {least}: {struck:#?}"
        );
    }
}

#[test]
fn no_rule_is_broken_whatever_strikes() {
    hold(Kind::Work);
}

#[test]
fn every_tick_has_exactly_one_run_or_a_reason_through_downtime_fail_over_and_changes_of_the_clocks()
{
    hold(Kind::Schedules);
}

#[test]
fn no_rule_is_broken_where_definitions_change_and_past_nights_are_asked_for() {
    hold(Kind::Changes);
}

#[test]
fn what_once_broke_a_rule_does_so_no_more() {
    for (kind, seed, what) in ONCE_BROKEN {
        let broken = live_through(kind, seed, None).broken;
        assert_eq!(broken, None, "seed {seed}: {what}");
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for kind in [Kind::Work, Kind::Schedules, Kind::Changes] {
        for seed in 0..20 {
            let [one, two] = [0, 1].map(|_| live_through(kind, seed, None));
            assert_eq!(
                (one.hash, one.events),
                (two.hash, two.events),
                "seed {seed}"
            );
            assert_eq!(one.struck, two.struck, "seed {seed}");
        }
    }
    let other = live_through(Kind::Work, 1, None).hash;
    assert_ne!(live_through(Kind::Work, 0, None).hash, other);
}

/// How many seeds a known mistake may take here. By hand (`--find 10000`) every one is searched for from the first seed on.
const MOST: u64 = 80;

/// Mistakes that take longer, and a seed that shows each.
const RARE: [(&str, u64); 14] = [
    ("FirstListIsBelieved", 132),
    ("FailedSearchIsEvidence", 215),
    ("TicksAreDecidedAhead", 223),
    ("CatchupKeepsTheFirst", 66),
    ("NoFencing", 68),
    ("PauseIsMissed", 472),
    ("LeaseFromAnswer", 140),
    ("NoRecheckBeforeCall", 109),
    ("LeaseByWallClock", 641),
    ("NoRecheckBeforeClearing", 329),
    ("TickIsDecidedLater", 73),
    ("HandOutlivesAttempt", 940),
    ("FencedGoesOn", 2566),
    ("RefusedNightGoesOn", 153),
];

/// What a history says that is clean without the mistake.
fn shown(mistake: Mistake) -> Option<(u64, String)> {
    let name = mistake.to_string();
    let Some((_, seed)) = RARE.iter().find(|(rare, _)| *rare == name) else {
        return seeds_until_found(mistake, MOST);
    };
    let broken = live_through(mistake.kind(), *seed, Some(mistake)).broken?;
    let clean = live_through(mistake.kind(), *seed, None).broken.is_none();
    clean.then_some((*seed + 1, broken))
}

#[test]
fn every_known_mistake_is_found() {
    let mistakes: Vec<Mistake> = Mistake::all().collect();
    let table = Mutex::new(Vec::new());
    each(mistakes.len() as u64, |number| {
        let mistake = mistakes[number as usize];
        let found = shown(mistake);
        let mut table = table.lock().expect("no thread panics");
        table.push((mistake, found));
    });
    let mut table = table.into_inner().expect("no thread panics");
    table.sort_by_key(|(mistake, _)| *mistake);
    for (mistake, found) in &table {
        match found {
            Some((seeds, what)) => println!("{mistake}: {seeds} seeds; {what}"),
            None => println!("{mistake}: not found"),
        }
    }
    let missed: Vec<_> = table.iter().filter(|(_, found)| found.is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert!(table.len() >= 25);
}

/// Which features of the core a package is built with.
fn features_of_the_core(package: &str) -> String {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "features,no-dev"])
        .args(["-i", "noctule-core", "-p", package])
        .output()
        .expect("cargo answers");
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(tree.contains("noctule-core v"), "{errors}");
    tree
}

#[test]
fn no_release_holds_the_planted_mistakes() {
    let planted = "feature \"planted\"";
    assert!(!features_of_the_core("noctule").contains(planted));
    assert!(features_of_the_core("noctule-simulation").contains(planted));
}
