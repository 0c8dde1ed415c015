//! The base URL of an API: where requests go and which address a handle remembers.
//!
//! Guarantees: plain http only to this machine, so that no token travels in clear. Never holds a path, a query or
//! credentials.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// The global Cloud Run endpoint; the location stands in the path.
const CLOUD_RUN: &str = "https://run.googleapis.com";
/// The Cloud Logging endpoint.
const LOGGING: &str = "https://logging.googleapis.com";
/// The Secret Manager endpoint.
const SECRETS: &str = "https://secretmanager.googleapis.com";

/// A checked base URL without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Endpoint(String);

impl Endpoint {
    /// Google's own Cloud Run.
    pub(crate) fn cloud_run() -> Self {
        Self(CLOUD_RUN.to_owned())
    }

    /// Google's own Cloud Logging.
    pub(crate) fn logging() -> Self {
        Self(LOGGING.to_owned())
    }

    /// Google's own Secret Manager.
    pub(crate) fn secrets() -> Self {
        Self(SECRETS.to_owned())
    }

    /// Whether it is a server of this machine, in clear: a simulator or a fake.
    pub(crate) fn is_local(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "simulator" {
            return Err("the simulator has no address yet: nothing runs it here".to_owned());
        }
        let refused = |why: &str| format!("endpoint `{text}`: {why}");
        let url = Url::parse(&text).map_err(|error| refused(&error.to_string()))?;
        check_transport(&url).map_err(|why| refused(&why))?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(refused("expected a scheme, a host and perhaps a port"));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// https, or http to this machine.
pub(crate) fn check_transport(url: &Url) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("plain http goes to this machine only".to_owned()),
        other => Err(format!("the scheme `{other}` is not https")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Endpoint, String> {
        Endpoint::try_from(text.to_owned())
    }

    #[test]
    fn accepts_https_and_this_machine() {
        for (text, kept) in [
            ("https://run.googleapis.com", "https://run.googleapis.com"),
            (
                "https://us-central1-run.googleapis.com/",
                "https://us-central1-run.googleapis.com",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), kept);
        }
    }

    #[test]
    fn refuses_what_would_leak_a_token_or_move_the_request() {
        for text in [
            "http://run.googleapis.com",
            "http://10.0.0.1:80",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "https://user:word@run.googleapis.com",
            "https://run.googleapis.com/v2",
            "https://run.googleapis.com?x=1",
            "ftp://127.0.0.1",
            "run.googleapis.com",
            "simulator",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
