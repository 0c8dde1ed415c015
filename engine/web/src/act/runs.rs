//! Cancelling, retrying and marking: each can be tried first, and touches then nothing.

use axum::response::Response;
use noctule_core::ask::Wish;
use noctule_core::name::TaskTarget;
use noctule_core::run::{RetryRefusal, RetryScope, TaskRunIx, Verdict, plan_retry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Acted, DryRun, names, reason};
use crate::access::{Need, Role};
use crate::operation::{Call, Operation, Verb, found};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `POST /api/v1/runs/{run}/cancel`.
pub(crate) struct Cancel;
/// `POST /api/v1/runs/{run}/retry`.
pub(crate) struct Retry;
/// `POST /api/v1/task-runs/{id}/mark`.
pub(crate) struct Mark;

/// Why a run is cancelled.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// In your words; kept with the run.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// The most tasks that one request may name.
pub(super) const TASKS: usize = 1_000;

/// What of a run begins anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// Exactly these, as `task`, `task[KEY]` or `group.task[KEY]`; empty: what failed, and what follows it.
    #[serde(default)]
    #[schemars(length(max = TASKS))]
    pub tasks: Vec<String>,
    /// Everything after them, too.
    #[serde(default)]
    pub downstream: bool,
    /// Every task.
    #[serde(default)]
    pub all: bool,
    /// In your words; kept with the run.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// How a task is said to have ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkBody {
    /// How.
    pub state: MarkedAs,
    /// Running work is let be, instead of being stopped first.
    #[serde(default)]
    pub leave_running: bool,
    /// In your words; kept with the run.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

impl MarkedAs {
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Succeeded => Verdict::Succeeded,
            Self::Failed => Verdict::Failed,
            Self::Skipped => Verdict::Skipped,
        }
    }
}

/// What a task can be marked as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarkedAs {
    /// Good.
    Succeeded,
    /// Bad.
    Failed,
    /// Neither.
    Skipped,
}

impl Operation for Cancel {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/runs/{run}/cancel";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "cancel_run";
    const SUMMARY: &'static str = "Cancel a run; its work is stopped, and its end awaited";
    type Query = DryRun;
    type Body = CancelBody;
    type Answer = Acted;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    async fn answer(web: Web, call: Call<DryRun, CancelBody>) -> Result<Response, Problem> {
        let story = web.story(&call.run()?).await?;
        let run = &story.run;
        if run.is_over() {
            let said = format!("run {} has already {}", run.facts.id, run.phase.word());
            return Err(Problem::new(Code::RunIsOver, said));
        }
        let all = (0u32..).map(TaskRunIx).zip(&run.tasks);
        let open = all.filter(|(_, task)| task.end().is_none());
        let touched = names(&story.dag, run, open.map(|(ix, _)| ix));
        let reason = reason(call.body.reason)?;
        if call.query.dry_run {
            return found(&Acted::would(run, touched));
        }
        let wish = Wish::Cancel {
            run: run.facts.id.clone(),
            reason,
        };
        found(&Acted::did(web.ask(&call.caller, wish).await?, touched))
    }
}

impl Operation for Retry {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/runs/{run}/retry";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "retry_run";
    const SUMMARY: &'static str =
        "Run failed tasks of a run again, and what follows them, in a new round";
    const BODY_LIMIT: usize = 1024 * 1024;
    type Query = DryRun;
    type Body = RetryBody;
    type Answer = Acted;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    async fn answer(web: Web, call: Call<DryRun, RetryBody>) -> Result<Response, Problem> {
        let story = web.story(&call.run()?).await?;
        let RetryBody {
            tasks,
            downstream,
            all,
            reason: why,
        } = call.body;
        if all && !tasks.is_empty() {
            let said = "tasks: with `all` none is named";
            return Err(Problem::new(Code::InvalidBody, said));
        }
        if tasks.len() > TASKS {
            let said = format!("tasks: at most {TASKS} are named at once");
            return Err(Problem::new(Code::InvalidBody, said));
        }
        let scope = RetryScope {
            tasks: targets(&tasks)?,
            downstream,
            all,
        };
        let touched = plan_retry(&story.dag, &story.run, &scope).map_err(|refusal| {
            let code = match &refusal {
                RetryRefusal::NotEnded(_) => Code::RunIsLive,
                RetryRefusal::NothingFailed => Code::NothingFailed,
                RetryRefusal::NoTask(_) => Code::NoSuchTask,
            };
            Problem::new(code, refusal.to_string())
        })?;
        let touched = names(&story.dag, &story.run, touched);
        let reason = reason(why)?;
        if call.query.dry_run {
            return found(&Acted::would(&story.run, touched));
        }
        let wish = Wish::Retry {
            run: story.run.facts.id.clone(),
            tasks: scope.tasks,
            downstream,
            all,
            reason,
        };
        found(&Acted::did(web.ask(&call.caller, wish).await?, touched))
    }
}

pub(super) fn targets(names: &[String]) -> Result<Vec<TaskTarget>, Problem> {
    let target = |name: &String| {
        name.parse().map_err(|_| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
            let said = format!("the run has no task `{shown}`");
            Problem::new(Code::NoSuchTask, said)
        })
    };
    names.iter().map(target).collect()
}

impl Operation for Mark {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/task-runs/{id}/mark";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "mark_task";
    const SUMMARY: &'static str = "Say by hand how a task ended; running work is stopped first";
    type Query = DryRun;
    type Body = MarkBody;
    type Answer = Acted;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    async fn answer(web: Web, call: Call<DryRun, MarkBody>) -> Result<Response, Problem> {
        let id = call.task_run()?;
        let (story, ix) = web.task_story(&id).await?;
        let touched = names(&story.dag, &story.run, [ix]);
        let reason = reason(call.body.reason)?;
        if call.query.dry_run {
            return found(&Acted::would(&story.run, touched));
        }
        let wish = Wish::Mark {
            run: id.run,
            task: id.target,
            verdict: call.body.state.verdict(),
            leave_running: call.body.leave_running,
            reason,
        };
        found(&Acted::did(web.ask(&call.caller, wish).await?, touched))
    }
}
