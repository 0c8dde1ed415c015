//! Every case of `vectors/ingestion_id.json`, and the rules around it.

use std::path::Path;

use chrono::{DateTime, Utc};
use noctule_core::ticks::{
    Cron, IngestionId, IngestionIdError, IngestionRule, IngestionRuleError, Schedule,
    ingestion_id_at,
};
use serde::Deserialize;

const VECTORS: &str = include_str!("vectors/ingestion_id.json");

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
    errors: Vec<Case>,
    given_ids: Vec<Given>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    at: DateTime<Utc>,
    transform_schedule: Vec<String>,
    day_of_week: String,
    timezone: String,
    digits: i64,
    expect: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    id: String,
    ok: bool,
}

impl Case {
    fn rule(&self) -> Result<IngestionRule, IngestionRuleError> {
        IngestionRule::parse(
            &self.transform_schedule,
            &self.day_of_week,
            &self.timezone,
            self.digits,
        )
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).expect("the vectors are valid")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid instant")
}

fn rule(hours: &[&str]) -> IngestionRule {
    IngestionRule::parse(hours, "*", "UTC", 14).expect("a valid rule")
}

fn schedule(cron: &str, zone: chrono_tz::Tz) -> Schedule {
    let cron = Cron::parse(cron).expect("a valid expression");
    Schedule::new(vec![cron], zone).expect("a valid schedule")
}

fn id(rule: Option<&IngestionRule>, schedule: Option<&Schedule>, t: &str) -> String {
    let id = ingestion_id_at(rule, schedule, at(t));
    id.expect("an id").to_string()
}

#[test]
fn the_id_of_every_case_is_the_one_expected() {
    let vectors = vectors();
    assert!(vectors.cases.len() >= 68, "cases are missing");
    for case in vectors.cases {
        let rule = case.rule().expect(&case.name);
        let id = rule.id_at(case.at).expect(&case.name);
        assert_eq!(Some(id.as_str()), case.expect.as_deref(), "{}", case.name);
        assert!(id.instant() <= case.at, "{}", case.name);
        assert_eq!(IngestionId::given(id.as_str()), Ok(id), "{}", case.name);
    }
}

#[test]
fn every_table_that_must_be_refused_is_refused() {
    let vectors = vectors();
    assert!(vectors.errors.len() >= 28, "cases are missing");
    for case in vectors.errors {
        let error = case.rule().expect_err(&case.name).to_string();
        assert!(
            error
                .chars()
                .next()
                .is_some_and(|first| !first.is_uppercase()),
            "{error}"
        );
    }
}

#[test]
fn an_id_given_by_hand_is_eight_or_fourteen_digits_of_a_real_date() {
    let vectors = vectors();
    assert!(vectors.given_ids.len() >= 39, "cases are missing");
    for given in vectors.given_ids {
        let id = IngestionId::given(&given.id);
        assert_eq!(id.is_ok(), given.ok, "{:?}", given.id);
        if let Ok(id) = id {
            assert_eq!(id.as_str(), given.id);
        }
    }
}

#[test]
fn the_copy_of_the_vectors_is_the_original() {
    let original = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/ingestion_id.json"
    ));
    if original.exists() {
        let original = std::fs::read_to_string(original).expect("it can be read");
        assert!(
            original == VECTORS,
            "copy the original over tests/vectors/ingestion_id.json"
        );
    }
}

#[test]
fn ids_sort_as_text_in_time_order() {
    let rule = rule(&["02", "14:30", "23"]);
    let mut last = None;
    for hour in 0..24 * 400 {
        let t = at("2025-01-30T00:00:00Z") + chrono::TimeDelta::hours(hour);
        let id = rule.id_at(t).expect("an id");
        if let Some(last) = last.replace(id.clone()) {
            assert!(last <= id && last.as_str() <= id.as_str() && last.instant() <= id.instant());
        }
    }
    let day = IngestionId::given("20251107").expect("an id");
    assert!(day < IngestionId::given("20251107000000").expect("an id"));
    assert!(day > IngestionId::given("20251106235959").expect("an id"));
}

#[test]
fn an_id_is_plain_text_in_json_and_is_checked_when_it_is_read() {
    let id = IngestionId::given("20251107140000").expect("an id");
    let json = serde_json::to_string(&id).expect("it can be written");
    assert_eq!(json, "\"20251107140000\"");
    assert_eq!(
        serde_json::from_str::<IngestionId>(&json).expect("it can be read"),
        id
    );
    assert!(serde_json::from_str::<IngestionId>("\"2025-11-07\"").is_err());
}

#[test]
fn the_instant_of_a_short_id_is_the_start_of_its_day() {
    let instant = |text| IngestionId::given(text).expect("an id").instant();
    assert_eq!(instant("20251107"), at("2025-11-07T00:00:00Z"));
    assert_eq!(instant("20251107140102"), at("2025-11-07T14:01:02Z"));
}

#[test]
fn a_dag_without_the_table_and_without_a_schedule_takes_its_nominal_time_to_the_second() {
    assert_eq!(id(None, None, "2025-11-07T14:20:03.999Z"), "20251107142003");
}

#[test]
fn a_dag_without_the_table_takes_its_latest_tick() {
    let seoul = schedule("0 21 * * *", chrono_tz::Asia::Seoul);
    assert_eq!(
        id(None, Some(&seoul), "2025-11-07T12:00:00Z"),
        "20251107120000"
    );
    assert_eq!(
        id(None, Some(&seoul), "2025-11-07T11:59:59.9Z"),
        "20251106120000"
    );
    assert_eq!(
        id(None, Some(&seoul), "2025-11-08T03:00:00Z"),
        "20251107120000"
    );
}

#[test]
fn a_schedule_that_has_not_begun_leaves_the_nominal_time() {
    let later = schedule("0 21 * * *", chrono_tz::Asia::Seoul)
        .within(Some(at("2026-01-01T00:00:00Z")), None)
        .expect("a valid schedule");
    assert_eq!(
        id(None, Some(&later), "2025-11-07T14:20:03Z"),
        "20251107142003"
    );
}

#[test]
fn the_table_comes_before_the_schedule() {
    let seoul = schedule("0 21 * * *", chrono_tz::Asia::Seoul);
    assert_eq!(
        id(Some(&rule(&["14"])), Some(&seoul), "2025-11-07T12:00:00Z"),
        "20251106140000"
    );
}

#[test]
fn a_lag_is_told_with_tick_and_id_unless_it_is_allowed() {
    let tick = at("2025-11-07T12:00:00Z");
    assert_eq!(rule(&["12"]).lag(tick), None);
    let lag = rule(&["14"]).lag(tick).expect("a lag");
    assert!(
        lag.to_string()
            .contains("2025-11-07T12:00:00Z is 20251106140000")
    );
    assert_eq!(rule(&["14"]).with_allow_lag(true).lag(tick), None);
}

#[test]
fn a_year_that_four_digits_cannot_say_has_no_id() {
    let far = at("+10000-01-01T00:00:00Z");
    let error = rule(&["00"]).id_at(far).expect_err("no id");
    assert_eq!(error, IngestionIdError::OutOfRange { at: far });
    assert!(rule(&["14"]).id_at(DateTime::<Utc>::MIN_UTC).is_err());
    assert!(rule(&["14"]).id_at(DateTime::<Utc>::MAX_UTC).is_err());
    assert!(ingestion_id_at(None, None, DateTime::<Utc>::MAX_UTC).is_err());
}
