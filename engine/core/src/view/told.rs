//! What an entry of a journal says, in words: the same on the command line and on pages.

use serde_json::Value;

use crate::explain::handle_in_words;
use crate::run::{Fact, Instant, StopWhy};

/// A fact on one line; instants as `say` writes them.
#[must_use]
pub fn fact_in_words(fact: &Fact, say: &dyn Fn(Instant) -> String) -> String {
    let because = |why: &Option<String>| {
        why.as_ref()
            .map_or_else(String::new, |why| format!(": {why}"))
    };
    match fact {
        Fact::RunCreated { trigger } => format!("run created ({})", trigger.word()),
        Fact::RunStarted { round } => format!("round {round} began"),
        Fact::RunStopping { stop } => match stop {
            StopWhy::Cancelled { by, reason } => {
                format!("cancelled by {}{}", by.name, because(reason))
            }
            StopWhy::Deadline => "the deadline of the run passed".to_owned(),
        },
        Fact::RunEnded { ending } => format!("run {}", ending.word()),
        Fact::RunRetried {
            by,
            reason,
            tasks,
            definition,
            ..
        } => {
            let taken = definition.as_ref().map(|version| version.short());
            let taken = taken.map_or_else(String::new, |version| {
                format!(" with the latest definition, {version}")
            });
            format!(
                "{} retried {tasks} tasks{taken}{}",
                by.name,
                because(reason)
            )
        }
        Fact::TaskReset => "begins anew".to_owned(),
        Fact::TaskReady => "ready, waits for a slot".to_owned(),
        Fact::TaskMapped { items } => format!("its list has {items} items"),
        Fact::Clearing => "what it left behind is to be cleared away".to_owned(),
        Fact::Cleared => "cleared away".to_owned(),
        Fact::ClearTrouble { message, again_at } => {
            format!(
                "not cleared away: {message}; tried again at {}",
                say(*again_at)
            )
        }
        Fact::TaskBackoff { until } => format!("next try at {}", say(*until)),
        Fact::TaskEnded { verdict, why } => format!("{}{}", verdict.word(), because(why)),
        Fact::TaskMarked {
            verdict,
            by,
            reason,
        } => {
            format!(
                "marked {} by {}{}",
                verdict.word(),
                by.name,
                because(reason)
            )
        }
        Fact::Intended { key } => format!("attempt intended, key {key}"),
        Fact::LaunchTrouble { message, again_at } => {
            format!("not started: {message}; sent again at {}", say(*again_at))
        }
        Fact::Searching { message, look_at } => {
            format!("launch unknown: {message}; looked for at {}", say(*look_at))
        }
        Fact::Doubted => {
            "the store was set back: whatever was not sent then is looked for before it is sent"
                .to_owned()
        }
        Fact::SentAgain => "nothing was found: the same request is sent again".to_owned(),
        Fact::Launched { adopted, handle } => {
            let known = handle_in_words(handle);
            format!(
                "{}: {known}",
                if *adopted { "found again" } else { "launched" }
            )
        }
        Fact::Advanced { handle } => format!("came further: {}", handle_in_words(handle)),
        Fact::Started => "the work began".to_owned(),
        Fact::Stopping { stop } => {
            let text = serde_json::to_value(stop).ok();
            let why = text
                .as_ref()
                .and_then(|stop| stop.get("why"))
                .and_then(Value::as_str);
            format!("asked to stop ({})", why.unwrap_or("stopped"))
        }
        Fact::AttemptEnded {
            state,
            class,
            message,
        } => {
            let class = class.map_or_else(String::new, |class| format!(" ({class})"));
            format!("attempt {state}{class}{}", because(message))
        }
        Fact::Alarm { message } => format!("ALARM: {message}"),
        Fact::AlarmOver => "the alarm is over".to_owned(),
        Fact::LateAnswer { what } => format!("late, without effect: {what}"),
        Fact::Noted => "noted".to_owned(),
    }
}
