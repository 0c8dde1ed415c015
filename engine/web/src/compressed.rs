//! Answers made smaller on their way, for whoever takes gzip.
//!
//! Guarantees: an answer is compressed or not by what it is, never by what it says; what a browser fetches for a page of
//! another site is never compressed, so that nobody can have a session's answers fetched with a text of their own in them
//! and read secrets from lengths (BREACH). No page holds a token against forged requests: changes are admitted by what the
//! browser says of their origin. Never: streams, logs, answers to changes.

use std::io::{self, Write};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;

/// What is smaller is sent as it is.
const LEAST: u64 = 1_024;
/// What is larger is compressed beside the other requests.
const LARGE: usize = 32 * 1_024;
/// Most of the gain for little time: pages and lists repeat themselves.
const LEVEL: Compression = Compression::new(3);

/// What gains by it. Logs do not stand here: they are a stranger's bytes, and may be cut anywhere.
const KINDS: [&str; 7] = [
    "text/html",
    "text/css",
    "text/javascript",
    "application/json",
    "application/problem+json",
    "application/openmetrics-text",
    "image/svg+xml",
];

/// Whether the one who asks may be sent gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakesGzip(bool);

impl TakesGzip {
    /// By the request.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let own = matches!(site, None | Some(b"same-origin" | b"none"));
        let mut named = headers.get_all(ACCEPT_ENCODING).iter();
        let taken = named.any(|value| value.to_str().is_ok_and(names_gzip));
        Self(*method == Method::GET && own && taken)
    }
}

/// `gzip` with no weight of nought.
fn names_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1").trim();
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse().is_ok_and(|q: f32| q > 0.0)
    })
}

fn gains(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let whole = response.body().size_hint().exact();
    KINDS.contains(&kind)
        && whole.is_some_and(|size| size >= LEAST)
        && !response.headers().contains_key(CONTENT_ENCODING)
}

/// The answer as it is sent.
pub(crate) async fn compressed(takes: TakesGzip, mut response: Response) -> Response {
    if !gains(&response) {
        return response;
    }
    let of = HeaderValue::from_static;
    response
        .headers_mut()
        .append(VARY, of("accept-encoding, sec-fetch-site"));
    if !takes.0 {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // Its size is known, so it is here already.
    let Ok(body) = body.collect().await else {
        return Response::from_parts(head, Body::empty());
    };
    let plain = body.to_bytes();
    match shrunk(plain.clone()).await {
        Some(small) => {
            head.headers.insert(CONTENT_ENCODING, of("gzip"));
            head.headers.remove(CONTENT_LENGTH);
            Response::from_parts(head, Body::from(small))
        }
        None => Response::from_parts(head, Body::from(plain)),
    }
}

async fn shrunk(plain: Bytes) -> Option<Vec<u8>> {
    if plain.len() < LARGE {
        return gzip(&plain).ok();
    }
    let large = tokio::task::spawn_blocking(move || gzip(&plain));
    large.await.ok()?.ok()
}

fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), LEVEL);
    encoder.write_all(plain)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_who_takes_it_and_not_to_the_page_of_another_site() {
        for (accepted, site, takes) in [
            ("gzip", None, true),
            ("deflate, gzip;q=1.0, br", None, true),
            ("GZIP;q=0.5", Some("same-origin"), true),
            ("gzip", Some("none"), true),
            ("gzip", Some("cross-site"), false),
            ("gzip", Some("same-site"), false),
            ("gzip;q=0", None, false),
            ("gzip;q=0.000", None, false),
            ("gzip;q=x", None, false),
            ("br", None, false),
            ("", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(accepted).unwrap());
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_str(site).unwrap());
            }
            let of = TakesGzip::of(&Method::GET, &headers);
            assert_eq!(of, TakesGzip(takes), "{accepted} from {site:?}");
            assert_eq!(TakesGzip::of(&Method::POST, &headers), TakesGzip(false));
        }
        let bare = TakesGzip::of(&Method::GET, &HeaderMap::new());
        assert_eq!(bare, TakesGzip(false));
    }
}
