//! Expressions: operators, and judgements on data that may not be there.

mod template_facts;

use noctule_core::template::{Fault, Scope, holds};
use serde_json::{Value, json};
use template_facts::{fault, judged, value};

#[test]
fn the_judgements_of_the_format_hold() {
    assert_eq!(judged("params.file_id is none"), Ok(true));
    assert_eq!(judged("output.body.status == 'success'"), Ok(true));
    assert_eq!(judged("output.body.error == 'file not found'"), Ok(false));
    let answer = json!({"body": {"state": "done"}});
    assert_eq!(
        holds(
            "answer.body.state in ['done', 'failed']",
            &Scope::of_answer(&answer)
        ),
        Ok(true)
    );
}

#[test]
fn a_missing_field_is_none() {
    assert_eq!(judged("output.body.error is none"), Ok(true));
    assert_eq!(judged("output.nowhere.at.all is none"), Ok(true));
    assert_eq!(judged("output.body.error == none"), Ok(true));
    assert_eq!(judged("output.body.error is not none"), Ok(false));
    assert_eq!(judged("output.body.error != 'x'"), Ok(true));
    assert_eq!(judged("not output.body.error"), Ok(true));
    assert_eq!(judged("'x' in output.body.errors"), Ok(false));
    assert_eq!(judged("(output.body.count_of | default(0)) == 0"), Ok(true));
}

#[test]
fn an_order_with_none_does_not_hold() {
    for operator in ["<", "<=", ">", ">="] {
        assert_eq!(
            judged(&format!("output.body.nothing {operator} 5")),
            Ok(false)
        );
        assert_eq!(
            judged(&format!("5 {operator} output.body.nothing")),
            Ok(false)
        );
    }
}

#[test]
fn what_is_neither_true_nor_false_is_an_error_that_says_what_it_is() {
    let message = |text: &str| judged(text).unwrap_err().to_string();
    assert_eq!(
        message("params.code"),
        "the expression gives text, not true or false"
    );
    assert_eq!(
        message("output.body.error"),
        "the expression gives none, not true or false"
    );
    assert_eq!(
        message("output.body.count"),
        "the expression gives a number, not true or false"
    );
    assert_eq!(
        message("params.names"),
        "the expression gives a list, not true or false"
    );
}

#[test]
fn a_name_that_is_no_data_is_an_error_in_a_judgement_too() {
    assert_eq!(
        judged("run.nam is none").unwrap_err().fault,
        Fault::Unknown("run.nam".into())
    );
    assert_eq!(
        judged("vars.nam is none").unwrap_err().fault,
        Fault::Unknown("vars.nam".into())
    );
}

#[test]
fn an_expression_stands_without_braces() {
    let message = judged(" {{ true }}").unwrap_err().to_string();
    assert_eq!(message, "an expression stands without `{{` and `}}`");
    assert!(judged("true }} x").is_err());
    assert!(judged("").is_err());
}

#[test]
fn numbers_are_calculated_exactly_or_not_at_all() {
    assert_eq!(value("1 + 2 * 3"), json!(7));
    assert_eq!(value("7 // 2"), json!(3));
    assert_eq!(value("-7 // 2"), json!(-4));
    assert_eq!(value("7 // -2"), json!(-4));
    assert_eq!(value("-7 % 3"), json!(2));
    assert_eq!(value("7 % -3"), json!(-2));
    assert_eq!(value("4 / 2"), json!(2.0));
    assert_eq!(value("2 ** 10"), json!(1024));
    assert_eq!(value("1 == 1.0"), json!(true));
    assert_eq!(value("-params.count"), json!(-5));
    for expression in [
        "1 / 0",
        "1 // 0",
        "1 % 0",
        "2 ** 999",
        "10.0 ** 999",
        "'a' - 1",
        "true + 1",
        "[] + 1",
    ] {
        assert!(
            matches!(fault(&format!("{{{{ {expression} }}}}")), Fault::Operand(_)),
            "{expression}"
        );
    }
}

