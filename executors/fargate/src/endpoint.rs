//! The base URLs of the services: where requests go, and which address a handle remembers.
//!
//! Guarantees: plain http only to this machine, so that no credentials travel in clear. Never holds a path, a query or
//! credentials. Addresses are always named to the SDK, so no variable of the environment moves a request elsewhere
//! between two sends.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// A checked base URL without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Endpoint(String);

impl Endpoint {
    /// AWS's own address of a service in a region.
    pub(crate) fn of_service(service: &str, region: &str) -> Self {
        let suffix = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        Self(format!("https://{service}.{region}.{suffix}"))
    }

    /// Whether it is a server of this machine, in clear: a simulator or a fake.
    pub(crate) fn is_local(&self) -> bool {
        self.0.starts_with("http://")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
fn check_transport(url: &Url) -> Result<(), String> {
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

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in ["http://127.0.0.1:1", "http://[::1]:2", "http://localhost:3"] {
            let endpoint = Endpoint::try_from(good.to_owned()).unwrap();
            assert!(endpoint.is_local(), "{good}");
        }
        let vpc = Endpoint::try_from("https://vpce-1.ecs.us-east-1.vpce.amazonaws.com".to_owned());
        assert!(!vpc.unwrap().is_local());
        for bad in [
            "http://ecs.us-east-1.amazonaws.com",
            "http://10.0.0.1:80",
            "http://127.0.0.1.evil.example",
            "https://user:word@ecs.us-east-1.amazonaws.com",
            "https://ecs.us-east-1.amazonaws.com/x",
            "https://ecs.us-east-1.amazonaws.com?x=1",
            "ftp://127.0.0.1",
            "simulator",
            "",
        ] {
            assert!(Endpoint::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_have_their_own_addresses() {
        let at = |region| Endpoint::of_service("ecs", region).to_string();
        assert_eq!(at("us-east-1"), "https://ecs.us-east-1.amazonaws.com");
        assert_eq!(at("cn-north-1"), "https://ecs.cn-north-1.amazonaws.com.cn");
    }
}
