//! One act over many runs of a DAG: each is an ask of its own, and says what became of it.

use std::time::Duration;

use axum::response::Response;
use noctule_core::many::Act;
use noctule_core::name::{DagId, TaskTarget};
use noctule_core::run::RetryScope;
use noctule_core::view::{ManyOutcome, ManyRun, ManyView};
use noctule_store::RunSummary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::runs::{MarkedAs, TASKS, targets};
use super::which::{Which, listed, wrong};
use super::{DryRun, plain, reason};
use crate::access::{Caller, Need, Role};
use crate::audit::Did;
use crate::operation::{Call, Operation, Verb, found};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `POST /api/v1/dags/{dag}/runs/retry`.
pub(crate) struct RetryMany;
/// `POST /api/v1/dags/{dag}/runs/cancel`.
pub(crate) struct CancelMany;
/// `POST /api/v1/dags/{dag}/runs/mark`.
pub(crate) struct MarkMany;

/// What of many runs begins anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryManyBody {
    /// Which runs.
    pub which: Which,
    /// Exactly these tasks; empty: what failed, and what follows it.
    #[serde(default)]
    #[schemars(length(max = TASKS))]
    pub tasks: Vec<String>,
    /// Everything after them, too.
    #[serde(default)]
    pub downstream: bool,
    /// Every task.
    #[serde(default)]
    pub all: bool,
    /// In your words; kept with the runs.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// Which runs are cancelled, and why.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelManyBody {
    /// Which runs.
    pub which: Which,
    /// In your words; kept with the runs.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// How a task of many runs is said to have ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkManyBody {
    /// Which runs.
    pub which: Which,
    /// The task, as `task`, `task[KEY]` or `group.task[KEY]`.
    pub task: String,
    /// How.
    pub state: MarkedAs,
    /// Running work is let be, instead of being stopped first.
    #[serde(default)]
    pub leave_running: bool,
    /// In your words; kept with the runs.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// An act over many runs, as it was asked for.
struct Asked {
    dag: DagId,
    which: Which,
    act: Act,
    reason: Option<String>,
    dry_run: bool,
}

impl Asked {
    async fn answer(self, web: &Web, caller: &Caller) -> Result<Response, Problem> {
        let reason = reason(self.reason.clone())?;
        let mut runs = Vec::new();
        for summary in self.which.find(web, &self.dag).await? {
            let (facts, phase) = (&summary.facts, &summary.phase);
            let one = self.one(web, caller, &summary, reason.as_ref()).await;
            // What was done to others before is said all the same.
            runs.push(one.unwrap_or_else(|problem| {
                ManyRun::planned(facts, phase, Ok(Vec::new())).asked(Some(problem.detail))
            }));
        }
        let done = ManyView {
            runs,
            dry_run: self.dry_run,
        };
        let mut response = found(&done)?;
        response.extensions_mut().insert(Did(what(&done)));
        Ok(response)
    }

    async fn one(
        &self,
        web: &Web,
        caller: &Caller,
        summary: &RunSummary,
        reason: Option<&String>,
    ) -> Result<ManyRun, Problem> {
        let story = web.story(&summary.facts.id).await?;
        let touched = self.act.touches(&story.dag, &story.run);
        let planned = ManyRun::planned(&story.run.facts, &story.run.phase, touched);
        if self.dry_run || planned.outcome == ManyOutcome::LeftAlone {
            return Ok(planned);
        }
        let asked = web.ask(caller, self.act.wish(&story.run, reason.cloned()));
        Ok(planned.asked(asked.await.err().map(|problem| problem.detail)))
    }
}

fn tasks(names: &[String]) -> Result<Vec<TaskTarget>, Problem> {
    if names.len() > TASKS {
        let said = format!("tasks: {}; at most {TASKS} at once", names.len());
        return Err(wrong(said));
    }
    targets(names)
}

/// What was done, for the audit: how many, and the first of them by their ids.
fn what(done: &ManyView) -> String {
    let touched = done.runs.iter();
    let touched = touched.filter(|run| run.outcome == ManyOutcome::Done);
    let touched: Vec<String> = touched.map(|run| run.run.clone()).collect();
    let (refused, left) = (
        done.count(ManyOutcome::Refused),
        done.count(ManyOutcome::LeftAlone),
    );
    let counts = format!(
        "{} runs, {refused} refused, {left} left alone",
        touched.len()
    );
    if touched.is_empty() {
        return counts;
    }
    format!("{counts}: {}", listed(&touched))
}

impl Operation for RetryMany {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/runs/retry";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "retry_runs";
    const SUMMARY: &'static str =
        "Run failed tasks of many runs again; each run says what became of it";
    const PATIENCE: Duration = Duration::from_secs(90);
    const BODY_LIMIT: usize = 1024 * 1024;
    type Query = DryRun;
    type Body = RetryManyBody;
    type Answer = ManyView;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    fn about(body: &RetryManyBody) -> Option<String> {
        Some(body.which.said())
    }

    async fn answer(web: Web, call: Call<DryRun, RetryManyBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let body = call.body;
        if body.all && !body.tasks.is_empty() {
            let said = "tasks: with `all` none is named";
            return Err(Problem::new(Code::InvalidBody, said));
        }
        let act = Act::Retry(RetryScope {
            tasks: tasks(&body.tasks)?,
            downstream: body.downstream,
            all: body.all,
        });
        let asked = Asked {
            dag,
            which: body.which,
            act,
            reason: body.reason,
            dry_run: call.query.dry_run,
        };
        asked.answer(&web, &call.caller).await
    }
}

impl Operation for CancelMany {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/runs/cancel";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "cancel_runs";
    const SUMMARY: &'static str = "Cancel many runs; each says what became of it";
    const PATIENCE: Duration = Duration::from_secs(90);
    const BODY_LIMIT: usize = 1024 * 1024;
    type Query = DryRun;
    type Body = CancelManyBody;
    type Answer = ManyView;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    fn about(body: &CancelManyBody) -> Option<String> {
        Some(body.which.said())
    }

    async fn answer(web: Web, call: Call<DryRun, CancelManyBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let asked = Asked {
            dag,
            which: call.body.which,
            act: Act::Cancel,
            reason: call.body.reason,
            dry_run: call.query.dry_run,
        };
        asked.answer(&web, &call.caller).await
    }
}

impl Operation for MarkMany {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/runs/mark";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "mark_tasks";
    const SUMMARY: &'static str =
        "Say by hand how a task of many runs ended; each run says what became of it";
    const PATIENCE: Duration = Duration::from_secs(90);
    const BODY_LIMIT: usize = 1024 * 1024;
    type Query = DryRun;
    type Body = MarkManyBody;
    type Answer = ManyView;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    fn about(body: &MarkManyBody) -> Option<String> {
        Some(format!("task {}, {}", plain(&body.task), body.which.said()))
    }

    async fn answer(web: Web, call: Call<DryRun, MarkManyBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let body = call.body;
        let task: Vec<TaskTarget> = targets(std::slice::from_ref(&body.task))?;
        let Some(task) = task.into_iter().next() else {
            return Err(wrong("task: one is named"));
        };
        let asked = Asked {
            dag,
            which: body.which,
            act: Act::Mark {
                task,
                verdict: body.state.verdict(),
                leave_running: body.leave_running,
            },
            reason: body.reason,
            dry_run: call.query.dry_run,
        };
        asked.answer(&web, &call.caller).await
    }
}
