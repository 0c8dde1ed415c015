//! What a cell means: an amount, a date, or text. Reading it never fails; what is neither amount nor date is text.

use super::amount::Amount;

/// The meaning of a cell as written.
pub(crate) enum Cell {
    Blank,
    Amount(Amount),
    /// As `2025-11-07`.
    Date(String),
    Text(String),
}

impl Cell {
    pub(crate) fn read(written: &str) -> Self {
        let written = written.trim();
        if written.is_empty() {
            Self::Blank
        } else if let Some(amount) = Amount::parse(written) {
            Self::Amount(amount)
        } else if let Some(date) = date(written) {
            Self::Date(date)
        } else {
            Self::Text(written.split_whitespace().collect::<Vec<_>>().join(" "))
        }
    }

    /// The regular writing.
    pub(crate) fn plain(self) -> String {
        match self {
            Self::Blank => String::new(),
            Self::Amount(amount) => amount.to_string(),
            Self::Date(text) | Self::Text(text) => text,
        }
    }

    /// An amount or a date: never part of a header.
    pub(crate) fn is_datum(&self) -> bool {
        matches!(self, Self::Amount(_) | Self::Date(_))
    }
}

/// A dash or N/A where an amount would stand.
pub(crate) fn stands_for_none(written: &str) -> bool {
    matches!(
        written,
        "-" | "–" | "—" | "N/A" | "n/a" | "#N/A" | "해당없음"
    )
}

/// `2025.11.07`, `2025. 11. 7.`, `2025/11/7(금)`, `2025년 11월 7일`, `25.11.07` → `2025-11-07`.
fn date(written: &str) -> Option<String> {
    let bare = written
        .split('(')
        .next()
        .unwrap_or(written)
        .replace(['년', '월', '/', '-'], ".")
        .replace([' ', '일'], "");
    let parts: Vec<_> = bare.trim_end_matches('.').split('.').collect();
    let [year, month, day] = parts[..] else {
        return None;
    };
    let digits = parts
        .iter()
        .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let short_year = year.len() == 2 && written.contains('.');
    if !digits || !(year.len() == 4 || short_year) || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let year: u32 = year.parse().ok()?;
    let year = if short_year { 2000 + year } else { year };
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    (1..=days_in(year, month))
        .contains(&day)
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, date};

    #[test]
    fn dates_in_every_dress_become_iso() {
        for written in [
            "2025.11.07",
            "2025. 11. 7.",
            "2025/11/7(금)",
            "2025년 11월 7일",
            "25.11.07",
            "2025-11-07",
        ] {
            assert_eq!(date(written).as_deref(), Some("2025-11-07"), "{written}");
        }
    }

    #[test]
    fn a_day_that_does_not_exist_is_text() {
        for written in [
            "2025.02.29",
            "2025.13.01",
            "2025.11.31",
            "12-11-07",
            "2025.11",
        ] {
            assert_eq!(date(written), None, "{written}");
        }
    }

    #[test]
    fn a_line_break_in_a_cell_becomes_a_space() {
        assert_eq!(Cell::read("매출\n(원)").plain(), "매출 (원)");
    }
}
