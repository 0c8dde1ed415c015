//! The part of Cloud Logging's query language that readers of job logs use.
//!
//! Comparisons `field OP value` with `= != : > >= < <=`, joined by AND or a space, each perhaps after
//! NOT or `-`. Anything else is refused rather than guessed at.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::refusal::Refusal;

/// A parsed filter: every term must hold.
#[derive(Debug, Default)]
pub(crate) struct Filter(Vec<Term>);

#[derive(Debug)]
struct Term {
    negated: bool,
    path: Vec<String>,
    relation: Relation,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Has,
    Above,
    AtLeast,
    Below,
    AtMost,
}

const RELATIONS: [(&str, Relation); 7] = [
    ("!=", Relation::NotEqual),
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("=", Relation::Equal),
    (":", Relation::Has),
    (">", Relation::Above),
    ("<", Relation::Below),
];

const SEVERITIES: [&str; 9] = [
    "DEFAULT",
    "DEBUG",
    "INFO",
    "NOTICE",
    "WARNING",
    "ERROR",
    "CRITICAL",
    "ALERT",
    "EMERGENCY",
];

impl Filter {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut scanner = Scanner { rest: text };
        let mut terms = Vec::new();
        scanner.skip_space();
        while !scanner.rest.is_empty() {
            if scanner.word("AND") {
                scanner.skip_space();
            }
            terms.push(
                scanner
                    .term()
                    .ok_or_else(|| unparseable(text, scanner.rest))?,
            );
            scanner.skip_space();
        }
        Ok(Filter(terms))
    }

    pub(crate) fn matches(&self, entry: &Value) -> bool {
        self.0.iter().all(|term| term.holds(entry) != term.negated)
    }
}

fn unparseable(text: &str, rest: &str) -> Refusal {
    let at = text.len() - rest.len();
    Refusal::invalid(format!(
        "Unparseable filter: syntax error at line 1, column {at}, token '{rest}'"
    ))
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn word(&mut self, word: &str) -> bool {
        let Some(rest) = self
            .rest
            .strip_prefix(word)
            .filter(|rest| rest.starts_with(char::is_whitespace))
        else {
            return false;
        };
        self.rest = rest;
        true
    }

    fn term(&mut self) -> Option<Term> {
        let negated = self.word("NOT") || self.sign('-');
        self.skip_space();
        let path = self.path()?;
        self.skip_space();
        let (sign, relation) = RELATIONS
            .into_iter()
            .find(|(sign, _)| self.rest.starts_with(sign))?;
        self.rest = &self.rest[sign.len()..];
        self.skip_space();
        let value = self.part(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"'))?;
        Term::new(negated, path, relation, value)
    }

    fn sign(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn path(&mut self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        loop {
            path.push(self.part(|c| c.is_alphanumeric() || matches!(c, '_' | '@'))?);
            if !self.sign('.') {
                return Some(path);
            }
        }
    }

    /// A quoted text, or the letters that `plain` lets through.
    fn part(&mut self, plain: fn(char) -> bool) -> Option<String> {
        if self.sign('"') {
            return self.quoted();
        }
        let end = self.rest.find(|c| !plain(c)).unwrap_or(self.rest.len());
        let (part, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!part.is_empty()).then(|| part.to_owned())
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' => text.push(letters.next()?.1),
                other => text.push(other),
            }
        }
        None
    }
}

impl Term {
    fn new(negated: bool, path: Vec<String>, relation: Relation, value: String) -> Option<Self> {
        let term = Term {
            negated,
            path,
            relation,
            value,
        };
        let readable = !term.is_about_time() || term.time().is_some();
        readable.then_some(term)
    }

    fn is_about_time(&self) -> bool {
        matches!(self.path.as_slice(), [one] if one == "timestamp" || one == "receiveTimestamp")
    }

    fn time(&self) -> Option<DateTime<Utc>> {
        read_time(&self.value)
    }

