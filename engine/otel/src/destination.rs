//! Where spans go: an address, headers, and how this service is called. From settings, or from the variables that
//! OpenTelemetry has for it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::OtelError;

/// Where a receiver takes traces, below its address.
const PATH: &str = "v1/traces";
/// As what this service is known where nobody says otherwise.
const SERVICE: &str = "noctule";

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Destination {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Attributes of the resource, `service.name` among them.
    pub(crate) resource: BTreeMap<String, String>,
}

/// What the environment says.
#[derive(Debug, Clone)]
pub enum FromEnvironment {
    /// Nothing.
    Nothing,
    /// Spans are to go nowhere, whatever else is said.
    Off,
    /// A receiver that nothing can be sent to, and why.
    Unusable(String),
    /// A receiver.
    Receiver(Box<Destination>),
}

type Env = BTreeMap<String, String>;

impl FromEnvironment {
    /// Reads the variables of OpenTelemetry: those of traces before those of everything.
    #[must_use]
    pub fn read(env: &Env) -> Self {
        if said(env, "OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
            return Self::Off;
        }
        let exporter = said(env, "OTEL_TRACES_EXPORTER");
        let url = said(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(str::to_owned);
        let base = || said(env, "OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| below(base, PATH));
        let Some(url) = url.or_else(base) else {
            return Self::Nothing;
        };
        if exporter.is_some_and(|exporter| exporter != "otlp") {
            return Self::Nothing;
        }
        if let Some("grpc") = of_traces(env, "PROTOCOL") {
            let why = "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and OTLP is spoken over HTTP alone";
            return Self::Unusable(why.to_owned());
        }
        let headers = of_traces(env, "HEADERS").map_or_else(Vec::new, pairs);
        match Destination::of_url(&url, &headers, env) {
            Ok(destination) => Self::Receiver(Box::new(destination)),
            Err(error) => Self::Unusable(error.to_string()),
        }
    }
}

impl Destination {
    /// A receiver at an address to which the path of traces is added where it is not there.
    ///
    /// # Errors
    /// The address or a header cannot be used.
    pub fn of_base(base: &str, headers: &[(String, String)], env: &Env) -> Result<Self, OtelError> {
        let whole = base.trim_end_matches('/').ends_with(PATH);
        let url = if whole {
            base.to_owned()
        } else {
            below(base, PATH)
        };
        Self::of_url(&url, headers, env)
    }

    /// A receiver at exactly this address.
    ///
    /// # Errors
    /// The address or a header cannot be used.
    pub fn of_url(url: &str, headers: &[(String, String)], env: &Env) -> Result<Self, OtelError> {
        let parsed = Url::parse(url).map_err(|error| OtelError::Address(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            let message = "it must begin with https:// or http://".to_owned();
            return Err(OtelError::Address(message));
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let unusable = || OtelError::Header(name.clone());
            let typed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            let mut value = HeaderValue::from_str(value.trim()).map_err(|_| unusable())?;
            value.set_sensitive(true);
            map.insert(typed, value);
        }
        Ok(Self {
            url: parsed,
            headers: map,
            resource: resource(env),
        })
    }

    /// The same with one more attribute of the resource, where nobody has said it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let entry = self.resource.entry(name.to_owned());
        entry.or_insert_with(|| value.to_owned());
        self
    }
}

fn resource(env: &Env) -> BTreeMap<String, String> {
    let given = said(env, "OTEL_RESOURCE_ATTRIBUTES").map_or_else(Vec::new, pairs);
    let mut resource: BTreeMap<String, String> = given.into_iter().collect();
    if let Some(name) = said(env, "OTEL_SERVICE_NAME") {
        resource.insert("service.name".to_owned(), name.to_owned());
    }
    let name = resource.entry("service.name".to_owned());
    name.or_insert_with(|| SERVICE.to_owned());
    resource
}

fn said<'a>(env: &'a Env, name: &str) -> Option<&'a str> {
    let value = env.get(name)?.trim();
    (!value.is_empty()).then_some(value)
}

