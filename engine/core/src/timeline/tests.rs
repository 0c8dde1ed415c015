//! Runs made by the state machine, one event a second, and what is told of their times.

use chrono::TimeDelta;
use noctule_executor::{ErrorClass, Outcome};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::view::TaskView;
use crate::view::sample::{self, Story, at};

/// `a` and `b` side by side, `c` after both.
fn diamond() -> Story {
    let mut story = Story::of(sample::dag(vec![
        sample::task("a", &[], 0),
        sample::task("b", &[], 1),
        sample::task("c", &["a", "b"], 0),
    ]));
    story.begin();
    story
}

fn view(story: &Story) -> RunView {
    RunView::of(&story.dag, &story.run)
}

fn chain(story: &Story) -> Vec<(String, i64, usize)> {
    let run = view(story);
    critical_path(&story.dag, &run, at(story.second))
        .iter()
        .map(|step| {
            let name = run.tasks[step.task].task.clone();
            (name, step.waited.num_seconds(), step.attempts)
        })
        .collect()
}

fn good() -> Outcome {
    Outcome::Succeeded { output: json!({}) }
}

/// Second 1 begins it; `a` takes from 2 to 5, `b` from 3 to 8, `c` from 9 to 12.
fn ended() -> Story {
    let mut story = diamond();
    story.admit("a").admit("b").working("a");
    story.finished("a", good());
    story.working("b").finished("b", good());
    story.admit("c").working("c").finished("c", good());
    story
}

#[test]
fn the_chain_goes_back_over_whatever_ended_last() {
    let story = ended();
    let names: Vec<String> = chain(&story).into_iter().map(|step| step.0).collect();
    assert_eq!(names, ["b", "c"]);
    let run = view(&story);
    let steps = critical_path(&story.dag, &run, at(0));
    let ends: Vec<_> = steps.iter().map(|step| step.ended).collect();
    assert_eq!(ends, [run.tasks[1].ended_at, run.tasks[2].ended_at]);
    // What was neither waited nor worked would be missing from the whole.
    let told: TimeDelta = steps
        .iter()
        .map(|step| step.waited + (step.ended.unwrap() - step.began))
        .sum();
    assert_eq!(
        told,
        run.tasks[2].ended_at.unwrap() - run.head.started_at.unwrap()
    );
}

#[test]
fn a_run_under_way_has_its_chain_so_far() {
    let mut story = diamond();
    story.admit("b").working("b");
    story.admit("a").working("a");
    // Both are under way: the one that began first is the longer.
    assert_eq!(chain(&story).len(), 1);
    assert_eq!(chain(&story)[0].0, "b");
    story.finished("b", good());
    assert_eq!(chain(&story)[0].0, "a");
}

#[test]
fn a_run_that_has_not_begun_has_no_chain_and_no_rows() {
    let story = Story::of(sample::dag(vec![sample::task("a", &[], 0)]));
    assert_eq!(chain(&story), []);
    let chart = Timeline::of(&story.dag, &view(&story), at(9));
    assert_eq!((chart.rows.len(), chart.from, chart.to), (0, at(0), at(9)));
}

fn row<'a>(run: &RunView, chart: &'a Timeline, name: &str) -> &'a Row {
    let of = |row: &&Row| run.tasks[row.task].task == name;
    chart.rows.iter().find(of).unwrap()
}

fn spans(bar: &Bar) -> Vec<(Phase, i64, i64)> {
    let second = |moment: Instant| (moment - at(0)).num_seconds();
    bar.spans
        .iter()
        .map(|span| (span.phase, second(span.from), second(span.to)))
        .collect()
}

#[test]
fn phases_begin_where_those_before_end() {
    let story = ended();
    let run = view(&story);
    let chart = Timeline::of(&story.dag, &run, at(99));
    assert_eq!((chart.from, chart.to), (at(1), run.head.ended_at.unwrap()));
    let b = &row(&run, &chart, "b").bars;
    assert_eq!(b.len(), 1);
    let (from, over) = (run.head.started_at.unwrap(), run.tasks[1].ended_at.unwrap());
    assert_eq!(b[0].spans.first().map(|span| span.from), Some(from));
    assert_eq!(b[0].spans.last().map(|span| span.to), Some(over));
    let phases: Vec<Phase> = b[0].spans.iter().map(|span| span.phase).collect();
    assert_eq!(phases, [Phase::Queued, Phase::Launching, Phase::Running]);
    // `c` could begin when the later of both had ended, and not before.
    let c = &row(&run, &chart, "c").bars[0];
    assert_eq!(c.spans[0].from, over);
}

