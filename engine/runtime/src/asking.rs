//! Asks: from the inbox of the store, or from the process that holds the engine. Each is answered in the commit that does it.

use noctule_core::ask::{Answer, Ask, Refusal, Wish};
use noctule_core::name::{RunId, TaskTarget};
use noctule_core::run::{Actor, Event, News, Report, RetryScope, Verdict};
use noctule_store::AskId;
use tokio::sync::oneshot;

use crate::batch::{Given, Of};
use crate::engine::Engine;
use crate::error::RuntimeError;
use crate::retrying::Round;

pub(crate) fn refused(kind: Refusal, message: impl Into<String>) -> Answer {
    Answer::Refused {
        kind,
        message: message.into(),
    }
}

pub(crate) fn done(run: Option<RunId>) -> Answer {
    Answer::Done {
        run,
        existing: false,
        notes: Vec::new(),
    }
}

impl Engine {
    /// Answers every ask of the inbox.
    pub(crate) async fn answer_asks(&mut self) -> Result<(), RuntimeError> {
        if self.ailing.is_some() {
            return Ok(());
        }
        let pending = match self.store.pending_asks().await {
            // They are still there when the store is.
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "the inbox cannot be read now");
                return Ok(());
            }
            pending => pending?,
        };
        for (id, ask) in pending {
            if !self.has_answered(id) {
                let (answer, of) = self.answer(ask).await?;
                self.batch.answers.push(Given { to: id, answer, of });
            }
        }
        Ok(())
    }

    /// An answer that the store does not take yet was given all the same, and what was asked for was done.
    fn has_answered(&self, id: AskId) -> bool {
        self.batch.has(&Of::Answer(id))
    }

    pub(crate) async fn answer_directly(
        &mut self,
        ask: Ask,
        to: oneshot::Sender<Answer>,
    ) -> Result<(), RuntimeError> {
        let (answer, of) = self.answer(ask).await?;
        self.batch.replies.push(Given { to, answer, of });
        Ok(())
    }

    /// The answer to an ask, and what it says was done.
    async fn answer(&mut self, ask: Ask) -> Result<(Answer, Option<Of>), RuntimeError> {
        let about = about(&ask.wish);
        let answer = self.answer_to(ask).await?;
        let of = match &answer {
            Answer::Done { run: None, .. } => about,
            answer => done_to(answer),
        };
        Ok((answer, of))
    }

    async fn answer_to(&mut self, ask: Ask) -> Result<Answer, RuntimeError> {
        if ask.profile != self.options.profile {
            let (ours, theirs) = (&self.options.profile, &ask.profile);
            let message =
                format!("the engine runs profile `{ours}`, the ask is for profile `{theirs}`");
            return Ok(refused(Refusal::Conflict, message));
        }
        if ask.valid_until < self.options.clock.now() {
            return Ok(refused(
                Refusal::Expired,
                "no engine was running while the ask was valid",
            ));
        }
        let by = ask.by;
        match ask.wish {
            Wish::Trigger(wish) => self.trigger(wish, by).await,
            Wish::Cancel { run, reason } => self.cancel(&run, by, reason).await,
            Wish::Retry {
                run,
                tasks,
                downstream,
                all,
                reason,
                definition,
            } => {
                let scope = RetryScope {
                    tasks,
                    downstream,
                    all,
                };
                let round = Round {
                    scope,
                    definition,
                    by,
                    reason,
                };
                self.retry(&run, round).await
            }
            Wish::Mark {
                run,
                task,
                verdict,
                leave_running,
                reason,
            } => {
                self.mark(&run, &task, verdict, leave_running, by, reason)
                    .await
            }
            Wish::Pause { dag, reason } => Ok(self.pause(&dag, by, reason)),
            Wish::Resume { dag, catchup } => self.resume_dag(&dag, catchup).await,
            Wish::Backfill(wish) => self.backfill(wish, by).await,
            Wish::ActOnBackfill {
                backfill,
                act,
                reason,
            } => self.act_on_backfill(&backfill, act, by, reason).await,
            Wish::Resend { message } => self.resend(&message, &by).await,
            Wish::Report(report) => Ok(self.report(report)),
            // The reload is done by whoever watches the files: it sees the ask, too, and publishes.
            Wish::Reload => Ok(self.reload()),
        }
    }

    /// News of work on the host of an engine that stands by.
    fn report(&mut self, report: Report) -> Answer {
        let Some(live) = self.live.get(&report.run) else {
            return no_run(&report.run);
        };
        if let Err(why) = report.is_believed(&live.run) {
            return refused(Refusal::Conflict, why);
        }
        let run = report.run;
        let news = News::Polled {
            status: report.status,
        };
        let event = Event::News {
            task: report.task,
            attempt: report.attempt,
            news,
        };
        self.happen(&run, event);
        done(Some(run))
    }

    async fn cancel(
        &mut self,
        run: &RunId,
        by: Actor,
        reason: Option<String>,
    ) -> Result<Answer, RuntimeError> {
        if self.live.contains_key(run) {
            self.happen(run, Event::Cancel { by, reason });
            return Ok(done(Some(run.clone())));
        }
        Ok(match self.store.run(run).await? {
            Some(ended) => refused(
                Refusal::Conflict,
                format!("run {run} has already {}", ended.phase.word()),
            ),
            None => no_run(run),
        })
    }

    async fn mark(
        &mut self,
        run: &RunId,
        task: &TaskTarget,
        verdict: Verdict,
        leave_running: bool,
        by: Actor,
        reason: Option<String>,
    ) -> Result<Answer, RuntimeError> {
        if !matches!(
            verdict,
            Verdict::Succeeded | Verdict::Failed | Verdict::Skipped
        ) {
            return Ok(refused(
                Refusal::Invalid,
                "a task can be marked succeeded, failed or skipped",
            ));
        }
        if !self.revive(run).await? {
            return Ok(no_run(run));
        }
        let one = self
            .live
            .get(run)
            .and_then(|live| live.run.find_one(&live.dag, task));
        let Some(ix) = one else {
            let several = self
                .live
                .get(run)
                .is_some_and(|live| !live.run.find(&live.dag, task).is_empty());
            let answer = if several {
                refused(
                    Refusal::Invalid,
                    format!("`{task}` has several items: name one, as `{task}[KEY]`"),
                )
            } else {
                no_task(run, task)
            };
            self.give_back(run);
            return Ok(answer);
        };
        self.happen(
            run,
            Event::Mark {
                task: ix,
                verdict,
                leave_running,
                by,
                reason,
            },
        );
        Ok(done(Some(run.clone())))
    }
}

/// What is changed for an ask whose answer names no run.
fn about(wish: &Wish) -> Option<Of> {
    match wish {
        Wish::Pause { dag, .. } | Wish::Resume { dag, .. } => Some(Of::Dag(dag.clone())),
        Wish::Backfill(wish) => Some(Of::Backfill(wish.backfill.clone())),
        Wish::ActOnBackfill { backfill, .. } => Some(Of::Backfill(backfill.clone())),
        Wish::Resend { message } => Some(Of::Message(message.clone())),
        Wish::Trigger(_)
        | Wish::Cancel { .. }
        | Wish::Retry { .. }
        | Wish::Mark { .. }
        | Wish::Report(_)
        | Wish::Reload => None,
    }
}

/// The run that an answer says something was done to.
pub(crate) fn done_to(answer: &Answer) -> Option<Of> {
    match answer {
        Answer::Done { run, .. } => run.clone().map(Of::Run),
        _ => None,
    }
}

pub(crate) fn no_run(run: &RunId) -> Answer {
    refused(Refusal::NotFound, format!("there is no run {run}"))
}

pub(crate) fn no_task(run: &RunId, task: &TaskTarget) -> Answer {
    refused(Refusal::NotFound, format!("run {run} has no task `{task}`"))
}
