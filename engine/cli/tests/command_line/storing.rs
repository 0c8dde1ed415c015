//! Looking after the store: check, backup, restore, copy.

use serde_json::Value;

use crate::projects::{HELLO, Project};

fn runs(project: &Project) -> Vec<String> {
    let listed = project.noctule(&["runs", "-o", "json"]).with_code(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let ids = listed.as_array().unwrap().iter();
    ids.map(|run| run["id"].as_str().unwrap().to_owned())
        .collect()
}

fn after_a_run() -> Project {
    let project = Project::of(HELLO);
    project.noctule(&["run", "d"]).with_code(1);
    project
}

#[test]
fn without_a_store_there_is_nothing_to_look_after() {
    let project = Project::of(HELLO);
    for args in [
        &["store", "check"][..],
        &["store", "backup", "b.db"],
        &["store", "migrate"],
    ] {
        project
            .noctule(args)
            .with_code(3)
            .saying("nothing has been run");
    }
    assert!(!project.path().join(".noctule").exists());
}

#[test]
fn a_store_that_is_well_says_so() {
    let project = after_a_run();
    let checked = project.noctule(&["store", "check", "-o", "json"]);
    let checked: Value = serde_json::from_str(&checked.with_code(0).stdout).unwrap();
    assert_eq!(
        (&checked["runs"], &checked["identical"]),
        (&1.into(), &1.into())
    );
    assert_eq!(checked["problems"], serde_json::json!([]));
    project.noctule(&["store", "migrate"]).with_code(0);
}

#[test]
fn a_backup_brings_back_what_was_there_and_asks_before_it_fires() {
    let project = after_a_run();
    let before = runs(&project);
    project
        .noctule(&["store", "backup", "kept.db"])
        .with_code(0);
    project
        .noctule(&["store", "backup", "kept.db"])
        .with_code(4)
        .saying("there is something at");
    project
        .noctule(&["store", "restore", "kept.db"])
        .with_code(4)
        .saying("is not empty");
    std::fs::remove_dir_all(project.path().join(".noctule")).unwrap();
    assert_eq!(runs(&project), [""; 0]);
    project
        .noctule(&["store", "restore", "kept.db", "--pause"])
        .with_code(0)
        .saying("what happened after the backup is not in it");
    assert_eq!(runs(&project), before);
    project.noctule(&["dags"]).with_code(0);
    project.noctule(&["store", "check"]).with_code(0);
    project
        .noctule(&["store", "restore", "nowhere.db"])
        .with_code(3)
        .saying("there is no backup");
}

#[test]
fn a_store_that_was_moved_is_used_where_it_is_and_not_where_it_was() {
    let project = after_a_run();
    let before = runs(&project);
    let from = "sqlite://.noctule/default/state.db";
    let copy = [
        "store",
        "copy",
        "--from",
        from,
        "--to",
        "sqlite://elsewhere/state.db",
    ];
    project
        .noctule(&copy)
        .with_code(0)
        .saying("marked as moved");
    project
        .noctule(&["run", "d"])
        .with_code(4)
        .saying("was moved to");
    project.write(
        "noctule.toml",
        "[store]\nurl = \"sqlite://elsewhere/state.db\"\n",
    );
    assert_eq!(runs(&project), before);
    project.noctule(&["run", "d"]).with_code(1);
    assert_eq!(runs(&project).len(), 2);
}
