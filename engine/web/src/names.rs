//! By which names this server may be asked, and which sites may ask through a browser.
//!
//! A page of a stranger can have a browser send requests to this machine, under the stranger's own name if it points that
//! name here. So the `Host` must be a name of ours, and what a browser says of the asking site must be the same name.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri};

use crate::error::WebError;
use crate::problem::{Code, Problem};

/// The names of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// `scheme://host[:port]` of `engine.public_url`.
    public: Option<(String, Authority)>,
}

impl Names {
    /// Loopback names, and the public one.
    ///
    /// # Errors
    /// The public address is none.
    pub(crate) fn new(public_url: Option<&str>) -> Result<Self, WebError> {
        let Some(text) = public_url else {
            return Ok(Self::default());
        };
        let wrong = || WebError::PublicUrl(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(authority)) => Ok(Self {
                public: Some((scheme.to_owned(), authority.clone())),
            }),
            _ => Err(wrong()),
        }
    }

    /// Whether a request was sent to a name of ours, and by a site of ours if a site sent it.
    ///
    /// # Errors
    /// Another name, another site, or no name at all.
    pub(crate) fn admit(&self, parts: &Parts) -> Result<(), Problem> {
        let host = authority(parts)?;
        let public = self.public.as_ref().is_some_and(|(_, name)| *name == host);
        if !public && !is_loopback(&host) {
            return Err(Problem::new(
                Code::HostNotAllowed,
                format!(
                    "`{host}` is not a name of this server; engine.public_url gives it a public one"
                ),
            ));
        }
        self.admit_origin(&parts.headers, &host, public)?;
        admit_site(&parts.method, &parts.headers)
    }

    fn admit_origin(
        &self,
        headers: &HeaderMap,
        host: &Authority,
        public: bool,
    ) -> Result<(), Problem> {
        let Some(origin) = headers.get(ORIGIN) else {
            return Ok(());
        };
        let own = match &self.public {
            Some((scheme, name)) if public => format!("{scheme}://{name}"),
            _ => format!("http://{host}"),
        };
        let same = origin
            .to_str()
            .is_ok_and(|origin| origin.eq_ignore_ascii_case(&own));
        if same && headers.get_all(ORIGIN).iter().count() == 1 {
            return Ok(());
        }
        Err(Problem::new(
            Code::OriginNotAllowed,
            "only pages of this server may ask through a browser",
        ))
    }
}

/// The one name that a request was sent to.
fn authority(parts: &Parts) -> Result<Authority, Problem> {
    let wrong = || Problem::new(Code::Malformed, "a request has exactly one Host");
    let mut hosts = parts.headers.get_all(HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    let host: Authority = header.parse().map_err(|_| wrong())?;
    if header.contains('@') {
        return Err(wrong());
    }
    match parts.uri.authority() {
        Some(other) if *other != host => Err(wrong()),
        _ => Ok(host),
    }
}

/// A name that always means this machine. Any port: a tunnel has one of its own.
pub(crate) fn is_loopback(host: &Authority) -> bool {
    let name = host.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a browser says of the site behind a request: a link from elsewhere may be followed, nothing else.
fn admit_site(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let says = |name: &str| headers.get(name).map(axum::http::HeaderValue::as_bytes);
    let follows = says("sec-fetch-mode") == Some(b"navigate") && method == Method::GET;
    match says("sec-fetch-site") {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) if follows => Ok(()),
        Some(_) => Err(Problem::new(
            Code::OriginNotAllowed,
            "only pages of this server may ask through a browser",
        )),
    }
}