fn of_traces<'a>(env: &'a Env, what: &str) -> Option<&'a str> {
    said(env, &format!("OTEL_EXPORTER_OTLP_TRACES_{what}"))
        .or_else(|| said(env, &format!("OTEL_EXPORTER_OTLP_{what}")))
}

fn below(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// `a=b,c=d`, values percent-encoded.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let decoded = percent_decode_str(value.trim()).decode_utf8_lossy();
        Some((name.trim().to_owned(), decoded.into_owned()))
    };
    text.split(',').filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    fn read(given: &[(&str, &str)]) -> String {
        match FromEnvironment::read(&env(given)) {
            FromEnvironment::Nothing => "nothing".to_owned(),
            FromEnvironment::Off => "off".to_owned(),
            FromEnvironment::Unusable(_) => "unusable".to_owned(),
            FromEnvironment::Receiver(to) => {
                let headers = to.headers.iter();
                let headers = headers
                    .map(|(name, value)| format!(" {name}={}", value.to_str().expect("a text")));
                format!("{}{}", to.url, headers.collect::<String>())
            }
        }
    }

    #[test]
    fn the_environment_is_read_as_opentelemetry_says() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");
        let at_base = "http://c:4318/v1/traces";
        for (given, expected) in [
            (&[][..], "nothing"),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], "nothing"),
            (&[base], at_base),
            (
                &[base, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/x")],
                "http://t/x",
            ),
            (
                &[base, ("OTEL_EXPORTER_OTLP_HEADERS", "a=b%20c, d = e=,x")],
                "http://c:4318/v1/traces a=b c d=e=",
            ),
            (&[base, ("OTEL_SDK_DISABLED", "True")], "off"),
            (&[base, ("OTEL_TRACES_EXPORTER", "none")], "nothing"),
            (&[base, ("OTEL_TRACES_EXPORTER", "otlp")], at_base),
            (&[base, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "unusable"),
            (
                &[base, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
                at_base,
            ),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317")], "unusable"),
        ] {
            assert_eq!(read(given), expected, "{given:?}");
        }
    }

    #[test]
    fn the_path_of_traces_is_added_where_it_is_not_there() {
        for (base, url) in [
            ("http://c:4318", "http://c:4318/v1/traces"),
            ("https://c/otlp/", "https://c/otlp/v1/traces"),
            ("http://c/v1/traces", "http://c/v1/traces"),
        ] {
            let there = Destination::of_base(base, &[], &Env::new()).expect("a destination");
            assert_eq!(there.url.as_str(), url);
        }
        for base in ["ftp://c", "c:4318", ""] {
            assert!(
                Destination::of_base(base, &[], &Env::new()).is_err(),
                "{base}"
            );
        }
    }

    #[test]
    fn a_header_is_never_printed() {
        let headers = [("x-key".to_owned(), "canary-1234".to_owned())];
        let there = Destination::of_base("http://c", &headers, &Env::new()).expect("a destination");
        assert!(!format!("{there:?}").contains("canary"));
        let bad = [("x-key".to_owned(), "canary\n1234".to_owned())];
        let error = Destination::of_base("http://c", &bad, &Env::new()).expect_err("no header");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }

    #[test]
    fn the_service_is_called_noctule_unless_somebody_says_otherwise() {
        let name = |given: &[(&str, &str)]| {
            let there = Destination::of_base("http://c", &[], &env(given)).expect("a destination");
            there.with("service.name", "x").resource["service.name"].clone()
        };
        assert_eq!(name(&[]), "noctule");
        assert_eq!(
            name(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,b=c")]),
            "a"
        );
        assert_eq!(
            name(&[
                ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a"),
                ("OTEL_SERVICE_NAME", "b")
            ]),
            "b"
        );
    }
}
