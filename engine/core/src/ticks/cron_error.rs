//! What can be wrong with a cron expression, and where.
//!
//! Guarantees: every message names the field and what it allows, and every
//! error carries the byte range it is about, within the expression as written.
//!
//! Never: repeats the whole expression; the caller shows it with the range.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// One of the five fields, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronField {
    /// 0-59.
    Minute,
    /// 0-23.
    Hour,
    /// 1-31.
    DayOfMonth,
    /// 1-12 or JAN-DEC.
    Month,
    /// 0-7 or SUN-SAT; 0 and 7 are Sunday.
    DayOfWeek,
}

impl CronField {
    /// All five, in the order in which they are written.
    pub const ALL: [Self; 5] = [
        Self::Minute,
        Self::Hour,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
    ];

    /// What a value of this field may be, for people.
    #[must_use]
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "0-59",
            Self::Hour => "0-23",
            Self::DayOfMonth => "1-31",
            Self::Month => "1-12 or JAN-DEC",
            Self::DayOfWeek => "0-7 or SUN-SAT (0 and 7 are Sunday)",
        }
    }

    /// The smallest and the largest number that may be written.
    #[must_use]
    pub fn bounds(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

/// Why an expression is refused. `at` is a byte range within it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CronError {
    /// Not five fields.
    #[error(
        "{found} field(s) instead of five: minute, hour, day of month, month, day of week, with blanks between"
    )]
    FieldCount {
        /// How many there are.
        found: usize,
        /// The whole expression.
        at: Range<usize>,
    },
    /// A word with `@` that is not one of the macros.
    #[error(
        "unknown macro `{text}`: allowed are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"
    )]
    UnknownMacro {
        /// The word.
        text: String,
        /// Where it stands.
        at: Range<usize>,
    },
    /// Nothing before, after or between commas.
    #[error("{field}: an item of the list is empty: allowed are *, {} and ranges of them", .field.allowed())]
    EmptyItem {
        /// The field.
        field: CronField,
        /// Where the item should stand; empty.
        at: Range<usize>,
    },
    /// Neither a number nor a name of this field.
    #[error("{field}: `{text}` is not a value: allowed are {}, and *, a-b, */n, a-b/n (L, W, #, ? and H are not known)", .field.allowed())]
    NotAValue {
        /// The field.
        field: CronField,
        /// What stands there.
        text: String,
        /// Where it stands.
        at: Range<usize>,
    },
    /// A number that this field does not have.
    #[error("{field}: `{text}` is out of range: allowed are {}", .field.allowed())]
    OutOfRange {
        /// The field.
        field: CronField,
        /// The number.
        text: String,
        /// Where it stands.
        at: Range<usize>,
    },
    /// A range whose first value is larger than its last.
    #[error("{field}: the range `{text}` runs backwards: write the smaller value first, or a list of two ranges{}", sunday_hint(*.field))]
    Backwards {
        /// The field.
        field: CronField,
        /// The range.
        text: String,
        /// Where it stands.
        at: Range<usize>,
    },
    /// What follows `/` is not a number.
    #[error("{field}: the step `{text}` is not a number: allowed are whole numbers from 1")]
    StepNotANumber {
        /// The field.
        field: CronField,
        /// What stands after the slash.
        text: String,
        /// Where it stands.
        at: Range<usize>,
    },
    /// A step of 0.
    #[error("{field}: a step of 0 leads nowhere: allowed are whole numbers from 1")]
    StepZero {
        /// The field.
        field: CronField,
        /// Where the step stands.
        at: Range<usize>,
    },
    /// `a/n`, which other programs read in different ways.
    #[error("{field}: `{text}` has a step without a range: write */n or a-b/n")]
    StepWithoutRange {
        /// The field.
        field: CronField,
        /// The item.
        text: String,
        /// Where it stands.
        at: Range<usize>,
    },
    /// The days exist in none of the months.
    #[error("can never fire: none of its months has such a day")]
    NeverFires {
        /// The day and month fields.
        at: Range<usize>,
    },
    /// The parser behind the normaliser did not take the normalised text.
    #[error("the expression was not understood")]
    NotUnderstood {
        /// The whole expression.
        at: Range<usize>,
    },
}

impl CronError {
    /// The byte range that the error is about, within the expression.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::FieldCount { at, .. }
            | Self::UnknownMacro { at, .. }
            | Self::EmptyItem { at, .. }
            | Self::NotAValue { at, .. }
            | Self::OutOfRange { at, .. }
            | Self::Backwards { at, .. }
            | Self::StepNotANumber { at, .. }
            | Self::StepZero { at, .. }
            | Self::StepWithoutRange { at, .. }
            | Self::NeverFires { at }
            | Self::NotUnderstood { at } => at.clone(),
        }
    }
}

/// SUN is 0, so a range that ends in it is the one that surprises people.
fn sunday_hint(field: CronField) -> &'static str {
    match field {
        CronField::DayOfWeek => " (SUN is 0; 5-7 is Friday to Sunday)",
        _ => "",
    }
}
