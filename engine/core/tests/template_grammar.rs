//! Expressions mean what they mean in minijinja, wherever both give a value.

mod template_facts;

use minijinja::{Environment, Value as Foreign};
use proptest::prelude::*;
use serde_json::{Value, json};
use template_facts::Facts;

/// What minijinja makes of an expression.
fn foreign(expression: &str) -> Option<Value> {
    let facts = Facts::new();
    let root = json!({"params": facts.params, "item": facts.item, "dag": {"id": facts.dag.id, "tags": facts.dag.tags}});
    let environment = Environment::new();
    let expression = environment.compile_expression(expression).ok()?;
    let value = expression
        .eval(Foreign::from(minijinja::value::Serde(&root)))
        .ok()?;
    serde_json::to_value(&value).ok()
}

/// What a template makes of it.
fn own(expression: &str) -> Option<Value> {
    let facts = Facts::new();
    let text = json!(format!("{{{{ {expression} }}}}"));
    let value = noctule_core::template::render_value(&text, &facts.scope()).ok()?;
    Some(value.unwrap_or(Value::Null))
}

const PLAIN: &[&str] = &[
    "1",
    "2",
    "-3",
    "0",
    "2.5",
    "'a'",
    "'abc'",
    "''",
    "[]",
    "[1, 2, 3]",
    "['a']",
    "params.count",
    "params.code",
    "params.names",
    "params.place.zip",
    "params.place['city']",
    "item.size",
    "dag.id",
    "dag.tags",
    "params.names[0]",
    "params.code[2:4]",
    "params.names[::-1]",
];
const OPERATORS: &[&str] = &["+", "-", "*", "//", "%", "**", "and", "or", "if true else"];
const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">=", "in", "not in"];
const ENDINGS: &[&str] = &[
    " | length",
    " | upper",
    " | lower",
    " | replace('a', 'b')",
    " | split(',')",
    " is none",
    " is string",
    " is not mapping",
    "[1:]",
    "[-1]",
    " is true",
];

/// Expressions whose meaning is the same on purpose. It differs where booleans are compared with numbers (they are no
/// numbers here), where none is put in an order (which never holds), and where values are written as text (`true`,
/// compact JSON).
fn expression() -> impl Strategy<Value = String> {
    let any = |words: &'static [&'static str]| prop::sample::select(words);
    let compared = (any(PLAIN), any(COMPARISONS), any(PLAIN))
        .prop_map(|(left, operator, right)| format!("({left} {operator} {right})"));
    let leaf = prop_oneof![
        4 => any(PLAIN).prop_map(str::to_owned),
        1 => any(&["true", "false", "none"]).prop_map(str::to_owned),
        2 => compared,
    ];
    leaf.prop_recursive(4, 24, 2, move |inner| {
        prop_oneof![
            (inner.clone(), any(OPERATORS), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (inner.clone(), any(ENDINGS)).prop_map(|(input, ending)| format!("({input}){ending}")),
            inner.prop_map(|input| format!("(not {input})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn a_value_that_both_give_is_the_same(expression in expression()) {
        if let (Some(own), Some(foreign)) = (own(&expression), foreign(&expression)) {
            prop_assert_eq!(own, foreign, "{}", expression);
        }
    }
}

#[test]
fn the_operators_bind_as_in_minijinja() {
    for expression in [
        "1 + 2 * 3 ** 2",
        "-2 ** 2",
        "not 1 == 2 and 3 in [3]",
        "1 if false else 2 if true else 3",
        "'a' + ('b' ~ 1 * 2)",
        "-params.count | default(1)",
        "'a' 'b' ~ 'c'",
        "7 // 2 % 2",
        "1 < 2 == true",
        "[1, 2][0] + (1, 2)[1]",
        "{'a': {'b': [5]}}.a.b[0]",
    ] {
        assert_eq!(own(expression), foreign(expression), "{expression}");
        assert!(own(expression).is_some(), "{expression}");
    }
}
