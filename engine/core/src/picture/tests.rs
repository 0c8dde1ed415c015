//! The rules of a layout, on graphs of every shape.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::dag::{Dag, GROUP, MapRule, MinSuccess, TaskIx};
use crate::view::sample;

const BOX: Size = Size {
    width: 200,
    height: 48,
};

fn sketch(boxes: usize, arrows: Vec<(usize, usize)>) -> Sketch {
    Sketch {
        boxes: vec![BOX; boxes],
        arrows,
    }
}

/// Graphs without cycles: an arrow leads to a box with a higher number.
fn acyclic() -> impl Strategy<Value = Sketch> {
    let size = || (2i32..400, 2i32..300).prop_map(|(width, height)| Size { width, height });
    (1usize..60).prop_flat_map(move |count| {
        let arrow = (0..count, 0..count).prop_map(|(a, b)| (a.min(b), a.max(b)));
        (
            prop::collection::vec(size(), count),
            prop::collection::vec(arrow, 0..150),
        )
            .prop_map(|(boxes, mut arrows)| {
                arrows.retain(|(a, b)| a != b);
                Sketch { boxes, arrows }
            })
    })
}

fn apart(a: &Place, b: &Place) -> bool {
    a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y || b.bottom() <= a.y
}

/// The level parts of a line do not run through a box; the curves run where no box is.
fn keeps_clear(piece: &Piece, place: &Place, from: &Place) -> bool {
    let (upper, lower) = (piece.from.1.min(piece.to.1), piece.from.1.max(piece.to.1));
    let beside = |upper: i32, lower: i32| place.y > lower || place.bottom() < upper;
    let level = place.right() <= piece.from.0 || place.x >= piece.level;
    let curve = place.right() <= piece.level || place.x >= piece.to.0;
    place == from
        || ((level || beside(piece.from.1, piece.from.1)) && (curve || beside(upper, lower)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_box_stands_once_on_nothing_else_and_within_the_picture(sketch in acyclic()) {
        let layout = lay_out(&sketch);
        prop_assert_eq!(layout.places.len(), sketch.boxes.len());
        for (at, place) in layout.places.iter().enumerate() {
            prop_assert_eq!(place.size, sketch.boxes[at]);
            prop_assert!(place.x >= 0 && place.y >= 0);
            prop_assert!(place.right() <= layout.width && place.bottom() <= layout.height);
            for other in &layout.places[at + 1..] {
                prop_assert!(apart(place, other), "{:?} {:?}", place, other);
            }
        }
    }

    #[test]
    fn every_arrow_is_drawn_and_leads_forward(sketch in acyclic()) {
        let layout = lay_out(&sketch);
        let asked: BTreeSet<(usize, usize)> = sketch.arrows.iter().copied().collect();
        let drawn: Vec<(usize, usize)> = layout
            .tracks
            .iter()
            .flat_map(|track| track.to.iter().map(|to| (track.from, *to)))
            .collect();
        prop_assert_eq!(drawn.len(), asked.len());
        prop_assert_eq!(drawn.iter().copied().collect::<BTreeSet<_>>(), asked);
        for (from, to) in drawn {
            prop_assert!(layout.places[from].right() < layout.places[to].x);
        }
        for track in &layout.tracks {
            let starts: BTreeSet<(i32, i32)> = track.pieces.iter().map(|piece| piece.from).collect();
            let ends: BTreeSet<(i32, i32)> = track.pieces.iter().map(|piece| piece.to).collect();
            let from = layout.places[track.from];
            // Each piece goes on from where another ended, and each box is reached.
            for start in starts {
                prop_assert!(start == (from.right(), from.middle()) || ends.contains(&start));
            }
            for to in &track.to {
                let place = layout.places[*to];
                prop_assert!(ends.contains(&(place.x, place.middle())));
            }
            for piece in &track.pieces {
                prop_assert!(piece.from.0 <= piece.level && piece.level < piece.to.0);
            }
        }
    }

    #[test]
    fn no_line_runs_through_a_box(sketch in acyclic()) {
        let layout = lay_out(&sketch);
        for track in &layout.tracks {
            let from = &layout.places[track.from];
            for (piece, place) in track.pieces.iter().flat_map(|p| layout.places.iter().map(move |b| (p, b))) {
                prop_assert!(keeps_clear(piece, place, from), "{:?} through {:?}", piece, place);
            }
        }
    }

    #[test]
    fn the_same_sketch_is_laid_out_the_same(sketch in acyclic()) {
        prop_assert_eq!(lay_out(&sketch), lay_out(&sketch.clone()));
    }

    #[test]
    fn arrows_that_go_round_or_nowhere_harm_nothing(
        arrows in prop::collection::vec((0usize..14, 0usize..14), 0..60)
    ) {
        let layout = lay_out(&sketch(12, arrows));
        for (at, place) in layout.places.iter().enumerate() {
            for other in &layout.places[at + 1..] {
                prop_assert!(apart(place, other));
            }
        }
    }

    #[test]
    fn no_text_breaks_out_of_a_picture(text in "\\PC{0,40}|[<>&\"'\u{0}-\u{1f}\u{202e}]{0,20}") {
        let safe = escaped(&text);
        let bad = safe.contains(['<', '>', '"', '\'', '\u{202e}']);
        prop_assert!(!bad);
        prop_assert!(!safe.chars().any(char::is_control));
    }
}

#[test]
fn lines_that_need_not_cross_do_not() {
    // A ladder whose rungs are written the wrong way round.
    let count = 12;
    let arrows = (0..count).map(|at| (at, 2 * count - 1 - at)).collect();
    let layout = lay_out(&sketch(2 * count, arrows));
    for (a, one) in layout.tracks.iter().enumerate() {
        for two in &layout.tracks[a + 1..] {
            let (one, two) = (one.pieces[0], two.pieces[0]);
            assert_eq!(
                one.from.1 < two.from.1,
                one.to.1 < two.to.1,
                "{one:?} {two:?}"
            );
        }
    }
}

#[test]
fn a_chain_is_one_straight_line_past_what_stands_beside_it() {
    let mut arrows: Vec<(usize, usize)> = (0..9).map(|at| (at, at + 1)).collect();
    arrows.push((0, 9));
    let layout = lay_out(&sketch(10, arrows));
    let middles: BTreeSet<i32> = layout.places.iter().map(Place::middle).collect();
    assert!(middles.len() <= 2, "{middles:?}");
    let long: Vec<&Piece> = layout.tracks[0]
        .pieces
        .iter()
        .filter(|piece| piece.from.0 > layout.places[0].right() && piece.to.0 < layout.places[9].x)
        .collect();
    assert_eq!(long.len(), 7);
    assert!(long.iter().all(|piece| piece.from.1 == piece.to.1));
}

/// Three hundred tasks: twenty layers of fifteen, each after three of the layer before and one much earlier.
fn three_hundred() -> Sketch {
    let mut arrows = Vec::new();
    for at in 15..300 {
        let (layer, place) = (at / 15, at % 15);
        for step in [0, 4, 11] {
            arrows.push(((layer - 1) * 15 + (place + step) % 15, at));
        }
        if layer > 5 {
            arrows.push(((layer - 5) * 15 + (place * 7) % 15, at));
        }
    }
    sketch(300, arrows)
}

#[test]
fn three_hundred_tasks_are_bounded_work() {
    let layout = lay_out(&three_hundred());
    assert!(layout.work < 150_000, "{}", layout.work);
    assert!(
        layout.width < 12_000 && layout.height < 6_000,
        "{}x{}",
        layout.width,
        layout.height
    );
}

#[test]
fn even_a_graph_in_which_everything_waits_for_everything_is_bounded_work() {
    let all = (0..300)
        .flat_map(|a| (a + 1..300).map(move |b| (a, b)))
        .collect();
    let layout = lay_out(&sketch(300, all));
    // 300 chains of at most 300 bends, one line for each arrow and each bend, a fixed number of passes over them.
    assert!(layout.work < 8_000_000, "{}", layout.work);
}

#[test]
fn tasks_that_nothing_binds_fill_rows_and_no_column() {
    let layout = lay_out(&sketch(300, Vec::new()));
    assert!(
        layout.width > 1_000 && layout.height < 3_000,
        "{}x{}",
        layout.width,
        layout.height
    );
    assert_eq!(lay_out(&Sketch::default()), Layout::default());
}

/// `first`, a group `g` of three tasks, a mapped task, `last`; and one far away.
fn grouped() -> Dag {
    let mut inside = ["g.a", "g.b", "g.c"].map(|name| sample::task(name, &[], 0));
    for (at, task) in inside.iter_mut().enumerate() {
        task.within = Some("g".parse().unwrap());
        if at > 0 {
            task.depends_on = vec!["g.a".parse().unwrap()];
        }
    }
    let map = || {
        Some(MapRule {
            items: serde_json::json!([1, 2]),
            key: None,
            max_parallel: None,
            min_success: MinSuccess::default(),
        })
    };
    let mut group = sample::task("g", &["first"], 0);
    group.executor = GROUP.to_owned();
    group.map = map();
    let mut mapped = sample::task("mapped", &["first"], 0);
    mapped.map = map();
    let mut tasks = vec![
        sample::task("first", &[], 0),
        group,
        mapped,
        sample::task("last", &["g", "mapped"], 0),
        sample::task("later", &["last"], 0),
        sample::task("latest", &["later"], 0),
    ];
    tasks.extend(inside);
    sample::dag(tasks)
}

fn names(dag: &Dag, picture: &Picture) -> Vec<String> {
    let mut names: Vec<String> = picture
        .cells
        .iter()
        .map(|cell| dag.task(cell.task).name.to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn an_open_group_holds_its_tasks_and_a_shut_one_says_how_many() {
    let dag = grouped();
    let open = Picture::of(&dag, &Cut::usual(&dag));
    assert_eq!(open.cells.len(), dag.tasks().len());
    let find = |name: &str| {
        let task = dag.find(name).unwrap();
        open.cells.iter().find(|cell| cell.task == task).unwrap()
    };
    let group = find("g").place;
    for name in ["g.a", "g.b", "g.c"] {
        let inner = find(name).place;
        assert!(inner.x > group.x && inner.right() < group.right());
        assert!(inner.y > group.y && inner.bottom() < group.bottom());
    }
    assert!(apart(&group, &find("mapped").place));
    let shut = Picture::of(&dag, &Cut::default());
    assert_eq!(
        names(&dag, &shut),
        ["first", "g", "last", "later", "latest", "mapped"]
    );
    let kinds: Vec<Kind> = shut.cells.iter().map(|cell| cell.kind).collect();
    assert!(kinds.contains(&Kind::Shut(3)) && kinds.contains(&Kind::Mapped));
}

#[test]
fn what_is_near_a_task_is_two_steps_to_either_side() {
    let dag = grouped();
    let near = |name: &str| {
        let cut = Cut {
            open: BTreeSet::new(),
            near: dag.find(name),
        };
        let picture = Picture::of(&dag, &cut);
        (names(&dag, &picture), picture.hidden)
    };
    assert_eq!(
        near("latest"),
        (["last", "later", "latest"].map(str::to_owned).to_vec(), 3)
    );
    // A task within a group is where its group is.
    assert_eq!(near("g.b"), near("g"));
    assert_eq!(near("g").1, 2);
    let cut = Cut {
        open: BTreeSet::new(),
        near: Some(TaskIx(99)),
    };
    assert_eq!(Picture::of(&dag, &cut).hidden, 0);
}

fn drawn(dag: &Dag, standing: Option<&str>) -> String {
    let link = |task: TaskIx| Some(format!("/x?a=1&b=\"{}", task.0));
    let stands = |_: TaskIx| {
        standing.map(|more| Standing {
            word: "upstream_failed",
            more: more.to_owned(),
        })
    };
    let look = Look {
        standing: &stands,
        link: &link,
        marked: None,
        sheet: Sheet::Own,
        title: "a <b>",
    };
    svg(dag, &Picture::of(dag, &Cut::usual(dag)), &look)
}

#[test]
fn a_picture_is_well_formed_and_tells_each_task_by_icon_word_and_colour() {
    let dag = grouped();
    let text = drawn(&dag, Some("</svg><script>alert(1)</script>"));
    assert!(!text.contains("<script") && !text.contains("a <b>"));
    assert_eq!(text.matches("</svg>").count(), 1);
    assert_eq!(
        text.matches("<a href=\"/x?a=1&amp;b=&quot;").count(),
        dag.tasks().len()
    );
    for task in dag.tasks() {
        let name = &dag.task(task).name;
        assert_eq!(
            text.matches(&format!("data-task=\"{name}\"")).count(),
            1,
            "{name}"
        );
        assert!(
            text.contains(&format!("<title>{name}: upstream failed")),
            "{name}"
        );
    }
    assert_eq!(text.matches("class=\"group s-upstream_failed\"").count(), 1);
    assert!(text.contains("⊝ upstream failed"));
    for tag in ["g", "a", "text", "tspan", "title", "style"] {
        let opened =
            text.matches(&format!("<{tag} ")).count() + text.matches(&format!("<{tag}>")).count();
        assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    assert!(drawn(&dag, None).contains("group of") || drawn(&dag, None).contains("mapped"));
}

#[test]
fn each_state_has_an_icon_of_its_own() {
    let words = [
        "succeeded",
        "failed",
        "running",
        "launching",
        "ready",
        "waiting",
        "skipped",
        "upstream_failed",
        "cancelled",
        "timed_out",
    ];
    let icons: BTreeSet<char> = words.iter().map(|word| super::svg::icon(word)).collect();
    assert_eq!(icons.len(), words.len());
}
