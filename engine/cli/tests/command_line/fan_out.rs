//! Mapped tasks and groups by the command line: run, shown, read, retried, item by item.

use serde_json::{Value, json};

use crate::projects::Project;

const FAN: &str = r#"
id = "fan"
[params.bad]
type = "string"
default = "b"
[tasks.list]
executor = "process"
with.command = ["sh", "-c", "echo '[\"a\", \"b\", \"c\"]' > $NOCTULE_OUTPUT"]
[tasks.each]
executor = "process"
depends_on = ["list"]
map = "{{ tasks.list.output }}"
map_key = "{{ item }}"
max_parallel = 2
skip_when = "item == 'c'"
with.command = ["sh", "-c", "echo item $0; test $0 != $1", "{{ item }}", "{{ params.bad }}"]
[groups.walk]
map = "{{ tasks.list.output }}"
map_key = "{{ item }}"
depends_on = ["list"]
[groups.walk.tasks.one]
executor = "process"
with.command = ["sh", "-c", "echo \"{\\\"from\\\": \\\"$0\\\"}\" > $NOCTULE_OUTPUT", "{{ item }}"]
[groups.walk.tasks.two]
executor = "process"
depends_on = ["one"]
with.command = ["echo", "after {{ tasks.one.output.from }}"]
[tasks.last]
executor = "process"
depends_on = ["walk"]
with.command = ["echo", "{{ tasks.one.output | json }}"]
"#;

#[test]
fn items_run_under_their_names_and_are_counted_apart() {
    let project = Project::of(FAN);
    let run = project
        .noctule(&["run", "fan", "-o", "json"])
        .with_code(1)
        .json();
    let each = json!({ "task": "each", "state": "failed", "items": 3, "waiting": 0, "running": 0,
        "succeeded": 1, "failed": 1, "skipped": 1,
        "why": "1 of 3 items succeeded, 1 failed, 1 skipped; 2 had to succeed" });
    assert_eq!(run["mapped"][0], each);
    assert_eq!(run["mapped"][1]["succeeded"], 3);
    let states = run["tasks"].as_array().unwrap().iter().map(|task| {
        let key = task["map_key"].as_str().unwrap_or("-");
        format!(
            "{} {key} {}",
            task["task"].as_str().unwrap(),
            task["state"].as_str().unwrap()
        )
    });
    let mut states: Vec<String> = states.collect();
    states.sort_unstable();
    assert_eq!(
        states,
        [
            "each a succeeded",
            "each b failed",
            "each c skipped",
            "last - succeeded",
            "list - succeeded",
            "walk.one a succeeded",
            "walk.one b succeeded",
            "walk.one c succeeded",
            "walk.two a succeeded",
            "walk.two b succeeded",
            "walk.two c succeeded",
        ]
    );
    let log = |task: &str| {
        project
            .noctule(&["logs", "@latest", task])
            .with_code(0)
            .stdout
    };
    assert_eq!(log("each[b]"), "item b\n");
    assert_eq!(log("walk.two[c]"), "after c\n");
    let outputs: Value = serde_json::from_str(&log("last")).unwrap();
    let from = outputs
        .as_array()
        .unwrap()
        .iter()
        .map(|output| output["from"].clone());
    assert_eq!(from.collect::<Vec<_>>(), ["a", "b", "c"], "in item order");

    let summary = project
        .noctule(&["retry", "@latest", "--dry-run"])
        .with_code(0)
        .stdout;
    assert!(
        summary.contains("each[b]") && !summary.contains("each[a]"),
        "{summary}"
    );
}

#[test]
fn an_item_can_be_explained_marked_and_retried_alone() {
    let project = Project::of(FAN);
    project.noctule(&["run", "fan"]).with_code(1);
    let told = project
        .noctule(&["explain", "@latest", "each[b]"])
        .with_code(0)
        .stdout;
    assert!(told.contains("`each[b]`"), "{told}");
    project
        .noctule(&["explain", "@latest", "each[z]"])
        .with_code(3);
    project
        .noctule(&["logs", "@latest", "walk.two"])
        .with_code(2)
        .saying("walk.two[a]");
    project
        .noctule(&["mark", "@latest", "each[b]", "succeeded"])
        .with_code(0);
    project.noctule(&["follow", "@latest"]).with_code(0);
    let shown = project
        .noctule(&["show", "@latest", "-o", "json"])
        .with_code(0)
        .json();
    assert_eq!(shown["state"], "succeeded", "the whole is judged again");
    project
        .noctule(&["retry", "@latest", "--task", "each[b]"])
        .with_code(0);
    project.noctule(&["follow", "@latest"]).with_code(1);
    let shown = project
        .noctule(&["show", "@latest", "-o", "json"])
        .with_code(0)
        .json();
    let tries = shown["tasks"].as_array().unwrap().iter();
    let tries: usize = tries
        .filter(|task| task["task"] == "each")
        .map(|task| task["attempts"].as_array().unwrap().len())
        .sum();
    assert_eq!(tries, 4, "one item, one attempt more");
}

#[test]
fn a_plan_shows_the_request_of_an_item_with_what_only_the_list_knows() {
    let project = Project::of(FAN);
    let plan = project
        .noctule(&["plan", "fan", "-o", "json"])
        .with_code(0)
        .stdout;
    assert!(plan.contains("<item>"), "{plan}");
    assert!(plan.contains("walk.two"), "{plan}");
}

#[test]
fn the_least_rights_are_printed_without_a_look_at_the_network() {
    let project = Project::of(
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"j\", region = \"r\" }\n",
    );
    project.write(
        "noctule.toml",
        "[connections.gcp]\nkind = \"google\"\nproject = \"p\"\n",
    );
    let rights = project
        .noctule(&["doctor", "--policy", "-o", "json"])
        .with_code(0)
        .json();
    let permissions = rights[0]["rights"]["includedPermissions"]
        .as_array()
        .unwrap();
    for needed in [
        "run.jobs.runWithOverrides",
        "run.executions.list",
        "run.executions.cancel",
    ] {
        assert!(permissions.contains(&json!(needed)), "{permissions:?}");
    }
}
