//! `check`, and the files that it is for.

use crate::projects::{HELLO, Project, end};

fn problem(dag: &str, code: &str, place: &str) {
    let project = Project::of(dag);
    let found = project
        .noctule(&["check", "-o", "json"])
        .with_code(2)
        .json();
    let first = found
        .as_array()
        .unwrap()
        .iter()
        .find(|problem| problem["severity"] == "error")
        .unwrap()
        .clone();
    assert_eq!(first["code"], code, "{found:#}");
    assert_eq!(first["file"], "dags/d.toml");
    let told = project.noctule(&["check"]).with_code(2);
    assert!(
        told.stderr
            .contains(&format!("dags/d.toml:{place}: error[{code}]")),
        "{}",
        told.stderr
    );
    assert!(told.stdout.is_empty(), "{}", told.stdout);
}

#[test]
fn a_good_project_is_ok_and_gets_no_state() {
    let project = Project::of(HELLO);
    let before = project.files();
    let told = project.noctule(&["check"]).with_code(0);
    assert_eq!(
        told.stdout,
        "ok: 1 DAG in 2 files, 0 remarks, profile default\n"
    );
    for args in [
        &["plan", "d"][..],
        &["next", "d"],
        &["graph", "d"],
        &["config"],
        &["schema", "dag"],
        &["dags"],
        &["runs"],
    ] {
        project.noctule(args).with_code(0);
    }
    // It may find that the folder of the tests is in memory.
    project.noctule(&["doctor"]);
    assert_eq!(project.files(), before);
}

#[test]
fn each_mistake_has_its_code_and_its_place() {
    problem(
        "[tasks.a]\nexecutor = \"process\"\nretires = 3\nwith.command = [\"true\"]\n",
        "unknown_key",
        "3:1",
    );
    problem(
        "[tasks.a]\nexecutor = \"process\"\ndepends_on = [\"b\"]\nwith.command = [\"true\"]\n\
         [tasks.b]\nexecutor = \"process\"\ndepends_on = [\"a\"]\nwith.command = [\"true\"]\n",
        "cycle",
        "3:15",
    );
    problem(
        "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"{{ params.nope }}\"]\n",
        "template",
        "3:21",
    );
    problem(
        "timeout = 5\n[tasks.a]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
        "wrong_type",
        "1:11",
    );
}

#[test]
fn bad_times_are_told_with_what_is_allowed() {
    let with = |schedule: &str| format!("[schedule]\n{schedule}\n{HELLO}");
    for (schedule, word) in [
        ("cron = \"61 * * * *\"", "61"),
        (
            "cron = \"0 0 * * *\"\ntimezone = \"Asia/Soul\"",
            "Asia/Soul",
        ),
    ] {
        Project::of(&with(schedule))
            .noctule(&["check"])
            .with_code(2)
            .saying(word)
            .saying("d.toml:");
    }
}

#[test]
fn one_bad_file_stops_no_other() {
    let project = Project::of(HELLO);
    project.write("dags/bad.toml", "this is no TOML");
    project
        .noctule(&["check"])
        .with_code(2)
        .saying("dags/bad.toml:1:");
    project.noctule(&["plan", "d"]).with_code(0);
    project
        .noctule(&["plan", "bad"])
        .with_code(2)
        .saying("dags/bad.toml:1:");
    project.noctule(&["check", "dags/d.toml"]).with_code(0);
}

#[test]
fn a_missing_file_is_told_by_its_name() {
    let project = Project::of(HELLO);
    let told = project.noctule(&["check", "dags/nope.toml"]).with_code(2);
    assert!(
        told.stderr
            .contains("dags/nope.toml:1:1: error[unreadable]"),
        "{}",
        told.stderr
    );
    project.noctule(&["plan", "dags/nope.toml"]).with_code(3);
    project
        .noctule(&["plan", "nope"])
        .with_code(3)
        .saying("the project has d");
}

#[test]
fn a_bad_project_file_stops_everything_and_says_where() {
    let project = Project::new("[engine]\nslots = \"many\"\n");
    project.write("dags/d.toml", HELLO);
    for args in [
        &["check"][..],
        &["plan", "d"],
        &["runs"],
        &["config"],
        &["dags"],
    ] {
        project
            .noctule(args)
            .with_code(2)
            .saying("noctule.toml:2:9");
    }
}

#[test]
fn settings_come_from_the_environment_and_say_so() {
    let project = Project::of(HELLO);
    let config = end(project
        .command(&["config", "-o", "json"])
        .env("NOCTULE__ENGINE__SLOTS", "3"))
    .with_code(0)
    .json();
    let slots = config
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["path"] == "engine.slots")
        .unwrap();
    assert_eq!(slots["value"].to_string().trim_matches('"'), "3");
    assert_eq!(slots["origin"], "environment NOCTULE__ENGINE__SLOTS");
    end(project.command(&["check"]).env("NOCTULE_PROFILE", "prod"))
        .with_code(2)
        .saying("there is no profile `prod`");
    project
        .noctule(&["check", "--profile", "prod"])
        .with_code(2)
        .saying("there is no profile `prod`");
}

#[test]
fn the_project_is_found_from_below_and_its_files_are_named_from_there() {
    let project = Project::of("id = 5\n");
    let below = project.path().join("dags");
    end(project.command(&["check"]).current_dir(&below))
        .with_code(2)
        .saying("../dags/d.toml:1:6");
    let elsewhere = tempfile::TempDir::new().unwrap();
    let root = project.path().to_str().unwrap();
    end(project
        .command(&["check", "--project", root])
        .current_dir(elsewhere.path()))
    .with_code(2)
    .saying("d.toml:1:6");
    project
        .noctule(&["check", "--project", "nope"])
        .with_code(2)
        .saying("nope");
}

#[test]
fn a_link_out_of_the_project_is_not_followed() {
    let project = Project::of(HELLO);
    let outside = tempfile::TempDir::new().unwrap();
    let secret = outside.path().join("secret.toml");
    std::fs::write(&secret, "password = \"hunter2\"\n").unwrap();
    std::os::unix::fs::symlink(&secret, project.path().join("dags/link.toml")).unwrap();
    let told = project
        .noctule(&["check"])
        .with_code(2)
        .saying("a link leads out of the project");
    assert!(!told.stderr.contains("hunter2"), "{}", told.stderr);
}
