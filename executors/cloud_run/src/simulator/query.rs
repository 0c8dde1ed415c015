//! The query of a request: the call's own parameters and Google's system parameters, nothing else.

use axum::{extract::Query, http::Uri};

use super::refusal::Refusal;

const SYSTEM: [&str; 15] = [
    "alt",
    "$alt",
    "$.xgafv",
    "access_token",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "$prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    "$userProject",
    "$fields",
];

/// The parameters of one request, under their own names.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    own: Vec<(&'static str, String)>,
    /// Enums are to be answered as numbers.
    pub(crate) numbers: bool,
}

impl Parameters {
    /// Reads a query; whatever is neither in `allowed` nor of the system is refused.
    pub(crate) fn read(uri: &Uri, allowed: &'static [&'static str]) -> Result<Self, Refusal> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return Err(Refusal::invalid("The query of the request cannot be read."));
        };
        let mut parameters = Parameters::default();
        let mut unknown = Vec::new();
        for (name, value) in pairs {
            let known = allowed.iter().find(|known| same(known, &name));
            match known {
                Some(known) => parameters.own.push((known, value)),
                None if matches!(name.as_str(), "alt" | "$alt") => {
                    parameters.numbers |= answer_form(&value)?;
                }
                None if SYSTEM.contains(&name.as_str()) => {}
                None => unknown.push((name.clone(), unknown_parameter(&name))),
            }
        }
        if unknown.is_empty() {
            Ok(parameters)
        } else {
            Err(Refusal::violations(&unknown))
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.own
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<i32>() {
            Ok(number) => Ok(Some(number.into())),
            Err(_) => Err(wrong(name, "TYPE_INT32", text)),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            "" | "false" | "False" | "0" => Ok(false),
            "true" | "True" | "1" => Ok(true),
            text => Err(wrong(name, "TYPE_BOOL", text)),
        }
    }
}

fn wrong(name: &str, kind: &str, text: &str) -> Refusal {
    Refusal::violations(&[(
        name.to_owned(),
        format!("Invalid value at '{name}' ({kind}), \"{text}\""),
    )])
}

fn answer_form(value: &str) -> Result<bool, Refusal> {
    match value {
        "json" | "json;enum-encoding=string" => Ok(false),
        "json;enum-encoding=int" => Ok(true),
        other => Err(Refusal::invalid(format!(
            "Invalid value for system parameter alt: \"{other}\"."
        ))),
    }
}

/// Names come in lowerCamelCase or with underscores.
fn same(known: &str, name: &str) -> bool {
    known.eq_ignore_ascii_case(&name.replace('_', "")) && (known == name || name.contains('_'))
}

fn unknown_parameter(name: &str) -> String {
    format!(
        "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. \
         Field '{name}' could not be found in request message."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Parameters, Refusal> {
        let uri: Uri = format!("/v2/x?{query}").parse().unwrap();
        Parameters::read(&uri, &["pageSize", "validateOnly"])
    }

    #[test]
    fn own_and_system_parameters_are_read() {
        let parameters =
            read("pageSize=5&%24alt=json%3Benum-encoding%3Dint&alt=json&validate_only=true")
                .unwrap();
        assert_eq!(parameters.number("pageSize").unwrap(), Some(5));
        assert!(parameters.flag("validateOnly").unwrap());
        assert!(parameters.numbers);
    }

    #[test]
    fn other_parameters_and_wrong_values_are_refused() {
        let said = read("foo=1").unwrap_err();
        assert!(
            said.message()
                .contains("Unknown name \"foo\": Cannot bind query parameter.")
        );
        assert!(read("alt=xml").is_err());
        assert!(read("pagesize=1").is_err());
        assert!(read("pageSize=x").unwrap().number("pageSize").is_err());
        assert!(
            read("validateOnly=yes")
                .unwrap()
                .flag("validateOnly")
                .is_err()
        );
    }
}
