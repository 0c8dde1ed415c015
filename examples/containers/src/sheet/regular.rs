//! Makes a regular table of a sheet: one header, one row a record.
//!
//! Merged cells are repeated downwards, subtotals, notes and repeated headers dropped, amounts plain, dates ISO.
//! What the last line states as totals is kept apart, so that the table can be checked against it.

use std::collections::BTreeMap;

use super::Rows;
use super::amount::Amount;
use super::cell::{Cell, stands_for_none};
use super::header::{Header, padded};

/// A regular table, and what was left out of it.
#[derive(Default)]
pub(crate) struct Regular {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Rows,
    pub(crate) subtotals_dropped: usize,
    pub(crate) notes_dropped: usize,
    pub(crate) stated_totals: BTreeMap<String, Amount>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Record,
    /// A lone label over the records below it.
    Section,
    Subtotal,
    GrandTotal,
    Note,
    HeaderAgain,
}

impl Regular {
    /// An empty sheet gives an empty table; a sheet without a header gives none.
    pub(crate) fn of(sheet: &Rows) -> Option<Self> {
        if sheet.is_empty() {
            return Some(Self::default());
        }
        let header = Header::find(sheet)?;
        let width = header.names.len();
        let heads: Rows = sheet[header.at.clone()]
            .iter()
            .map(|row| padded(row, width))
            .collect();
        let body: Rows = sheet[header.at.end..]
            .iter()
            .map(|row| padded(row, width))
            .collect();
        let kinds: Vec<_> = body.iter().map(|row| kind(row, &heads)).collect();
        let mut regular = Self {
            columns: header.names,
            ..Self::default()
        };
        regular.take_records(&body, &kinds);
        regular.take_totals(&body, &kinds);
        Some(regular)
    }

    fn take_records(&mut self, body: &Rows, kinds: &[Line]) {
        let records = || {
            body.iter()
                .zip(kinds)
                .filter(|(_, kind)| **kind == Line::Record)
                .map(|(row, _)| row)
        };
        let measures: Vec<bool> = (0..self.columns.len())
            .map(|index| is_measure(records(), index))
            .collect();
        let keys = measures.iter().position(|measure| *measure).unwrap_or(0);
        let mut carried = vec![String::new(); keys];
        for (row, kind) in body.iter().zip(kinds) {
            if matches!(kind, Line::Record | Line::Section) {
                carry(&mut carried, row);
            }
            if *kind == Line::Record {
                let below = row[keys..]
                    .iter()
                    .zip(&measures[keys..])
                    .map(|(cell, measure)| plain(cell, *measure));
                self.rows.push(
                    carried
                        .iter()
                        .map(|cell| plain(cell, false))
                        .chain(below)
                        .collect(),
                );
            }
        }
    }

    fn take_totals(&mut self, body: &Rows, kinds: &[Line]) {
        let count = |wanted: &[Line]| kinds.iter().filter(|kind| wanted.contains(kind)).count();
        self.subtotals_dropped = count(&[Line::Subtotal, Line::GrandTotal]);
        self.notes_dropped = count(&[Line::Note, Line::HeaderAgain]);
        let Some(last) = kinds.iter().rposition(|kind| *kind == Line::GrandTotal) else {
            return;
        };
        let stated = self.columns.iter().zip(&body[last]);
        self.stated_totals = stated
            .filter_map(|(name, cell)| Some((name.clone(), Amount::parse(cell)?)))
            .collect();
    }
}

/// A blank cell repeats the one above it, as long as nothing to its left is new.
fn carry(carried: &mut [String], row: &[String]) {
    let mut renewed = false;
    for (above, cell) in carried.iter_mut().zip(row) {
        if !cell.is_empty() || renewed {
            renewed |= cell != above;
            above.clone_from(cell);
        }
    }
}

fn plain(cell: &str, measure: bool) -> String {
    match cell {
        "-" | "–" | "—" if measure => "0".to_owned(),
        none if measure && stands_for_none(none) => String::new(),
        written => Cell::read(written).plain(),
    }
}

