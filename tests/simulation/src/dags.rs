//! DAGs at random: chains, diamonds, fan-out by map, groups, pools, retries, time-outs, gates, held work, schedules.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::dag::{
    Catchup, Dag, Definition, FoldRule, GROUP, GapRule, HoldUntil, MapRule, MinSuccess, OnUnknown,
    Overlap, PoolUse, Retries, ScheduleRule, TaskDefinition, TriggerRule,
};
use noctule_core::name::TaskName;
use noctule_core::word::{Occasion, Rule};
use noctule_executor::{ErrorClass, Wait};
use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::clock::{MINUTE, instant};
use crate::cron;
use crate::faults::Mix;

/// The pool that tasks share, and its size.
pub(crate) const POOL: (&str, u32) = ("db", 2);

/// How work of a kind can be found again.
pub(crate) const KINDS: [&str; 6] = ["keyed", "listed", "silent", "call", "sensor", "held"];

/// A name that is made here is a name; the fallback only spares a panic.
pub(crate) fn name<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// One to three DAGs.
pub(crate) fn draw(
    chance: &mut Chance,
    mix: &Mix,
    base: DateTime<Utc>,
    zone: &'static str,
) -> Vec<Rc<Dag>> {
    let count = if mix.cron {
        1 + chance.below(2)
    } else {
        1 + chance.below(3)
    };
    (0..count)
        .filter_map(|number| one(chance, mix, number, base, zone))
        .map(Rc::new)
        .collect()
}

fn one(
    chance: &mut Chance,
    mix: &Mix,
    number: u64,
    base: DateTime<Utc>,
    zone: &str,
) -> Option<Dag> {
    let size = if mix.cron { 1 } else { chance.between(1, 6) };
    let mut tasks: Vec<TaskDefinition> = Vec::new();
    for place in 0..size {
        let task = task(chance, mix, place, &tasks)?;
        tasks.push(task);
    }
    hold(chance, &mut tasks);
    if !mix.cron && chance.hits(250) {
        group(chance, mix, &mut tasks)?;
    }
    let notify = if mix.changes { rule(chance) } else { None };
    let definition = Definition {
        id: name(&format!("d{number}"))?,
        description: None,
        owner: None,
        tags: Vec::new(),
        timeout: chance
            .hits(if mix.cron { 0 } else { 200 })
            .then(|| seconds(chance, 20, 300)),
        max_active_runs: chance.pick(&[1, 1, 2, 3]),
        notify,
        must_end_by: None,
        schedule: schedule(chance, mix, base, zone),
        trigger: None,
        ingestion: None,
        params: BTreeMap::new(),
        tasks,
        not_yet: Vec::new(),
    };
    Dag::new(definition).ok()
}

/// Who is told, and about what.
fn rule(chance: &mut Chance) -> Option<Rule> {
    let to: &[&str] = chance.pick(&[&["ops"][..], &["ops", "boss"][..], &[][..]]);
    let on = Occasion::ALL.into_iter().filter(|_| chance.hits(600));
    let rule = Rule {
        on: on.collect(),
        to: to.iter().map(|name| (*name).to_owned()).collect(),
    };
    (!rule.to.is_empty()).then_some(rule)
}

fn seconds(chance: &mut Chance, low: i64, high: i64) -> Duration {
    Duration::from_secs(chance.between(low, high).unsigned_abs())
}

pub(crate) fn bare(name: TaskName, executor: &str) -> TaskDefinition {
    TaskDefinition {
        name,
        executor: executor.to_owned(),
        depends_on: Vec::new(),
        wait: Wait::Block,
        with: Map::new(),
        timeout: None,
        total_timeout: None,
        start_timeout: None,
        poll_interval: Duration::from_secs(15),
        retries: Retries::default(),
        trigger_rule: TriggerRule::AllSuccess,
        may_fail: false,
        priority: 0,
        when: None,
        success: None,
        skip_when: None,
        on_unknown: OnUnknown::Fail,
        expose_secrets: false,
        map: None,
        within: None,
        hold_until: None,
        pool: PoolUse::default(),
        notify: None,
    }
}

fn task(
    chance: &mut Chance,
    mix: &Mix,
    place: i64,
    before: &[TaskDefinition],
) -> Option<TaskDefinition> {
    let kind = if mix.cron {
        "keyed"
    } else {
        chance.pick(&KINDS[..5])
    };
    let mut task = bare(name(&format!("t{place}"))?, kind);
    for earlier in before {
        if chance.hits(if before.len() == 1 { 700 } else { 400 }) {
            task.depends_on.push(earlier.name.clone());
        }
    }
    decide(chance, mix, &mut task);
    if chance.hits(200) && !mix.cron {
        let items: Vec<Value> = (0..chance.between(0, 4)).map(|item| json!(item)).collect();
        task.map = Some(map_rule(chance, Value::Array(items)));
    }
    Some(task)
}

pub(crate) fn map_rule(chance: &mut Chance, items: Value) -> MapRule {
    MapRule {
        items,
        key: None,
        max_parallel: chance.hits(500).then(|| 1 + chance.below(2) as u32),
        min_success: chance.pick(&[
            MinSuccess::Share(1.0),
            MinSuccess::Share(0.5),
            MinSuccess::Count(1),
        ]),
    }
}

