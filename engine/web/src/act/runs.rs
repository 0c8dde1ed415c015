//! Cancelling, retrying and marking: each can be tried first, and touches then nothing.

use axum::response::Response;
use noctule_core::ask::{Take, Wish};
use noctule_core::name::{DagHash, TaskTarget};
use noctule_core::run::{RetryRefusal, RetryScope, TaskRunIx, Verdict, plan_latest, plan_retry};
use noctule_core::view::TakenView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Acted, DryRun, names, reason};
use crate::access::{Need, Role};
use crate::known::Story;
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
    /// Which definition of the DAG the run goes on with.
    #[serde(default)]
    pub definition: RetryDefinition,
    /// In your words; kept with the run.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// Which definition a retry takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryDefinition {
    /// The one that the run is pinned to.
    #[default]
    Pinned,
    /// Today's: new tasks wait, removed ones leave, and the run is pinned to it from then on.
    Latest,
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
            definition,
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
        let (touched, taken) = match definition {
            RetryDefinition::Pinned => (pinned(&story, &scope)?, None),
            RetryDefinition::Latest => {
                let (touched, taken) = latest(&web, &story, &scope).await?;
                (touched, Some(taken))
            }
        };
        let reason = reason(why)?;
        if call.query.dry_run {
            let would = Acted::would(&story.run, touched);
            return found(&Acted {
                definition: taken.map(|taken| taken.view),
                ..would
            });
        }
        let definition = match &taken {
            None => Take::Pinned,
            Some(taken) => Take::Latest {
                version: Some(taken.version.clone()),
            },
        };
        let wish = Wish::Retry {
            run: story.run.facts.id.clone(),
            tasks: scope.tasks,
            downstream,
            all,
            reason,
            definition,
        };
        let did = Acted::did(web.ask(&call.caller, wish).await?, touched);
        found(&Acted {
            definition: taken.map(|taken| taken.view),
            ..did
        })
    }
}

/// The latest definition, as it was shown.
struct Taken {
    version: DagHash,
    view: TakenView,
}

fn pinned(story: &Story, scope: &RetryScope) -> Result<Vec<String>, Problem> {
    let touched = plan_retry(&story.dag, &story.run, scope).map_err(refused)?;
    Ok(names(&story.dag, &story.run, touched))
}

async fn latest(
    web: &Web,
    story: &Story,
    scope: &RetryScope,
) -> Result<(Vec<String>, Taken), Problem> {
    let later = web.latest(&story.run.facts.dag).await?;
    let latest = plan_latest(&story.dag, &later, &story.run, scope).map_err(refused)?;
    let touched = latest.names(&later);
    let view = TakenView::of(&story.dag, &later, latest.difference);
    let version = later.hash().clone();
    Ok((touched, Taken { version, view }))
}

fn refused(refusal: RetryRefusal) -> Problem {
    let code = match &refusal {
        RetryRefusal::NotEnded(_) => Code::RunIsLive,
        RetryRefusal::NothingFailed => Code::NothingFailed,
        RetryRefusal::NoTask(_) => Code::NoSuchTask,
        RetryRefusal::Definition(_) => Code::DefinitionDoesNotFit,
    };
    Problem::new(code, refusal.to_string())
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
        if story.run.tasks[ix.index()].gone.is_some() {
            let said = format!(
                "the definition of run {} has no task `{}` any more",
                id.run, id.target
            );
            return Err(Problem::new(Code::NoSuchTask, said));
        }
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