fn is_measure<'a>(records: impl Iterator<Item = &'a Vec<String>>, index: usize) -> bool {
    let mut amounts = 0;
    for cell in records
        .map(|row| &row[index])
        .filter(|cell| !cell.is_empty() && !stands_for_none(cell))
    {
        if Amount::parse(cell).is_none() {
            return false;
        }
        amounts += 1;
    }
    amounts > 0
}

fn kind(row: &[String], heads: &Rows) -> Line {
    let mut words = row.iter().filter(|cell| !cell.is_empty());
    let (first, more) = (
        words.next().map_or("", String::as_str),
        words.next().is_some(),
    );
    if heads.iter().any(|head| head == row) {
        Line::HeaderAgain
    } else if !more && is_note(first) {
        Line::Note
    } else if let Some(total) = row.iter().find_map(|cell| total_kind(cell)) {
        total
    } else if !more && !first.is_empty() && row[0] == first && !Cell::read(first).is_datum() {
        Line::Section
    } else {
        Line::Record
    }
}

fn is_note(text: &str) -> bool {
    ["※", "*", "주)", "주:", "비고", "Note", "note"]
        .iter()
        .any(|mark| text.starts_with(mark))
}

fn total_kind(cell: &str) -> Option<Line> {
    let text: String = cell.to_lowercase().split_whitespace().collect();
    match text.as_str() {
        "합계" | "총계" | "총합계" | "total" | "grandtotal" => Some(Line::GrandTotal),
        "계" | "누계" | "sum" => Some(Line::Subtotal),
        other => ["소계", "subtotal", "sub-total"]
            .iter()
            .any(|end| other.ends_with(end))
            .then_some(Line::Subtotal),
    }
}

#[cfg(test)]
mod tests {
    use super::Regular;

    fn regular(lines: &[&[&str]]) -> Regular {
        let rows = lines
            .iter()
            .map(|line| line.iter().map(|cell| (*cell).to_owned()).collect())
            .collect();
        Regular::of(&rows).unwrap()
    }

    #[test]
    fn merged_cells_repeat_until_something_to_their_left_is_new() {
        let table = regular(&[
            &["Plant", "Line", "Qty"],
            &["North", "L1", "1,000"],
            &["", "", "2,000"],
            &["South", "", "3"],
        ]);
        assert_eq!(
            table.rows,
            [
                ["North", "L1", "1000"],
                ["North", "L1", "2000"],
                ["South", "", "3"]
            ]
        );
    }

    #[test]
    fn subtotals_are_dropped_and_the_last_total_is_remembered() {
        let table = regular(&[
            &["Item", "Qty"],
            &["A", "1"],
            &["소 계", "1"],
            &["Total Care", "4"],
            &["합 계", "5"],
            &["※ 잠정치", ""],
        ]);
        assert_eq!(table.rows, [["A", "1"], ["Total Care", "4"]]);
        assert_eq!((table.subtotals_dropped, table.notes_dropped), (2, 1));
        assert_eq!(table.stated_totals["qty"].to_string(), "5");
    }

    #[test]
    fn a_dash_among_amounts_is_zero_and_elsewhere_stays() {
        let table = regular(&[
            &["Item", "Grade", "Qty"],
            &["A", "-", "-"],
            &["B", "x", "7"],
            &["C", "y", "N/A"],
        ]);
        assert_eq!(
            table.rows,
            [["A", "-", "0"], ["B", "x", "7"], ["C", "y", ""]]
        );
    }

    #[test]
    fn a_section_line_labels_the_records_below_it() {
        let table = regular(&[
            &["Store", "Item", "Qty"],
            &["Main store", "", ""],
            &["", "A", "1"],
            &["", "B", "2"],
        ]);
        assert_eq!(
            table.rows,
            [["Main store", "A", "1"], ["Main store", "B", "2"]]
        );
    }
}
