//! Dates and times on the wire: days and microseconds since the year 2000.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};

const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// What stands for "for ever" in either direction.
fn endless<T: PartialEq>(value: T, most: T, least: T) -> Option<String> {
    if value == most {
        return Some("infinity".to_owned());
    }
    (value == least).then(|| "-infinity".to_owned())
}

pub(crate) fn date(bytes: &[u8]) -> Option<String> {
    let days = i32::from_be_bytes(bytes.try_into().ok()?);
    endless(days, i32::MAX, i32::MIN).or_else(|| {
        let date = EPOCH.checked_add_signed(TimeDelta::try_days(days.into())?)?;
        Some(date.to_string())
    })
}

pub(crate) fn time(bytes: &[u8]) -> Option<String> {
    let micros = i64::from_be_bytes(bytes.try_into().ok()?);
    if micros == 86_400_000_000 {
        return Some("24:00:00".to_owned());
    }
    let seconds = u32::try_from(micros.div_euclid(1_000_000)).ok()?;
    let nanos = u32::try_from(micros.rem_euclid(1_000_000) * 1_000).ok()?;
    Some(NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)?.to_string())
}

fn instant(bytes: &[u8]) -> Option<Result<NaiveDateTime, String>> {
    let micros = i64::from_be_bytes(bytes.try_into().ok()?);
    if let Some(word) = endless(micros, i64::MAX, i64::MIN) {
        return Some(Err(word));
    }
    let since = TimeDelta::microseconds(micros);
    let moment = EPOCH.and_time(NaiveTime::MIN).checked_add_signed(since)?;
    Some(Ok(moment))
}

/// A time without a zone: `2026-01-13T23:00:00`.
pub(crate) fn timestamp(bytes: &[u8]) -> Option<String> {
    Some(match instant(bytes)? {
        Ok(moment) => moment.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        Err(word) => word,
    })
}

/// An instant, as RFC 3339 in UTC: `2026-01-13T23:00:00Z`.
pub(crate) fn timestamptz(bytes: &[u8]) -> Option<String> {
    Some(match instant(bytes)? {
        Ok(moment) => moment
            .and_utc()
            .to_rfc3339_opts(SecondsFormat::AutoSi, true),
        Err(word) => word,
    })
}

pub(crate) fn encode_date(text: &str) -> Option<Vec<u8>> {
    let date: NaiveDate = text.trim().parse().ok()?;
    let days = i32::try_from(date.signed_duration_since(EPOCH).num_days()).ok()?;
    Some(days.to_be_bytes().to_vec())
}

pub(crate) fn encode_time(text: &str) -> Option<Vec<u8>> {
    let time: NaiveTime = text.trim().parse().ok()?;
    let micros = time
        .signed_duration_since(NaiveTime::MIN)
        .num_microseconds()?;
    Some(micros.to_be_bytes().to_vec())
}

pub(crate) fn encode_timestamp(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let moment = text
        .replacen(' ', "T", 1)
        .parse::<NaiveDateTime>()
        .ok()
        .or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN)))?;
    micros_since(moment)
}

/// An instant needs its offset: a text without one could mean any zone.
pub(crate) fn encode_timestamptz(text: &str) -> Option<Vec<u8>> {
    let moment = DateTime::parse_from_rfc3339(&text.trim().replacen(' ', "T", 1)).ok()?;
    micros_since(moment.with_timezone(&Utc).naive_utc())
}

fn micros_since(moment: NaiveDateTime) -> Option<Vec<u8>> {
    let since = moment.signed_duration_since(
        EPOCH
            .checked_add_days(Days::new(0))?
            .and_time(NaiveTime::MIN),
    );
    Some(since.num_microseconds()?.to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_as_they_were() {
        let at = "2026-01-13T23:00:00.123456Z";
        let bytes = encode_timestamptz(at).expect("an instant");
        assert_eq!(timestamptz(&bytes).as_deref(), Some(at));
        let seoul = encode_timestamptz("2026-01-14 08:00:00+09:00").expect("an instant");
        assert_eq!(timestamptz(&seoul).as_deref(), Some("2026-01-13T23:00:00Z"));
        let local = encode_timestamp("1999-12-31 23:59:59").expect("a time");
        assert_eq!(timestamp(&local).as_deref(), Some("1999-12-31T23:59:59"));
        let day = encode_date("1969-07-20").expect("a date");
        assert_eq!(date(&day).as_deref(), Some("1969-07-20"));
        let noon = encode_time("12:30:00.5").expect("a time");
        assert_eq!(time(&noon).as_deref(), Some("12:30:00.500"));
    }

    #[test]
    fn an_instant_without_an_offset_is_refused() {
        assert_eq!(encode_timestamptz("2026-01-13 23:00:00"), None);
        assert_eq!(encode_timestamptz("soon"), None);
    }

    #[test]
    fn for_ever_is_a_word_and_nonsense_is_nothing() {
        assert_eq!(
            timestamptz(&i64::MAX.to_be_bytes()).as_deref(),
            Some("infinity")
        );
        assert_eq!(
            timestamp(&i64::MIN.to_be_bytes()).as_deref(),
            Some("-infinity")
        );
        assert_eq!(date(&i32::MAX.to_be_bytes()).as_deref(), Some("infinity"));
        assert_eq!(timestamptz(&(i64::MAX - 1).to_be_bytes()), None);
        assert_eq!(time(&[1]), None);
    }
}
