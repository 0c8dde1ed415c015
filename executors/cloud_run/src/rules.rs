//! What Cloud Run accepts in a launch: names, limits, environment. Pure; used on files and on rendered values alike.
//!
//! Guarantees: a name that passes is one segment of a path, so no value can move a request to another resource.
//! Limits: the Cloud Run v2 schema and its documented quotas.

use std::time::Duration;

use crate::duration;

/// The variable that carries the attempt key, in every execution that Noctule starts.
pub(crate) const KEY_VARIABLE: &str = "NOCTULE_ATTEMPT_KEY";
/// The variable that lists the indexes which an execution runs, where a further try is to run only some.
pub(crate) const INDEXES_VARIABLE: &str = "NOCTULE_TASK_INDEXES";
/// The variable that says which trace an execution is a part of (W3C Trace Context), where runs are traced.
pub(crate) const TRACE_VARIABLE: &str = "TRACEPARENT";
/// The most indexes whose results are told, and of which only some can be run again.
pub(crate) const MOST_INDEXES: u64 = 1_000;
/// Variables of one override, ours included.
pub(crate) const MOST_VARIABLES: usize = 1_000;
/// Bytes of one variable's value.
pub(crate) const MOST_VALUE_BYTES: usize = 32 * 1024;
/// Tasks of one execution.
pub(crate) const MOST_TASKS: u64 = 10_000;
/// The longest timeout of one task attempt.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(168 * 3_600);

/// A project id or number, also of the old `domain.com:name` form.
pub(crate) fn project(text: &str) -> Result<(), String> {
    let (domain, id) = match text.split_once(':') {
        Some((domain, id)) => (Some(domain), id),
        None => (None, text),
    };
    let domain_is_fine = domain.is_none_or(|domain| {
        starts_alphanumeric(domain) && domain.bytes().all(|b| lower(b) || b == b'.')
    });
    let fine = domain_is_fine && starts_alphanumeric(id) && id.bytes().all(lower);
    if fine && text.len() <= 128 {
        return Ok(());
    }
    Err(format!("`{text}` is not a project id"))
}

/// A region, such as `asia-northeast1`.
pub(crate) fn region(text: &str) -> Result<(), String> {
    named(text, "a region")
}

/// A job's short name.
pub(crate) fn job(text: &str) -> Result<(), String> {
    named(text, "the name of a Cloud Run job")
}

/// A container's name in the job.
pub(crate) fn container(text: &str) -> Result<(), String> {
    named(text, "the name of a container")
}

fn named(text: &str, what: &str) -> Result<(), String> {
    let letter_first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if letter_first && text.len() <= 63 && text.bytes().all(lower) && !text.ends_with('-') {
        return Ok(());
    }
    Err(format!(
        "`{text}` is not {what}: expected lower-case letters, digits and hyphens, a letter first"
    ))
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn starts_alphanumeric(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The name of an environment variable.
pub(crate) fn variable_name(name: &str) -> Result<(), String> {
    if name == KEY_VARIABLE {
        return Err(format!(
            "`{KEY_VARIABLE}` is set by Noctule: it finds the work again"
        ));
    }
    if name == INDEXES_VARIABLE {
        return Err(format!(
            "`{INDEXES_VARIABLE}` is set by Noctule, with `retry_failed_indexes`"
        ));
    }
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(format!(
            "`{}` is not the name of an environment variable",
            name.escape_debug()
        ));
    }
    Ok(())
}

/// The value of an environment variable.
pub(crate) fn variable_value(value: &str) -> Result<(), String> {
    if value.len() > MOST_VALUE_BYTES {
        return Err(format!(
            "the value has {} bytes, Cloud Run takes {MOST_VALUE_BYTES}",
            value.len()
        ));
    }
    Ok(())
}

/// How many variables of the user's own one override may set, beside ours.
pub(crate) fn variable_count(own: usize, ours: usize) -> Result<(), String> {
    if own + ours > MOST_VARIABLES {
        return Err(format!(
            "{own} variables and Noctule's own are more than the {MOST_VARIABLES} that Cloud Run takes"
        ));
    }
    Ok(())
}

/// The number of tasks of which only the failed ones are run again.
pub(crate) fn index_count(count: u64) -> Result<(), String> {
    if count > MOST_INDEXES {
        return Err(format!(
            "`retry_failed_indexes` knows the results of the first {MOST_INDEXES} tasks only, {count} are too many"
        ));
    }
    Ok(())
}

/// The number of tasks, from a number or a numeric text.
pub(crate) fn task_count(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(count) if (1..=MOST_TASKS).contains(&count) => Ok(count),
        _ => Err(format!(
            "`{text}` is not a task count: expected 1 to {MOST_TASKS}"
        )),
    }
}

/// A task timeout, in whole seconds.
pub(crate) fn task_timeout(text: &str) -> Result<u64, String> {
    let timeout = duration::parse(text)?;
    if timeout.subsec_nanos() != 0 || timeout.is_zero() {
        return Err(format!("`{text}` is not a whole number of seconds above 0"));
    }
    if timeout > LONGEST_TIMEOUT {
        return Err(format!(
            "`{text}` is longer than the 168 hours that Cloud Run takes"
        ));
    }
    Ok(timeout.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        for good in ["p", "hyperlounge-dev", "123456", "example.com:old-one"] {
            assert!(project(good).is_ok(), "{good}");
        }
        for bad in [
            "", "a/b", "..", "a/../b", "A", "a b", "a%2fb", "-", "a:b:c", "x?y", "a#b", ".com:a",
        ] {
            assert!(project(bad).is_err(), "{bad}");
        }
        for good in ["etl", "us-central1", "a1"] {
            assert!(job(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-",
            "a-",
            "1a",
            "jobs/etl",
            "etl:run",
            "Etl",
            "a_b",
            "a.b",
            &"a".repeat(64),
        ] {
            assert!(job(bad).is_err(), "{bad}");
            assert!(region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_inclusive() {
        assert_eq!(task_count("1"), Ok(1));
        assert_eq!(task_count("10000"), Ok(10_000));
        for bad in ["0", "10001", "-1", "1.0", "", "many"] {
            assert!(task_count(bad).is_err(), "{bad}");
        }
        assert_eq!(task_timeout("168h"), Ok(604_800));
        for bad in ["169h", "0s", "60", "1500ms"] {
            assert!(task_timeout(bad).is_err(), "{bad}");
        }
        assert!(variable_value(&"x".repeat(MOST_VALUE_BYTES)).is_ok());
        assert!(variable_value(&"x".repeat(MOST_VALUE_BYTES + 1)).is_err());
        assert!(variable_count(999, 1).is_ok());
        assert!(variable_count(1_000, 1).is_err());
        assert!(variable_count(999, 2).is_err());
        assert!(index_count(1_000).is_ok() && index_count(1_001).is_err());
    }

    #[test]
    fn the_key_variable_is_ours() {
        assert!(variable_name("TENANT_CODE").is_ok());
        for bad in [KEY_VARIABLE, INDEXES_VARIABLE, "", "A=B", "A\0"] {
            assert!(variable_name(bad).is_err(), "{bad}");
        }
    }
}
