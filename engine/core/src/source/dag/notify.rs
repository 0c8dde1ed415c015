//! `notify`: who is told, and about what. The same table for a DAG and for a task, which cannot be late.

use super::super::diagnostic::shown;
use super::super::fields::Fields;
use super::super::report::Note;
use super::super::suggest;
use super::World;
use crate::word::{Occasion, Rule};

/// What a DAG's message may be about.
pub(in super::super) const OF_A_DAG: [Occasion; 7] = Occasion::ALL;
/// What a task's message may be about.
pub(in super::super) const OF_A_TASK: [Occasion; 5] = [
    Occasion::Succeeded,
    Occasion::Failed,
    Occasion::TimedOut,
    Occasion::Cancelled,
    Occasion::Recovered,
];

/// The table of these fields, if there is one.
pub(super) fn read(
    world: &World<'_, '_>,
    fields: &Fields<'_, '_>,
    known: &[Occasion],
) -> Option<Rule> {
    let notify = fields.table("notify")?;
    let to = read_receivers(world, &notify);
    let on = notify.list("on").map(|list| {
        let words = known.iter().map(|occasion| occasion.word());
        let mut on = Vec::new();
        for given in list {
            match known.iter().find(|known| known.word() == given.text) {
                Some(occasion) if on.contains(occasion) => {}
                Some(occasion) => on.push(*occasion),
                None => notify.no_choice("on", given, words.clone()),
            }
        }
        on
    });
    let nobody = !notify.has("to");
    if nobody {
        notify.missing("to", "`notify`");
    }
    notify.finish("notify");
    let usual = Occasion::USUAL.into_iter();
    let on = on.unwrap_or_else(|| usual.filter(|usual| known.contains(usual)).collect());
    (!to.is_empty() && !on.is_empty()).then_some(Rule { to, on })
}

fn read_receivers(world: &World<'_, '_>, notify: &Fields<'_, '_>) -> Vec<String> {
    let mut to: Vec<String> = Vec::new();
    for words in notify.list("to").into_iter().flatten() {
        let receivers = world.project.notify.keys().map(String::as_str);
        if !world.project.notify.contains_key(words.text) {
            let guess = world.report.did_you_mean(words.text, receivers.clone());
            let message = format!("there is no receiver `{}`{guess}", shown(words.text));
            let note = Note::error("unknown_receiver", words.place, message);
            let known = suggest::known("the project has", receivers);
            world.report.say(note.help(known.unwrap_or_else(|| {
                "receivers stand in the project file, as [notify.NAME]".to_owned()
            })));
        } else if !to.iter().any(|there| there == words.text) {
            to.push(words.text.to_owned());
        }
    }
    to
}
