//! A large graph in small, beside the one that is read: where one is in it, and where its failures are.
//!
//! Guarantees: a graph that is small has none; what counts most is drawn over the rest. It says nothing that the graph
//! does not say, and what it does can be done with the keyboard there: so it is for eyes and pointers alone.

use std::collections::BTreeMap;

use maud::{Markup, html};
use noctule_core::picture::{Kind, Look, Picture};

/// Boxes from which on a graph is large.
const LARGE: usize = 30;
/// Pixels it is at most, wide and high.
const MOST: (f64, f64) = (320.0, 96.0);
/// Pixels it is at least: a row of tasks stays a thing that can be hit.
const LEAST: (f64, f64) = (72.0, 40.0);

/// The graph in small, with the frame that the script moves; none for a small one.
pub(super) fn map(picture: &Picture, look: &Look<'_>) -> Option<Markup> {
    (picture.cells.len() >= LARGE).then(|| {
        html! {
            div.minimap id="minimap" aria-hidden="true" title="What is in sight; a press or a drag moves it" hidden {
                div id="map" data-live { (drawn(picture, look)) }
                div.frame {}
            }
        }
    })
}

fn drawn(picture: &Picture, look: &Look<'_>) -> Markup {
    let (wide, high) = size(picture);
    html! {
        svg.map viewBox={ "0 0 " (picture.width) " " (picture.height) } width=(wide) height=(high) preserveAspectRatio="none" {
            @for ((_, class), line) in lines(picture, look) { path class=(class) d=(line) {} }
        }
    }
}

/// As large as it may be; a shape that is too thin is made wider than it is.
fn size(picture: &Picture) -> (f64, f64) {
    let (wide, high) = (
        f64::from(picture.width.max(1)),
        f64::from(picture.height.max(1)),
    );
    let scale = (MOST.0 / wide).min(MOST.1 / high);
    (
        (wide * scale).max(LEAST.0).round(),
        (high * scale).max(LEAST.1).round(),
    )
}

/// The boxes, one line for each state: groups below, what counts most above.
fn lines(picture: &Picture, look: &Look<'_>) -> BTreeMap<(u8, String), String> {
    let mut lines: BTreeMap<(u8, String), String> = BTreeMap::new();
    for cell in &picture.cells {
        let word = (look.standing)(cell.task).map_or("plain", |standing| standing.word);
        let class = match cell.kind {
            Kind::Open => (0, "group".to_owned()),
            _ if look.marked == Some(cell.task) => (9, "marked".to_owned()),
            _ => (weight(word), format!("s-{word}")),
        };
        let (place, size) = (cell.place, cell.place.size);
        let (w, h) = (size.width, size.height);
        let line = format!("M{} {}h{w}v{h}h-{w}z", place.x, place.y);
        lines.entry(class).or_default().push_str(&line);
    }
    lines
}

fn weight(word: &str) -> u8 {
    match word {
        "failed" | "timed_out" => 4,
        "running" | "launching" => 3,
        "upstream_failed" => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use noctule_core::dag::TaskIx;
    use noctule_core::picture::{Cell, Place, Sheet, Size, Standing};

    use super::*;

    fn picture(boxes: u32) -> Picture {
        let size = Size {
            width: 200,
            height: 48,
        };
        let cell = |number: u32| Cell {
            task: TaskIx(number),
            kind: Kind::Task,
            place: Place {
                x: 260 * i32::try_from(number).unwrap(),
                y: 10,
                size,
            },
        };
        Picture {
            cells: (0..boxes).map(cell).collect(),
            width: 260 * i32::try_from(boxes).unwrap(),
            height: 68,
            ..Picture::default()
        }
    }

    fn of(boxes: u32) -> Option<String> {
        let failed = |task: TaskIx| {
            Some(Standing {
                word: if task.index() == 3 {
                    "failed"
                } else {
                    "succeeded"
                },
                more: String::new(),
            })
        };
        let look = Look {
            standing: &failed,
            link: &|_| None,
            marked: None,
            sheet: Sheet::Page,
            title: "",
        };
        map(&picture(boxes), &look).map(|drawn| drawn.into_string())
    }

    #[test]
    fn a_small_graph_has_no_map_and_a_large_one_has() {
        assert_eq!(of(29), None);
        assert!(of(30).is_some());
    }

    #[test]
    fn a_failure_is_drawn_over_all_others_and_each_state_is_one_line() {
        let drawn = of(40).unwrap();
        let (good, bad) = (
            drawn.find("class=\"s-succeeded\"").unwrap(),
            drawn
                .find("class=\"s-failed\" d=\"M780 10h200v48h-200z\"")
                .unwrap(),
        );
        assert!(good < bad, "{drawn}");
        assert_eq!(drawn.matches("<path").count(), 2);
    }

    #[test]
    fn a_thin_graph_can_still_be_hit() {
        assert_eq!(size(&picture(40)), (320.0, 40.0));
        let tall = Picture {
            width: 224,
            height: 18_000,
            ..Picture::default()
        };
        assert_eq!(size(&tall), (72.0, 96.0));
    }
}
