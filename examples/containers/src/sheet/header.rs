//! Finds the header of a sheet below its titles, and flattens one of two rows to one name a column.
//!
//! A header row holds words in at least half of the columns and no amount or date. Names are unique.

use super::Rows;
use super::cell::Cell;

/// The names of the columns, and where the rows below them begin.
pub(crate) struct Header {
    pub(crate) names: Vec<String>,
    /// The rows that make the header.
    pub(crate) at: std::ops::Range<usize>,
}

impl Header {
    /// None when no row looks like a header.
    pub(crate) fn find(rows: &Rows) -> Option<Self> {
        let width = rows.iter().filter_map(|row| used_width(row)).max()?;
        let first = rows
            .iter()
            .position(|row| is_words(row) && filled(row) >= 2 && filled(row) * 2 >= width)?;
        let upper = padded(&rows[first], width);
        let lower = rows
            .get(first + 1)
            .map(|row| padded(row, width))
            .filter(|lower| completes(&upper, lower));
        let end = first + 1 + usize::from(lower.is_some());
        let lower = lower.unwrap_or_else(|| vec![String::new(); width]);
        Some(Self {
            names: unique(flattened(&upper, &lower)),
            at: first..end,
        })
    }
}

fn used_width(row: &[String]) -> Option<usize> {
    row.iter()
        .rposition(|cell| !cell.is_empty())
        .map(|last| last + 1)
}

fn filled(row: &[String]) -> usize {
    row.iter().filter(|cell| !cell.is_empty()).count()
}

fn is_words(row: &[String]) -> bool {
    !row.iter().any(|cell| Cell::read(cell).is_datum())
}

pub(crate) fn padded(row: &[String], width: usize) -> Vec<String> {
    (0..width)
        .map(|index| row.get(index).cloned().unwrap_or_default())
        .collect()
}

/// A second header row fills what the first left blank, because its cells were merged, and leaves some blank itself.
fn completes(upper: &[String], lower: &[String]) -> bool {
    let mut gaps = upper
        .iter()
        .zip(lower)
        .filter(|(above, _)| above.is_empty())
        .peekable();
    let merged_down = upper
        .iter()
        .zip(lower)
        .any(|(above, below)| !above.is_empty() && below.is_empty());
    gaps.peek().is_some()
        && gaps.all(|(_, below)| !below.is_empty())
        && merged_down
        && is_words(lower)
}

fn flattened(upper: &[String], lower: &[String]) -> Vec<String> {
    let mut group = String::new();
    let mut names = Vec::with_capacity(upper.len());
    for (index, (above, below)) in upper.iter().zip(lower).enumerate() {
        if !above.is_empty() || below.is_empty() {
            group.clone_from(above);
        }
        names.push(match (group.as_str(), below.as_str()) {
            ("", "") => format!("column_{}", index + 1),
            (one, "") | ("", one) => name_of(one),
            (group, below) => format!("{}_{}", name_of(group), name_of(below)),
        });
    }
    names
}

/// Lower case, words joined by `_`: `Net Sales (KRW)` → `net_sales_krw`.
fn name_of(written: &str) -> String {
    let words = written
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

fn unique(names: Vec<String>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut candidates = (2..).map(|number| format!("{name}_{number}"));
        let mut free = name.clone();
        while taken.contains(&free) {
            free = candidates.next().unwrap_or_default();
        }
        taken.push(free);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::{Header, Rows};

    fn rows(lines: &[&str]) -> Rows {
        lines
            .iter()
            .map(|line| line.split(',').map(|cell| cell.trim().to_owned()).collect())
            .collect()
    }

    #[test]
    fn titles_above_the_header_are_passed_over() {
        let sheet = rows(&[
            "Weekly sales,,,",
            "Printed,2025.11.07,,",
            "Region,Item,Qty,Net Sales (KRW)",
            "North,A,1,2",
        ]);
        let header = Header::find(&sheet).unwrap();
        assert_eq!(header.names, ["region", "item", "qty", "net_sales_krw"]);
        assert_eq!(header.at, 2..3);
    }

    #[test]
    fn two_header_rows_become_one() {
        let sheet = rows(&[
            "구분,항목,10월,,11월,",
            ",,계획,실적,계획,실적",
            "영업,매출,1,2,3,4",
        ]);
        let header = Header::find(&sheet).unwrap();
        assert_eq!(
            header.names,
            [
                "구분",
                "항목",
                "10월_계획",
                "10월_실적",
                "11월_계획",
                "11월_실적"
            ]
        );
        assert_eq!(header.at, 0..2);
    }

    #[test]
    fn a_name_used_twice_is_numbered() {
        let sheet = rows(&["Item,Note,Note", "A,x,y"]);
        assert_eq!(
            Header::find(&sheet).unwrap().names,
            ["item", "note", "note_2"]
        );
    }

    #[test]
    fn a_sheet_of_amounts_alone_has_no_header() {
        assert!(Header::find(&rows(&["1,2", "3,4"])).is_none());
    }
}
