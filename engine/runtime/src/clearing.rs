//! Obligations under way: each due one is a task of its own that asks the executor to clear away and tells what it heard.
//!
//! It decides nothing; when to try again, and when to give up, is the state's.

use std::sync::Arc;

use noctule_core::name::RunId;
use noctule_core::run::{Cleared, ClearingTry, Event, Obligation, TaskRunIx};
use noctule_executor::{AnyExecutor, Context};
use noctule_store::Lease;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Clock;
use crate::engine::{Engine, Live};
use crate::hands::Task;
use crate::work::Told;

/// A clearing under way.
pub(crate) struct Clearance {
    of: ClearingTry,
    _task: Task,
}

/// One try, with all that it needs.
struct Try {
    run: RunId,
    task: TaskRunIx,
    attempt: u32,
    of: ClearingTry,
    executor: Arc<dyn AnyExecutor>,
    context: Context,
    handle: Value,
    clock: Clock,
    lease: Lease,
    tell: UnboundedSender<Told>,
}

impl Try {
    async fn make(self) {
        if let Some(at) = self.of.not_before {
            self.clock.sleep_until(at).await;
        }
        if !self.lease.is_trusted() {
            return;
        }
        let answer = self
            .executor
            .tear_down(&self.context, &self.handle, self.of.usage)
            .await;
        let cleared = match answer {
            Ok(clearing) => Cleared::Answered { clearing },
            Err(error) => Cleared::Failed {
                message: error.to_string(),
            },
        };
        let event = Event::Cleared {
            task: self.task,
            attempt: self.attempt,
            cleared,
        };
        // An engine that is gone has nothing to be told; the next one asks again.
        drop(self.tell.send(Told {
            run: self.run,
            event,
        }));
    }
}

impl Engine {
    /// Brings the clearings of one task run in line with its obligations. Called only after that state is durable.
    pub(crate) fn tend_obligations(&mut self, id: &RunId, ix: TaskRunIx) {
        let Some(live) = self.live.get(id) else {
            return;
        };
        let obligations = &live.run.tasks[ix.index()].obligations;
        if obligations.is_empty() && live.clearings.is_empty() {
            return;
        }
        let wanted: Vec<(u32, ClearingTry)> = obligations
            .iter()
            .filter_map(|obligation| Some((obligation.attempt, obligation.asks_for()?)))
            .collect();
        let fresh: Vec<Try> = obligations
            .iter()
            .filter_map(|obligation| self.try_of(live, ix, obligation))
            .collect();
        let Some(live) = self.live.get_mut(id) else {
            return;
        };
        live.clearings.retain(|(task, attempt), under_way| {
            *task != ix || wanted.contains(&(*attempt, under_way.of))
        });
        for one in fresh {
            let (place, of) = ((ix, one.attempt), one.of);
            let task = Task::of(tokio::spawn(one.make()));
            live.clearings.insert(place, Clearance { of, _task: task });
        }
    }

    /// The try that an obligation asks for, unless it is under way.
    fn try_of(&self, live: &Live, ix: TaskRunIx, obligation: &Obligation) -> Option<Try> {
        let of = obligation.asks_for()?;
        let under_way = live.clearings.get(&(ix, obligation.attempt));
        if under_way.is_some_and(|clearance| clearance.of == of) {
            return None;
        }
        let kind = &live.run.tasks[ix.index()].definition(&live.dag).executor;
        let dag = live.run.facts.dag.as_str();
        Some(Try {
            run: live.run.facts.id.clone(),
            task: ix,
            attempt: obligation.attempt,
            of,
            executor: Arc::clone(self.surroundings.desk.registry.get(kind)?),
            context: self
                .surroundings
                .context(dag, obligation.connection.as_deref()),
            handle: obligation.handle.raw.clone(),
            clock: self.options.clock,
            lease: self.lease.clone(),
            tell: self.tell.clone(),
        })
    }
}
