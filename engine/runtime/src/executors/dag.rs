//! `executor = "dag"`: starts a run of another DAG, with the same ingestion id, and waits for its end.
//!
//! The launch is an ask in the inbox under the attempt key, so however often it is sent there is one run; the handle is that
//! key, and the run's id once the ask is answered. A cancel asks for the end of that run, once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, Ask, Refusal, TriggerWish, Wish};
use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Phase, Trigger};
use noctule_executor::{
    Attempt, Capabilities, Connection, Context, Draft, ErrorClass, Executor, ExecutorError,
    Finished, Outcome, Problem, Recovery, Request, Status, Wait, async_trait,
};
use noctule_store::AskId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Behind, VIA, child, unread};

/// So many DAGs may start each other in a chain.
const CHAIN: usize = 16;
/// How long a launch waits for the answer to its ask; the poll sees what comes later.
const ANSWER: Duration = Duration::from_secs(2);
/// How many of the latest asks are looked through for one that was lost.
const RECENT: u32 = 1_000;

/// The `with` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartDag {
    /// The id of the DAG to start.
    pub dag: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The ingestion id of its run; by default that of this run.
    pub ingestion_id: Option<String>,
    /// The nominal time of its run, RFC 3339; by default that of this run.
    pub at: Option<String>,
}

/// The handle: where the ask is, and the run that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedDag {
    /// The DAG.
    pub dag: DagId,
    /// The idempotency key of the ask: the attempt key.
    pub key: String,
    /// The ask.
    pub ask: Option<i64>,
    /// The run, once it is known.
    pub run: Option<RunId>,
    /// Who asked: `RUN/TASK`.
    pub by: String,
}

/// The executor.
#[derive(Clone, Default)]
pub struct DagExecutor(pub(super) Behind);

fn wish(attempt: &Attempt<StartDag>) -> Result<TriggerWish, Problem> {
    let with = &attempt.config;
    let dag: DagId = with
        .dag
        .parse()
        .map_err(|error| Problem::at(["dag"], format!("`{}` is no id: {error}", with.dag)))?;
    let logical_time = match &with.at {
        None => attempt.run.logical_time,
        Some(text) => DateTime::parse_from_rfc3339(text)
            .map_err(|error| Problem::at(["at"], format!("`{text}` is no instant: {error}")))?
            .with_timezone(&Utc),
    };
    let id = with.ingestion_id.as_ref();
    Ok(TriggerWish {
        dag,
        version: None,
        params: with.params.clone(),
        ingestion_id: Some(id.unwrap_or(&attempt.run.ingestion_id).clone()),
        logical_time,
        idempotency_key: Some(attempt.key.to_string()),
        callback_url: None,
    })
}

fn by<C>(attempt: &Attempt<C>) -> String {
    let item = attempt.map_key.as_ref();
    let item = item.map_or_else(String::new, |key| format!("[{key}]"));
    format!("{}/{}{item}", attempt.run.id, attempt.task)
}

fn read(request: &Request) -> Result<TriggerWish, ExecutorError> {
    let wish = request.0.get("trigger").cloned().unwrap_or_default();
    serde_json::from_value(wish).map_err(|error| {
        let message = format!("the stored request cannot be read: {error}");
        ExecutorError::rejected(ErrorClass::Config, message)
    })
}

impl DagExecutor {
    /// The run that an earlier send has become.
    async fn run_of_key(
        &self,
        wish: &TriggerWish,
        by: String,
    ) -> Result<Option<StartedDag>, ExecutorError> {
        let key = wish.idempotency_key.clone().unwrap_or_default();
        let found = self.0.store()?.run_by_key(&wish.dag, &key).await;
        let found = found.map_err(|error| unread("the run of an earlier launch", &error))?;
        Ok(found.map(|run| StartedDag {
            dag: wish.dag.clone(),
            key,
            ask: None,
            run: Some(run),
            by,
        }))
    }

    /// What an earlier send left: a run, or an ask.
    async fn find(
        &self,
        wish: &TriggerWish,
        by: String,
    ) -> Result<Option<StartedDag>, ExecutorError> {
        if let Some(there) = self.run_of_key(wish, by.clone()).await? {
            return Ok(Some(there));
        }
        let asks = self.0.store()?.recent_asks(RECENT).await;
        let asks = asks.map_err(|error| unread("the ask of an earlier launch", &error))?;
        let key = wish.idempotency_key.clone().unwrap_or_default();
        let ours = |ask: &Ask| matches!(&ask.wish, Wish::Trigger(other) if other.idempotency_key.as_ref() == Some(&key));
        let ask = asks.iter().find(|(_, ask, _)| ours(ask));
        Ok(ask.map(|(id, ..)| StartedDag {
            dag: wish.dag.clone(),
            key: key.clone(),
            ask: Some(id.0),
            run: None,
            by,
        }))
    }

