//! One cron expression: five fields with POSIX meaning, or a macro.
//!
//! Guarantees: what parses can fire; the same text always gives the same
//! ticks; the `cron` crate sees a normalised expression and gives field sets,
//! nothing else.
//!
//! Never: lets the `cron` crate choose an instant. It counts Sunday as 1,
//! wants both day fields to match, and has other rules where clocks change.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::calendar::FieldSets;
use super::cron_error::{CronError, CronField};
use super::field::{Field, Piece};

/// The macros and what each of them stands for.
const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A cron expression that was read and can fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    sets: FieldSets,
    real: bool,
}

impl Cron {
    /// Reads an expression of five fields, or one of the macros.
    ///
    /// # Errors
    /// The expression breaks the grammar, or can never fire.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let trimmed = text.trim_matches([' ', '\t']);
        if !trimmed.starts_with('@') {
            return Self::from_fields(text, text);
        }
        let known = MACROS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(trimmed));
        let Some((_, meaning)) = known else {
            let start = text.len() - text.trim_start_matches([' ', '\t']).len();
            return Err(CronError::UnknownMacro {
                text: trimmed.to_owned(),
                at: start..start + trimmed.len(),
            });
        };
        Self::from_fields(text, meaning)
    }

    fn from_fields(text: &str, fields: &str) -> Result<Self, CronError> {
        let [minute, hour, day, month, weekday] = split_fields(fields)?;
        let dates = day.range().start..weekday.range().end;
        let minute = Field::parse(CronField::Minute, minute)?;
        let hour = Field::parse(CronField::Hour, hour)?;
        let day = Field::parse(CronField::DayOfMonth, day)?;
        let month = Field::parse(CronField::Month, month)?;
        let weekday = Field::parse(CronField::DayOfWeek, weekday)?;
        let real = hour.has_wildcard_or_step();
        let sets = read_sets(&[minute, hour, day, month, weekday], 0..fields.len())?;
        if !sets.can_fire() {
            return Err(CronError::NeverFires { at: dates });
        }
        let text = text.to_owned();
        Ok(Self { text, sets, real })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the hour field holds a `*` or a `/`. Such an expression follows
    /// the real hours of a day, 23 or 25 of them, whatever the policies for
    /// gaps and folds say.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.real
    }

    /// The first matching wall time that is not before `wall`.
    pub(super) fn next_match(&self, wall: i64) -> Option<i64> {
        self.sets.next_match(wall)
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The weekdays of a fifth field that stands alone, as bits, Sunday first.
pub(super) fn parse_weekdays(text: &str) -> Result<u64, CronError> {
    let weekday = Field::parse(CronField::DayOfWeek, Piece::new(text, 0))?;
    let every = |kind| Field::parse(kind, Piece::new("*", 0));
    let fields = [
        every(CronField::Minute)?,
        every(CronField::Hour)?,
        every(CronField::DayOfMonth)?,
        every(CronField::Month)?,
        weekday,
    ];
    Ok(read_sets(&fields, 0..text.len())?.weekdays())
}

/// Hands the normalised expression to the `cron` crate, seconds first, and
/// takes the field sets.
fn read_sets(fields: &[Field<'_>; 5], whole: Range<usize>) -> Result<FieldSets, CronError> {
    let [minute, hour, day, month, weekday] = fields.each_ref().map(Field::normalised);
    let normal = format!("0 {minute} {hour} {day} {month} {weekday}");
    let parsed = cron::Schedule::from_str(&normal)
        .map_err(|_unexpected| CronError::NotUnderstood { at: whole })?;
    let [_, _, day, _, weekday] = fields;
    Ok(FieldSets::new(&parsed, day.is_free(), weekday.is_free()))
}

/// Exactly five fields with spaces or tabs between them. Other white space is
/// part of a field, which then refuses it.
fn split_fields(text: &str) -> Result<[Piece<'_>; 5], CronError> {
    let mut start = 0;
    let mut fields = Vec::with_capacity(5);
    for part in text.split([' ', '\t']) {
        if !part.is_empty() {
            fields.push(Piece::new(part, start));
        }
        start += part.len() + 1;
    }
    let found = fields.len();
    fields.try_into().map_err(|_| CronError::FieldCount {
        found,
        at: 0..text.len(),
    })
}
