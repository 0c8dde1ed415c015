//! Who may do what, as it is written down: roles, and the DAGs that somebody is limited to.
//!
//! Guarantees: a role includes the ones before it; a scope without patterns is everything, and is never made by leaving
//! something out of a list that had patterns.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What somebody may do; each includes the ones before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Act on runs and DAGs.
    Operator,
    /// Decide who may what.
    Admin,
}

/// A text that says nobody's right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccessError {
    /// It is no role.
    #[error("`{0}` is no role: viewer, operator or admin")]
    Role(String),
    /// It is no pattern of DAGs.
    #[error("`{0}` is no pattern of DAGs: letters, digits, `_`, `-`, `.` and `*`")]
    Pattern(String),
}

impl Role {
    /// Every role, from the least.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let found = Self::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| AccessError::Role(shown(text)))
    }
}

/// The DAGs that somebody may see and touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Scope(Vec<String>);

impl Scope {
    /// Every DAG.
    #[must_use]
    pub fn everything() -> Self {
        Self(Vec::new())
    }

    /// The DAGs that one of these globs fits; without any, every DAG.
    ///
    /// # Errors
    /// One of them is no pattern of DAGs.
    pub fn of(patterns: Vec<String>) -> Result<Self, AccessError> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.*".contains(c);
        match patterns
            .iter()
            .find(|pattern| pattern.is_empty() || pattern.len() > 200 || !pattern.chars().all(good))
        {
            Some(bad) => Err(AccessError::Pattern(shown(bad))),
            None => Ok(Self(patterns)),
        }
    }

    /// Whether it leaves any DAG out.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a DAG is in it.
    #[must_use]
    pub fn holds(&self, dag: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| fits(glob, dag))
    }

    /// Its patterns.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Scope {
    type Error = AccessError;

    fn try_from(patterns: Vec<String>) -> Result<Self, AccessError> {
        Self::of(patterns)
    }
}

impl From<Scope> for Vec<String> {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Whether a glob of `*` and plain text fits a whole name.
#[must_use]
pub fn fits(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_the_ones_before_it_and_is_read_as_it_is_written() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for text in ["", "Admin", "admin ", "root"] {
            assert!(text.parse::<Role>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_holds_what_its_globs_fit_whole_and_no_other_dag() {
        let of = |patterns: &[&str]| Scope::of(patterns.iter().map(|&p| p.to_owned()).collect());
        let scope = of(&["c8*", "exact"]).expect("patterns");
        for (dag, held) in [
            ("c8", true),
            ("c8_nightly", true),
            ("exact", true),
            ("exactly", false),
            ("xc8", false),
            ("C8", false),
            ("", false),
        ] {
            assert_eq!(scope.holds(dag), held, "{dag}");
        }
        assert!(scope.is_limited());
        assert!(Scope::everything().holds("anything") && !Scope::everything().is_limited());
        for bad in ["", "a b", "a\0", "a/b", "[ab]", "é"] {
            assert!(of(&["c8*", bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_glob_is_not_read_twice_over_the_same_letters() {
        for (glob, name, fit) in [
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-c", true),
            ("*", "", true),
            ("a*c", "ac", true),
        ] {
            assert_eq!(fits(glob, name), fit, "{glob} on {name}");
        }
    }
}
