//! A set of files: instances, ids over files, and files that must not stop each other.

use super::stand_ins::{assert_good, codes, load, load_all};

const GOOD: &str = "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"true\"]\n";

#[test]
fn one_bad_file_stops_no_other() {
    let loaded = load_all(
        "",
        &[
            ("dags/bad.toml", "[tasks.a]\nexecutr = 1\n"),
            ("dags/broken.toml", "= ="),
            ("dags/good.toml", GOOD),
        ],
    );
    let ids: Vec<_> = loaded
        .dags
        .iter()
        .map(|dag| dag.definition.id.as_str())
        .collect();
    assert_eq!(ids, ["good"]);
    assert!(
        loaded
            .diagnostics
            .errors()
            .all(|error| &*error.file != "dags/good.toml")
    );
}

#[test]
fn the_file_s_name_is_the_id_where_none_is_given() {
    assert_eq!(
        load_all("", &[("a/b/nightly-1.toml", GOOD)]).dags[0]
            .definition
            .id
            .as_str(),
        "nightly-1"
    );
    assert_eq!(
        codes(&load_all("", &[("a/b/night run.toml", GOOD)]).diagnostics),
        ["bad_name"]
    );
}

#[test]
fn an_id_that_two_files_claim_is_taken_from_neither() {
    for other in ["x", "X"] {
        let (one, two) = (
            format!("id = \"x\"\n{GOOD}"),
            format!("id = \"{other}\"\n{GOOD}"),
        );
        let loaded = load_all(
            "",
            &[("one.toml", &one), ("two.toml", &two), ("three.toml", GOOD)],
        );
        assert_eq!(codes(&loaded.diagnostics), ["duplicate"]);
        let ids: Vec<_> = loaded
            .dags
            .iter()
            .map(|dag| dag.definition.id.as_str())
            .collect();
        assert_eq!(ids, ["three"]);
    }
}

#[test]
fn instances_are_dags_of_their_own() {
    let text = format!(
        "schedule.cron = \"0 21 * * *\"\nschedule.timezone = \"Asia/Seoul\"\nparams.code = {{ type = \"string\", default = \"a\" }}\n\
         [[instances]]\nid = \"one\"\n[[instances]]\nid = \"two\"\nschedule.cron = \"0 23 * * *\"\nparams.code.default = \"b\"\n{GOOD}"
    );
    let loaded = load(&text);
    assert_good(&loaded);
    let [one, two] = loaded.dags.as_slice() else {
        panic!("two DAGs")
    };
    assert_eq!(
        two.definition.schedule.as_ref().unwrap().cron,
        ["0 23 * * *"]
    );
    assert_eq!(
        two.definition.schedule.as_ref().unwrap().timezone,
        "Asia/Seoul"
    );
    assert_eq!(two.definition.params["code"].default, Some("b".into()));
    assert_ne!(one.definition.hash(), two.definition.hash());
    assert_eq!(one.definition.tasks, two.definition.tasks);
}

#[test]
fn a_bad_instance_leaves_the_others_good() {
    let text = format!(
        "[[instances]]\nid = \"one\"\n[[instances]]\nid = \"two\"\ntimeout = \"soon\"\n{GOOD}"
    );
    let loaded = load(&text);
    let ids: Vec<_> = loaded
        .dags
        .iter()
        .map(|dag| dag.definition.id.as_str())
        .collect();
    assert_eq!(ids, ["one"]);
}

#[test]
fn a_mistake_that_instances_share_is_said_once_and_counts_for_each() {
    let text = "[[instances]]\nid = \"one\"\n[[instances]]\nid = \"two\"\n[tasks.a]\nexecutor = \"procces\"\n";
    let loaded = load(text);
    assert_eq!(codes(&loaded.diagnostics), ["unknown_executor"]);
    assert!(loaded.dags.is_empty());
}

#[test]
fn layers_lie_in_their_order_and_merge_deeply() {
    let project = "
[defaults]
timeout = \"1m\"
retries = 1
[defaults.with.process]
env = { A = \"project\", B = \"project\", C = \"project\" }
[templates.step]
executor = \"process\"
timeout = \"3m\"
with.command = [\"from\", \"template\"]
with.env.C = \"template\"
[dag_defaults]
owner = \"team\"
tags = [\"t\"]
";
    let dag = "
tags = []
[defaults]
timeout = \"2m\"
[defaults.with.process.env]
B = \"dag\"
[tasks.a]
template = \"step\"
with.env.D = \"task\"
[tasks.b]
executor = \"process\"
with.command = [\"own\"]
";
    let loaded = load_all(project, &[("d.toml", dag)]);
    assert_good(&loaded);
    let definition = &loaded.dags[0].definition;
    assert_eq!(
        (definition.owner.as_deref(), definition.tags.len()),
        (Some("team"), 0)
    );
    let (a, b) = (&definition.tasks[0], &definition.tasks[1]);
    assert_eq!(
        (a.timeout.unwrap().as_secs(), b.timeout.unwrap().as_secs()),
        (180, 120)
    );
    assert_eq!((a.retries.max, b.retries.max), (1, 1));
    assert_eq!(
        serde_json::Value::from(a.with.clone()),
        serde_json::json!({
            "command": ["from", "template"], "env": { "A": "project", "B": "dag", "C": "template", "D": "task" },
        })
    );
    assert_eq!(b.with["env"]["C"], "project");
}

#[test]
fn a_pool_stands_in_the_version_only_where_a_task_uses_one() {
    let project = "[pools]\ngpu = 4\n";
    let read = |text: &str| {
        let loaded = load_all(project, &[("d.toml", text)]);
        assert_good(&loaded);
        assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
        loaded.dags[0].definition.clone()
    };
    let (plain, named) = (read(GOOD), read(&format!("{GOOD}pool = \"default\"\n")));
    assert!(!plain.canonical().contains("pool"), "{}", plain.canonical());
    assert_eq!(plain.hash(), named.hash());
    let again: noctule_core::dag::Definition =
        serde_json::from_str(&plain.canonical()).expect("what was written is read");
    assert_eq!(again, plain);
    let one = read(&format!("{GOOD}pool = \"gpu\"\n"));
    let two = read(&format!("{GOOD}pool = {{ name = \"gpu\", slots = 2 }}\n"));
    let held = |dag: &noctule_core::dag::Definition| {
        let pool = &dag.tasks[0].pool;
        (pool.name.to_string(), pool.slots)
    };
    assert_eq!(held(&one), ("gpu".to_owned(), 1));
    assert_eq!(held(&two), ("gpu".to_owned(), 2));
    assert_ne!(one.hash(), two.hash());
}
