//! What pages are made of besides HTML: embedded in the binary, and found at an address that changes with the content.
//!
//! Guarantees: an address gives the same bytes for ever, so that a browser never asks twice.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `GET /assets/{file}`.
pub(crate) struct ShowAsset;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    address: String,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Hexadecimal digits of the hash in an address.
const DIGITS: usize = 16;

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        asset(
            $name,
            $kind,
            include_bytes!(concat!("../../assets/", $name)),
        )
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        asset!("noctule.css", "text/css; charset=utf-8"),
        asset!("theme.js", SCRIPT),
        asset!("noctule.js", SCRIPT),
        asset!("roving.js", SCRIPT),
        asset!("grid.js", SCRIPT),
        asset!("many.js", SCRIPT),
        asset!("graph.js", SCRIPT),
        asset!("log.js", SCRIPT),
        asset!("trigger.js", SCRIPT),
        asset!("icon.svg", "image/svg+xml"),
    ]
});

fn asset(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    let hash: String = Sha256::digest(bytes)
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .take(DIGITS)
        .collect();
    Asset {
        name,
        kind,
        bytes,
        address: format!("/assets/{hash}-{name}"),
    }
}

/// Where an asset is. An unknown name leads nowhere; a test walks all of them.
pub(crate) fn address(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.map_or("/assets/none", |asset| asset.address.as_str())
}

impl Operation for ShowAsset {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/assets/{file}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "asset";
    const SUMMARY: &'static str = "What the pages are made of";
    const MEDIA: &'static str = "application/octet-stream";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(_: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let wanted = call.text("file");
        let found = ASSETS
            .iter()
            .find(|asset| asset.address.strip_prefix("/assets/") == Some(wanted));
        let asset = found.ok_or_else(|| {
            let said = "this server has no such file; a page of another version may have asked";
            Problem::new(Code::NoSuchRoute, said)
        })?;
        let mut response = Response::new(Body::from(Bytes::from_static(asset.bytes)));
        let headers = response.headers_mut();
        let of = HeaderValue::from_static;
        headers.insert(CONTENT_TYPE, of(asset.kind));
        let forever = "private, max-age=31536000, immutable";
        headers.insert(CACHE_CONTROL, of(forever));
        Ok(response)
    }
}
