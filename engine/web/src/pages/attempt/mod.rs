//! The page of one attempt: how it ended and why, its log, what was sent, the tries before, why it waits, and what can be
//! done about it. Of a task that was not attempted yet: why it waits.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noctule_core::run::TaskRunIx;
use noctule_core::view::{AttemptView, RunHead, RunView, TaskRunId, TaskView};
use serde_json::Value;

use super::action::{command, lookers_only, quoted};
use super::layout::{Nav, Sheet, Watch};
use super::marks::badge;
use super::run::{attempt_way, mark, reasons_list, retry_from, target};
use super::times::{lasted, when};
use crate::access::{Need, Role};
use crate::known::Story;
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::read::{RequestView, find, handle, reasons};
use crate::web::Web;

/// `GET /runs/{run}/tasks/{id}/attempts/{n}`.
pub(crate) struct ShowAttemptPage;
/// `GET /runs/{run}/tasks/{id}`.
pub(crate) struct ShowTaskPage;

impl Operation for ShowAttemptPage {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/runs/{run}/tasks/{id}/attempts/{n}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "attempt_page";
    const SUMMARY: &'static str = "One attempt";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let number = call.attempt()?;
        page(&web, &call, Some(number)).await
    }
}

impl Operation for ShowTaskPage {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/runs/{run}/tasks/{id}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "task_page";
    const SUMMARY: &'static str = "A task of a run, by its last attempt";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        page(&web, &call, None).await
    }
}

/// All that the page tells.
struct Told<'a> {
    web: &'a Web,
    story: &'a Story,
    ix: TaskRunIx,
    run: &'a RunHead,
    task: &'a TaskView,
    attempt: Option<&'a AttemptView>,
    /// The address names one attempt.
    by_number: bool,
    name: String,
    /// Whoever looks may act.
    may: bool,
}

async fn page(
    web: &Web,
    call: &Call<Nothing, Nothing>,
    number: Option<u32>,
) -> Result<Response, Problem> {
    let (run, id): (_, TaskRunId) = (call.run()?, call.task_run()?);
    if id.run != run {
        let said = format!("run {run} has no such task");
        return Err(Problem::new(Code::NoSuchTask, said));
    }
    let (story, ix) = web.task_story(&id).await?;
    let seen = RunView::of(&story.dag, &story.run);
    let text = id.to_string();
    let none = || Problem::new(Code::NoSuchTask, format!("run {run} has no such task"));
    let task = seen
        .tasks
        .iter()
        .find(|task| task.id == text)
        .ok_or_else(none)?;
    if let Some(number) = number {
        find(&story.run.tasks[ix.index()].attempts, number)?;
    }
    let of_number = |number| {
        task.attempts
            .iter()
            .find(|attempt| attempt.number == number)
    };
    let told = Told {
        web,
        story: &story,
        ix,
        run: &seen.head,
        task,
        attempt: number.map_or(task.attempts.last(), of_number),
        by_number: number.is_some(),
        name: target(task),
        may: call.caller.may_act(),
    };
    let title = format!("{} of {}", told.name, seen.head.dag);
    let sheet = Sheet {
        who: &call.caller,
        title: &title,
        nav: Nav::Below,
        watch: Watch::Run(&seen.head.id),
        scripts: &["log.js"],
        body: told.body().await?,
    };
    Ok(sheet.answer(web, StatusCode::OK))
}

