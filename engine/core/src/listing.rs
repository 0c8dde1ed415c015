//! The list of a mapped task or a group: its items and their names, from the rendered `map` and `map_key`.
//!
//! Guarantees: names are unique, at most 200 bytes and hold no control character, so that each is one task run and one
//! line on a terminal. A list that is none of these is refused as a whole.

use std::collections::HashSet;

use serde_json::Value;

use crate::dag::MapRule;
use crate::template::{Scope, render_text, render_value};

/// The most items of a list.
const ITEMS_LIMIT: usize = 100_000;
/// The most bytes of a name.
const KEY_LIMIT: usize = 200;

/// Names and values, in the order of the list.
///
/// # Errors
/// One line for people.
pub(crate) fn items_of(rule: &MapRule, scope: &Scope<'_>) -> Result<Vec<(String, Value)>, String> {
    let rendered = render_value(&rule.items, scope).map_err(|error| format!("`map`: {error}"))?;
    let list = match rendered {
        Some(Value::Array(list)) => list,
        Some(other) => return Err(format!("`map`: expected a list, found {}", kind(&other))),
        None => return Err("`map`: expected a list, found none".to_owned()),
    };
    if list.len() > ITEMS_LIMIT {
        let length = list.len();
        return Err(format!(
            "`map`: a list has at most {ITEMS_LIMIT} items, this one has {length}"
        ));
    }
    let mut names = HashSet::with_capacity(list.len());
    let mut items = Vec::with_capacity(list.len());
    for (index, value) in list.into_iter().enumerate() {
        let key = name(rule, scope, index, &value)?;
        if !names.insert(key.clone()) {
            return Err(format!("`map_key`: two items are named `{key}`"));
        }
        items.push((key, value));
    }
    Ok(items)
}

fn name(rule: &MapRule, scope: &Scope<'_>, index: usize, item: &Value) -> Result<String, String> {
    let Some(template) = &rule.key else {
        return Ok(index.to_string());
    };
    let scope = Scope {
        item: Some(item),
        ..*scope
    };
    let rendered = render_text(template, &scope)
        .map_err(|error| format!("`map_key` of item {index}: {error}"))?;
    let key = rendered.ok_or_else(|| format!("`map_key` of item {index} is none"))?;
    if key.is_empty() || key.len() > KEY_LIMIT || key.chars().any(char::is_control) {
        let shown: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(format!(
            "`map_key` of item {index} is `{shown}`: a name has 1 to {KEY_LIMIT} bytes and no control character"
        ));
    }
    Ok(key)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "none",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dag::MinSuccess;

    fn items(list: Value, key: Option<&str>) -> Result<Vec<String>, String> {
        let rule = MapRule {
            items: list,
            key: key.map(str::to_owned),
            max_parallel: None,
            min_success: MinSuccess::default(),
        };
        let items = items_of(&rule, &Scope::default())?;
        Ok(items.into_iter().map(|(key, _)| key).collect())
    }

    #[test]
    fn items_are_named_by_their_key_or_their_index() {
        assert_eq!(items(json!(["a", "b"]), None).unwrap(), ["0", "1"]);
        let pairs = json!([{"f": 1, "p": 2}, {"f": 1, "p": 3}]);
        assert_eq!(
            items(pairs, Some("{{ item.f }}/{{ item.p }}")).unwrap(),
            ["1/2", "1/3"]
        );
        assert!(items(json!([]), None).unwrap().is_empty());
    }

    #[test]
    fn a_list_that_cannot_be_walked_is_refused_as_a_whole() {
        for (list, key, why) in [
            (json!({"a": 1}), None, "expected a list"),
            (
                json!(["a", "a"]),
                Some("{{ item }}"),
                "two items are named `a`",
            ),
            (json!(["a"]), Some("{{ item.x }}"), "`map_key` of item 0"),
            (json!(["a".repeat(201)]), Some("{{ item }}"), "200 bytes"),
            (json!(["a\nb"]), Some("{{ item }}"), "no control character"),
            (json!([""]), Some("{{ item }}"), "1 to 200 bytes"),
        ] {
            let error = items(list, key).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