    /// Waits a little for the answer to the ask: a refusal is said by the launch, and the handle names the run.
    async fn answered(&self, mut handle: StartedDag) -> Result<StartedDag, ExecutorError> {
        let store = self.0.store()?;
        let end = tokio::time::Instant::now() + ANSWER;
        loop {
            let token = store.change_token().await.ok();
            match self.made(&handle).await? {
                Made::Run(run) => {
                    handle.run = Some(run);
                    return Ok(handle);
                }
                Made::Refused(class, message) => {
                    return Err(ExecutorError::rejected(class, message));
                }
                Made::NotYet => {}
            }
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            let (Some(token), false) = (token, left.is_zero()) else {
                return Ok(handle);
            };
            // A store that cannot be read is told by the next look.
            drop(store.changed_since(token, left).await);
        }
    }

    /// What became of the ask.
    async fn made(&self, handle: &StartedDag) -> Result<Made, ExecutorError> {
        if let Some(run) = &handle.run {
            return Ok(Made::Run(run.clone()));
        }
        let store = self.0.store()?;
        let said = |error| unread("the run that was asked for", &error);
        let run = store.run_by_key(&handle.dag, &handle.key).await;
        if let Some(run) = run.map_err(said)? {
            return Ok(Made::Run(run));
        }
        let answer = match handle.ask {
            Some(ask) => store.answer_of(AskId(ask)).await.map_err(said)?,
            None => None,
        };
        Ok(match answer {
            Some(Answer::Refused { kind, message }) => {
                let message = format!("no run of `{}` was made: {message}", handle.dag);
                Made::Refused(class(kind), message)
            }
            Some(Answer::Done { run: Some(run), .. }) => Made::Run(run),
            Some(Answer::Done { run: None, .. }) | None => Made::NotYet,
        })
    }

    async fn status(&self, handle: &StartedDag) -> Result<Status, ExecutorError> {
        Ok(match self.made(handle).await? {
            Made::Run(run) => child::status(self.0.store()?, &run).await?,
            Made::Refused(class, message) => {
                let outcome = Outcome::failed(class, message, None);
                Status::Finished(Finished::now(outcome))
            }
            Made::NotYet => Status::Launching,
        })
    }

    /// Whether a chain of DAGs that start each other is long enough.
    async fn check_chain(&self, attempt: &Attempt<StartDag>) -> Result<(), ExecutorError> {
        let store = self.0.store()?;
        let mut chain = vec![attempt.run.dag.clone()];
        let mut next: Option<RunId> = attempt.run.id.parse().ok();
        while let Some(run) = next.take() {
            let said = |error| unread("the run that started this one", &error);
            let Some(summary) = store.summary(&run).await.map_err(said)? else {
                break;
            };
            if let Trigger::Manual { by } = &summary.facts.trigger
                && by.via == VIA
                && let Some((parent, _)) = by.name.split_once('/')
            {
                next = parent.parse().ok();
            }
            if *run.as_str() != attempt.run.id {
                chain.push(summary.facts.dag.to_string());
            }
            if chain.len() >= CHAIN {
                chain.reverse();
                let message = format!(
                    "{CHAIN} DAGs have started each other, and this would be one more: {} -> {}",
                    chain.join(" -> "),
                    attempt.config.dag
                );
                return Err(ExecutorError::rejected(ErrorClass::Config, message));
            }
        }
        Ok(())
    }
}

/// What became of an ask for a run.
enum Made {
    Run(RunId),
    Refused(ErrorClass, String),
    NotYet,
}

fn class(kind: Refusal) -> ErrorClass {
    match kind {
        Refusal::Invalid | Refusal::Conflict => ErrorClass::Config,
        Refusal::NotFound => ErrorClass::NotFound,
        Refusal::Unreachable => ErrorClass::Infrastructure,
        Refusal::Expired => ErrorClass::NeverStarted,
    }
}

