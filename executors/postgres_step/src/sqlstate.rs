//! The classes of the server's errors.

use noctule_executor::ErrorClass;

/// The statement was cancelled, by its timeout or by a person.
pub(crate) const QUERY_CANCELED: &str = "57014";

/// Whose fault an error is.
pub(crate) fn class(code: &str) -> ErrorClass {
    match code {
        "42501" => ErrorClass::Permission,
        // Undefined table, schema, database.
        "42P01" | "3F000" | "3D000" => ErrorClass::NotFound,
        QUERY_CANCELED => ErrorClass::Cancelled,
        // Serialisation, deadlock, lock not available, prepared statements mixed up by a proxy.
        "40001" | "40P01" | "55P03" | "26000" | "42P05" => ErrorClass::Infrastructure,
        _ => of_group(code.get(..2).unwrap_or_default()),
    }
}

fn of_group(group: &str) -> ErrorClass {
    match group {
        // Invalid authorisation.
        "28" => ErrorClass::Permission,
        // Syntax and names; not supported; transaction states, read-only ones among them; cursors and the like.
        "42" | "0A" | "25" | "2D" | "3B" | "34" | "08" | "54" | "55" => ErrorClass::Config,
        // Resources, the operator, the system, the server itself, replication.
        "53" | "57" | "58" | "XX" | "72" | "40" => ErrorClass::Infrastructure,
        // Data, constraints, raised by a function, and what a server of tomorrow adds.
        _ => ErrorClass::User,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_class_of_its_cause() {
        for (code, wanted) in [
            ("42601", ErrorClass::Config),
            ("42703", ErrorClass::Config),
            ("42P01", ErrorClass::NotFound),
            ("3D000", ErrorClass::NotFound),
            ("42501", ErrorClass::Permission),
            ("28P01", ErrorClass::Permission),
            ("25006", ErrorClass::Config),
            ("40001", ErrorClass::Infrastructure),
            ("40P01", ErrorClass::Infrastructure),
            ("53300", ErrorClass::Infrastructure),
            ("57P01", ErrorClass::Infrastructure),
            ("57014", ErrorClass::Cancelled),
            ("23505", ErrorClass::User),
            ("22012", ErrorClass::User),
            ("P0001", ErrorClass::User),
            ("", ErrorClass::User),
        ] {
            assert_eq!(class(code), wanted, "{code}");
        }
    }
}