#[test]
fn a_second_try_waits_from_the_end_of_the_first() {
    let mut story = diamond();
    story.admit("b").working("b");
    story.failed("b", ErrorClass::Infrastructure, "gone");
    let run = view(&story);
    let now = at(story.second + 30);
    let chart = Timeline::of(&story.dag, &run, now);
    let bars = &row(&run, &chart, "b").bars;
    assert_eq!(bars.len(), 2, "{bars:?}");
    assert_eq!(
        (bars[1].attempt, bars[1].spans[0].phase),
        (None, Phase::Queued)
    );
    assert_eq!(
        bars[1].spans[0].from,
        run.tasks[1].attempts[0].ended_at.unwrap()
    );
    assert_eq!(bars[1].spans[0].to, now);
}

#[test]
fn what_an_earlier_round_did_is_no_part_of_this_one() {
    let story = ended();
    let mut run = view(&story);
    run.head.started_at = run.tasks[2]
        .attempts
        .first()
        .map(|attempt| attempt.intended_at);
    let chart = Timeline::of(&story.dag, &run, at(99));
    let names: Vec<&str> = chart
        .rows
        .iter()
        .map(|row| run.tasks[row.task].task.as_str())
        .collect();
    assert_eq!(names, ["c"]);
    assert_eq!(critical_path(&story.dag, &run, at(99)).len(), 1);
}

/// What remote clocks say, in seconds around the truth.
fn skewed() -> impl Strategy<Value = (TaskView, i64)> {
    let moment = || prop::option::of(-100i64..200);
    (moment(), moment(), moment(), 0i64..50, 0i64..100).prop_map(
        |(launched, started, ended, intended, now)| {
            let mut task = view(&ended_story()).tasks.remove(0);
            let attempt = &mut task.attempts[0];
            attempt.intended_at = at(intended);
            attempt.launched_at = launched.map(at);
            attempt.started_at = started.map(at);
            attempt.ended_at = ended.map(at);
            task.ended_at = attempt.ended_at;
            (task, now)
        },
    )
}

fn ended_story() -> Story {
    let mut story = Story::of(sample::dag(vec![sample::task("a", &[], 0)]));
    story.begin().admit("a").working("a").finished("a", good());
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn time_never_runs_backwards_whatever_the_clocks_say((task, now) in skewed()) {
        let story = ended_story();
        let mut run = view(&story);
        run.head.started_at = Some(at(0));
        run.head.ended_at = None;
        run.tasks = vec![task];
        let chart = Timeline::of(&story.dag, &run, at(now));
        prop_assert!(chart.from <= chart.to);
        for bar in chart.rows.iter().flat_map(|row| &row.bars) {
            let spans = spans(bar);
            for (phase, from, to) in &spans {
                prop_assert!(from <= to, "{:?}", spans);
                prop_assert!(at(*from) >= chart.from && at(*to) <= chart.to, "{:?} {:?}", phase, spans);
            }
            for pair in spans.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0 && pair[0].2 == pair[1].1, "{:?}", spans);
            }
        }
    }
}

#[test]
fn ten_thousand_items_have_their_rows_and_one_chain() {
    let story = ended();
    let mut run = view(&story);
    let (a, c) = (run.tasks[0].clone(), run.tasks[2].clone());
    run.tasks = Vec::new();
    for (list, of) in [(&a, "a"), (&c, "c")] {
        for item in 0..5_000 {
            let mut task = list.clone();
            task.task = of.to_owned();
            task.map_key = Some(item.to_string());
            run.tasks.push(task);
        }
    }
    let chart = Timeline::of(&story.dag, &run, at(99));
    assert_eq!(chart.rows.len(), 10_000);
    assert_eq!(critical_path(&story.dag, &run, at(99)).len(), 2);
}
