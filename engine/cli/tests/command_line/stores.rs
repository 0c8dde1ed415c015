//! Stores that are not there, not ours, or somebody else's.

use crate::projects::{HELLO, Project, end};

#[test]
fn where_nothing_has_run_lists_are_empty_and_runs_are_not_found() {
    let project = Project::of(HELLO);
    assert_eq!(
        project.noctule(&["runs", "-o", "json"]).with_code(0).stdout,
        "[]\n"
    );
    for args in [
        &["show", "@latest"][..],
        &["events", "d@latest"],
        &["replay", "d@latest"],
        &["logs", "x"],
        &["explain", "d@20260113"],
    ] {
        project
            .noctule(args)
            .with_code(3)
            .saying("nothing has been run");
    }
    project
        .noctule(&["show", "a/b"])
        .with_code(2)
        .saying("is not the name of a run");
    project
        .noctule(&["show", "d@2026"])
        .with_code(2)
        .saying("not an ingestion id");
}

#[test]
fn a_store_that_is_damaged_is_left_as_it_is() {
    let project = Project::of(HELLO);
    project.write(
        ".noctule/default/state.db",
        "this is no database, but it is long enough to be looked at",
    );
    let before = std::fs::read(project.path().join(".noctule/default/state.db")).unwrap();
    for args in [&["runs"][..], &["show", "@latest"], &["dags"]] {
        project
            .noctule(args)
            .with_code(6)
            .saying("cannot be used as a store");
    }
    assert_eq!(
        std::fs::read(project.path().join(".noctule/default/state.db")).unwrap(),
        before
    );
    project.noctule(&["check"]).with_code(0);
    project.noctule(&["doctor"]).with_code(2);
}

#[test]
fn doctor_refuses_a_store_that_does_not_last() {
    if !std::path::Path::new("/dev/shm").is_dir() {
        return;
    }
    let project = Project::of(HELLO);
    let url = "[store]\nurl = \"sqlite:///dev/shm/noctule-not-there/state.db\"\n";
    project.write("noctule.toml", url);
    let told = project.noctule(&["doctor", "-o", "json"]).with_code(2);
    assert!(told.stdout.contains("it is in memory"), "{told:#?}");
    assert!(!std::path::Path::new("/dev/shm/noctule-not-there").exists());
}

#[test]
fn an_address_of_no_store_is_a_usage_error() {
    let project = Project::of(HELLO);
    end(project
        .command(&["runs"])
        .env("NOCTULE__STORE__URL", "mysql://x"))
    .with_code(2);
}

#[test]
fn another_profile_is_a_conflict_that_names_both() {
    let project = Project::new(
        "[store]\nurl = \"sqlite://shared.db\"\n[profiles.prod]\nvars = { a = \"b\" }\n",
    );
    project.write("dags/d.toml", HELLO);
    project.noctule(&["run", "d"]).with_code(1);
    let told = project.noctule(&["runs", "--profile", "prod"]).with_code(4);
    assert!(
        told.stderr.contains("`default`") && told.stderr.contains("`prod`"),
        "{}",
        told.stderr
    );
}
