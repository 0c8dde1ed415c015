//! Operations that act: each is an ask to the engine, answered once what it did is durable.

mod backfills;
mod dags;
mod deliveries;
mod many;
mod runs;
mod trigger;
mod which;

use noctule_core::ask::Answer;
use noctule_core::dag::Dag;
use noctule_core::run::{Run, TaskRunIx};
use noctule_core::view::TakenView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem};

pub(crate) use self::backfills::{Backfill, CancelBackfill, PauseBackfill, ResumeBackfill};
pub use self::backfills::{BackfillActBody, BackfillBody};
pub(crate) use self::dags::{Pause, Resume};
pub use self::dags::{PauseBody, ResumeBody};
pub(crate) use self::deliveries::ResendDelivery;
pub(crate) use self::many::{CancelMany, MarkMany, RetryMany};
pub use self::many::{CancelManyBody, MarkManyBody, RetryManyBody};
pub(crate) use self::runs::{Cancel, Mark, Retry};
pub use self::runs::{CancelBody, MarkBody, MarkedAs, RetryBody, RetryDefinition};
pub(crate) use self::trigger::Trigger;
pub use self::trigger::TriggerBody;
pub use self::which::Which;

/// What an act did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acted {
    /// The run that it is about.
    pub run: Option<String>,
    /// It was so already.
    #[serde(default)]
    pub existing: bool,
    /// What was done besides, for people.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The tasks that it touches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// What the latest definition changes, of a retry that takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<TakenView>,
    /// Nothing was touched.
    #[serde(default)]
    pub dry_run: bool,
}

/// Whether to do it.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// Only tell what would be touched.
    #[serde(default)]
    pub dry_run: bool,
}

impl Acted {
    fn would(run: &Run, tasks: Vec<String>) -> Self {
        Self {
            run: Some(run.facts.id.to_string()),
            existing: false,
            notes: Vec::new(),
            tasks,
            definition: None,
            dry_run: true,
        }
    }

    fn did(answer: Answer, tasks: Vec<String>) -> Self {
        let (run, existing, notes) = match answer {
            Answer::Done {
                run,
                existing,
                notes,
            } => (run, existing, notes),
            // A refusal has become a problem before.
            Answer::Refused { message, .. } => (None, false, vec![message]),
        };
        Self {
            run: run.map(|run| run.to_string()),
            existing,
            notes,
            tasks,
            definition: None,
            dry_run: false,
        }
    }
}

fn names(dag: &Dag, run: &Run, tasks: impl IntoIterator<Item = TaskRunIx>) -> Vec<String> {
    tasks.into_iter().map(|ix| run.name_of(dag, ix)).collect()
}

/// A text of a caller within an audit event: one line, and not long.
fn plain(text: &str) -> String {
    let visible = text.chars().filter(|c| !c.is_control());
    visible.take(300).collect()
}

/// The most characters of a reason.
const REASON: usize = 1_000;

/// A reason as people give it.
fn reason(text: Option<String>) -> Result<Option<String>, Problem> {
    if text
        .as_ref()
        .is_some_and(|text| text.chars().count() > REASON)
    {
        let said = format!("reason: it has at most {REASON} characters");
        return Err(Problem::new(Code::InvalidBody, said));
    }
    Ok(text)
}
