//! Names that climb, links that lead away, files that are none, and rights that others have.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::stage::Project;

const GOOD: &str = "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"echo\", \"hello\"]\n";
const CLIMBING: [&str; 12] = [
    "..",
    "../x",
    "../../etc/passwd",
    "a/b",
    "a\\\\b",
    "/etc/passwd",
    ".hidden",
    "%2e%2e%2fx",
    "-rf",
    "a\\u0000b",
    "a\\nb",
    "．．／x",
];

#[test]
fn a_name_that_climbs_is_refused_wherever_it_stands() {
    let project = Project::of("", GOOD);
    let mut files = Vec::new();
    for (at, name) in CLIMBING.iter().enumerate() {
        let dags = [
            format!("id = \"{name}\"\n{GOOD}"),
            GOOD.replace("tasks.a", &format!("tasks.\"{name}\"")),
            format!("[params.\"{name}\"]\ntype = \"string\"\ndefault = \"\"\n{GOOD}"),
            format!(
                "[groups.\"{name}\"]\nmap = [1]\n[groups.\"{name}\".tasks.t]\nexecutor = \"process\"\nwith.command = [\"true\"]\n"
            ),
        ];
        for (kind, dag) in dags.iter().enumerate() {
            let file = format!("dags/n{at}_{kind}.toml");
            project.write(&file, dag);
            files.push(file);
        }
    }
    let told = project.noctule(&["check"]).with(2);
    for file in files {
        let place = format!("{file}:");
        let error = told.stderr.lines().any(|line| line.contains(&place));
        assert!(
            error || told.text().contains(&place),
            "{file}: {}",
            project.read(&file)
        );
    }
    let taken = project.noctule(&["dags", "-o", "json"]).text();
    assert!(!taken.contains("\"n0_") && !taken.contains(".."), "{taken}");
}

#[test]
fn a_word_of_a_command_line_that_climbs_opens_nothing() {
    let project = Project::of("", GOOD);
    project.noctule(&["run", "d"]).with(0);
    let names = || {
        let names = project.state().into_iter().map(|(path, _)| path);
        // The log of the store and its index come and go.
        let lasting = |path: &std::path::PathBuf| !path.to_string_lossy().contains("state.db-");
        names.filter(lasting).collect::<Vec<_>>()
    };
    let before = names();
    for name in ["../../x", "/etc/passwd", "..", "%2e%2e%2fx"] {
        for words in [
            &["show", name][..],
            &["logs", name],
            &["logs", "@latest", name],
            &["plan", name],
            &["run", name],
            &["run", "d", "--profile", name],
        ] {
            let told = project.noctule(words);
            assert!(
                matches!(told.code, Some(2..=4)),
                "{words:?}: {:?} {}",
                told.code,
                told.stderr
            );
        }
    }
    assert_eq!(names(), before, "nothing was made");
    assert!(!project.root().parent().unwrap().join("x").exists());
}

#[test]
fn the_keys_of_a_list_are_names_of_nothing_but_items() {
    let dag = |list: &str| {
        format!(
            "[tasks.a]\nexecutor = \"process\"\nmap = {list}\nmap_key = \"{{{{ item }}}}\"\nwith.command = [\"printf\", \"%s\", \"{{{{ item }}}}\"]\n"
        )
    };
    let project = Project::of("", &dag(r#"["../../x", "/etc/passwd", "..", "a]b"]"#));
    project.noctule(&["run", "d"]).with(0);
    let log = project.noctule(&["logs", "@latest", "a[../../x]"]).with(0);
    assert_eq!(log.text(), "../../x");
    let root = project.root().parent().unwrap();
    assert!(!root.join("x").exists() && !project.path("x").exists());
    let project = Project::of("", &dag(r#"["a\u001b[2J"]"#));
    let told = project.noctule(&["run", "d"]).with(1);
    let said = format!("{}{}", told.text(), told.stderr);
    assert!(said.contains("no control character"), "{said}");
    assert!(
        said.chars().all(|c| !c.is_control() || c == '\n'),
        "{said:?}"
    );
}

#[test]
fn everything_that_is_kept_is_private_even_where_nothing_need_be() {
    let project = Project::of("", GOOD);
    project.noctule_after("umask 000;", &["run", "d"]).with(0);
    assert!(project.state().len() >= 3);
    assert_eq!(project.open_to_others(), []);
}

#[test]
fn a_link_that_leads_out_of_the_project_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("evil.toml"), GOOD).unwrap();
    fs::write(outside.path().join("secret"), "root:hunter2:0\n").unwrap();
    let project = Project::of("", GOOD);
    symlink(
        outside.path().join("secret"),
        project.path("dags/secret.toml"),
    )
    .unwrap();
    symlink(outside.path(), project.path("dags/folder")).unwrap();
    symlink("/etc", project.path("dags/etc.toml")).unwrap();
    let told = project.noctule(&["check"]);
    assert!(
        !told.stderr.contains("hunter2") && !told.text().contains("hunter2"),
        "{}",
        told.stderr
    );
    let dags = project.noctule(&["dags", "-o", "json"]).text();
    assert!(!dags.contains("evil"), "{dags}");
}

#[test]
fn a_log_that_became_a_link_is_not_read() {
    let project = Project::of("", GOOD);
    project.noctule(&["run", "d"]).with(0);
    project.write("private", "hunter2\n");
    let log = |path: &std::path::Path| {
        path.extension().is_some_and(|extension| extension == "log") || path.ends_with("log")
    };
    let logs: Vec<_> = project
        .state()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| log(path))
        .collect();
    assert!(!logs.is_empty());
    for path in logs {
        fs::remove_file(&path).unwrap();
        symlink(project.path("private"), &path).unwrap();
    }
    let told = project.noctule(&["logs", "@latest", "a"]);
    assert!(!told.text().contains("hunter2"), "{}", told.text());
}

#[test]
fn a_pipe_among_the_files_holds_nothing_up() {
    let project = Project::of("", GOOD);
    let made = Command::new("mkfifo")
        .arg(project.path("dags/pipe.toml"))
        .status()
        .unwrap();
    assert!(made.success());
    let told = project.noctule(&["check"]);
    assert!(told.stderr.contains("pipe.toml"), "{}", told.stderr);
}
