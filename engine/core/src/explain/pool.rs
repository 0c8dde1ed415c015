//! A ready task and its pool: who holds it, for whom its room is kept, whether it is large enough at all.

use super::words::listed;
use super::{Gate, Holder, Pool, Reason, Teller};
use crate::dag::PoolUse;
use crate::run::Instant;
use crate::run::TaskRunIx;

impl Teller<'_> {
    /// Why the pool of a ready task lets it wait; none: the pool has room for it.
    pub(super) fn pool(&self, ix: TaskRunIx, since: Instant) -> Option<Reason> {
        let wanted = &self.definition(ix).pool;
        if wanted.is_default() {
            return None;
        }
        let pools = self.known.pools;
        let pool = pools.iter().find(|pool| *pool.name == *wanted.name);
        let reason = match pool {
            Some(Pool {
                slots: Some(size),
                held,
                first,
                ..
            }) if wanted.slots <= *size => self.no_room(ix, wanted, *size, held, first.as_ref())?,
            Some(Pool {
                slots: Some(size), ..
            }) => self.too_small(ix, wanted, &format!("has {size}")),
            _ => self.too_small(ix, wanted, "is not in the project any more"),
        };
        Some(reason.since(since))
    }

    fn too_small(&self, ix: TaskRunIx, wanted: &PoolUse, has: &str) -> Reason {
        let PoolUse { name, slots } = wanted;
        let text = format!(
            "`{}` is ready and cannot start: it takes {slots} of pool `{name}`, which {has}",
            self.name(ix)
        );
        Reason::new(Gate::Pool, text).next(format!(
            "set `{name}` in [pools] to {slots} or more and `noctule reload`; until then others pass it"
        ))
    }

    fn no_room(
        &self,
        ix: TaskRunIx,
        wanted: &PoolUse,
        size: u32,
        held: &[(Holder, u32)],
        first: Option<&(Holder, u32)>,
    ) -> Option<Reason> {
        let name = self.name(ix);
        let taken: u32 = held.iter().map(|(_, slots)| *slots).sum();
        let room = size.saturating_sub(taken);
        let own = |(holder, _): &&(Holder, u32)| {
            *holder.run == *self.run.facts.id.as_str() && holder.task == name
        };
        let before = first.filter(|first| !own(first));
        let kept = before.filter(|(_, slots)| *slots > room);
        if wanted.slots <= room && kept.is_none() {
            return None;
        }
        let takes = match wanted.slots {
            1 => String::new(),
            slots => format!("{slots} of "),
        };
        let pool = &wanted.name;
        let mut text =
            format!("`{name}` is ready and waits for {takes}pool `{pool}`: {taken} of {size} held");
        if !held.is_empty() {
            let who: Vec<String> = held.iter().map(|held| self.who(held)).collect();
            text = format!("{text}, by {}", listed(&who));
        }
        let next = match (before, kept) {
            (Some(_), Some((first, slots))) => format!(
                "`{}` of {} {} is before it and takes {slots}: what is free is kept for that",
                first.task, first.dag, first.run
            ),
            (Some((first, _)), None) => format!(
                "`{}` of {} {} is before it",
                first.task, first.dag, first.run
            ),
            (None, _) => "it is the first in line: it starts when enough is given back".to_owned(),
        };
        Some(Reason::new(Gate::Pool, text).next(next))
    }

    fn who(&self, (holder, slots): &(Holder, u32)) -> String {
        let many = match slots {
            1 => String::new(),
            slots => format!("{slots} "),
        };
        format!(
            "`{}` of {} {} ({many}since {})",
            holder.task,
            holder.dag,
            holder.run,
            self.say(holder.since)
        )
    }
}
