//! Colours, where a person looks at a terminal and wants them.
//!
//! Guarantees: off means that not one escape sequence is written.

use owo_colors::{AnsiColors, OwoColorize};

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Failed.
    Bad,
    /// Wants a look.
    Odd,
    /// Under way.
    Live,
    /// Beside the point.
    Dim,
    /// Nothing.
    Plain,
}

impl Tone {
    /// The tone of a state, by its word.
    pub(crate) fn of_state(word: &str) -> Self {
        match word {
            "succeeded" => Self::Good,
            "failed" | "timed_out" | "upstream_failed" => Self::Bad,
            "cancelled" | "cancelling" => Self::Odd,
            "running" | "launching" => Self::Live,
            "skipped" | "waiting" | "queued" => Self::Dim,
            _ => Self::Plain,
        }
    }
}

/// Whether colours are written, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    pub(crate) fn new(on: bool) -> Self {
        Self { on }
    }

    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// A text in a tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let colour = match tone {
            Tone::Good => AnsiColors::Green,
            Tone::Bad => AnsiColors::Red,
            Tone::Odd => AnsiColors::Yellow,
            Tone::Live => AnsiColors::Cyan,
            Tone::Dim => AnsiColors::BrightBlack,
            Tone::Plain => return text.to_owned(),
        };
        if self.on {
            text.color(colour).to_string()
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint(Tone::Bad, text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Tone::Dim, text)
    }
}