#[test]
fn values_are_compared_by_what_they_are() {
    assert_eq!(value("'a' < 'b'"), json!(true));
    assert_eq!(value("1 < 2 < 3"), json!(true));
    assert_eq!(value("1 < 3 < 2"), json!(false));
    assert_eq!(value("[1, {'a': 2.0}] == [1.0, {'a': 2}]"), json!(true));
    assert_eq!(value("'a' in 'cat' and 'z' not in 'cat'"), json!(true));
    assert_eq!(value("'city' in params.place"), json!(true));
    assert!(matches!(fault("{{ 'a' < 1 }}"), Fault::Operand(_)));
}

#[test]
fn and_or_not_and_the_choice_give_their_operands() {
    assert_eq!(value("none or 'x'"), json!("x"));
    assert_eq!(value("'' and item.nowhere"), json!(""));
    assert_eq!(value("'a' if params.dry else item.nowhere"), json!("a"));
    assert_eq!(value("'a' if not params.dry"), Value::Null);
}

#[test]
fn texts_and_lists_have_parts() {
    assert_eq!(value("run.ingestion_id[8:]"), json!("120000"));
    assert_eq!(value("run.ingestion_id[:8]"), json!("20251107"));
    assert_eq!(value("run.ingestion_id[-6:-4]"), json!("12"));
    assert_eq!(value("params.place.city[0]"), json!("서"));
    assert_eq!(value("params.place.city[-1:]"), json!("울"));
    assert_eq!(value("[1, 2, 3, 4][::-1]"), json!([4, 3, 2, 1]));
    assert_eq!(value("[1, 2, 3, 4][3:0:-2]"), json!([4, 2]));
    assert_eq!(value("[1, 2, 3, 4][1::2]"), json!([2, 4]));
    assert_eq!(value("[1, 2, 3][-1]"), json!(3));
    assert_eq!(value("'abc'[9:]"), json!(""));
    assert!(matches!(fault("{{ 'abc'[::0] }}"), Fault::Operand(_)));
    assert!(matches!(fault("{{ [1][5] }}"), Fault::Missing(_)));
}

#[test]
fn the_filters_on_texts_and_lists_do_what_they_say() {
    assert_eq!(value("params.names | json"), json!(r#"["a","b"]"#));
    assert_eq!(value("params.names | length"), json!(2));
    assert_eq!(value("params.place.city | length"), json!(2));
    assert_eq!(value("'Ab' | lower ~ ('Ab' | upper)"), json!("abAB"));
    assert_eq!(value("'a-b-c' | replace('-', '+')"), json!("a+b+c"));
    assert_eq!(value("'a,b' | split(',')"), json!(["a", "b"]));
    assert_eq!(value("' a  b ' | split"), json!(["a", "b"]));
    assert_eq!(value("[1, 'x', true] | join('-')"), json!("1-x-true"));
    for expression in [
        "5 | upper",
        "none | length",
        "'a' | join",
        "[none] | join",
        "'a' | replace('', 'b')",
    ] {
        assert!(
            matches!(fault(&format!("{{{{ {expression} }}}}")), Fault::Operand(_)),
            "{expression}"
        );
    }
}

#[test]
fn there_are_no_other_filters_and_tests() {
    for name in [
        "safe", "escape", "map", "attr", "sort", "pprint", "format", "tojson", "items", "list",
    ] {
        assert!(
            matches!(fault(&format!("{{{{ 'a' | {name} }}}}")), Fault::Operand(_)),
            "{name}"
        );
    }
    for name in ["filter", "test", "safe", "eq(1)", "sameas(1)"] {
        assert!(
            fault(&format!("{{{{ 'a' is {name} }}}}"))
                .to_string()
                .starts_with("there is no test"),
            "{name}"
        );
    }
}

#[test]
fn the_tests_do_what_they_say() {
    for expression in [
        "none is none",
        "true is true",
        "false is false",
        "true is boolean",
        "1 is number",
        "1 is integer",
        "1.5 is float",
        "'a' is string",
        "[] is sequence",
        "{} is mapping",
        "'ab' is startingwith 'a'",
        "'ab' is endingwith('b')",
        "1 is not string",
        "item.no is undefined",
    ] {
        assert_eq!(judged(expression), Ok(true), "{expression}");
    }
}
