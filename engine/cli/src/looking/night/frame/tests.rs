//! Frames of a screen: what fits, what is left out, and that no text of others writes to the terminal.

use noctule_core::view::{
    ComingView, DueView, LateView, NeedView, TickView, TonightCounts, WorkView,
};
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::output::Style;

const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\u{202e}";

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_768_315_200 + second, 0).unwrap()
}

fn item(number: usize) -> WorkItem {
    WorkItem {
        run: format!("r-{number}"),
        dag: format!("nightly_{number}"),
        ingestion_id: "20260113140000".to_owned(),
        task: Some(format!("load[{EVIL}]")),
        attempt: Some(1),
        gate: Gate::Running,
        since: Some(at(-65)),
        text: format!("`load` is at work {EVIL}"),
        next: None,
    }
}

fn moment(work: usize, late: usize) -> Moment {
    let late: Vec<LateView> = (0..late)
        .map(|number| LateView {
            dag: format!("late_{number}{EVIL}"),
            due: at(-3_600),
        })
        .collect();
    let due = |second, past_seconds| DueView {
        run: EVIL.to_owned(),
        dag: format!("due{second}{EVIL}"),
        ingestion_id: EVIL.to_owned(),
        state: "running",
        by: at(second),
        past_seconds,
    };
    let needs_person = vec![NeedView {
        dag: EVIL.to_owned(),
        run: None,
        ingestion_id: None,
        task: Some(EVIL.to_owned()),
        why: "alarm",
        text: EVIL.to_owned(),
        since: None,
    }];
    let coming = |number| ComingView {
        dag: EVIL.to_owned(),
        tick: TickView {
            local: String::new(),
            utc: at(number),
            ingestion_id: Some(EVIL.to_owned()),
            remark: None,
        },
    };
    Moment {
        tonight: TonightView {
            at: at(0),
            well: false,
            engine: Some(EVIL.to_owned()),
            counts: TonightCounts {
                late: late.len(),
                overdue: 1,
                due: 1,
                failed: 0,
                needs_person: 1,
                running: work,
            },
            late,
            due: vec![due(-7_200, Some(7_200)), due(60, None)],
            failed: Vec::new(),
            needs_person,
            running: Vec::new(),
            next: (1..9).map(coming).collect(),
            cut: false,
        },
        work: WorkView {
            at: at(0),
            engine: None,
            runs: work,
            slots: Some(RoomView {
                name: "slots".to_owned(),
                held: 4,
                size: Some(4),
            }),
            pools: vec![RoomView {
                name: EVIL.to_owned(),
                held: 1,
                size: None,
            }],
            items: (0..work).map(item).collect(),
            cut: false,
        },
    }
}

fn drawn(moment: &Moment, size: Option<Size>) -> Vec<String> {
    let lines = frame(moment, Some(EVIL), at(0), Zone(chrono_tz::UTC), size);
    let width = size.map(|size| size.columns);
    lines
        .iter()
        .map(|line| line.drawn(width, Style::new(false)))
        .collect()
}

#[test]
fn a_frame_fits_its_screen_however_small_and_no_name_reaches_the_terminal_as_it_is() {
    for work in [0, 1, 7, 300] {
        for late in [0, 1, 200] {
            let moment = moment(work, late);
            for (columns, rows) in [(1, 1), (7, 3), (20, 8), (80, 24), (200, 60)] {
                let lines = drawn(&moment, Some(Size { columns, rows }));
                assert!(
                    lines.len() < rows.max(2),
                    "{columns}x{rows}: {}",
                    lines.len()
                );
                for line in lines {
                    assert!(line.width() <= columns, "{columns}x{rows}: {line:?}");
                    let evil = |c: char| c.is_control() || c == '\u{202e}';
                    assert!(!line.contains(evil), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn what_somebody_should_look_at_stands_even_where_much_runs() {
    let size = Size {
        columns: 120,
        rows: 24,
    };
    let lines = drawn(&moment(300, 200), Some(size));
    let text = lines.join("\n");
    for shown in [
        "TO LOOK AT",
        "wants a person",
        "late_0",
        "running",
        "NEXT TICKS",
        "more",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(lines.len(), 23, "the screen is used: {text}");
}

#[test]
fn without_a_screen_everything_is_drawn_and_since_when() {
    let lines = drawn(&moment(300, 2), None);
    let runs = lines.iter().filter(|line| line.starts_with("nightly_"));
    assert_eq!(runs.count(), 300);
    assert!(
        lines.iter().any(|line| line.contains("1m 05s")),
        "{lines:#?}"
    );
    assert!(lines[1].contains("slots 4/4"), "{}", lines[1]);
    assert!(lines[2].starts_with("as it was at"), "{}", lines[2]);
}
