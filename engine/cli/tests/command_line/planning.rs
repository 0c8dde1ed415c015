//! `plan`, and what a run is given.

use serde_json::{Value, json};

use crate::projects::{HELLO, Project, end};

const CHAIN: &str = r#"
[params.day]
type = "date"
[params.count]
type = "integer"
default = 1
[tasks.first]
executor = "process"
with.command = ["echo", "{{ run.id }}", "{{ run.id[:4] }}", "{{ run.ingestion_id }}", "{{ params.count + 1 }}"]
with.env.TOKEN = { secret = "token" }
[tasks.second]
executor = "process"
depends_on = ["first"]
when = "params.count > 5"
with.command = ["echo", "n={{ tasks.first.output.n | default('}}') }}", "{{ tasks.first.output.exit_code }}"]
"#;

fn chain() -> Project {
    let project = Project::new("[secrets.token]\nfrom = \"env:TOKEN\"\n");
    project.write("dags/chain.toml", CHAIN);
    project
}

#[test]
fn a_plan_names_what_only_the_run_can_know() {
    let args = [
        "plan",
        "chain",
        "--param",
        "day=2026-01-13",
        "--at",
        "2026-01-13T14:00:00Z",
        "-o",
        "json",
    ];
    let plan = end(chain().command(&args).env("TOKEN", "hunter2")).with_code(0);
    assert!(!plan.stdout.contains("hunter2"));
    let plan = plan.json();
    let command = json!([
        "echo",
        "<run.id>",
        "<known when it runs>",
        "20260113140000",
        "2"
    ]);
    assert_eq!(plan[0]["request"]["command"], command);
    assert_eq!(
        plan[0]["request"]["env"]["TOKEN"],
        json!({ "secret": "token" })
    );
    assert!(plan[0]["request"].to_string().contains("<attempt key>"));
    let command = json!([
        "echo",
        "n=<tasks.first.output.n | default('}}')>",
        "<tasks.first.output.exit_code>"
    ]);
    assert_eq!(plan[1]["request"]["command"], command);
    assert_eq!(plan[1]["runs"], false);
}

#[test]
fn a_plan_with_its_stand_ins_put_in_is_what_a_run_sends() {
    let project = Project::of(HELLO);
    let plan = project
        .noctule(&["plan", "d", "--param", "who=you", "-o", "jsonl"])
        .with_code(0);
    let first: Value = serde_json::from_str(plan.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["request"]["command"][2], "echo hello you; echo again");
    assert_eq!(plan.stdout.lines().count(), 2);
}

#[test]
fn bad_values_are_refused_before_anything_is_called() {
    let project = chain();
    for (args, word) in [
        (&["plan", "chain"][..], "param `day` is needed"),
        (&["plan", "chain", "--param", "day=tomorrow"], "param `day`"),
        (
            &[
                "plan",
                "chain",
                "--param",
                "day=2026-01-13",
                "--param",
                "count=many",
            ],
            "param `count`",
        ),
        (
            &[
                "plan",
                "chain",
                "--param",
                "day=2026-01-13",
                "--param",
                "dya=1",
            ],
            "did you mean `day`",
        ),
        (&["plan", "chain", "--param", "day"], "expected NAME=VALUE"),
        (&["plan", "chain", "--params", "x"], "expected @FILE"),
        (&["plan", "chain", "--params", "@nope.json"], "nope.json"),
        (
            &[
                "plan",
                "chain",
                "--param",
                "day=2026-01-13",
                "--ingestion-id",
                "2026",
            ],
            "--ingestion-id",
        ),
        (
            &[
                "plan",
                "chain",
                "--param",
                "day=2026-01-13",
                "--ingestion-id",
                "20261399",
            ],
            "--ingestion-id",
        ),
        (
            &[
                "plan",
                "chain",
                "--param",
                "day=2026-01-13",
                "--at",
                "26-1-3",
            ],
            "--at",
        ),
    ] {
        let told = project.noctule(args).with_code(2).saying(word);
        assert!(told.stdout.is_empty(), "{told:#?}");
    }
}

#[test]
fn a_typed_time_is_echoed_as_utc() {
    let project = Project::of(&format!(
        "[schedule]\ncron = \"0 21 * * *\"\ntimezone = \"Asia/Seoul\"\n{HELLO}"
    ));
    project
        .noctule(&["plan", "d", "--at", "2026-01-13 23:00"])
        .with_code(0)
        .saying("--at is 2026-01-13T14:00:00.000Z");
}

#[test]
fn parameters_come_from_a_file_and_a_flag_goes_before_it() {
    let project = chain();
    project.write("p.json", r#"{"day": "2026-01-13", "count": 7}"#);
    let plan = project
        .noctule(&[
            "plan", "chain", "--params", "@p.json", "--param", "count=8", "-o", "json",
        ])
        .with_code(0);
    assert_eq!(plan.json()[0]["request"]["command"][4], "9");
}

#[test]
fn a_file_outside_the_project_is_a_dag_by_itself() {
    let project = Project::new("");
    project.write("elsewhere/solo.toml", HELLO);
    let plan = project
        .noctule(&["plan", "elsewhere/solo.toml", "-o", "json"])
        .with_code(0)
        .json();
    assert_eq!(plan[0]["task"], "say");
}

#[test]
fn the_address_of_a_simulator_is_the_same_each_time() {
    let project = Project::new(
        "[connections.gcp]\nkind = \"google\"\nproject = \"p\"\nendpoint = \"simulator\"\n",
    );
    project.write(
        "dags/d.toml",
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"etl\", region = \"r1\" }\n",
    );
    let plan = || {
        project
            .noctule(&["plan", "d", "-o", "jsonl"])
            .with_code(0)
            .stdout
    };
    assert!(plan().contains("http://127.0.0.1:"));
    assert_eq!(plan(), plan());
}
