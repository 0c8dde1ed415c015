//! Histories by hand: `noctule-simulation --seeds N [--from S] [--kind work|schedules|changes] [--mistake NAME]`, or
//! `--find N` to look for every known mistake, or for `--mistake`, in at most N seeds.
//!
//! Every core lives through its share of the seeds. It prints the seed and the commit of the first rule that is broken, and
//! what was done and what struck; a campaign that did or met too little fails.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people, who want to know how long it took"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use noctule_simulation::{Kind, Mistake, Struck, live_through, minima, seeds_until_found};

struct Wanted {
    seeds: u64,
    from: u64,
    kinds: Vec<Kind>,
    mistake: Option<Mistake>,
    find: Option<u64>,
}

#[derive(Default)]
struct Sum {
    struck: Struck,
    events: u64,
    broken: Vec<(Kind, u64, String)>,
}

fn main() -> ExitCode {
    let wanted = match read(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    if let Some(most) = wanted.find {
        return find(most, wanted.mistake);
    }
    let mut good = true;
    for kind in &wanted.kinds {
        good &= campaign(&wanted, *kind);
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read(mut args: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        seeds: 1_000,
        from: 0,
        kinds: vec![Kind::Work, Kind::Schedules, Kind::Changes],
        mistake: None,
        find: None,
    };
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        let number = || {
            let parsed = value.parse::<u64>();
            parsed.map_err(|error| format!("{arg} {value}: {error}"))
        };
        match arg.as_str() {
            "--seeds" => wanted.seeds = number()?,
            "--find" => wanted.find = Some(number()?),
            "--from" => wanted.from = number()?,
            "--kind" => {
                let kind = [
                    ("work", Kind::Work),
                    ("schedules", Kind::Schedules),
                    ("changes", Kind::Changes),
                ];
                let known = kind.into_iter().find(|(word, _)| *word == value);
                let (_, kind) = known.ok_or_else(|| format!("there is no kind {value}"))?;
                wanted.kinds = vec![kind];
            }
            "--mistake" => {
                let named = Mistake::all().find(|mistake| mistake.to_string() == value);
                wanted.mistake = Some(named.ok_or_else(|| format!("there is no mistake {value}"))?);
            }
            _ => return Err(format!("{arg} is not known")),
        }
    }
    Ok(wanted)
}

/// Looks for every known mistake, or for one, and says how many seeds each took.
fn find(most: u64, only: Option<Mistake>) -> ExitCode {
    let wanted = |mistake: &Mistake| only.is_none_or(|only| only == *mistake);
    let mistakes: Vec<Mistake> = Mistake::all().filter(wanted).collect();
    let next = AtomicU64::new(0);
    let missed = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(mistake) =
                    mistakes.get(next.fetch_add(1, Ordering::Relaxed) as usize)
                {
                    match seeds_until_found(*mistake, most) {
                        Some((seeds, what)) => println!("{mistake} {seeds} {what}"),
                        None => {
                            missed.fetch_add(1, Ordering::Relaxed);
                            println!("{mistake} NOT FOUND in {most}");
                        }
                    }
                }
            });
        }
    });
    let missed = missed.into_inner();
    println!(
        "{} of {} found",
        mistakes.len() as u64 - missed,
        mistakes.len()
    );
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn campaign(wanted: &Wanted, kind: Kind) -> bool {
    // Histories of schedules last hours of virtual time: one for twenty of the others.
    let seeds = match kind {
        Kind::Schedules if wanted.kinds.len() > 1 => wanted.seeds.div_ceil(20),
        _ => wanted.seeds,
    };
    let next = AtomicU64::new(wanted.from);
    let end = wanted.from + seeds;
    let sum = Mutex::new(Sum::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(kind, wanted.mistake, &next, end, &sum));
        }
    });
    let took = began.elapsed().as_secs_f64();
    let sum = sum.into_inner().unwrap_or_default();
    report(kind, seeds, took, threads, &sum)
}

fn work(kind: Kind, mistake: Option<Mistake>, next: &AtomicU64, end: u64, sum: &Mutex<Sum>) {
    let mut own = Sum::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        let history = live_through(kind, seed, mistake);
        own.struck.add(&history.struck);
        own.events += history.events;
        if let Some(what) = history.broken {
            eprintln!("{kind:?} seed {seed}: {what}");
            own.broken.push((kind, seed, what));
        }
    }
    if let Ok(mut sum) = sum.lock() {
        sum.struck.add(&own.struck);
        sum.events += own.events;
        sum.broken.append(&mut own.broken);
    }
}

fn report(kind: Kind, seeds: u64, took: f64, threads: usize, sum: &Sum) -> bool {
    let commit = std::process::Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output();
    let commit = commit.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    let rate = seeds as f64 / took;
    println!(
        "{kind:?}: {seeds} seeds on {threads} cores in {took:.1} s: {rate:.0} seeds/s, commit {commit}"
    );
    println!("  {} events, {} violations", sum.events, sum.broken.len());
    for (what, count) in &sum.struck.0 {
        println!("  {count:>12} {what}");
    }
    let mut good = sum.broken.is_empty();
    for (what, least) in minima(kind, seeds) {
        let found = sum.struck.of(what);
        if found < least {
            println!("  TOO LITTLE: {what} {found}, wanted {least}");
            good = false;
        }
    }
    good
}
