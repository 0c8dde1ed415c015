//! Help, versions, completions, schemas.

use std::io::Read;
use std::process::Stdio;

use crate::projects::{HELLO, Project, end};

#[test]
fn every_command_has_help_and_every_wrong_one_ends_with_two() {
    let project = Project::new("");
    let commands = [
        "check",
        "plan",
        "run",
        "follow",
        "trigger",
        "serve",
        "tonight",
        "top",
        "token",
        "session",
        "audit",
        "runs",
        "show",
        "logs",
        "events",
        "replay",
        "explain",
        "retry",
        "cancel",
        "mark",
        "backfill",
        "next",
        "notify",
        "pause",
        "resume",
        "dags",
        "reload",
        "graph",
        "doctor",
        "sweep",
        "sim",
        "config",
        "completion",
        "schema",
    ];
    for command in commands {
        let told = project.noctule(&[command, "--help"]).with_code(0);
        assert!(told.stdout.contains("Usage: noctule"), "{told:#?}");
        assert!(told.stderr.is_empty(), "{told:#?}");
        project.noctule(&[command, "--no-such-flag"]).with_code(2);
    }
    project.noctule(&["no-such-command"]).with_code(2);
    project.noctule(&[]).with_code(2);
}

#[test]
fn the_version_needs_nothing() {
    let project = Project::new("this is no TOML");
    let told = project.noctule(&["--version"]).with_code(0);
    assert_eq!(
        told.stdout,
        format!("noctule {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions_and_schemas_are_whole() {
    let project = Project::new("");
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            project
                .noctule(&["completion", shell])
                .with_code(0)
                .stdout
                .contains("noctule")
        );
    }
    for file in ["dag", "project"] {
        let schema = project.noctule(&["schema", file]).with_code(0).json();
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }
}

#[test]
fn what_is_not_built_yet_says_so() {
    let project = Project::of(HELLO);
    project
        .noctule(&["next", "d", "--server", "http://127.0.0.1:1"])
        .with_code(2)
        .saying("not built yet");
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let project = Project::of(HELLO);
    let mut child = project
        .command(&["schema", "dag"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn a_picture_is_drawn_as_svg_of_a_dag_and_of_a_run() {
    let project = Project::of(HELLO);
    let bare = project
        .noctule(&["graph", "d", "--format", "svg"])
        .with_code(0)
        .stdout;
    assert!(
        bare.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""),
        "{bare}"
    );
    assert!(
        bare.trim_end().ends_with("</svg>") && bare.contains("<title>say (process)</title>"),
        "{bare}"
    );
    project.noctule(&["run", "d"]).with_code(1);
    let run = project
        .noctule(&["graph", "--run", "@latest", "--format", "svg"])
        .with_code(0)
        .stdout;
    for shown in [
        "<title>say: succeeded",
        "✓ succeeded",
        "<title>after: failed",
        "✕ failed",
    ] {
        assert!(run.contains(shown), "{shown}: {run}");
    }
}

#[test]
fn pictures_are_drawn_in_the_languages_of_others() {
    let project = Project::of(HELLO);
    let dot = project
        .noctule(&["graph", "d", "--format", "dot"])
        .with_code(0)
        .stdout;
    assert!(
        dot.starts_with("digraph \"d\" {") && dot.contains("\"say\" -> \"after\";"),
        "{dot}"
    );
    let mermaid = project
        .noctule(&["graph", "d", "--format", "mermaid"])
        .with_code(0)
        .stdout;
    assert!(mermaid.contains("t_say --> t_after"), "{mermaid}");
    let text = end(project.command(&["graph", "d"]).env("NO_COLOR", "1"))
        .with_code(0)
        .stdout;
    assert!(text.contains("after (process, block)  <- say"), "{text}");
}
