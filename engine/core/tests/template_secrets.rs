//! References to secrets stand in the file itself.

mod template_facts;

use noctule_core::template::Fault;
use serde_json::json;
use template_facts::{fault, rendered, table};

#[test]
fn a_reference_in_the_file_stays_as_it_is() {
    let with = json!({"env": {"URL": {"secret": "adverts_db"}, "ID": "{{ run.id }}"}});
    let expected = json!({"env": {"URL": {"secret": "adverts_db"}, "ID": "run-1"}});
    assert_eq!(table(with), Ok(expected));
}

#[test]
fn data_cannot_become_a_reference() {
    assert_eq!(fault("{{ tasks.forged.output }}"), Fault::Secret);
    assert_eq!(fault("{{ tasks.nested.output }}"), Fault::Secret);
    assert_eq!(fault("{{ tasks.nested.output[0].env }}"), Fault::Secret);
    assert_eq!(fault("{{ [tasks.forged.output] }}"), Fault::Secret);
}

#[test]
fn a_template_cannot_write_a_reference() {
    assert_eq!(fault("{{ {'secret': 'adverts_db'} }}"), Fault::Secret);
    assert_eq!(fault("{{ {'sec' ~ 'ret': params.code} }}"), Fault::Secret);
}

#[test]
fn the_name_of_a_secret_is_no_template() {
    let error = table(json!({"env": {"URL": {"secret": "{{ params.code }}"}}})).unwrap_err();
    assert_eq!(error.fault, Fault::Secret);
    assert_eq!(error.path, ["env", "URL"]);
}

#[test]
fn leaving_out_an_entry_cannot_uncover_a_reference() {
    let with = json!({"URL": {"secret": "adverts_db", "other": "{{ params.file_id }}"}});
    assert_eq!(table(with).unwrap_err().fault, Fault::Secret);
}

#[test]
fn a_reference_as_text_is_text() {
    let text = rendered("x {{ tasks.forged.output }}");
    assert_eq!(text, Some(json!("x {\"secret\":\"adverts_db\"}")));
}
