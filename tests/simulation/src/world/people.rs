//! What people do: they ask for things, and change the files.

use std::rc::Rc;

use noctule_core::ask::BackfillAct;
use noctule_core::backfill::Only;
use noctule_core::run::{Phase, RunEnding, TaskRunIx, Verdict};

use super::World;
use crate::agenda::Happening;
use crate::asks::{Asked, Range, Wish};
use crate::changes::change;
use crate::clock::MINUTE;

impl World {
    pub(super) fn ask(&mut self) {
        let out = &mut self.out;
        if out.store_down {
            return;
        }
        let dag = out.chance.below(out.dags.len() as u64) as usize;
        let dag = out.dags[dag].definition().id.clone();
        let place = out.chance.below(out.store.runs.len() as u64) as usize;
        let run = out.store.runs.keys().nth(place).cloned();
        if out.mix.changes
            && let Some(wish) = self.wish_of_changes()
        {
            return self.wish(wish);
        }
        let out = &mut self.out;
        let wish = match (out.chance.below(10), run) {
            (6, Some(run)) => Wish::Cancel { run },
            (7, Some(run)) => {
                let all = out.chance.hits(300);
                out.referee.asked_again(&run, all);
                Wish::Retry { run, all }
            }
            (8, Some(run)) if out.mix.mark => {
                let tasks = out.store.runs[&run].run.tasks.len() as u64;
                let task = TaskRunIx(out.chance.below(tasks) as u32);
                let leave = out.chance.hits(300);
                out.referee.marked.insert(run.clone());
                if leave {
                    out.referee.left.insert(run.clone());
                }
                Wish::Mark {
                    run,
                    task,
                    verdict: out.chance.pick(&[
                        Verdict::Succeeded,
                        Verdict::Failed,
                        Verdict::Skipped,
                    ]),
                    leave,
                }
            }
            (9, _) if out.chance.hits(500) => Wish::Pause { dag },
            (9, _) => Wish::Resume { dag },
            _ => Wish::Trigger {
                dag,
                key: out
                    .chance
                    .hits(500)
                    .then(|| format!("k{}", out.chance.below(2))),
            },
        };
        self.wish(wish);
    }

    fn wish(&mut self, wish: Wish) {
        let out = &mut self.out;
        let (at, answer) = (out.wall(0), None);
        out.store.asks.push(Asked { wish, at, answer });
        for engine in &self.engines {
            let delay = out.chance.between(0, 100);
            out.after(delay, Happening::Inbox { life: engine.life });
        }
    }

    /// What people ask for where files change: a round with what stands in the file now, mostly of what failed; past nights.
    fn wish_of_changes(&mut self) -> Option<Wish> {
        match self.out.chance.below(10) {
            0..=3 => self.latest(),
            4 | 5 => self.past_nights(),
            6 if !self.backfills.is_empty() => {
                let chance = &mut self.out.chance;
                let place = chance.below(self.backfills.len() as u64) as usize;
                let id = self.backfills.get(place)?.clone();
                use BackfillAct as A;
                let act = chance.pick(&[A::Pause, A::Resume, A::Resume, A::Cancel]);
                Some(Wish::ActOnBackfill { id, act })
            }
            _ => None,
        }
    }

    fn latest(&mut self) -> Option<Wish> {
        let out = &mut self.out;
        let any = out.chance.hits(150);
        let fits = |phase: &Phase| match phase {
            Phase::Ended { ending, .. } => any || *ending != RunEnding::Succeeded,
            Phase::Queued { .. } | Phase::Running { .. } => false,
        };
        let over = out.store.runs.values();
        let over = over.filter(|stored| fits(&stored.run.phase));
        let over: Vec<_> = over.map(|stored| &stored.run.facts).collect();
        let facts = over.get(out.chance.below(over.len() as u64) as usize)?;
        let latest = out
            .dags
            .iter()
            .find(|dag| dag.definition().id == facts.dag)?;
        let seen = out.chance.hits(500).then(|| latest.hash().clone());
        let (run, all) = (facts.id.clone(), out.chance.hits(200));
        out.referee.asked_again(&run, all);
        Some(Wish::RetryLatest { run, all, seen })
    }

    /// Some minutes before now, or around it; whoever gets no answer asks again under the same id.
    fn past_nights(&mut self) -> Option<Wish> {
        let out = &mut self.out;
        let scheduled: Vec<_> = out
            .dags
            .iter()
            .filter(|dag| dag.schedule().is_some())
            .collect();
        let dag = scheduled.get(out.chance.below(scheduled.len() as u64) as usize)?;
        let dag = dag.definition().id.clone();
        let only = out
            .chance
            .pick(&[Only::Missing, Only::Failed, Only::All, Only::All]);
        // Runs of ticks that are there are of the last few minutes.
        let most = if only == Only::Missing { 12 } else { 4 };
        let ago = out.chance.between(0, most) * MINUTE;
        let from = out.wall(-ago);
        let to = from + chrono::TimeDelta::milliseconds(out.chance.between(0, 6) * MINUTE);
        let again = out.chance.hits(100);
        let id = match self.backfills.last() {
            Some(last) if again => last.clone(),
            _ => crate::dags::name(&format!("b{}", self.backfills.len()))?,
        };
        if only == Only::All {
            out.referee.asked_for_all(&dag);
        }
        let max_parallel = 1 + out.chance.below(3) as u32;
        self.backfills.push(id.clone());
        let range = Range {
            dag,
            from,
            to,
            only,
            max_parallel,
        };
        Some(Wish::Backfill { id, range })
    }

    /// Somebody changes a file. The engines read it a little later, or not before they lead.
    pub(super) fn edit(&mut self) {
        let out = &mut self.out;
        let place = out.chance.below(out.dags.len() as u64) as usize;
        let Some(dag) = change(&mut out.chance, &out.mix, &out.versions[place]) else {
            return;
        };
        out.struck.count("file changed");
        out.versions[place].push(Rc::clone(&dag));
        out.dags[place] = dag;
        for engine in &self.engines {
            let delay = out.chance.between(0, 5_000);
            out.after(delay, Happening::Reload { life: engine.life });
        }
    }
}
