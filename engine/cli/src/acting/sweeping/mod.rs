//! `sweep`: remote work that carries this store's mark and that no live run wants.
//!
//! Guarantees: nothing is changed without `--stop`, and then only work whose attempt is on record as ended is stopped. It
//! starts nothing, writes nothing into the store, and needs no engine. What could not be looked at is said, never passed over.

mod finding;
mod places;
mod report;
mod stopping;

use noctule_core::sweep::{Standing, standings};
use noctule_executor::Status;

use self::finding::{Work, find, recorded};
use self::places::{Place, gather};
use self::report::{Action, print};
use crate::args::SweepArgs;
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::project::OpenProject;
use crate::surface::Surface;

/// A piece of work with what it is to us, and what became of it.
struct Judged {
    work: Work,
    standing: Standing,
    action: Action,
}

/// Lists the work, and stops what may be stopped.
pub(crate) async fn sweep(args: SweepArgs, surface: &Surface) -> Result<Exit, CliError> {
    let open = OpenProject::read(surface, &[])?;
    let Some(store) = open.store(surface).await? else {
        let nothing = "nothing has been run in this project under this profile yet";
        remark(surface, nothing);
        print(surface, &open, &[])?;
        return Ok(Exit::Success);
    };
    let (places, mut unseen) = gather(&open, &store, surface).await?;
    let looked_at = places.iter().map(Place::len).sum::<usize>();
    let mut works = find(places, &mut unseen).await;
    recorded(&store, &mut works, surface.now).await?;
    let mut judged = judge(works);
    judged.retain(|one| one.standing.is_listed(args.detached));
    drop_what_has_ended(&mut judged).await;
    let stopped = match args.stop {
        true => stopping::stop(&mut judged, args.detached, surface).await,
        false => Exit::Success,
    };
    warn_of_doubles(&judged, surface);
    if judged.is_empty() {
        remark(surface, &format!("none: {looked_at} places were looked at"));
    }
    print(surface, &open, &judged)?;
    for why in &unseen {
        eprintln!("{} not looked at: {why}", surface.style().bad("error:"));
    }
    Ok(if unseen.is_empty() {
        stopped
    } else {
        Exit::Unreachable
    })
}

fn judge(works: Vec<Work>) -> Vec<Judged> {
    let found: Vec<_> = works.iter().map(Work::found).collect();
    let standings = standings(&found);
    let judged = |(work, standing)| Judged {
        work,
        standing,
        action: Action::None,
    };
    works.into_iter().zip(standings).map(judged).collect()
}

/// The work was listed before the store was read, so it may have ended well in between. A failed poll says nothing.
async fn drop_what_has_ended(judged: &mut Vec<Judged>) {
    let mut live = Vec::new();
    for one in judged.drain(..) {
        let status = one.work.poll(std::time::Duration::ZERO).await;
        if !matches!(status, Some(Ok(Status::Finished(_) | Status::Lost { .. }))) {
            live.push(one);
        }
    }
    *judged = live;
}

fn warn_of_doubles(judged: &[Judged], surface: &Surface) {
    for one in judged {
        if one.standing == Standing::Double {
            let key = &one.work.owned.key;
            eprintln!(
                "{} two pieces of work run under the live key {key}: {} is the younger, and was left alone",
                surface.style().bad("warning:"),
                crate::output::printable(&noctule_core::explain::handle_in_words(&one.work.public)),
            );
        }
    }
}
