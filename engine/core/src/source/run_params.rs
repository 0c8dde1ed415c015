//! The parameters of one run: what was given, laid over the defaults, checked.
//!
//! Guarantees: every problem is told at once, each with the name of its parameter.

use serde_json::{Map, Value};
use thiserror::Error;

use super::dag::{Patterns, fits};
use super::diagnostic::printable;
use super::suggest;
use crate::dag::{Definition, Param, ParamKind};

/// Why a run cannot begin with these parameters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParamProblem {
    /// The DAG has no such parameter.
    #[error("there is no param `{name}`{}", meant(.suggestion.as_deref()))]
    Unknown {
        /// The name.
        name: String,
        /// The one that was probably meant.
        suggestion: Option<String>,
    },
    /// It has no default and was not given.
    #[error("param `{name}` is needed: it has no default")]
    Missing {
        /// The name.
        name: String,
    },
    /// The value does not fit the declaration.
    #[error("param `{name}`: {why}")]
    Value {
        /// The name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

fn meant(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// The parameters of a run. A text is read as the declared type (`5`, `true`, JSON for lists and objects), so that
/// `--param k=v` and JSON say the same. What is optional and absent is left out; an empty text for it counts as absent.
///
/// # Errors
/// Every parameter that is unknown, missing, or of a value that does not fit.
pub fn resolve_params(
    dag: &Definition,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<ParamProblem>> {
    let patterns = Patterns::default();
    let (mut resolved, mut problems) = (Map::new(), Vec::new());
    for name in given.keys().filter(|name| !dag.params.contains_key(*name)) {
        let suggestion =
            suggest::nearest(name, dag.params.keys().map(String::as_str)).map(str::to_owned);
        problems.push(ParamProblem::Unknown {
            name: printable(name),
            suggestion,
        });
    }
    for (name, param) in &dag.params {
        match given.get(name).filter(|value| !is_absent(param, value)) {
            Some(value) => match read(param, value)
                .and_then(|value| fits(param, &value, &patterns).map(|()| value))
            {
                Ok(value) => {
                    resolved.insert(name.clone(), value);
                }
                Err(why) => problems.push(ParamProblem::Value {
                    name: name.clone(),
                    why: printable(&why),
                }),
            },
            None => match &param.default {
                Some(default) => {
                    resolved.insert(name.clone(), default.clone());
                }
                None if param.optional => {}
                None => problems.push(ParamProblem::Missing { name: name.clone() }),
            },
        }
    }
    if problems.is_empty() {
        Ok(resolved)
    } else {
        Err(problems)
    }
}

fn is_absent(param: &Param, value: &Value) -> bool {
    value.is_null()
        || (param.optional && param.kind != ParamKind::String && value.as_str() == Some(""))
}

fn read(param: &Param, value: &Value) -> Result<Value, String> {
    let Value::String(text) = value else {
        return Ok(value.clone());
    };
    let parsed: Option<Value> = match param.kind {
        ParamKind::String | ParamKind::Date => return Ok(value.clone()),
        ParamKind::Integer => text.parse::<i64>().ok().map(Value::from),
        ParamKind::Number => text
            .parse::<i64>()
            .ok()
            .map(Value::from)
            .or_else(|| text.parse::<f64>().ok().map(Value::from)),
        ParamKind::Boolean => text.parse::<bool>().ok().map(Value::from),
        ParamKind::List | ParamKind::Object => {
            return serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"));
        }
    };
    Ok(parsed
        .filter(|value| !value.is_null())
        .unwrap_or_else(|| value.clone()))
}
