//! DAGs, their versions and their coming ticks, as the store keeps them.

use axum::response::Response;
use chrono_tz::Tz;
use noctule_core::dag::Dag;
use noctule_core::name::{DagHash, DagId};
use noctule_core::ticks::{parse_moment, parse_zone};
use noctule_core::view::{DagView, TickView};
use noctule_store::{DagRecord, PinnedVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::{Need, Role, Scoped};
use crate::known::standing;
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::page::{LARGEST, List, size};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// Runs that are looked at for the versions they are pinned to.
const RUNS_OF_VERSIONS: u32 = 1_000;

/// `GET /api/v1/dags`.
pub(crate) struct ListDags;
/// `GET /api/v1/dags/{dag}`.
pub(crate) struct ShowDag;
/// `GET /api/v1/dags/{dag}/versions`.
pub(crate) struct ListVersions;
/// `GET /api/v1/dags/{dag}/versions/{hash}`.
pub(crate) struct ShowVersion;
/// `GET /api/v1/dags/{dag}/ticks`.
pub(crate) struct ListTicks;

/// A version of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct VersionView {
    /// The content hash of its definition.
    hash: String,
    /// The file it came from, relative to the project.
    file: String,
    /// The commit of the checkout, where there was one.
    git_commit: Option<String>,
    /// When it was first seen.
    first_seen: String,
    /// New runs take it.
    current: bool,
    /// The text of the file, of a version that is shown alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// What was read of it, of a version that is shown alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Value>,
}

/// Which ticks.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicksQuery {
    /// Strictly after this time; now, if it is left out.
    from: Option<String>,
    /// Up to this time.
    to: Option<String>,
    /// At most so many.
    #[schemars(range(min = 1, max = LARGEST))]
    limit: Option<u32>,
}

impl Web {
    /// A DAG as it is seen.
    pub(crate) async fn dag_view(&self, record: DagRecord) -> Result<DagView, Problem> {
        let (id, version) = (record.dag.to_string(), record.version.clone());
        let standing = standing(record);
        Ok(match version {
            Some(hash) => DagView::of(&*self.dag(&hash).await?, standing, self.now()),
            None => DagView::without_file(id, None, standing),
        })
    }

    /// The version that new runs take, and those that the latest runs of a DAG are pinned to.
    pub(crate) async fn versions_of(&self, id: &DagId) -> Result<Vec<PinnedVersion>, Problem> {
        let current = self.record(id).await?.version;
        let of_runs = self.store().versions_of_runs(id, RUNS_OF_VERSIONS).await?;
        let mut hashes: Vec<DagHash> = current.into_iter().collect();
        for hash in of_runs {
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        let mut versions = Vec::with_capacity(hashes.len());
        for hash in hashes {
            versions.push(self.version(&hash).await?);
        }
        Ok(versions)
    }

    /// The version that new runs take.
    pub(crate) async fn current(&self, id: &DagId) -> Result<std::sync::Arc<Dag>, Problem> {
        let none = || Problem::new(Code::NoSuchVersion, format!("`{id}` has no good version"));
        let hash = self.record(id).await?.version.ok_or_else(none)?;
        self.dag(&hash).await
    }
}

impl Operation for ListDags {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/dags";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const NAME: &'static str = "list_dags";
    const SUMMARY: &'static str = "Every DAG that the engine knows, by id";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = List<DagView>;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let mut items = Vec::new();
        for record in web.store().dag_records().await? {
            if !call.caller.sees(record.dag.as_str()) {
                continue;
            }
            items.push(web.dag_view(record).await?);
        }
        found(&List { items })
    }
}

impl Operation for ShowDag {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/dags/{dag}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "show_dag";
    const SUMMARY: &'static str = "One DAG: how it stands, and its next tick";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = DagView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let record = web.record(&call.dag()?).await?;
        found(&web.dag_view(record).await?)
    }
}

impl Operation for ListVersions {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/dags/{dag}/versions";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "list_versions";
    const SUMMARY: &'static str =
        "The version that new runs take, and those that its latest 1000 runs are pinned to";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = List<VersionView>;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let id = call.dag()?;
        let current = web.record(&id).await?.version;
        let versions = web.versions_of(&id).await?;
        let items = versions
            .iter()
            .map(|version| brief(version, current.as_ref()))
            .collect();
        found(&List { items })
    }
}

impl Operation for ShowVersion {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/dags/{dag}/versions/{hash}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "show_version";
    const SUMMARY: &'static str = "One version of a DAG, with its text and what was read of it";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = VersionView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let (id, hash) = (call.dag()?, call.version()?);
        let current = web.record(&id).await?.version;
        let version = web.version(&hash).await?;
        if version.definition.id != id {
            let said = format!("{hash} is no version of `{id}`");
            return Err(Problem::new(Code::NoSuchVersion, said));
        }
        let definition = serde_json::to_value(&version.definition)
            .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        found(&VersionView {
            source: Some(version.source_text.clone()),
            definition: Some(definition),
            ..brief(&version, current.as_ref())
        })
    }
}

fn brief(version: &PinnedVersion, current: Option<&DagHash>) -> VersionView {
    VersionView {
        hash: version.hash.to_string(),
        file: version.source_file.clone(),
        git_commit: version.git_commit.clone(),
        first_seen: version
            .first_seen
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        current: current == Some(&version.hash),
        source: None,
        definition: None,
    }
}

impl Operation for ListTicks {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/dags/{dag}/ticks";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "list_ticks";
    const SUMMARY: &'static str = "Coming ticks, with their ingestion ids; none without a schedule";
    type Query = TicksQuery;
    type Body = Nothing;
    type Answer = List<TickView>;

    async fn answer(web: Web, call: Call<TicksQuery, Nothing>) -> Result<Response, Problem> {
        let limit = size(call.query.limit)? as usize;
        let dag = web.current(&call.dag()?).await?;
        let zone = zone_of(&dag);
        let read = |name: &str, text: &Option<String>| {
            let parse = |text: &String| {
                parse_moment(text, zone, web.now()).map_err(|error| {
                    Problem::new(Code::InvalidParameter, format!("{name}: {error}"))
                })
            };
            text.as_ref().map(parse).transpose()
        };
        let from = read("from", &call.query.from)?.unwrap_or_else(|| web.now());
        let to = read("to", &call.query.to)?;
        let Some(schedule) = dag.schedule() else {
            return found(&List::<TickView> { items: Vec::new() });
        };
        let ticks: Vec<_> = match to {
            Some(to) => schedule.ticks_between(from, to).take(limit).collect(),
            None => schedule.ticks_after(from).take(limit).collect(),
        };
        let seen = |at| TickView::of(&dag, schedule, at, zone);
        found(&List {
            items: ticks.into_iter().map(seen).collect(),
        })
    }
}

/// The zone in which times without one are read: the one of its schedule.
pub(crate) fn zone_of(dag: &Dag) -> Tz {
    let schedule = dag.definition().schedule.as_ref();
    schedule
        .and_then(|schedule| parse_zone(&schedule.timezone).ok())
        .unwrap_or(Tz::UTC)
}