/// What is the same for a task within a group and for one without.
pub(crate) fn decide(chance: &mut Chance, mix: &Mix, task: &mut TaskDefinition) {
    use TriggerRule as R;
    task.with
        .insert("lasts".to_owned(), json!(chance.between(0, 40_000)));
    task.wait = chance.pick(&[Wait::Block, Wait::Block, Wait::Poll, Wait::Detach]);
    if mix.cron || task.wait == Wait::Detach && matches!(task.executor.as_str(), "call" | "sensor")
    {
        task.wait = Wait::Block;
    }
    task.poll_interval = seconds(chance, 2, 20);
    task.retries.max = chance.below(4) as u32;
    task.retries.delay = seconds(chance, 1, 15);
    if chance.hits(500) {
        task.retries.on.push(ErrorClass::Lost);
    }
    if chance.hits(300) {
        task.on_unknown = OnUnknown::Retry;
    }
    if mix.cron {
        return;
    }
    task.trigger_rule = match chance.below(10) {
        0..=4 => R::AllSuccess,
        5 => R::NoneFailed,
        6 => R::AllDone,
        7 => R::OneSuccess,
        8 => R::OneFailed,
        _ => chance.pick(&[R::AllFailed, R::NoneFailedMinOneSuccess]),
    };
    task.may_fail = chance.hits(200);
    task.priority = chance.between(0, 2);
    if chance.hits(200) {
        task.timeout = Some(seconds(chance, 3, 60));
    }
    if chance.hits(100) {
        task.total_timeout = Some(seconds(chance, 10, 120));
    }
    if chance.hits(100) {
        task.start_timeout = Some(seconds(chance, 2, 30));
    }
    if chance.hits(300) {
        let slots = 1 + chance.below(2) as u32;
        task.pool = PoolUse {
            name: POOL.0.into(),
            slots,
        };
    }
    let expression =
        |chance: &mut Chance| Some(chance.pick(&["yes", "yes", "no", "odd"]).to_owned());
    if chance.hits(100) {
        task.when = expression(chance);
    }
    if chance.hits(100) {
        task.success = expression(chance);
    }
    if chance.hits(60) {
        task.skip_when = Some("odd".to_owned());
    }
    // It leaves something behind that has to be cleared away.
    if chance.hits(250) && matches!(task.executor.as_str(), "keyed" | "listed") {
        task.with.insert("leaves".to_owned(), json!(true));
    }
}

/// Makes one task hold its work for those after it.
fn hold(chance: &mut Chance, tasks: &mut [TaskDefinition]) {
    if tasks.len() < 2 || !chance.hits(300) {
        return;
    }
    let first = tasks[0].name.clone();
    let users: Vec<TaskName> = tasks
        .iter()
        .filter(|task| task.depends_on.contains(&first))
        .map(|task| task.name.clone())
        .collect();
    let whole = chance.hits(400);
    if tasks[0].map.is_some() || (users.is_empty() && !whole) {
        return;
    }
    let holder = &mut tasks[0];
    holder.executor = "held".to_owned();
    holder.wait = chance.pick(&[Wait::Block, Wait::Poll]);
    holder.success = None;
    holder.skip_when = None;
    holder.hold_until = Some(if whole {
        HoldUntil::Run
    } else {
        HoldUntil::Tasks(users)
    });
}

/// A group of two tasks, walked by each of a few items, at the end.
pub(crate) fn group(chance: &mut Chance, mix: &Mix, tasks: &mut Vec<TaskDefinition>) -> Option<()> {
    let mut head = bare(name("g")?, GROUP);
    if chance.hits(500) {
        head.depends_on.push(tasks.last()?.name.clone());
    }
    let items: Vec<Value> = (0..chance.between(1, 3)).map(|item| json!(item)).collect();
    head.map = Some(map_rule(chance, Value::Array(items)));
    let mut inner = Vec::new();
    for local in ["a", "b"] {
        let kind = chance.pick(&KINDS[..4]);
        let mut task = bare(name(&format!("g.{local}"))?, kind);
        decide(chance, mix, &mut task);
        task.within = Some(head.name.clone());
        inner.push(task);
    }
    let first = inner[0].name.clone();
    inner[1].depends_on.push(first);
    tasks.push(head);
    tasks.extend(inner);
    Some(())
}

fn schedule(
    chance: &mut Chance,
    mix: &Mix,
    base: DateTime<Utc>,
    zone: &str,
) -> Option<ScheduleRule> {
    if !mix.cron && (mix.years || !chance.hits(mix.ticks)) {
        return None;
    }
    let (cron, timezone, after) = if mix.cron {
        (chance.pick(&cron::EXPRESSIONS), zone, 40 * MINUTE)
    } else {
        ("* * * * *", "UTC", 0)
    };
    let end = instant(base, mix.safety + after);
    Some(ScheduleRule {
        cron: vec![cron.to_owned()],
        timezone: timezone.to_owned(),
        enabled: true,
        start: None,
        end: Some(end),
        catchup: chance.pick(&[Catchup::All, Catchup::All, Catchup::Latest, Catchup::None]),
        catchup_window: None,
        overlap: chance.pick(&[
            Overlap::Queue,
            Overlap::Queue,
            Overlap::Skip,
            Overlap::CancelRunning,
        ]),
        max_queued: chance.pick(&[1_000, 1_000, 2]),
        dst_gap: chance.pick(&[GapRule::FireAfter, GapRule::Skip]),
        dst_fold: chance.pick(&[FoldRule::First, FoldRule::Second, FoldRule::Both]),
    })
}
