//! The numbers of this server and its engine, for Prometheus. A server that stands by has few.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::read::word;
use crate::web::{Stand, Web};

/// As OpenMetrics has it.
const TEXT: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// A stand, one of which is 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stands {
    stand: &'static str,
}

/// `GET /metrics`.
pub(crate) struct Metrics;

impl Operation for Metrics {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/metrics";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "metrics";
    const SUMMARY: &'static str = "What is counted, in the OpenMetrics text format";
    const MEDIA: &'static str = "application/openmetrics-text";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let mut text = String::new();
        let unwritten = |error: std::fmt::Error| Problem::new(Code::Internal, error.to_string());
        encode_registry(&mut text, &of_server(&web)).map_err(unwritten)?;
        if let Ok(engine) = web.engine() {
            let meters = engine.meters().await?;
            encode_registry(&mut text, meters.registry()).map_err(unwritten)?;
        }
        encode_eof(&mut text).map_err(unwritten)?;
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(CONTENT_TYPE, TEXT);
        Ok(response)
    }
}

fn of_server(web: &Web) -> Registry {
    let mut all = Registry::with_prefix("noctule");
    let mut gauge = |name: &str, help: &str, value: usize| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        all.register(name, help, gauge);
    };
    let engine = usize::from(web.stands() == Stand::Engine);
    gauge(
        "engine",
        "1: this is the engine; 0: it stands by, or is ending",
        engine,
    );
    let stands: Family<Stands, Gauge> = Family::default();
    for stand in [Stand::Engine, Stand::Standby, Stand::Draining] {
        let is = i64::from(stand == web.stands());
        let stand = word(stand);
        stands.get_or_create(&Stands { stand }).set(is);
    }
    let listening = web.settings().streams - web.streams().available_permits();
    gauge(
        "event_listeners",
        "Clients that listen to live events",
        listening,
    );
    all.register("stand", "1: how this server stands to the store", stands);
    all
}
