//! Names and values that try to write on the screen.

use std::os::unix::ffi::OsStrExt;

use crate::projects::{HELLO, Project, end};

/// Clears a screen, sets a title, goes back to the start of the line, turns the line around.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{202e}";

fn quiet(text: &str) {
    let bad = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    assert_eq!(text.chars().find(bad), None, "{text:?}");
}

#[test]
fn arguments_are_never_written_as_they_are() {
    let project = Project::of(HELLO);
    let names = [
        EVIL.to_owned(),
        format!("{EVIL}@latest"),
        format!("d@{EVIL}"),
    ];
    for name in &names {
        for command in ["show", "logs", "events", "replay", "explain"] {
            quiet(&project.noctule(&[command, name]).stderr);
        }
    }
    for args in [
        &["plan", EVIL][..],
        &["plan", "d", "--param", EVIL],
        &["plan", "d", "--at", EVIL],
        &["runs", "--dag", EVIL],
    ] {
        quiet(&project.noctule(args).stderr);
    }
}

#[test]
fn a_files_name_and_text_are_never_written_as_they_are() {
    let project = Project::of(HELLO);
    let name = std::ffi::OsStr::from_bytes(b"dags/a\x1b[2Jb.toml");
    std::fs::write(project.path().join(name), "retires = 1\n").unwrap();
    project.write(
        "dags/evil.toml",
        &format!("id = \"evil\"\n# {EVIL}\nunknown{} = 1\n", "x"),
    );
    let told = project.noctule(&["check"]).with_code(2);
    quiet(&told.stderr);
    quiet(&project.noctule(&["dags"]).stdout);
}

#[test]
fn values_of_a_run_are_pictures_in_tables_and_exact_in_json() {
    let project =
        Project::of(&HELLO.replace("default = \"world\"", "default = \"\\u001b[31mred\""));
    project.noctule(&["run", "d"]).with_code(1);
    let shown = project.noctule(&["show", "@latest"]).with_code(0);
    quiet(&shown.stdout);
    let json = project
        .noctule(&["show", "@latest", "-o", "json"])
        .with_code(0)
        .json();
    assert_eq!(json["params"]["who"], "\u{1b}[31mred");
    let log = project
        .noctule(&["logs", "@latest", "say"])
        .with_code(0)
        .stdout;
    assert!(log.starts_with("hello \u{1b}[31mred"), "{log:?}");
}

#[test]
fn no_colour_is_written_where_nobody_looks() {
    let project = Project::of(HELLO);
    for args in [
        &["dags"][..],
        &["check"],
        &["tonight"],
        &["top"],
        &["graph", "d"],
        &["plan", "nope"],
    ] {
        let told = end(project
            .command(args)
            .env("NO_COLOR", "1")
            .env("TERM", "xterm-256color"));
        quiet(&told.stdout);
        quiet(&told.stderr);
        let told = end(project.command(args).env("TERM", "xterm-256color"));
        quiet(&told.stdout);
    }
}
