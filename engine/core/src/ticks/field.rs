//! The grammar of one cron field, and its normal form for the `cron` crate.
//!
//! Guarantees: what passes here means the same to the `cron` crate as it does
//! in POSIX: weekdays are renumbered (the crate's Sunday is 1), steps beyond
//! the range are cut to it, leading zeros and names are gone.
//!
//! Never: looks at another field; the rule for the two day fields is the
//! calendar's.

use std::fmt::Write as _;
use std::ops::Range;

use super::cron_error::{CronError, CronField};

/// Index 0 is unused, so that a month's place is its number.
const MONTHS: [&str; 13] = [
    "", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A piece of the expression together with the place where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn new(text: &'a str, start: usize) -> Self {
        Self { text, start }
    }

    pub(super) fn text(self) -> &'a str {
        self.text
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (left, right) = self.text.split_once(separator)?;
        let start = self.start + left.len() + separator.len_utf8();
        Some((Self::new(left, self.start), Self::new(right, start)))
    }

    fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut start = self.start;
        self.text.split(separator).map(move |text| {
            let piece = Self::new(text, start);
            start += text.len() + separator.len_utf8();
            piece
        })
    }
}

/// Every `step`th value of `first..=last`, in POSIX numbers.
#[derive(Clone, Copy, Debug)]
struct Item {
    first: u32,
    last: u32,
    step: u32,
}

/// One field that obeys the grammar.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    kind: CronField,
    text: &'a str,
    items: Vec<Item>,
}

impl<'a> Field<'a> {
    pub(super) fn parse(kind: CronField, piece: Piece<'a>) -> Result<Self, CronError> {
        let items = piece.split(',').map(|item| parse_item(kind, item));
        Ok(Self {
            kind,
            text: piece.text(),
            items: items.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a day field leaves the choice to the other one. The text
    /// decides, not the set: `1-31` restricts and `*/1` does not.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.text, "*" | "*/1")
    }

    /// Whether an hour field makes its expression a real one.
    pub(super) fn has_wildcard_or_step(&self) -> bool {
        self.text.contains(['*', '/'])
    }

    /// The field as the `cron` crate must see it to mean the same.
    pub(super) fn normalised(&self) -> String {
        let mut out = String::new();
        for item in &self.items {
            let comma = if out.is_empty() { "" } else { "," };
            out.push_str(comma);
            write_item(&mut out, self.kind, *item);
        }
        out
    }
}

fn write_item(out: &mut String, kind: CronField, item: Item) {
    if kind == CronField::DayOfWeek {
        let days = (item.first..=item.last).step_by(item.step as usize);
        let days: Vec<_> = days.map(|day| (day % 7 + 1).to_string()).collect();
        out.push_str(&days.join(","));
        return;
    }
    let Item { first, last, step } = item;
    let written = match (first == last, step) {
        (true, _) => write!(out, "{first}"),
        (false, 1) => write!(out, "{first}-{last}"),
        (false, _) => write!(out, "{first}-{last}/{step}"),
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

fn parse_item(kind: CronField, item: Piece<'_>) -> Result<Item, CronError> {
    if item.text.is_empty() {
        return Err(CronError::EmptyItem {
            field: kind,
            at: item.range(),
        });
    }
    let (base, step) = match item.split_once('/') {
        Some((base, step)) => (base, Some(parse_step(kind, step)?)),
        None => (item, None),
    };
    let (first, last, is_range) = parse_base(kind, base)?;
    if step.is_some() && !is_range {
        return Err(CronError::StepWithoutRange {
            field: kind,
            text: item.text.to_owned(),
            at: item.range(),
        });
    }
    let step = step.unwrap_or(1);
    if step > last - first {
        // Only the first value is left; the crate refuses such a step.
        return Ok(Item {
            first,
            last: if step == 1 { last } else { first },
            step: 1,
        });
    }
    Ok(Item { first, last, step })
}

/// First and last value, and whether a step may follow.
fn parse_base(kind: CronField, base: Piece<'_>) -> Result<(u32, u32, bool), CronError> {
    if base.text == "*" {
        let (min, max) = kind.bounds();
        // Sunday must not be met twice when steps are counted from it.
        let max = if kind == CronField::DayOfWeek { 6 } else { max };
        return Ok((min, max, true));
    }
    let Some((first, last)) = base.split_once('-') else {
        let value = parse_value(kind, base, base)?;
        return Ok((value, value, false));
    };
    let (first, last) = (
        parse_value(kind, first, base)?,
        parse_value(kind, last, base)?,
    );
    if first > last {
        return Err(CronError::Backwards {
            field: kind,
            text: base.text.to_owned(),
            at: base.range(),
        });
    }
    Ok((first, last, true))
}

/// `whole` is shown where the value itself is empty, as in `1-` and `-5`.
fn parse_value(kind: CronField, value: Piece<'_>, whole: Piece<'_>) -> Result<u32, CronError> {
    if let Some(number) = named(kind, value.text) {
        return Ok(number);
    }
    if !is_number(value.text) {
        let shown = if value.text.is_empty() { whole } else { value };
        return Err(CronError::NotAValue {
            field: kind,
            text: shown.text.to_owned(),
            at: shown.range(),
        });
    }
    let (min, max) = kind.bounds();
    match value.text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(CronError::OutOfRange {
            field: kind,
            text: value.text.to_owned(),
            at: value.range(),
        }),
    }
}

fn parse_step(kind: CronField, step: Piece<'_>) -> Result<u32, CronError> {
    if !is_number(step.text) {
        return Err(CronError::StepNotANumber {
            field: kind,
            text: step.text.to_owned(),
            at: step.range(),
        });
    }
    // A number too large to hold is beyond every range, like any other.
    match step.text.parse().unwrap_or(u32::MAX) {
        0 => Err(CronError::StepZero {
            field: kind,
            at: step.range(),
        }),
        number => Ok(number),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn named(kind: CronField, text: &str) -> Option<u32> {
    let names: &[&str] = match kind {
        CronField::Month => &MONTHS,
        CronField::DayOfWeek => &WEEKDAYS,
        _ => &[],
    };
    let place = names
        .iter()
        .position(|name| !name.is_empty() && name.eq_ignore_ascii_case(text))?;
    u32::try_from(place).ok()
}
