//! Boxes and arrows, and where they stand once they are laid out.

use super::crossings;
use super::heights;
use super::layered::Layered;

/// The space between two layers, where lines run.
const LAYER_GAP: i32 = 44;
/// The most by which many lines widen it.
const WIDENED: i32 = 120;
/// The space between boxes that nothing leads to or from.
const LOOSE_GAP: i32 = 16;

/// How large a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
}

/// What is to be laid out: boxes, and arrows between them by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    /// The boxes.
    pub boxes: Vec<Size>,
    /// From which to which.
    pub arrows: Vec<(usize, usize)>,
}

/// Where a box stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its left side.
    pub x: i32,
    /// Its upper side.
    pub y: i32,
    /// How large it is.
    pub size: Size,
}

/// A piece of a line: level as far as `level`, then in a curve to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub from: (i32, i32),
    /// How far it runs level.
    pub level: i32,
    /// Where it ends.
    pub to: (i32, i32),
}

/// All lines from one box: those to several boxes run together as long as they can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The box that they come from.
    pub from: usize,
    /// The boxes that they lead to.
    pub to: Vec<usize>,
    /// The pieces.
    pub pieces: Vec<Piece>,
}

/// A sketch laid out, from 0,0 at the top left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// The boxes, in the order of the sketch.
    pub places: Vec<Place>,
    /// The lines.
    pub tracks: Vec<Track>,
    /// How wide all is.
    pub width: i32,
    /// How high all is.
    pub height: i32,
    /// How many points and lines were looked at: the work it was.
    pub work: u64,
}

impl Place {
    /// Its right side.
    #[must_use]
    pub fn right(&self) -> i32 {
        self.x + self.size.width
    }

    /// Its lower side.
    #[must_use]
    pub fn bottom(&self) -> i32 {
        self.y + self.size.height
    }

    /// The height at which lines reach it.
    #[must_use]
    pub fn middle(&self) -> i32 {
        self.y + self.size.height / 2
    }
}

/// Lays a sketch out from left to right. Arrows that close a cycle are not drawn.
#[must_use]
pub fn lay_out(sketch: &Sketch) -> Layout {
    let mut joined = vec![false; sketch.boxes.len()];
    for (from, to) in &sketch.arrows {
        if let (Some(_), Some(_)) = (joined.get(*from), joined.get(*to)) {
            (joined[*from], joined[*to]) = (true, true);
        }
    }
    let (bound, loose): (Vec<usize>, Vec<usize>) = (0..joined.len()).partition(|at| joined[*at]);
    let mut layout = bound_boxes(sketch, &bound);
    put_loose(sketch, &loose, &mut layout);
    layout
}

/// The boxes that arrows bind.
fn bound_boxes(sketch: &Sketch, bound: &[usize]) -> Layout {
    let mut number = vec![0; sketch.boxes.len()];
    for (at, of) in bound.iter().enumerate() {
        number[*of] = at;
    }
    let part = Sketch {
        boxes: bound.iter().map(|of| sketch.boxes[*of]).collect(),
        arrows: sketch
            .arrows
            .iter()
            .filter(|(from, to)| *from < number.len() && *to < number.len())
            .map(|(from, to)| (number[*from], number[*to]))
            .collect(),
    };
    let mut layered = Layered::of(&part);
    let swept = crossings::reduce(&mut layered);
    let (middle, placed) = heights::place(&part, &layered);
    let columns = columns(&part, &layered);
    let nowhere = Place {
        x: 0,
        y: 0,
        size: Size {
            width: 0,
            height: 0,
        },
    };
    let mut places = vec![nowhere; sketch.boxes.len()];
    for (at, of) in bound.iter().enumerate() {
        let size = part.boxes[at];
        places[*of] = Place {
            x: columns[layered.layer_of[at]].0,
            y: middle[at] - size.height / 2,
            size,
        };
    }
    let tracks = tracks(bound, &layered, &middle, &columns, &places);
    let right = bound.iter().map(|of| places[*of].right()).max();
    let lowest = bound.iter().map(|of| places[*of].bottom()).max();
    Layout {
        places,
        tracks,
        width: right.unwrap_or(0),
        height: lowest
            .unwrap_or(0)
            .max(middle.iter().copied().max().unwrap_or(0)),
        work: layered.size() + swept + placed,
    }
}

/// The left and the right side of each layer.
fn columns(sketch: &Sketch, layered: &Layered) -> Vec<(i32, i32)> {
    let mut columns = Vec::with_capacity(layered.layers.len());
    let mut x = 0;
    for layer in &layered.layers {
        let width = |point: &usize| sketch.boxes.get(*point).map(|size| size.width);
        let width = layer.iter().filter_map(width).max().unwrap_or(0);
        columns.push((x, x + width));
        let lines: usize = layer.iter().map(|point| layered.after[*point].len()).sum();
        let more = i32::try_from(lines).unwrap_or(WIDENED).min(WIDENED);
        x += width + LAYER_GAP + more;
    }
    columns
}

fn tracks(
    bound: &[usize],
    layered: &Layered,
    middle: &[i32],
    columns: &[(i32, i32)],
    places: &[Place],
) -> Vec<Track> {
    let beginning = (0..layered.boxes).filter(|from| !layered.after[*from].is_empty());
    beginning
        .map(|from| {
            let mut track = Track {
                from: bound[from],
                to: Vec::new(),
                pieces: Vec::new(),
            };
            let mut open = vec![from];
            while let Some(at) = open.pop() {
                let (left, right) = columns[layered.layer_of[at]];
                let begins = if layered.is_bend(at) {
                    left
                } else {
                    places[bound[at]].right()
                };
                for next in &layered.after[at] {
                    let ends = columns[layered.layer_of[*next]].0;
                    track.pieces.push(Piece {
                        from: (begins, middle[at]),
                        level: right,
                        to: (ends, middle[*next]),
                    });
                    if layered.is_bend(*next) {
                        open.push(*next);
                    } else {
                        track.to.push(bound[*next]);
                    }
                }
            }
            track
        })
        .collect()
}

/// Boxes that nothing binds stand below the others, in rows.
fn put_loose(sketch: &Sketch, loose: &[usize], layout: &mut Layout) {
    let widest = loose.iter().map(|of| sketch.boxes[*of].width).max();
    let Some(widest) = widest else { return };
    let square = (1usize..).find(|columns| columns * columns * 3 >= loose.len());
    let fits = layout.width / (widest + LOOSE_GAP);
    let columns = square
        .unwrap_or(1)
        .max(usize::try_from(fits).unwrap_or(1))
        .max(1);
    let mut y = layout.height;
    for row in loose.chunks(columns) {
        if y > 0 {
            y += LOOSE_GAP;
        }
        let (mut x, top) = (0, y);
        for of in row {
            let size = sketch.boxes[*of];
            layout.places[*of] = Place { x, y: top, size };
            y = y.max(top + size.height);
            layout.width = layout.width.max(x + size.width);
            x += widest + LOOSE_GAP;
        }
    }
    layout.height = y;
    layout.work += loose.len() as u64;
}
