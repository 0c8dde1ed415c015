//! Who sent a request: by its token, its session, or the place it came from.
//!
//! Guarantees: every request is looked up in the store by the hash of what it shows, so a token that was revoked anywhere
//! counts nowhere from then on. Whoever shows a token is known by it or is nobody: they never pass as somebody else.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;

use crate::access::{Caller, Refused};
use crate::gate::Peer;
use crate::problem::Problem;
use crate::web::Web;

/// What a proxy adds: who sent such a request is not on this machine, wherever the proxy is.
const FORWARDED: [&str; 5] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
];

impl Web {
    /// Who sent a request.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn caller(&self, parts: &Parts) -> Result<Caller, Problem> {
        if parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Caller::Refused(Refused::Unknown));
        }
        let local = parts
            .extensions
            .get::<Peer>()
            .is_some_and(|peer| peer.is_loopback());
        Ok(if local && is_direct(&parts.headers) {
            Caller::Loopback
        } else {
            Caller::Stranger
        })
    }
}

/// Whether a request was sent to a name that means this machine, by nobody who passes on what others ask.
fn is_direct(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse().ok());
    host.is_some_and(|host| crate::names::is_loopback(&host))
        && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_who_asks_this_machine_by_its_own_name_and_directly_is_local() {
        for (headers, direct) in [
            (vec![("host", "127.0.0.1:7878")], true),
            (vec![("host", "localhost")], true),
            (vec![("host", "batch.example.com")], false),
            (vec![], false),
            (
                vec![("host", "localhost"), ("x-forwarded-for", "10.0.0.1")],
                false,
            ),
            (
                vec![("host", "localhost"), ("forwarded", "for=10.0.0.1")],
                false,
            ),
            (vec![("host", "localhost"), ("via", "1.1 proxy")], false),
        ] {
            let map: HeaderMap = headers
                .iter()
                .map(|&(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            assert_eq!(is_direct(&map), direct, "{headers:?}");
        }
    }

    #[test]
    fn a_loopback_address_is_one_however_it_is_written() {
        for (peer, local) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.0.0.1:1", false),
            ("[::ffff:10.0.0.1]:1", false),
            ("0.0.0.0:1", false),
        ] {
            assert_eq!(Peer(peer.parse().unwrap()).is_loopback(), local, "{peer}");
        }
    }
}
