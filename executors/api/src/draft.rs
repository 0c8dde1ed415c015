//! A `with` table before its templates are rendered, as `check` sees it.
//!
//! A leaf that holds a template may become any value, so it is never judged; everything else is final.

use serde_json::Value;

/// A `with` table whose templated leaves are known by their paths.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    value: &'a Value,
}

/// One place of a draft.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leaf<'a> {
    /// The key is not there.
    Absent,
    /// The value stands in the file.
    Given(&'a Value),
    /// A template: known at run time.
    Templated,
}

impl<'a> Draft<'a> {
    /// Looks at a `with` table.
    #[must_use]
    pub fn new(value: &'a Value) -> Self {
        Self { value }
    }

    /// The value at a path of keys.
    #[must_use]
    pub fn get(&self, path: &[&str]) -> Leaf<'a> {
        let mut at = self.value;
        for key in path {
            if Self::is_template(at) {
                return Leaf::Templated;
            }
            match at.get(key) {
                Some(next) => at = next,
                None => return Leaf::Absent,
            }
        }
        if Self::is_template(at) {
            Leaf::Templated
        } else {
            Leaf::Given(at)
        }
    }

    /// The text at a path, where a text stands in the file.
    #[must_use]
    pub fn text(&self, path: &[&str]) -> Option<&'a str> {
        match self.get(path) {
            Leaf::Given(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether a value is a text with a template in it.
    #[must_use]
    pub fn is_template(value: &Value) -> bool {
        matches!(value, Value::String(text) if text.contains("{{"))
    }

    /// The whole table.
    #[must_use]
    pub fn value(&self) -> &'a Value {
        self.value
    }
}