    fn holds(&self, entry: &Value) -> bool {
        let found = self
            .path
            .iter()
            .try_fold(entry, |value, key| value.get(key));
        let severity =
            self.path.first().is_some_and(|first| first == "severity") && self.path.len() == 1;
        let actual = match found {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None if severity => "DEFAULT".to_owned(),
            None => return self.relation == Relation::NotEqual,
        };
        if self.is_about_time() {
            return self.ordered(read_time(&actual).cmp(&self.time()));
        }
        if severity {
            let rank = |name: &str| {
                SEVERITIES
                    .iter()
                    .position(|known| known.eq_ignore_ascii_case(name))
            };
            return self.ordered(rank(&actual).cmp(&rank(&self.value)));
        }
        match self.relation {
            Relation::Has => self.has(&actual),
            _ => self.ordered(actual.cmp(&self.value)),
        }
    }

    /// Log names are compared as they are written for people: without escapes.
    fn has(&self, actual: &str) -> bool {
        let plain = |text: &str| text.replace("%2F", "/").to_lowercase();
        self.value == "*" || plain(actual).contains(&plain(&self.value))
    }

    fn ordered(&self, order: std::cmp::Ordering) -> bool {
        match self.relation {
            Relation::Equal | Relation::Has => order.is_eq(),
            Relation::NotEqual => order.is_ne(),
            Relation::Above => order.is_gt(),
            Relation::AtLeast => order.is_ge(),
            Relation::Below => order.is_lt(),
            Relation::AtMost => order.is_le(),
        }
    }
}

fn read_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> Value {
        json!({"resource": {"type": "cloud_run_job", "labels": {"job_name": "etl", "location": "us-central1"}},
            "labels": {"run.googleapis.com/execution_name": "etl-x7k2p"}, "timestamp": "2026-01-01T00:00:01.5Z",
            "logName": "projects/p/logs/run.googleapis.com%2Fstdout", "textPayload": "hello \"you\""})
    }

    fn matches(filter: &str) -> bool {
        Filter::parse(filter).unwrap().matches(&entry())
    }

    #[test]
    fn the_documented_filter_finds_the_lines_of_an_execution() {
        let filter = "resource.type=\"cloud_run_job\" resource.labels.job_name=\"etl\" \
            resource.labels.location=\"us-central1\" labels.\"run.googleapis.com/execution_name\"=\"etl-x7k2p\" \
            timestamp>=\"2026-01-01T00:00:00Z\" NOT logName:\"cloudaudit.googleapis.com\"";
        assert!(matches(filter));
        assert!(!matches(&filter.replace("etl-x7k2p", "etl-other")));
        assert!(!matches(&filter.replace(
            "cloudaudit.googleapis.com",
            "run.googleapis.com/stdout"
        )));
        assert!(!matches(&filter.replace("00:00:00Z", "00:00:02Z")));
    }

    #[test]
    fn times_are_compared_as_times() {
        assert!(matches("timestamp>=\"2026-01-01T09:00:01+09:00\""));
        assert!(matches(
            "timestamp > \"2026-01-01T00:00:01Z\" AND timestamp < \"2026-01-01T00:00:02Z\""
        ));
        assert!(matches("timestamp=\"2026-01-01T00:00:01.500000Z\""));
    }

    #[test]
    fn severities_are_ordered_by_weight() {
        assert!(matches("severity>=DEFAULT severity<INFO severity!=ERROR"));
        assert!(!matches("severity>=WARNING"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in [
            "a OR b",
            "(a=1)",
            "a=",
            "a",
            "timestamp>=\"yesterday\"",
            "a=\"open",
            "a=~\"x.*\" OR b=1",
            "=1",
        ] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Filter::parse("").unwrap().matches(&entry()));
    }

    #[test]
    fn quoted_values_may_hold_quotes() {
        assert!(matches(r#"textPayload="hello \"you\"""#));
        assert!(matches("-textPayload:other"));
    }
}
