//! The corpus of every target and what fuzzing found, replayed; and a walk of chance that begins at the corpus, the same
//! each time.
//!
//! The long form: `NOCTULE_FUZZED=100000 cargo test -p noctule-fuzzed`, so many inputs a target; or `fuzz/`, with coverage.

use std::fs;
use std::path::PathBuf;

use noctule_fuzzed::{TARGETS, Target};

/// Inputs that chance makes, where nothing else is asked for; fewer where one costs more.
fn budget(name: &str) -> usize {
    let asked = std::env::var("NOCTULE_FUZZED").ok();
    let asked = asked.and_then(|count| count.parse().ok());
    asked.unwrap_or(match name {
        "dag_file" | "project_file" => 300,
        "cron" | "template" => 2_000,
        _ => 6_000,
    })
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let inputs = inputs("corpus", name);
    assert!(inputs.len() >= 3, "{name} has a corpus");
    inputs
}

/// The inputs of a target in a folder, by their names; none without one.
fn inputs(folder: &str, name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(name);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| fs::read(path).expect("an input"))
        .collect()
}

/// Says which input broke a promise, so that it can join the corpus.
fn try_one(name: &str, target: Target, input: &[u8]) {
    let outcome = std::panic::catch_unwind(|| target(input));
    assert!(
        outcome.is_ok(),
        "{name} breaks on {:?}, as bytes: {input:?}",
        String::from_utf8_lossy(input)
    );
}

fn walk(name: &str) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let corpus = corpus(name);
    corpus
        .iter()
        .for_each(|input| try_one(name, *target, input));
    // What coverage has found, and what once broke a promise.
    inputs("found", name)
        .iter()
        .for_each(|input| try_one(name, *target, input));
    let mut chance = Chance(0x6e6f_6374_756c_6500 ^ name.len() as u64);
    for _ in 0..budget(name) {
        let input = chance.mutate(&corpus);
        try_one(name, *target, &input);
    }
}

/// SplitMix64, and what it does to inputs.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap_or(0)
    }

    fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let other = &corpus[self.below(corpus.len())];
            self.change(&mut input, other);
        }
        input.truncate(16 << 10);
        input
    }

    /// One change: a bit, a byte, a cut, a repeat, a part of another input, a word that means something somewhere.
    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        const WORDS: &[&str] = &[
            "{{",
            "}}",
            "\"",
            "[",
            "]",
            "{",
            "}",
            "=",
            "\n",
            "..",
            "/",
            "\0",
            "\u{1b}[2J",
            "\u{202e}",
            "-1",
            "0",
            "18446744073709551615",
            "9223372036854775807",
            "1e400",
            "null",
            "true",
            "*",
            "*/0",
            "L",
            "31",
            "2",
            "ü",
            "tasks.u.output",
            "params.p",
            "vars.v",
            " * 100000000",
            "| upper",
            "' ~ '",
            "\\u0000",
            "9999-12-31T23:59:59Z",
        ];
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1);
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.below(256) as u8,
            2 => drop(input.drain(at..end)),
            3 => {
                let part = input[at..end].to_vec();
                for _ in 0..=self.below(3) {
                    input.splice(at..at, part.iter().copied());
                }
            }
            4 => {
                let from = self.below(other.len() + 1);
                let to = from + self.below(other.len() - from + 1);
                input.splice(at..at, other[from..to].iter().copied());
            }
            5 => input.truncate(at),
            _ => drop(input.splice(at..end.min(at + 3), WORDS[self.below(WORDS.len())].bytes())),
        }
    }
}

macro_rules! walks {
    ($($rule:ident: $name:literal,)*) => {
        $(#[test] fn $rule() { walk($name); })*

        #[test]
        fn every_target_is_walked() {
            let walked = [$($name),*];
            assert!(TARGETS.iter().all(|(name, _)| walked.contains(name)));
        }
    };
}

walks! {
    an_execution_succeeds_only_if_its_counts_say_so: "cloud_run_execution",
    a_log_of_any_kind_is_given_out_once_and_bounded: "cloud_run_log",
    a_refusal_of_any_kind_is_never_taken_for_certainty: "cloud_run_refusal",
    an_expression_fires_at_growing_instants: "cron",
    a_dag_file_of_any_kind_is_a_dag_or_told_in_its_place: "dag_file",
    a_task_of_ecs_succeeds_only_if_all_say_zero: "ecs_task",
    a_name_is_one_part_of_a_path: "names",
    a_record_counts_in_whole_lines: "process_record",
    a_project_file_of_any_kind_is_a_project_or_told_in_its_place: "project_file",
    frames_do_not_depend_on_how_they_are_cut: "supervisor_frames",
    a_template_is_bounded_and_rendered_once: "template",
    what_people_type_for_times_never_overflows: "times",
}