impl Told<'_> {
    async fn body(&self) -> Result<Markup, Problem> {
        let run = self.run;
        let waits = if self.task.ended_at.is_none() {
            reasons(self.web, self.story, Some(self.ix)).await?.items
        } else {
            Vec::new()
        };
        Ok(html! {
            p.crumbs {
                a href="/" { "Tonight" } " / " a href={ "/dags/" (run.dag) } { (run.dag) } " / "
                a href={ "/runs/" (run.id) } { (run.ingestion_id) } " / task"
            }
            (self.head())
            @if self.may { (self.acts()) } @else { (lookers_only()) }
            (self.begun())
            div id="waits" data-live {
                @if !waits.is_empty() { section { h2 { "Why it waits" } (reasons_list(self.web, &waits)) } }
            }
            @if let Some(attempt) = self.attempt { (self.log(attempt)) }
            (self.facts())
            (self.tries())
            @if let Some(attempt) = self.attempt { (self.request(attempt)) }
        })
    }

    fn head(&self) -> Markup {
        let (task, attempt) = (self.task, self.attempt);
        let error = attempt.and_then(|attempt| attempt.error.as_ref());
        let last = task.attempts.last().map(|last| last.number);
        html! {
            div id="head" data-live {
                div.head {
                    h1 { bdi { (self.name) } }
                    (badge(attempt.map_or(task.state, |attempt| attempt.state)))
                    @if let Some(attempt) = attempt {
                        span.quiet {
                            "attempt " (attempt.number)
                            @if let Some(last) = last.filter(|last| *last != attempt.number) { " of " (last) ". " a href=(attempt_way(&self.run.id, task)) { "The last one" } }
                        }
                    }
                }
                @if let Some(error) = error {
                    div.alarm.sheet role="note" {
                        p { code.class { (error.class) } @if let Some(code) = &error.exit_code { " exit code " (code) } }
                        p.message { bdi { (error.message) } }
                    }
                }
                @if let Some(alarm) = attempt.and_then(|attempt| attempt.alarm.as_ref()) {
                    p.notice role="alert" { "Somebody has to act: " bdi { (alarm) } }
                }
                @if let Some(trouble) = attempt.and_then(|attempt| attempt.trouble.as_ref()) { p.notice { bdi { (trouble) } } }
                @if let Some(why) = &task.why { p { bdi { (why) } } }
                @if let Some(by) = &task.marked_by { p { "Marked by " bdi { (by) } "." } }
            }
        }
    }

    /// Of a page that was opened before the first attempt: whether there is one now.
    fn begun(&self) -> Markup {
        html! {
            div id="begun" data-live {
                @if !self.by_number {
                    @match self.task.attempts.last() {
                        None => p.quiet { "It was not attempted yet." },
                        Some(last) => p { a.button href=(attempt_way(&self.run.id, self.task)) { "Attempt " (last.number) " by itself" } },
                    }
                }
            }
        }
    }

    fn acts(&self) -> Markup {
        let over = self.run.ended_at.is_some();
        html! {
            div.acts id="acts" data-live {
                // One place for both, so that the change is not held back under the finger that asked for it.
                section.act-box id="again" {
                    @if over { div data-keep { (retry_from(&self.run.id, &self.name)) } }
                    @else { p.quiet { "The run is under way: a task can be retried when it is over." } }
                }
                details.act-box id="mark" data-keep { summary { "Mark by hand" } (mark(&self.run.id, &self.task.id, &self.name)) }
            }
        }
    }

    /// The log is read by the script, and written as text.
    fn log(&self, attempt: &AttemptView) -> Markup {
        let address = format!(
            "/api/v1/task-runs/{}/attempts/{}/logs",
            self.task.id, attempt.number
        );
        let by_hand = format!(
            "noctule logs {} {} --attempt {} -f",
            quoted(&self.run.id),
            quoted(&self.name),
            attempt.number
        );
        html! {
            section id="log-section" {
                div.head {
                    h2 { "Log" }
                    span.quiet id="log-state" role="status" { "needs a script to be shown here" }
                    label.check { input type="checkbox" id="follow" checked; "follow" }
                    a href=(address) download="attempt.log" { "Download" }
                }
                pre.log id="log" data-keep data-log=(address) data-task=(self.task.task) tabindex="0" role="log" aria-live="off" aria-label="Log" {}
                p { (command(&by_hand)) }
            }
        }
    }

    fn facts(&self) -> Markup {
        let zone = self.web.settings().zone;
        let Some(attempt) = self.attempt else {
            return html! {};
        };
        let began = attempt.started_at.or(attempt.launched_at);
        html! {
            section {
                h2 { "Attempt " (attempt.number) }
                dl.facts id="facts" data-live {
                    dt { "intended" } dd { (when(attempt.intended_at, zone)) }
                    @if let Some(at) = attempt.launched_at { dt { "launched" } dd { (when(at, zone)) } }
                    @if let Some(at) = attempt.started_at { dt { "began" } dd { (when(at, zone)) } }
                    @if let Some(at) = attempt.ended_at { dt { "ended" } dd { (when(at, zone)) } }
                    @if began.is_some() { dt { "took" } dd { (lasted(began, attempt.ended_at, self.web.now())) } }
                    @if let Some(at) = attempt.deadline { dt { "must end by" } dd { (when(at, zone)) } }
                    dt { "executor" } dd { code { (self.task.executor) } }
                    dt { "attempt key" } dd { code { (attempt.key) } }
                    (self.remote(attempt))
                    @if let Some(output) = &attempt.output { dt { "output" } dd { pre { (pretty(output)) } } }
                }
            }
        }
    }

    /// The work elsewhere: what it is called there, and its page in the console.
    fn remote(&self, attempt: &AttemptView) -> Markup {
        html! {
            @if let Some(page) = self.console(attempt.number) {
                dt { "console" } dd { a href=(page) rel="noreferrer noopener external" target="_blank" { "Open in the console of the cloud" } }
            }
            @match &attempt.handle {
                Value::Null => {},
                Value::Object(fields) => @for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    dt { (name.replace('_', " ")) } dd { code { (plain(value)) } }
                },
                other => { dt { "handle" } dd { code { (plain(other)) } } }
            }
        }
    }

    fn console(&self, number: u32) -> Option<String> {
        let task = &self.story.run.tasks[self.ix.index()];
        let attempt = task
            .attempts
            .iter()
            .find(|attempt| attempt.number == number)?;
        let around = self.web.engine().ok()?.surroundings().ok()?;
        let executor = around.desk.executor(&self.task.executor).ok()?;
        let page = executor.console(&handle(attempt)?.raw)?;
        // Whatever an executor says, a link leads to a site and runs nothing.
        page.starts_with("https://").then_some(page)
    }

    fn tries(&self) -> Markup {
        let (zone, run) = (self.web.settings().zone, &self.run.id);
        let here = self.attempt.map(|attempt| attempt.number);
        html! {
            div id="tries" data-live { @if self.task.attempts.len() > 1 {
                section {
                    h2 { "All attempts" }
                    div.scroll {
                        table {
                            thead { tr { th scope="col" { "State" } th scope="col" { "Attempt" } th scope="col" { "Intended" } th.num scope="col" { "Took" } th scope="col" { "What it says" } } }
                            tbody {
                                @for attempt in self.task.attempts.iter().rev() {
                                    tr id={ "a-" (attempt.number) } {
                                        td { (badge(attempt.state)) }
                                        td {
                                            a href={ "/runs/" (run) "/tasks/" (self.task.id) "/attempts/" (attempt.number) }
                                                aria-current=[(here == Some(attempt.number)).then_some("page")] { "attempt " (attempt.number) }
                                        }
                                        td.nowrap { (when(attempt.intended_at, zone)) }
                                        td.num { (lasted(Some(attempt.intended_at), attempt.ended_at, self.web.now())) }
                                        td { @if let Some(error) = &attempt.error { code.class { (error.class) } " " bdi { (error.message) } } }
                                    }
                                }
                            }
                        }
                    }
                }
            } }
        }
    }

    fn request(&self, attempt: &AttemptView) -> Markup {
        let task = &self.story.run.tasks[self.ix.index()];
        let sent = task
            .attempts
            .iter()
            .find(|sent| sent.number == attempt.number);
        let request = sent.map(|sent| RequestView::of(self.story, self.ix, sent));
        html! {
            @if let Some(RequestView { request, connection, .. }) = request {
                section {
                    details id="request" {
                        summary { "The exact request" }
                        @if let Some(connection) = connection { p { "Sent by the connection " code { (connection) } ". Secrets are references." } }
                        pre { (pretty(&request)) }
                    }
                }
            }
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
