//! Templates and data that mean harm: bounded, refused, and never a panic.

mod template_facts;

use std::collections::BTreeMap;

use noctule_core::template::{
    Fault, Known, Scope, Site, check_expression, check_template, holds, references, render_value,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use template_facts::{Facts, fault};

fn big(bytes: usize) -> Facts {
    let mut facts = Facts::new();
    facts.params.insert("big".into(), json!("x".repeat(bytes)));
    facts
        .params
        .insert("many".into(), json!(vec![1; bytes / 8]));
    facts
}

fn render(text: &str, facts: &Facts) -> Result<Option<Value>, Fault> {
    render_value(&json!(text), &facts.scope()).map_err(|error| error.fault)
}

#[test]
fn memory_is_paid_for_before_it_is_taken() {
    for expression in [
        "'x' * 100000000",
        "'x' * 9223372036854775807",
        "('x' * 10000000) * 10000000",
        "'x' * 1500000",
        "'x' * 1000000 ~ 'y' * 1000000",
        "('x' * 1000000) | replace('x', 'y' * 1000000)",
        "('x' * 1000000) | split('x')",
        "('xy' * 500000) | split('y') | join('z' * 1000000)",
        "('x' * 1000000) | replace('x', '\\u0001')",
    ] {
        assert!(
            matches!(fault(&format!("{{{{ {expression} }}}}")), Fault::Limit(_)),
            "{expression}"
        );
    }
}

#[test]
fn lists_cannot_be_grown_by_doubling() {
    let doubled = (0..7).fold("params.many".to_owned(), |list, _| {
        format!("({list} + {list})")
    });
    assert!(matches!(
        render(&format!("{{{{ {doubled} | length }}}}"), &big(400_000)),
        Err(Fault::Limit(_))
    ));
    let sum = ["params.many"; 60].join(" + ");
    assert!(matches!(
        render(&format!("{{{{ ({sum}) | length }}}}"), &big(400_000)),
        Err(Fault::Limit(_))
    ));
}

#[test]
fn a_large_value_is_refused_and_a_fair_one_is_not() {
    assert!(matches!(
        render("{{ params.big }}", &big(2 << 20)),
        Err(Fault::Limit(_))
    ));
    assert!(matches!(
        render("a{{ params.big }}", &big(1 << 20)),
        Err(Fault::Limit(_))
    ));
    assert!(render("{{ params.big }}", &big(1 << 19)).is_ok());
    assert!(render("a{{ params.big }}", &big(1 << 19)).is_ok());
}

#[test]
fn a_table_is_bounded_as_a_whole() {
    let table = json!(vec!["{{ params.big }}"; 9]);
    let facts = big(1 << 19);
    let error = render_value(&table, &facts.scope()).unwrap_err();
    assert!(matches!(error.fault, Fault::Limit(_)));
}

#[test]
fn comparing_large_data_again_and_again_ends() {
    let facts = big(1 << 19);
    let expression = ["params.big == params.big"; 40].join(" and ");
    assert!(holds(&expression, &facts.scope()).is_err());
    let text = "{{ params.big == params.big }}".repeat(4000);
    assert!(matches!(render(&text, &facts), Err(Fault::Limit(_))));
}

#[test]
fn deep_expressions_are_refused_before_they_are_parsed() {
    let deep = 200_000;
    for expression in [
        format!("{}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("{}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("{}1{}", "{'a':".repeat(deep), "}".repeat(deep)),
        format!("{}1", "-".repeat(deep)),
        format!("{}1", "not ".repeat(deep)),
        format!("1{}", "+1".repeat(deep)),
        format!("1{}", "**1".repeat(deep)),
        format!("1{}", "~1".repeat(deep)),
        format!("1{}", " if 1 else 1".repeat(deep / 3)),
        format!("1{}", " and 1".repeat(deep / 2)),
        format!("item{}", ".a".repeat(deep)),
        format!("item{}", "[0]".repeat(deep)),
        format!("'a'{}", "|upper".repeat(deep / 2)),
        format!("1{}", " is none".repeat(deep / 2)),
        format!("1{}", " < 1".repeat(deep)),
        format!("[{}]", "1,".repeat(deep)),
        "\"".repeat(3),
    ] {
        let text = format!("{{{{ {expression} }}}}");
        assert!(matches!(fault(&text), Fault::Limit(_) | Fault::Syntax(_)));
        assert!(!check_template(&text, &Known::at(Site::Task)).is_empty());
        assert!(references(&text).is_err());
        assert!(holds(&expression, &Scope::default()).is_err());
    }
}

#[test]
fn expressions_at_the_limit_fit_the_stack_of_a_thread() {
    for depth in [40, 70, 150, 190] {
        for expression in [
            format!("{}1{}", "(".repeat(depth), ")".repeat(depth)),
            format!("{}1{}", "[".repeat(depth), "]".repeat(depth)),
            format!("{}1", "-".repeat(depth)),
            format!("{}1", "not ".repeat(depth)),
            format!("1{}", "+1".repeat(depth)),
            format!("item{}", ".a".repeat(depth)),
            format!("'a'{}", "|upper".repeat(depth)),
            format!("1{}", " if 1 else 1".repeat(depth / 2)),
        ] {
            let facts = Facts::new();
            let outcome = holds(&expression, &facts.scope());
            assert!(outcome.is_err() || outcome == Ok(true) || outcome == Ok(false));
            let problems = check_expression(&expression, &Known::at(Site::Task));
            assert!(problems.len() < 300);
        }
    }
}

#[test]
fn a_large_text_without_much_in_it_is_rendered_fast() {
    let text = format!("{{{{ run.id }}}}{}", "{ % # }".repeat(100_000));
    assert!(render(&text, &Facts::new()).is_ok());
    let too_large = format!("{{{{ run.id }}}}{}", "x".repeat(1 << 20));
    assert!(matches!(fault(&too_large), Fault::Limit(_)));
    assert!(matches!(fault(&"{{1}}".repeat(5000)), Fault::Limit(_)));
}

#[test]
fn an_unclosed_template_is_an_error() {
    for text in [
        "{{",
        "{{ ",
        "{{ 'a",
        "{{ run.id }",
        "{{ {'a': 1 }}",
        "{{ ( }}",
        "{{ ) }}",
        "{{ }}",
        "{{ \\ }}",
        "{{ 0x }}",
    ] {
        assert!(matches!(fault(text), Fault::Syntax(_)), "{text}");
    }
}

#[test]
fn data_never_widens_what_a_template_sees() {
    let mut facts = Facts::new();
    for hostile in [
        "{{ vars.project }}",
        "}}{{ vars.project }}",
        "{% include 'x' %}",
        "$(reboot)",
        "{{ '{{' }}",
    ] {
        facts.params.insert("x".into(), json!(hostile));
        assert_eq!(render("{{ params.x }}", &facts), Ok(Some(json!(hostile))));
        assert_eq!(
            render("<{{ params.x }}>", &facts),
            Ok(Some(json!(format!("<{hostile}>"))))
        );
    }
}

#[test]
fn messages_show_little_of_the_data() {
    let mut facts = Facts::new();
    facts.params.insert(
        "x".into(),
        json!("\u{1b}[31m".to_owned() + &"s".repeat(5000)),
    );
    for text in [
        "{{ params.x | date('%Y') }}",
        "{{ 1 + params.x }}",
        "{{ '2026-01-01' | date('%Q' ~ params.x) }}",
    ] {
        let message = render_value(&json!(text), &facts.scope())
            .unwrap_err()
            .to_string();
        assert!(
            message.len() < 200 && !message.contains('\u{1b}'),
            "{message}"
        );
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "'",
        "\"",
        "\\",
        ".",
        ",",
        ":",
        "|",
        "~",
        "-",
        "+",
        "*",
        "**",
        "/",
        "//",
        "%",
        "==",
        "!=",
        "<",
        ">=",
        "=",
        " ",
        "\n",
        "run",
        "id",
        "params",
        "code",
        "names",
        "place",
        "tasks",
        "targets",
        "output",
        "item",
        "not",
        "and",
        "or",
        "if",
        "else",
        "is",
        "in",
        "none",
        "true",
        "date",
        "add",
        "split",
        "join",
        "length",
        "default",
        "replace",
        "slice",
        "0",
        "1",
        "9223372036854775807",
        "1e999",
        "0x",
        "340282366920938463463374607431768211455",
        "서울",
        "\u{0}",
        "'%Y'",
        "'a'",
        "days",
    ]);
    let any = "\\PC{0,3}";
    prop::collection::vec(
        prop_oneof![9 => words.prop_map(str::to_owned), 1 => any],
        0..24,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn no_text_makes_a_panic(text in fragment(), plain in any::<String>()) {
        let facts = Facts::new();
        let known = Known::at(Site::Judgement);
        for text in [text.clone(), format!("{{{{ {text} }}}}"), plain] {
            let outcome = render_value(&json!(text), &facts.scope());
            if let Err(error) = outcome {
                prop_assert!(error.range.end <= text.len());
                prop_assert!(text.get(error.range.clone()).is_some());
            }
            for problem in check_template(&text, &known).iter().chain(&check_expression(&text, &known)) {
                prop_assert!(text.get(problem.range.clone()).is_some(), "{problem:?}");
            }
            holds(&text, &facts.scope()).ok();
        }
    }

    #[test]
    fn a_plain_text_is_its_own_value(text in any::<String>()) {
        prop_assume!(!text.contains("{{"));
        let outputs: BTreeMap<String, Value> = BTreeMap::new();
        let scope = Scope { outputs: Some(&outputs), ..Scope::default() };
        prop_assert_eq!(render_value(&json!(&text), &scope), Ok(Some(json!(&text))));
    }

    #[test]
    fn a_parameter_is_passed_on_as_it_is(text in any::<String>()) {
        let params = Map::from_iter([("x".to_owned(), json!(&text))]);
        let scope = Scope { params: Some(&params), ..Scope::default() };
        prop_assert_eq!(render_value(&json!("{{ params.x }}"), &scope), Ok(Some(json!(&text))));
        let around = json!(format!("<{text}>"));
        prop_assert_eq!(render_value(&json!("<{{ params.x }}>"), &scope), Ok(Some(around)));
    }
}
