//! What programs read: one document, or one a line, with nothing beside it.

use serde_json::Value;

use crate::projects::{HELLO, Project};

#[test]
fn every_command_that_prints_data_prints_it_as_json_too() {
    let project = Project::of(&format!("[schedule]\ncron = \"@daily\"\n{HELLO}"));
    for args in [
        &["check"][..],
        &["plan", "d"],
        &["next", "d"],
        &["dags"],
        &["runs"],
        &["config"],
        &["doctor"],
    ] {
        let json = project.noctule(&[args, &["-o", "json"]].concat()).json();
        assert!(json.is_array(), "{args:?}: {json}");
        let lines = project.noctule(&[args, &["-o", "jsonl"]].concat()).stdout;
        let parsed: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(parsed.len(), json.as_array().unwrap().len(), "{args:?}");
    }
}

#[test]
fn a_list_of_dags_has_its_fields() {
    let project = Project::of(&format!(
        "owner = \"data\"\n[schedule]\ncron = \"@daily\"\n{HELLO}"
    ));
    let dags = project.noctule(&["dags", "-o", "json"]).with_code(0).json();
    assert_eq!(dags[0]["dag"], "d");
    assert_eq!(dags[0]["state"], "active");
    assert_eq!(dags[0]["owner"], "data");
    assert_eq!(dags[0]["tasks"], 2);
    assert!(
        dags[0]["next"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00.000Z")
    );
}
