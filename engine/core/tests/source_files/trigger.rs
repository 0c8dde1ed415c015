//! `[trigger.KIND]`: one kind a DAG, checked against its event source, `vars` rendered, and nothing of it in old versions.

use std::time::Duration;

use noctule_core::source::{FileText, Inputs, Loaded, dag_schema, load_project};
use noctule_executor::{
    Context, Draft, EventSource, ExecutorError, Leaf, Occasion, Problem, Registry, async_trait,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cases::TASK;
use super::stand_ins::{codes, now, registry};

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InboxTable {
    query: String,
    channel: Option<String>,
    connection: Option<String>,
}

struct Inbox;

#[async_trait]
impl EventSource for Inbox {
    const KIND: &'static str = "inbox";
    type Config = InboxTable;

    fn connection_kind(&self) -> Option<&'static str> {
        Some("postgres")
    }

    fn check(&self, table: &Draft<'_>) -> Vec<Problem> {
        match table.get(&["query"]) {
            Leaf::Given(Value::String(query)) if query.is_empty() => {
                vec![Problem::at(["query"], "the query is empty")]
            }
            _ => Vec::new(),
        }
    }

    async fn look(&self, _: &Context, _: &InboxTable) -> Result<Vec<Occasion>, ExecutorError> {
        Ok(Vec::new())
    }

    async fn hint(&self, _: &Context, _: &InboxTable, _: Duration) {}
}

fn with_source() -> Registry {
    registry().with_source(Inbox)
}

const PROJECT: &str = "[vars]\nschema = \"shop\"\n[connections.db]\nkind = \"postgres\"\nurl = \"postgres://localhost/x\"\n";

fn load_under(project: &str, head: &str) -> Loaded {
    let text = format!("{head}\n{TASK}");
    load_project(&Inputs {
        project: Some(FileText {
            path: "noctule.toml",
            text: project,
        }),
        dags: &[FileText {
            path: "dags/d.toml",
            text: &text,
        }],
        env: &Default::default(),
        flags: &[],
        profile: None,
        registry: &with_source(),
        now: now(),
    })
}

fn load(head: &str) -> Loaded {
    load_under(PROJECT, head)
}

fn errors(loaded: &Loaded) -> Vec<String> {
    let errors = loaded.diagnostics.errors();
    errors.map(|error| error.message.clone()).collect()
}

#[test]
fn a_trigger_is_kept_with_vars_rendered_and_without_the_keys_of_the_engine() {
    let loaded = load(
        "[trigger.inbox]\nevery = \"5s\"\nconnection = \"db\"\nquery = \"SELECT 1 FROM {{ vars.schema }}.jobs\"",
    );
    assert!(errors(&loaded).is_empty(), "{:?}", errors(&loaded));
    let trigger = loaded.dags[0].definition.trigger.as_ref().unwrap();
    assert_eq!(trigger.kind, "inbox");
    assert_eq!(trigger.every, Duration::from_secs(5));
    assert_eq!(trigger.connection.as_deref(), Some("db"));
    let table = Value::Object(trigger.table.clone());
    let kept = json!({ "query": "SELECT 1 FROM shop.jobs", "connection": "db" });
    assert_eq!(table, kept, "`every` is not the source's");
}

#[test]
fn a_definition_without_a_trigger_says_nothing_of_one_and_reads_back_the_same() {
    let loaded = load("");
    let plain = &loaded.dags[0].definition;
    assert!(
        !plain.canonical().contains("trigger\""),
        "its hash would change"
    );
    let loaded = load("[trigger.inbox]\nquery = \"x\"");
    let with = &loaded.dags[0].definition;
    assert_ne!(with.hash(), plain.hash());
    let back: noctule_core::dag::Definition = serde_json::from_str(&with.canonical()).unwrap();
    assert_eq!(&back, with);
}

#[test]
fn what_is_wrong_with_a_trigger_is_said_at_its_key() {
    let cases = [
        (
            "[trigger.inbx]\nquery = \"x\"",
            "unknown_trigger",
            "no event source `inbx`, did you mean `inbox`?",
        ),
        (
            "[trigger.inbox]\nqueri = \"x\"\nquery = \"x\"",
            "unknown_key",
            "event source `inbox` knows no key `queri`, did you mean `query`?",
        ),
        (
            "[trigger.inbox]\nquery = 5",
            "trigger",
            "`query`: expected text, found integer",
        ),
        (
            "[trigger.inbox]\nchannel = \"c\"",
            "trigger",
            "event source `inbox` needs a key `query` in `trigger.inbox`",
        ),
        (
            "[trigger.inbox]\nquery = \"\"",
            "trigger",
            "the query is empty",
        ),
        (
            "[trigger.inbox]\nquery = \"{{ params.x }}\"",
            "template",
            "params",
        ),
        (
            "[trigger.inbox]\nquery = \"x\"\nevery = 5",
            "wrong_type",
            "without a unit",
        ),
        (
            "[trigger.inbox]\nquery = \"x\"\nconnection = \"bd\"",
            "connection",
            "no connection `bd`, did you mean `db`?",
        ),
        (
            "[trigger.inbox]\nquery = \"x\"\n[trigger.postgres]\n",
            "trigger",
            "a DAG has one trigger",
        ),
        ("[trigger]\ninbox = 5", "wrong_type", "expected table"),
    ];
    for (head, code, words) in cases {
        let loaded = load(head);
        assert_eq!(
            codes(&loaded.diagnostics),
            [code],
            "{head}: {:?}",
            errors(&loaded)
        );
        let said = &errors(&loaded)[0];
        assert!(said.contains(words), "{head}: {said}");
        assert!(
            loaded.dags.is_empty(),
            "{head}: it is published all the same"
        );
    }
}

#[test]
fn a_trigger_without_its_connection_is_an_error() {
    let loaded = load_under("", "[trigger.inbox]\nquery = \"x\"");
    assert_eq!(codes(&loaded.diagnostics), ["connection"]);
}

#[test]
fn a_source_of_the_contract_that_this_program_lacks_is_a_remark_and_makes_no_runs() {
    let loaded = load("[trigger.postgres]\nanything = 5");
    assert!(errors(&loaded).is_empty(), "{:?}", errors(&loaded));
    assert_eq!(loaded.dags[0].definition.trigger, None);
    let mut remarks = loaded.diagnostics.remarks();
    assert!(remarks.any(|remark| remark.message.contains("no event source `postgres`")));
}

#[test]
fn the_schema_for_editors_knows_the_tables_of_sources() {
    let validator = jsonschema::validator_for(&dag_schema(&with_source())).unwrap();
    let good = [
        json!({ "trigger": { "inbox": { "query": "x", "every": "5s" } } }),
        json!({ "trigger": { "inbox": { "query": "{{ vars.q }}" } } }),
        json!({ "trigger": { "postgres": { "anything": 5 } } }),
    ];
    for file in good {
        assert!(validator.is_valid(&file), "{file}");
    }
    let bad = [
        json!({ "trigger": { "inbox": { "query": 5 } } }),
        json!({ "trigger": { "inbox": { "queri": "x" } } }),
        json!({ "trigger": { "inbx": {} } }),
        json!({ "trigger": { "inbox": { "query": "x" }, "postgres": {} } }),
    ];
    for file in bad {
        assert!(!validator.is_valid(&file), "{file}");
    }
}
