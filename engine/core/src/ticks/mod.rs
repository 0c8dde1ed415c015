//! When a schedule fires and under which ingestion id its runs are kept.
//!
//! For: cron expressions ([`Cron`]), schedules in a time zone ([`Schedule`]),
//! ingestion ids ([`IngestionRule`], [`IngestionId`]), and the two notations
//! people type for times ([`parse_moment`]) and spans ([`parse_duration`]).
//!
//! Guarantees: a tick is an instant, never a wall time; ticks come in
//! ascending order, each once; every search ends; text that is not understood
//! is an error that says what is allowed.
//!
//! Never: reads a clock, does I/O, guesses a time zone, or assumes how long a
//! change of the clocks is or where in the day it falls.

mod calendar;
mod cron;
mod cron_error;
mod duration;
mod field;
mod ingestion;
mod ingestion_id;
mod moment;
mod remark;
mod schedule;
mod walk;
mod zone;

pub use self::cron::Cron;
pub use self::cron_error::{CronError, CronField};
pub use self::duration::{DurationError, format_duration, parse_duration};
pub use self::ingestion::{Digits, IngestionRule, IngestionRuleError, Lag, ingestion_id_at};
pub use self::ingestion_id::{IngestionId, IngestionIdError};
pub use self::moment::{MomentError, parse_moment};
pub use self::remark::{LossReason, LostTicks, TickRemark};
pub use self::schedule::{DstFold, DstGap, Schedule, ScheduleError, Ticks};
pub use self::zone::{UnknownZone, local_to_utc, parse_zone};
