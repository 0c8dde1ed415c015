//! A row of the grid as a picture: one line for each state, by run-length.
//!
//! A cell of a state is told from others by its height and its pattern, not by its colour alone. 500 rows of 50 cells are
//! some hundred kilobytes and some thousand elements, where one element for each cell would be 25,000.

use maud::{Markup, html};

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// Bad.
    Failed,
    /// Bad: too long.
    TimedOut,
    /// Bad: what it needs is bad.
    UpstreamFailed,
    /// Stopped.
    Cancelled,
    /// Under way.
    Running,
    /// It waits for a slot.
    Ready,
    /// It waits.
    Waiting,
    /// Nothing was to be done.
    Skipped,
    /// Good.
    Succeeded,
    /// That version had no such task.
    None,
}

impl Cell {
    /// All that show something, what matters most first.
    pub(crate) const ALL: [Self; 9] = [
        Self::Failed,
        Self::TimedOut,
        Self::UpstreamFailed,
        Self::Cancelled,
        Self::Running,
        Self::Ready,
        Self::Waiting,
        Self::Skipped,
        Self::Succeeded,
    ];

    /// By the word of the contract.
    pub(crate) fn of(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|cell| cell.word() == word);
        known.unwrap_or(Self::None)
    }

    /// The word of the contract.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::UpstreamFailed => "upstream_failed",
            Self::Cancelled => "cancelled",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
            Self::Succeeded => "succeeded",
            Self::None => "not there",
        }
    }

    /// Its class in the style sheet: a letter, for there are many.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Failed => "f",
            Self::TimedOut => "t",
            Self::UpstreamFailed => "u",
            Self::Cancelled => "c",
            Self::Running => "r",
            Self::Ready => "q",
            Self::Waiting => "w",
            Self::Skipped => "k",
            Self::Succeeded => "s",
            Self::None => "n",
        }
    }
}

/// Pixels from one cell to the next.
pub(crate) const PITCH: usize = 16;
/// Pixels of a row.
pub(crate) const TALL: usize = 18;

/// A row of cells.
pub(crate) fn row(cells: &[Cell]) -> Markup {
    let wide = cells.len();
    html! {
        svg.g viewBox={ "0 -.5 " (wide) " 1" } width=(wide * PITCH) height=(TALL) role="img" aria-label=(told(cells)) {
            @for state in Cell::ALL {
                @let line = line(cells, state);
                @if !line.is_empty() { path class=(state.class()) d=(line) {} }
            }
        }
    }
}

/// Where a row has a state: `M3 0h2M9 0h1`.
fn line(cells: &[Cell], state: Cell) -> String {
    let mut line = String::new();
    let mut at = 0;
    for same in cells.chunk_by(|a, b| a == b) {
        if same[0] == state {
            line.push_str(&format!("M{at} 0h{}", same.len()));
        }
        at += same.len();
    }
    line
}

/// A row in words: `1 failed, 48 succeeded`.
fn told(cells: &[Cell]) -> String {
    let count = |state| cells.iter().filter(|cell| **cell == state).count();
    let parts: Vec<String> = Cell::ALL
        .into_iter()
        .map(|state| (count(state), state))
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {}", state.word().replace('_', " ")))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_line_for_each_state_by_run_length() {
        let (f, s, n) = (Cell::Failed, Cell::Succeeded, Cell::None);
        let cells = [s, s, f, s, n, f, f];
        assert_eq!(line(&cells, s), "M0 0h2M3 0h1");
        assert_eq!(line(&cells, f), "M2 0h1M5 0h2");
        assert_eq!(line(&cells, Cell::Running), "");
        assert_eq!(told(&cells), "3 failed, 3 succeeded");
    }

    #[test]
    fn every_word_of_a_task_has_a_cell_of_its_own() {
        for cell in Cell::ALL {
            assert_eq!(Cell::of(cell.word()), cell);
        }
        let mut classes: Vec<&str> = Cell::ALL.iter().map(|cell| cell.class()).collect();
        classes.sort_unstable();
        classes.dedup();
        assert_eq!(classes.len(), Cell::ALL.len());
        assert_eq!(Cell::of("another"), Cell::None);
    }
}
