//! One act over many runs: what it touches of each, and why it leaves one alone.
//!
//! Each run is an ask of its own: one that is refused takes no other down.

use crate::ask::{Take, Wish};
use crate::dag::Dag;
use crate::name::TaskTarget;
use crate::run::{RetryScope, Run, TaskRunIx, Verdict, plan_retry};

/// What is done to each run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A new round.
    Retry(RetryScope),
    /// Its end.
    Cancel,
    /// Another state of a task.
    Mark {
        /// Which.
        task: TaskTarget,
        /// As what.
        verdict: Verdict,
        /// Running work is let be.
        leave_running: bool,
    },
}

impl Act {
    /// The names of the tasks of a run that it touches.
    ///
    /// # Errors
    /// There is nothing to do for the run: why.
    pub fn touches(&self, dag: &Dag, run: &Run) -> Result<Vec<String>, String> {
        let touched = match self {
            Self::Retry(scope) => plan_retry(dag, run, scope).map_err(|why| why.to_string())?,
            Self::Cancel => open(run)?,
            Self::Mark { task, verdict, .. } => vec![marked(dag, run, task, *verdict)?],
        };
        Ok(touched.into_iter().map(|ix| run.name_of(dag, ix)).collect())
    }

    /// The ask for one run.
    #[must_use]
    pub fn wish(&self, run: &Run, reason: Option<String>) -> Wish {
        let run = run.facts.id.clone();
        match self {
            Self::Retry(scope) => Wish::Retry {
                run,
                tasks: scope.tasks.clone(),
                downstream: scope.downstream,
                all: scope.all,
                reason,
                definition: Take::Pinned,
            },
            Self::Cancel => Wish::Cancel { run, reason },
            Self::Mark {
                task,
                verdict,
                leave_running,
            } => Wish::Mark {
                run,
                task: task.clone(),
                verdict: *verdict,
                leave_running: *leave_running,
                reason,
            },
        }
    }
}

fn open(run: &Run) -> Result<Vec<TaskRunIx>, String> {
    if run.is_over() {
        return Err(format!("the run has already {}", run.phase.word()));
    }
    let all = (0u32..).map(TaskRunIx).zip(&run.tasks);
    let open = all.filter(|(_, task)| task.end().is_none());
    Ok(open.map(|(ix, _)| ix).collect())
}

fn marked(dag: &Dag, run: &Run, task: &TaskTarget, verdict: Verdict) -> Result<TaskRunIx, String> {
    let Some(ix) = run.find_one(dag, task) else {
        return Err(match run.find(dag, task).len() {
            0 => format!("the run has no task `{task}`"),
            _ => format!("`{task}` has several items"),
        });
    };
    let is = run.tasks[ix.index()].end().map(|end| end.verdict);
    if is == Some(verdict) {
        return Err(format!("`{task}` is {} already", verdict.word()));
    }
    Ok(ix)
}

#[cfg(test)]
mod tests {
    use noctule_executor::ErrorClass;

    use super::*;
    use crate::view::sample::{Story, dag, task};

    fn chain() -> Story {
        Story::of(dag(vec![task("a", &[], 0), task("b", &["a"], 0)]))
    }

    fn names(names: &[&str]) -> Result<Vec<String>, String> {
        Ok(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn mark(verdict: Verdict, task: &str) -> Act {
        Act::Mark {
            task: task.parse().unwrap(),
            verdict,
            leave_running: false,
        }
    }

    #[test]
    fn a_run_that_an_act_does_not_fit_is_left_alone_and_says_why() {
        let mut story = chain();
        story.begin().admit("a");
        let retry = Act::Retry(RetryScope::default());
        let of = |act: &Act, story: &Story| act.touches(&story.dag, &story.run);
        assert_eq!(of(&Act::Cancel, &story), names(&["a", "b"]));
        assert!(of(&retry, &story).unwrap_err().contains("running"));
        assert_eq!(of(&mark(Verdict::Failed, "a"), &story), names(&["a"]));
        story.launched("a").failed("a", ErrorClass::User, "no good");
        assert!(of(&Act::Cancel, &story).unwrap_err().contains("failed"));
        assert_eq!(of(&retry, &story), names(&["a", "b"]));
        let again = of(&mark(Verdict::Failed, "a"), &story).unwrap_err();
        assert!(again.contains("already"), "{again}");
        let strange = of(&mark(Verdict::Failed, "c"), &story).unwrap_err();
        assert!(strange.contains("no task"), "{strange}");
        assert_eq!(of(&mark(Verdict::Succeeded, "a"), &story), names(&["a"]));
    }
}