#[async_trait]
impl Executor for DagExecutor {
    const KIND: &'static str = "dag";
    type Config = StartDag;
    type Handle = StartedDag;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: true,
            logs: false,
            sensor: false,
            holds: false,
            hints: false,
            default_wait: Wait::Poll,
        }
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Resend
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(Err(error)) = with.text(&["dag"]).map(str::parse::<DagId>) {
            problems.push(Problem::at(["dag"], error.to_string()));
        }
        let id = with.text(&["ingestion_id"]);
        if let Some(Err(error)) = id.map(noctule_core::ticks::IngestionId::given) {
            problems.push(Problem::at(["ingestion_id"], error.to_string()));
        }
        let at = with.text(&["at"]);
        if let Some(Err(error)) = at.map(DateTime::parse_from_rfc3339) {
            let problem = Problem::at(["at"], format!("it is no instant: {error}"));
            problems.push(problem.help("write it as 2026-01-31T21:00:00Z"));
        }
        problems
    }

    fn request(
        &self,
        attempt: &Attempt<StartDag>,
        _connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        Ok(Request(
            json!({ "trigger": wish(attempt)?, "by": by(attempt) }),
        ))
    }

    async fn launch(
        &self,
        _context: &Context,
        attempt: &Attempt<StartDag>,
        request: &Request,
    ) -> Result<StartedDag, ExecutorError> {
        let wish = read(request)?;
        // A run that is there is never a reason to refuse: the DAG may be gone since. An ask that is there does no harm:
        // both have one key, and come to one run.
        if let Some(there) = self.run_of_key(&wish, by(attempt)).await? {
            return Ok(there);
        }
        self.check_chain(attempt).await?;
        let (dag, key) = (wish.dag.clone(), attempt.key.to_string());
        let asked = self.0.ask(Wish::Trigger(wish), by(attempt)).await;
        let lost = |error| ExecutorError::unknown(format!("failed to ask for a run: {error}"));
        let handle = StartedDag {
            dag,
            key,
            ask: Some(asked.map_err(lost)?.0),
            run: None,
            by: by(attempt),
        };
        // The ask is durable: whatever cannot be read now, the poll sees.
        match self.answered(handle.clone()).await {
            Err(ExecutorError::Unavailable { .. }) => Ok(handle),
            answered => answered,
        }
    }

    async fn adopt(
        &self,
        _context: &Context,
        attempt: &Attempt<StartDag>,
        request: &Request,
    ) -> Result<Option<StartedDag>, ExecutorError> {
        self.find(&read(request)?, by(attempt)).await
    }

    async fn poll(
        &self,
        _context: &Context,
        handles: &[StartedDag],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let look = |handle| self.status(handle);
        self.0.look_until_news(handles, patience, look).await
    }

    async fn cancel(
        &self,
        _context: &Context,
        handle: &StartedDag,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        let store = self.0.store()?;
        let said = |error| unread("the run to be cancelled", &error);
        // The inbox first: an ask that is answered meanwhile shows in the run.
        let pending = store.pending_asks().await.map_err(said)?;
        let run = match self.made(handle).await? {
            Made::Run(run) => run,
            Made::Refused(..) => return Ok(()),
            Made::NotYet => {
                let message = "the ask for a run is not answered yet, so there is no run to cancel";
                return Err(ExecutorError::unavailable(message));
            }
        };
        let asked =
            |ask: &Ask| matches!(&ask.wish, Wish::Cancel { run: other, .. } if *other == run);
        let phase = store
            .summary(&run)
            .await
            .map_err(said)?
            .map(|run| run.phase);
        let stopping = match phase {
            Some(Phase::Running { stop, .. }) => stop.is_some(),
            Some(Phase::Queued { .. }) => false,
            Some(Phase::Ended { .. }) | None => true,
        };
        // A second cancel would end the clean-up of that run, too.
        if stopping || pending.iter().any(|(_, ask)| asked(ask)) {
            return Ok(());
        }
        let by = handle.by.clone();
        let reason = Some(format!("{by}, which started it, is being stopped"));
        let asked = self.0.ask(Wish::Cancel { run, reason }, by).await;
        asked.map(drop).map_err(|error| {
            ExecutorError::unavailable(format!("failed to ask for the end of the run: {error}"))
        })
    }

    fn public_handle(&self, handle: &StartedDag) -> Value {
        match &handle.run {
            Some(run) => json!({ "dag": handle.dag, "run": run }),
            None => json!({ "dag": handle.dag, "ask": handle.ask }),
        }
    }
}
