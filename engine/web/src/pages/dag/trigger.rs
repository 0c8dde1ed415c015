//! The form that asks for a run, made from the parameters of the DAG.
//!
//! Every value is sent as the text that stands in its field: the engine reads it by the declared type, as it does for the
//! CLI, and what it refuses is said at the field.

use axum::response::Response;
use maud::{Markup, html};
use noctule_core::dag::{Definition, Param, ParamKind};
use serde_json::Value;

use super::frame::{DagSheet, Tab};
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::pages::action::{Action, Then, lookers_only};
use crate::problem::Problem;
use crate::web::Web;

/// `GET /dags/{dag}/trigger`.
pub(crate) struct ShowTrigger;

impl Operation for ShowTrigger {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/dags/{dag}/trigger";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "trigger_page";
    const SUMMARY: &'static str = "The form that asks for a run";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let record = web.record(&call.dag()?).await?;
        let version = record.version.clone();
        let dag = web.dag_view(record).await?;
        let form = match version {
            _ if !call.caller.may_act() => lookers_only(),
            Some(hash) => form(web.dag(&hash).await?.definition()),
            None => {
                html! { section { p { "No version of this DAG can be used yet, so it cannot run." } } }
            }
        };
        let sheet = DagSheet {
            who: &call.caller,
            dag: &dag,
            tab: Tab::Trigger,
            scripts: &["trigger.js"],
            below: form,
        };
        Ok(sheet.answer(&web))
    }
}

fn form(definition: &Definition) -> Markup {
    let id = definition.id.as_str();
    // One for each time the page is made: a form that is sent twice, its first answer lost, makes one run.
    let key = format!("page-{}", uuid::Uuid::new_v4());
    let fields = html! {
        @if definition.params.is_empty() { p.quiet { "This DAG has no parameters." } }
        @for (number, (name, param)) in definition.params.iter().enumerate() {
            (field(&format!("p{number}"), name, param))
        }
        details {
            summary { "Another nominal time, or another ingestion id" }
            (plain("at", "at", "Nominal time", "Now, if it is left empty. 2026-01-13, 2026-01-13 23:00 in the DAG's zone, -2h, or RFC 3339."))
            (plain("ingestion", "ingestion_id", "Ingestion id", "8 or 14 digits; of the nominal time, if it is left empty."))
        }
        input type="hidden" name="idempotency_key" value=(key);
    };
    let action = Action {
        label: "Trigger a run",
        to: &format!("/api/v1/dags/{id}/runs"),
        fields,
        preview: false,
        grave: false,
        then: Then::Run,
        command: &format!("noctule trigger {id}"),
    };
    html! { section.trigger { h2 { "Trigger a run" } (action.form()) } }
}

fn plain(id: &str, name: &str, label: &str, hint: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            p.hint id={ (id) "-hint" } { (hint) }
            input id=(id) name=(name) type="text" autocomplete="off" spellcheck="false" aria-describedby={ (id) "-hint " (id) "-wrong" };
            p.wrong id={ (id) "-wrong" } hidden {}
        }
    }
}

fn field(id: &str, name: &str, param: &Param) -> Markup {
    let needed = !param.optional && param.default.is_none();
    html! {
        div.field {
            label for=(id) { bdi { (name) } @if needed { span.quiet { " (needed)" } } }
            @if let Some(said) = &param.description { p.hint id={ (id) "-about" } { bdi { (said) } } }
            p.hint id={ (id) "-hint" } { (rule(param)) }
            (control(id, name, param))
            p.wrong id={ (id) "-wrong" } hidden {}
        }
    }
}

fn control(id: &str, name: &str, param: &Param) -> Markup {
    let value = param.default.as_ref().map(shown).unwrap_or_default();
    let said = param.description.as_ref().map(|_| format!("{id}-about "));
    let about = format!("{}{id}-hint {id}-wrong", said.unwrap_or_default());
    // An empty text is a text, where one stands by itself.
    let kind = param.kind == ParamKind::String && param.default.is_some();
    let reading = if kind { "whole" } else { "text" };
    let choices = match (&param.choices, param.kind) {
        (Some(choices), _) => Some(choices.iter().map(shown).collect()),
        (None, ParamKind::Boolean) => Some(vec!["true".to_owned(), "false".to_owned()]),
        (None, _) => None,
    };
    html! {
        @if let Some(choices) = choices {
            select id=(id) name={ "params." (name) } data-in="params" data-as="text" aria-describedby=(about) {
                @if param.default.is_none() { option value="" { "–" } }
                @for choice in choices { option value=(choice) selected[choice == value] { (choice) } }
            }
        } @else if matches!(param.kind, ParamKind::List | ParamKind::Object) {
            textarea id=(id) name={ "params." (name) } data-in="params" data-as="text" spellcheck="false" aria-describedby=(about) { (value) }
        } @else {
            input id=(id) name={ "params." (name) } type=(input(param.kind)) inputmode=[numeric(param.kind)] data-in="params" data-as=(reading)
                value=(value) autocomplete="off" spellcheck="false" aria-describedby=(about);
        }
    }
}

fn input(kind: ParamKind) -> &'static str {
    if kind == ParamKind::Date {
        "date"
    } else {
        // A number field keeps what it cannot read to itself, and then nobody can say what was wrong with it.
        "text"
    }
}

fn numeric(kind: ParamKind) -> Option<&'static str> {
    match kind {
        ParamKind::Integer => Some("numeric"),
        ParamKind::Number => Some("decimal"),
        _ => None,
    }
}

/// A value as it is typed.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What fits, in words.
fn rule(param: &Param) -> String {
    let kind = match param.kind {
        ParamKind::String => "text",
        ParamKind::Integer => "a whole number",
        ParamKind::Number => "a number",
        ParamKind::Boolean => "true or false",
        ParamKind::Date => "a day",
        ParamKind::List => "a list, in JSON",
        ParamKind::Object => "an object, in JSON",
    };
    let mut rule = kind.to_owned();
    match (param.minimum, param.maximum) {
        (Some(least), Some(most)) => rule.push_str(&format!(", {least} to {most}")),
        (Some(least), None) => rule.push_str(&format!(", {least} or more")),
        (None, Some(most)) => rule.push_str(&format!(", {most} or less")),
        (None, None) => {}
    }
    if let Some(pattern) = &param.pattern {
        rule.push_str(&format!(", the whole of it like {pattern}"));
    }
    if param.optional {
        rule.push_str("; may be left empty");
    }
    rule
}
