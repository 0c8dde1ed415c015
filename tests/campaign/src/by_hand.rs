//! `cargo xtask crash`: the campaign in its long form, told on stderr, its figures on stdout.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for people"
)]

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand, ValueEnum};
use noctule_campaign::{CampaignError, Crash, Engines, Kind, Least, Report, Terms};

/// The proofs that take long.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
pub(crate) struct Words {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Kill engines in every way there is, then compare what was done with what is on record
    Crash {
        /// Engines that are to be killed
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        kills: u64,
        /// The kind of store
        #[arg(long, value_enum, default_value_t = Store::Sqlite)]
        store: Store,
        /// The start value of chance; the time of day without it
        #[arg(long, value_name = "NUMBER", value_parser = number)]
        start: Option<u64>,
        /// How many ask for runs
        #[arg(long, value_name = "N", default_value_t = 3)]
        clients: usize,
    },
    /// Three engines on one Postgres: kill them, stop them past their lease, cut them off, slow them down
    Engines {
        /// How long faults strike
        #[arg(long, value_name = "N", default_value_t = 60)]
        minutes: u64,
        /// The start value of chance; the time of day without it
        #[arg(long, value_name = "NUMBER", value_parser = number)]
        start: Option<u64>,
        /// How many ask for runs
        #[arg(long, value_name = "N", default_value_t = 3)]
        clients: usize,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Store {
    Sqlite,
    Postgres,
}

pub(crate) fn main(words: &Words) -> ExitCode {
    match carry_out(words) {
        Ok(report) => {
            print!("{report}");
            u8::from(!report.failures().is_empty()).into()
        }
        Err(error) => {
            eprintln!("error: {error}");
            2.into()
        }
    }
}

fn carry_out(words: &Words) -> Result<Report, CampaignError> {
    let own = std::env::current_exe().map_err(CampaignError::io("find this program"))?;
    let tell = |line: &str| eprintln!("{line}");
    match &words.which {
        Which::Crash {
            kills,
            store,
            start,
            clients,
        } => {
            let kind = match store {
                Store::Sqlite => Kind::Sqlite,
                Store::Postgres => Kind::Postgres,
            };
            let least = Least {
                kills: *kills,
                done: kills * 2,
                accepted: kills / 2,
                places: (kills / 10).min(30),
                of_each: 1,
            };
            let terms = terms(*start, *kills, kind, *clients, least);
            Crash::run(&own, &terms, &tell)
        }
        Which::Engines {
            minutes,
            start,
            clients,
        } => {
            let least = Least {
                kills: *minutes,
                done: minutes * 30,
                accepted: minutes * 10,
                places: 0,
                of_each: 1,
            };
            let terms = terms(*start, 0, Kind::Postgres, *clients, least);
            Engines::run(&own, &terms, Duration::from_secs(minutes * 60), &tell)
        }
    }
}

fn terms(start: Option<u64>, kills: u64, kind: Kind, clients: usize, least: Least) -> Terms {
    let start = start.unwrap_or_else(of_the_clock);
    eprintln!("start value {start:#x}, commit {}", commit());
    Terms {
        kills,
        start,
        kind,
        clients,
        least,
    }
}

fn of_the_clock() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_secs()
}

/// The commit of the folder that this is run in, where there is one.
fn commit() -> String {
    let mut git = std::process::Command::new("git");
    let told = git.args(["rev-parse", "--short", "HEAD"]).output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    told.ok()
        .filter(|commit| !commit.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// As it is printed, or in plain digits.
fn number(text: &str) -> Result<u64, std::num::ParseIntError> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    }
}
