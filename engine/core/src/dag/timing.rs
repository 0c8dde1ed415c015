//! The schedule and the ingestion rule of a definition, read from their text.

use thiserror::Error;

use super::{IngestionTable, ScheduleRule};
use crate::ticks::{
    Cron, CronError, IngestionRule, IngestionRuleError, Schedule, ScheduleError, UnknownZone,
    parse_zone,
};

/// Why a schedule or an ingestion rule cannot be read. Files are checked before, with places.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimingError {
    /// A cron expression.
    #[error("cron `{0}`: {1}")]
    Cron(String, CronError),
    /// A time zone.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// The schedule as a whole.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The ingestion rule.
    #[error("[ingestion]: {0}")]
    Ingestion(#[from] IngestionRuleError),
}

pub(super) fn schedule(rule: &ScheduleRule) -> Result<Schedule, TimingError> {
    let parse =
        |text: &String| Cron::parse(text).map_err(|error| TimingError::Cron(text.clone(), error));
    let crons = rule.cron.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let schedule = Schedule::new(crons, parse_zone(&rule.timezone)?)?;
    Ok(schedule
        .with_dst(rule.dst_gap, rule.dst_fold)
        .within(rule.start, rule.end)?)
}

pub(super) fn ingestion(table: &IngestionTable) -> Result<IngestionRule, TimingError> {
    let digits = i64::from(table.digits);
    let rule = IngestionRule::parse(
        &table.transform_schedule,
        &table.day_of_week,
        &table.timezone,
        digits,
    )?;
    Ok(rule.with_allow_lag(table.allow_lag))
}
