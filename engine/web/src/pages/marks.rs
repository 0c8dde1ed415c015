//! States as people see them: a sign, a word and a colour each, so that none of the three is needed alone.

use maud::{Markup, html};

/// What a state means for whoever looks; the colour follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// It is under way.
    Busy,
    /// It has yet to come.
    Wait,
    /// Nothing is to be done.
    Off,
    /// Somebody should look.
    Warn,
}

impl Tone {
    /// Its class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Busy => "busy",
            Self::Wait => "wait",
            Self::Off => "off",
            Self::Warn => "warn",
        }
    }
}

/// The tone of a state, and the outline of its sign in a box of 16 by 16.
pub(crate) fn mark(word: &str) -> (Tone, &'static str) {
    const CHECK: &str = "M3 8.5l3.5 3.5L13 4.5";
    const CROSS: &str = "M4 4l8 8M12 4l-8 8";
    const PLAY: &str = "M5 3.5v9l7.5-4.5z";
    const CLOCK: &str = "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.5l2.5 1.5";
    const SLASH: &str = "M8 2.5a5.5 5.5 0 1 0 .01 0M4.2 4.2l7.6 7.6";
    const BARS: &str = "M5.5 3.5v9M10.5 3.5v9";
    const DOTS: &str = "M3.5 8h.01M8 8h.01M12.5 8h.01";
    const OVER: &str = "M3 11c1-6 8-6 9.5-1M13 6v4.5H8.5";
    const UP: &str = "M8 13V4M4 7.5L8 3.5l4 4";
    const ALARM: &str = "M8 2.5L14 13H2zM8 6.5v3M8 11.4h.01";
    match word {
        "succeeded" | "active" | "good" | "ready to serve" => (Tone::Good, CHECK),
        "failed" | "broken" => (Tone::Bad, CROSS),
        "timed_out" => (Tone::Bad, CLOCK),
        "upstream_failed" => (Tone::Bad, UP),
        "running" | "launching" => (Tone::Busy, PLAY),
        "cancelling" => (Tone::Busy, SLASH),
        "queued" | "ready" => (Tone::Wait, CLOCK),
        "cancelled" => (Tone::Off, SLASH),
        "skipped" => (Tone::Off, OVER),
        "paused" => (Tone::Warn, BARS),
        "disabled" | "withdrawn" => (Tone::Off, SLASH),
        "late" | "trouble" | "alarm" | "unknown" | "left_standing" | "trigger" | "refused_tick" => {
            (Tone::Warn, ALARM)
        }
        _ => (Tone::Wait, DOTS),
    }
}

/// A state as people read it.
pub(crate) fn words(word: &str) -> String {
    word.replace('_', " ")
}

/// The sign of a state alone. For places where the word stands beside it.
pub(crate) fn sign(word: &str) -> Markup {
    let (_, outline) = mark(word);
    html! {
        svg.sign viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" { path d=(outline) {} }
    }
}

/// A state: sign, word, colour.
pub(crate) fn badge(word: &str) -> Markup {
    let (tone, _) = mark(word);
    html! { span class={ "badge " (tone.class()) } { (sign(word)) (words(word)) } }
}

#[cfg(test)]
mod tests {
    use noctule_core::view::RUN_STATES;

    use super::*;

    #[test]
    fn no_two_states_of_a_run_look_the_same_without_their_colour() {
        let mut signs: Vec<&str> = RUN_STATES.iter().map(|word| mark(word).1).collect();
        signs.sort_unstable();
        signs.dedup();
        // A run that waits and one that ran out of time share the clock; they differ in their tone.
        assert_eq!(signs.len(), RUN_STATES.len() - 1);
    }

    #[test]
    fn a_badge_has_its_word() {
        let shown = badge("upstream_failed").into_string();
        assert!(shown.contains("upstream failed"), "{shown}");
        assert!(shown.contains("aria-hidden"), "{shown}");
    }
}
