//! The parameters of a run, as they are typed.

use noctule_core::source::resolve_params;
use serde_json::{Map, Value, json};

use super::stand_ins::{assert_good, load};

const DAG: &str = "
[params]
code = { type = \"string\", default = \"c0000001\", pattern = \"c[0-9a-f]{7}\" }
count = { type = \"integer\", default = 3, minimum = 1, maximum = 10 }
share = { type = \"number\", optional = true }
dry = { type = \"boolean\", optional = true }
day = { type = \"date\", default = 2026-01-01 }
ids = { type = \"list\", optional = true }
more = { type = \"object\", optional = true }
mode = { type = \"string\", enum = [\"fast\", \"slow\"], default = \"fast\" }
source = { type = \"string\" }
[tasks.a]
executor = \"process\"
with.command = [\"x\"]
";

fn resolve(given: &Value) -> Result<Map<String, Value>, Vec<String>> {
    let loaded = load(DAG);
    assert_good(&loaded);
    resolve_params(
        &loaded.dags[0].definition,
        given.as_object().expect("given as an object"),
    )
    .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn typed_texts_become_the_declared_types() {
    let given = json!({ "source": "s", "count": "5", "share": "0.5", "dry": "true", "ids": "[1, 2]", "more": "{\"a\": 1}", "day": "2026-02-28" });
    let expected = json!({
        "source": "s", "count": 5, "share": 0.5, "dry": true, "ids": [1, 2], "more": { "a": 1 }, "day": "2026-02-28",
        "code": "c0000001", "mode": "fast",
    });
    assert_eq!(resolve(&given).unwrap(), *expected.as_object().unwrap());
}

#[test]
fn every_problem_is_told_at_once_with_its_name() {
    let given = json!({
        "surce": "s", "count": "11", "share": "much", "dry": "yes", "day": "2026-02-30", "ids": "[1", "mode": "medium", "code": "c000000x",
    });
    assert_eq!(
        resolve(&given).unwrap_err(),
        [
            "there is no param `surce`, did you mean `source`?",
            "param `code`: \"c000000x\" does not match `c[0-9a-f]{7}`",
            "param `count`: 11 is above the maximum 10",
            "param `day`: \"2026-02-30\" is not a date, YYYY-MM-DD",
            "param `dry`: \"yes\" is not true or false",
            "param `ids`: this is no JSON: EOF while parsing a list at line 1 column 2",
            "param `mode`: \"medium\" is not one of \"fast\", \"slow\"",
            "param `share`: \"much\" is not a number",
            "param `source` is needed: it has no default",
        ]
    );
}

#[test]
fn a_pattern_is_for_the_whole_text() {
    assert!(resolve(&json!({ "source": "s", "code": "xc0000001x" })).is_err());
    assert!(resolve(&json!({ "source": "s", "code": "c0000001\n" })).is_err());
}

#[test]
fn what_is_optional_and_empty_is_absent() {
    let resolved = resolve(&json!({ "source": "", "share": "", "ids": null })).unwrap();
    assert_eq!(resolved["source"], "");
    assert!(!resolved.contains_key("share") && !resolved.contains_key("ids"));
}
