//! Tables for people.
//!
//! Guarantees: every cell is printable; without a terminal a row is one line, whatever its length, so that `grep` finds it.

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::printable;
use super::style::Tone;
use crate::console::emit;
use crate::error::CliError;
use crate::surface::Surface;

/// The narrowest window that cells are folded for.
const NARROWEST: u16 = 40;

/// A table that is being filled.
pub(crate) struct Grid {
    table: Table,
    coloured: bool,
    empty: bool,
}

impl Grid {
    /// A table with these columns.
    pub(crate) fn new(surface: &Surface, columns: &[&str]) -> Self {
        let coloured = surface.data_style().is_on();
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        // A window without a size, as some recorders have it, would make columns of single letters.
        let fits =
            surface.stdout_is_terminal && table.width().is_some_and(|width| width >= NARROWEST);
        let arrangement = if fits {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        };
        table.set_content_arrangement(arrangement);
        if coloured {
            table.enforce_styling();
        }
        table.set_header(
            columns
                .iter()
                .map(|column| Self::cell_of(column, Tone::Dim, coloured)),
        );
        Self {
            table,
            coloured,
            empty: true,
        }
    }

    fn cell_of(text: &str, tone: Tone, coloured: bool) -> Cell {
        let cell = Cell::new(printable(text));
        let colour = match tone {
            Tone::Good => Color::Green,
            Tone::Bad => Color::Red,
            Tone::Odd => Color::Yellow,
            Tone::Live => Color::Cyan,
            Tone::Dim => Color::DarkGrey,
            Tone::Plain => return cell,
        };
        if coloured { cell.fg(colour) } else { cell }
    }

    /// Adds a row of texts with their tones.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = (T, Tone)>) {
        let coloured = self.coloured;
        self.table.add_row(
            cells
                .into_iter()
                .map(|(text, tone)| Self::cell_of(text.as_ref(), tone, coloured)),
        );
        self.empty = false;
    }

    /// Has the numbers of a column stand one below the other.
    pub(crate) fn align_right(&mut self, column: usize) {
        if let Some(column) = self.table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }

    /// Whether it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }

    /// The table as text, without blanks at the ends of lines.
    pub(crate) fn text(&self) -> String {
        self.table
            .lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }

    /// Prints it on stdout.
    pub(crate) fn print(&self) -> Result<(), CliError> {
        emit(&self.text())
    }
}
