//! The schemas for editors agree with the reader.

use jsonschema::Validator;
use noctule_core::source::{Given, dag_schema, project_schema};
use serde_json::Value;

use super::stand_ins::{codes, load, load_all, registry};

fn json(text: &str) -> Value {
    fn convert(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(date) => date.to_string().into(),
            toml::Value::Array(items) => items.into_iter().map(convert).collect(),
            toml::Value::Table(table) => Value::Object(
                table
                    .into_iter()
                    .map(|(key, value)| (key, convert(value)))
                    .collect(),
            ),
            other => serde_json::to_value(other).expect("a plain value"),
        }
    }
    convert(toml::Value::Table(text.parse().expect("the file is TOML")))
}

fn check(validator: &Validator, text: &str) -> Vec<String> {
    validator
        .iter_errors(&json(text))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn every_good_file_is_good_for_its_schema() {
    let dag = jsonschema::validator_for(&dag_schema(&registry())).unwrap();
    let project = jsonschema::validator_for(&project_schema(&registry())).unwrap();
    for text in [
        super::contract::DAG,
        super::systems::TRINITYSPA,
        super::systems::ATEC,
    ] {
        assert_eq!(check(&dag, text), [""; 0]);
    }
    assert_eq!(check(&project, super::contract::PROJECT), [""; 0]);
}

/// A good file with one line more, which neither accepts.
const BAD_LINES: [&str; 26] = [
    "idd = \"x\"",
    "id = \"a/b\"",
    "tags = \"nightly\"",
    "timeout = 5",
    "timeout = \"5 minutes\"",
    "max_active_runs = 0",
    "schedule = { cron = 5 }",
    "schedule = { cron = \"@daily\", overlap = \"wait\" }",
    "schedule = { cron = \"@daily\", catchup = true }",
    "ingestion = { transform_schedule = [14] }",
    "ingestion = { transform_schedule = [\"14\"], digits = 10 }",
    "params.p = { type = \"text\" }",
    "params.p = { type = \"string\", patern = \"x\" }",
    "params.\"a b\" = { type = \"string\" }",
    "tasks.a = { retries = -1 }",
    "tasks.a = { retries = { max = 3, on = [\"config\"] } }",
    "tasks.a = { trigger_rule = \"any\" }",
    "tasks.a = { wait = \"async\" }",
    "tasks.a = { with = 5 }",
    "tasks.a = { executor = \"cloud_run\", with = { jobb = \"x\" } }",
    "tasks.a = { executor = \"cloud_run\", with = { job = 5 } }",
    "tasks.a = { executor = \"http\", with = { method = \"FETCH\" } }",
    "tasks.a = { depends_on = \"b\" }",
    "tasks.a = { may_fail = \"yes\" }",
    "defaults = { depends_on = [] }",
    "groups.g = { tasks = { t = { executor = \"process\" } } }",
];

#[test]
fn both_refuse_what_has_wrong_keys_types_or_words() {
    let validator = jsonschema::validator_for(&dag_schema(&registry())).unwrap();
    for line in BAD_LINES {
        assert_ne!(check(&validator, line), [""; 0], "the schema takes {line}");
        assert_ne!(
            codes(&load(line).diagnostics)
                .iter()
                .filter(|code| **code != "no_tasks")
                .count(),
            0,
            "the reader takes {line}"
        );
    }
}

#[test]
fn both_take_a_template_for_any_leaf_of_with() {
    let text = "[params.n]\ntype = \"integer\"\n[tasks.a]\nexecutor = \"cloud_run\"\n\
                with = { job = \"j\", region = \"r\", project = \"p\", task_count = \"{{ params.n }}\", env = \"{{ params.n }}\", args = [\"{{ params.n }}\"] }\n";
    let validator = jsonschema::validator_for(&dag_schema(&registry())).unwrap();
    assert_eq!(check(&validator, text), [""; 0]);
    assert_eq!(codes(&load(text).diagnostics), [""; 0]);
}

#[test]
fn both_refuse_what_is_wrong_in_a_project() {
    let validator = jsonschema::validator_for(&project_schema(&registry())).unwrap();
    let lines = [
        "[engin]\nslots = 3",
        "[engine]\nslots = 0",
        "[engine]\nnew_dags = \"off\"",
        "[secrets.x]\nfrom = \"plain-value\"",
        "[secrets.x]\nenv = \"X\"",
        "[connections.g]\nkind = \"gogle\"",
        "[connections.g]\nkind = \"google\"\nregion = \"x\"",
        "[connections.g]\nkind = \"google\"\nrate = { launch = \"20\" }",
        "[pools]\ngpu = \"one\"",
        "[dag_defaults]\nid = \"x\"",
        "[templates.t]\nexecuter = \"http\"",
        "[simulator.jobs.j]\ncomand = []",
        "[engine.otel]\nheaders = { a = \"b\" }",
        "[engine.otel]\nendpoint = \"collector:4317\"",
        "[engine.otel]\nendpoint = \"http://c\"\nheader = { a = \"b\" }",
        "[engine.otel]\nendpoint = \"http://c\"\nheaders = { a = 1 }",
        "[engine.otel]\nendpoint = \"http://c\"\nheaders = { a = { secrt = \"x\" } }",
    ];
    for line in lines {
        assert_ne!(check(&validator, line), [""; 0], "the schema takes {line}");
        assert_ne!(
            codes(&load_all(line, &[]).diagnostics),
            [""; 0],
            "the reader takes {line}"
        );
    }
}

#[test]
fn both_take_a_receiver_of_spans_and_its_headers() {
    let validator = jsonschema::validator_for(&project_schema(&registry())).unwrap();
    let text = "[secrets.key]\nfrom = \"env:KEY\"\n[engine.otel]\nendpoint = \"https://c/otlp\"\n\
                headers = { x-key = { secret = \"key\" }, x-team = \"data\" }\n";
    assert_eq!(check(&validator, text), [""; 0]);
    let loaded = load_all(text, &[]);
    assert_eq!(codes(&loaded.diagnostics), [""; 0]);
    let otel = loaded.project.unwrap().engine.otel.unwrap();
    assert_eq!(otel.endpoint, "https://c/otlp");
    let given: Vec<_> = otel.headers.into_iter().collect();
    let secret = Given::Secret("key".to_owned());
    let plain = Given::Plain("data".to_owned());
    assert_eq!(
        given,
        [("x-key".to_owned(), secret), ("x-team".to_owned(), plain)]
    );
    let unknown =
        "[engine.otel]\nendpoint = \"http://c\"\nheaders = { a = { secret = \"nobody\" } }\n";
    assert_ne!(codes(&load_all(unknown, &[]).diagnostics), [""; 0]);
}
