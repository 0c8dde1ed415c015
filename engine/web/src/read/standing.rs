//! How the server and its engine stand: what waits to be told, who listens, what hears of changes.

use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::problem::Problem;
use crate::web::{Stand, Web};

/// Messages are counted up to here, of each state.
pub(crate) const MOST_COUNTED: u32 = 1_000;

/// `GET /api/v1/health`.
pub(crate) struct ShowStanding;

/// How a server and its engine stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthView {
    /// engine, standby or draining.
    pub stand: String,
    /// Who holds the store, in words; null: nobody does.
    pub holder: Option<String>,
    /// The version of this server.
    pub version: String,
    /// What is to be told to people.
    pub outbox: OutboxView,
    /// Clients that listen to live events, and how many may.
    pub events: EventsView,
    /// What hears of changes in databases; null: this server is not the engine.
    pub listeners: Option<Vec<ListenerView>>,
    /// What became of spans; null: nobody traces here.
    pub spans: Option<SpansView>,
    /// What the store refuses to write now, by kind; it is tried again. null: this server is not the engine.
    pub unwritten: Option<Vec<UnwrittenView>>,
}

/// What the store refuses to write now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnwrittenView {
    /// tick: its run; version, dag, dropped_ticks, backfill, message, answer: with all that belongs to it.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// Messages, by how they stand; of each state at most 1,000 are counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutboxView {
    /// More of the same cause may come.
    pub gathering: u64,
    /// They are to be sent, or to be sent again.
    pub waiting: u64,
    /// They are being sent.
    pub sending: u64,
    /// Their receivers did not have them.
    pub given_up: u64,
    /// When the oldest was made that is to be delivered.
    #[serde(serialize_with = "write")]
    #[schemars(schema_with = "instant")]
    pub oldest: Option<DateTime<Utc>>,
}

/// Clients that listen to live events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventsView {
    /// There are so many.
    pub clients: u64,
    /// There may be so many.
    pub most: u64,
}

/// What hears of changes in a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListenerView {
    /// The connection.
    pub connection: String,
    /// listening; or polling: it does not hear now, and a timer alone looks.
    pub mode: String,
    /// How many channels.
    pub channels: u64,
}

/// Spans of traces, since the engine began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpansView {
    /// The receiver has them.
    pub exported: u64,
    /// They are to be exported.
    pub waiting: u64,
    /// The receiver does not want them.
    pub refused: u64,
    /// Nobody took them in time.
    pub lost: u64,
}

impl Operation for ShowStanding {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/health";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "show_health";
    const SUMMARY: &'static str = "How the server and its engine stand";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = HealthView;

    async fn answer(web: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        found(&HealthView::of(&web).await?)
    }
}

impl HealthView {
    /// How it stands now.
    pub(crate) async fn of(web: &Web) -> Result<Self, Problem> {
        let most = web.settings().streams;
        let clients = most - web.streams().available_permits();
        let mut standing = Self {
            stand: word(web.stands()).to_owned(),
            holder: web.holder().await?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            outbox: OutboxView::of(web).await?,
            events: EventsView {
                clients: whole(clients),
                most: whole(most),
            },
            listeners: None,
            spans: None,
            unwritten: None,
        };
        if let Ok(engine) = web.engine() {
            let unwritten = engine.meters().await?.unwritten();
            let view = |(kind, count): (&str, u64)| UnwrittenView {
                kind: kind.to_owned(),
                count,
            };
            standing.unwritten = Some(unwritten.into_iter().map(view).collect());
            let around = engine.surroundings()?;
            let sources = around.desk.registry.sources();
            let seen = |one: noctule_executor::Listener| ListenerView {
                connection: one.connection,
                mode: if one.hears { "listening" } else { "polling" }.to_owned(),
                channels: whole(one.channels),
            };
            let heard = sources.flat_map(|source| source.listeners()).map(seen);
            standing.listeners = Some(heard.collect());
            standing.spans = around.spans.map(|sink| {
                let counts = sink.counts();
                SpansView {
                    exported: counts.exported,
                    waiting: counts.waiting,
                    refused: counts.refused,
                    lost: counts.lost,
                }
            });
        }
        Ok(standing)
    }
}

impl OutboxView {
    async fn of(web: &Web) -> Result<Self, Problem> {
        let counts = web.store().count_messages(MOST_COUNTED).await?;
        Ok(Self {
            gathering: counts.gathering,
            waiting: counts.waiting,
            sending: counts.sending,
            given_up: counts.given_up,
            oldest: counts.oldest,
        })
    }
}

fn write<S: Serializer>(at: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
    let text = at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    text.serialize(to)
}

fn instant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "date-time" })
}

/// The word of a stand.
pub(crate) fn word(stand: Stand) -> &'static str {
    match stand {
        Stand::Engine => "engine",
        Stand::Standby => "standby",
        Stand::Draining => "draining",
    }
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
