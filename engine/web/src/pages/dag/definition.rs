//! What a DAG is: its versions, the text of one, and how two differ.

use axum::response::Response;
use maud::{Markup, html};
use noctule_core::name::{DagHash, DagId};
use noctule_store::PinnedVersion;
use serde::Deserialize;

use super::difference::{Change, changes};
use super::frame::{DagSheet, Tab};
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::pages::marks::badge;
use crate::pages::times::when;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `GET /dags/{dag}/definition`.
pub(crate) struct ShowDefinition;

/// Which versions.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionsQuery {
    /// The version that is shown; the current one, if it is left out.
    version: Option<String>,
    /// The one that it is compared with; the one before it, if it is left out.
    with: Option<String>,
}

impl Operation for ShowDefinition {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/dags/{dag}/definition";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "definition_page";
    const SUMMARY: &'static str = "The versions of a DAG, and how they differ";
    const MEDIA: &'static str = "text/html";
    type Query = VersionsQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<VersionsQuery, Nothing>) -> Result<Response, Problem> {
        let id = call.dag()?;
        let record = web.record(&id).await?;
        let current = record.version.clone();
        let dag = web.dag_view(record).await?;
        let mut versions = web.versions_of(&id).await?;
        versions.sort_by_key(|version| std::cmp::Reverse(version.first_seen));
        let shown = match (&call.query.version, &current) {
            (Some(asked), _) => Some(chosen(&web, &id, asked).await?),
            (None, Some(hash)) => Some(web.version(hash).await?),
            (None, None) => None,
        };
        let other = match (&call.query.with, &shown) {
            (Some(asked), _) => Some(chosen(&web, &id, asked).await?),
            (None, Some(shown)) => before(&versions, shown).cloned(),
            (None, None) => None,
        };
        let below = html! {
            (list(&web, &id, &versions, current.as_ref(), shown.as_ref(), other.as_ref()))
            @if let Some(shown) = &shown {
                @if let Some(other) = &other { (difference(other, shown)?) }
                (text(shown))
            }
        };
        let sheet = DagSheet {
            who: &call.caller,
            dag: &dag,
            tab: Tab::Definition,
            scripts: &[],
            below,
        };
        Ok(sheet.answer(&web))
    }
}

async fn chosen(web: &Web, id: &DagId, asked: &str) -> Result<PinnedVersion, Problem> {
    let none = || Problem::new(Code::NoSuchVersion, format!("`{id}` has no such version"));
    let hash: DagHash = asked.parse().map_err(|_| none())?;
    let version = web.version(&hash).await?;
    if version.definition.id == *id {
        Ok(version)
    } else {
        Err(none())
    }
}

/// The latest version that was seen before another one.
fn before<'a>(versions: &'a [PinnedVersion], shown: &PinnedVersion) -> Option<&'a PinnedVersion> {
    let mut older = versions
        .iter()
        .filter(|version| version.hash != shown.hash && version.first_seen <= shown.first_seen);
    older.next()
}

fn short(hash: &DagHash) -> String {
    hash.to_string().chars().take(12).collect()
}

fn list(
    web: &Web,
    id: &DagId,
    versions: &[PinnedVersion],
    current: Option<&DagHash>,
    shown: Option<&PinnedVersion>,
    other: Option<&PinnedVersion>,
) -> Markup {
    let is = |one: &PinnedVersion, that: Option<&PinnedVersion>| {
        that.is_some_and(|that| that.hash == one.hash)
    };
    html! {
        section {
            h2 { "Versions" }
            p.quiet { "The one that new runs take, and those that its latest runs are pinned to." }
            div.scroll { table {
                thead { tr { th scope="col" { "Version" } th scope="col" { "First seen" } th scope="col" { "File" } th scope="col" { "Commit" } th scope="col" { span.unseen { "Compare" } } } }
                tbody { @for version in versions {
                    tr {
                        td.mono { a href={ "/dags/" (id) "/definition?version=" (version.hash) } aria-current=[is(version, shown).then_some("true")] { (short(&version.hash)) }
                            @if current == Some(&version.hash) { " " (badge("active")) } }
                        td.nowrap { (when(version.first_seen, web.settings().zone)) }
                        td.mono { bdi { (version.source_file) } }
                        td.mono { (version.git_commit.as_deref().map_or("–", |commit| commit.get(..12).unwrap_or(commit))) }
                        td {
                            @if is(version, shown) { "shown" }
                            @else if is(version, other) { "compared" }
                            @else if let Some(shown) = shown {
                                a href={ "/dags/" (id) "/definition?version=" (shown.hash) "&with=" (version.hash) } { "compare" }
                            }
                        }
                    }
                } }
            } }
        }
    }
}

fn difference(before: &PinnedVersion, after: &PinnedVersion) -> Result<Markup, Problem> {
    let value = |version: &PinnedVersion| {
        serde_json::to_value(&version.definition)
            .map_err(|error| Problem::new(Code::Internal, error.to_string()))
    };
    let found = changes(&value(before)?, &value(after)?);
    Ok(html! {
        section aria-labelledby="difference" {
            h2 id="difference" { "What differs from " span.mono { (short(&before.hash)) } " to " span.mono { (short(&after.hash)) } }
            @if found.is_empty() { p.quiet { "Nothing of meaning." } }
            @else { div.scroll { table.changes {
                thead { tr { th scope="col" { "What" } th scope="col" { "Before" } th scope="col" { "After" } } }
                tbody { @for change in &found { (line(change)) } }
            } } }
        }
    })
}

fn line(change: &Change) -> Markup {
    html! {
        tr {
            td.mono { bdi { (change.place) } }
            td { @match &change.before { Some(was) => { del { code { bdi { (was) } } } }, None => { span.quiet { "not there" } } } }
            td { @match &change.after { Some(is) => { ins { code { bdi { (is) } } } }, None => { span.quiet { "gone" } } } }
        }
    }
}

fn text(version: &PinnedVersion) -> Markup {
    html! {
        section aria-labelledby="text" {
            h2 id="text" { bdi { (version.source_file) } }
            pre tabindex="0" role="region" aria-label="The text of the file" { code dir="ltr" { (version.source_text) } }
        }
    }
}
