//! Whatever stands in a file, reading it ends, and ends without a panic.

use proptest::prelude::*;

use super::stand_ins::{codes, load, load_all, said};

/// Words that lead deep into the reader.
const WORDS: [&str; 40] = [
    "[tasks.a]",
    "[tasks]",
    "[schedule]",
    "[[instances]]",
    "[params.x]",
    "[groups.g]",
    "[groups.g.tasks.t]",
    "[defaults]",
    "\n",
    "\n",
    "\n",
    "id = ",
    "cron = ",
    "executor = ",
    "depends_on = ",
    "with.",
    "env.",
    "type = ",
    "default = ",
    "map = ",
    "retries = ",
    "\"http\"",
    "\"a\"",
    "\"{{ params.x }}\"",
    "\"{{ tasks.a.output }}\"",
    "\"{{\"",
    "[\"a\", \"b\"]",
    "{ secret = \"s\" }",
    "{ max = 3 }",
    "12",
    "-1",
    "1e400",
    "2026-01-01",
    "true",
    "\"0 0 * * *\"",
    "\"한글\"",
    "\u{1b}[31m",
    "{",
    "]",
    "= ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_never_panics(text in ".{0,400}") {
        let loaded = load(&text);
        prop_assert!(said(&loaded, &[("dags/d.toml", &text)]).chars().all(|c| !c.is_control() || c == '\n'));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        load(&text);
        load_all(&text, &[]);
    }

    #[test]
    fn words_of_the_format_in_any_order_never_panic(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..60)) {
        let text = words.concat();
        let loaded = load(&text);
        said(&loaded, &[("dags/d.toml", &text)]);
        load_all(&text, &[]);
    }
}

#[test]
fn a_file_that_ends_anywhere_never_panics() {
    for text in [super::contract::DAG, super::systems::TRINITYSPA] {
        for end in (0..text.len())
            .step_by(7)
            .filter(|end| text.is_char_boundary(*end))
        {
            let part = &text[..end];
            said(&load(part), &[("dags/d.toml", part)]);
        }
    }
    let text = super::contract::PROJECT;
    for end in (0..text.len())
        .step_by(7)
        .filter(|end| text.is_char_boundary(*end))
    {
        load_all(&text[..end], &[]);
    }
}

#[test]
fn depth_is_bounded_however_it_is_written() {
    let texts = [
        format!("x = {}{}", "[".repeat(5_000), "]".repeat(5_000)),
        format!("x = {}1{}", "{a=".repeat(5_000), "}".repeat(5_000)),
        format!("{}x = 1", "a.".repeat(100_000)),
        format!("[{}x]\ny = 1", "a.".repeat(100_000)),
        format!("[{}x]\n{}y = [[[[1]]]]", "a.".repeat(60), "b.".repeat(60)),
    ];
    for text in texts {
        let loaded = load(&text);
        assert!(
            loaded
                .diagnostics
                .errors()
                .any(|error| error.code == "too_deep"),
            "{:?}",
            codes(&loaded.diagnostics)
        );
    }
}

#[test]
fn a_file_over_four_mebibytes_is_not_read() {
    let text = format!("# {}", "x".repeat(4 << 20));
    assert_eq!(codes(&load(&text).diagnostics), ["too_large"]);
}

#[test]
fn one_file_never_says_more_than_a_thousand_things() {
    let keys: String = (0..20_000).map(|at| format!("key_{at} = 1\n")).collect();
    let loaded = load(&keys);
    assert_eq!(loaded.diagnostics.len(), 1_000);
    assert!(
        loaded
            .diagnostics
            .errors()
            .any(|error| error.code == "too_many")
    );
}

#[test]
fn control_characters_of_a_file_never_reach_the_output() {
    let text = "id = \"a\\u001B[2Jb\"\nowner = 1 # \u{202e}txt\n";
    let shown = said(&load(text), &[("dags/d.toml", text)]);
    assert!(shown.contains("owner = 1 # \u{fffd}txt"), "{shown}");
    assert!(shown.chars().all(|c| !c.is_control() || c == '\n'));
}
