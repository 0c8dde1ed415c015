//! How high each point stands: near its neighbours, long lines straight, in the order that was found.
//!
//! Guarantees: neighbours in a layer never come nearer than their gap, because each layer is placed by the best fit that
//! keeps their order (pools of adjacent violators), and rounding keeps order too.

use super::layered::Layered;
use super::sketch::Sketch;

/// Passes over all layers.
const PASSES: usize = 10;
/// The space between two boxes of a layer.
const BOX_GAP: i32 = 16;
/// The space beside a bend.
const BEND_GAP: i32 = 10;

/// The middle of each point, from 0 at the top; and how many points and lines were looked at.
pub(super) fn place(sketch: &Sketch, layered: &Layered) -> (Vec<i32>, u64) {
    let offsets: Vec<Vec<i32>> = layered
        .layers
        .iter()
        .map(|layer| offsets(sketch, layered, layer))
        .collect();
    let mut middle = vec![0f64; layered.layer_of.len()];
    for (layer, offsets) in layered.layers.iter().zip(&offsets) {
        // Layers begin around one line, so that none pulls the others down.
        let half = f64::from(offsets.last().copied().unwrap_or(0)) / 2.0;
        for (point, offset) in layer.iter().zip(offsets) {
            middle[*point] = f64::from(*offset) - half;
        }
    }
    let count = layered.layers.len();
    for pass in 0..PASSES {
        for step in 0..count {
            let at = if pass % 2 == 0 {
                step
            } else {
                count - 1 - step
            };
            let side = match pass {
                last if last + 2 >= PASSES => Side::Both,
                even if even % 2 == 0 => Side::Before,
                _ => Side::After,
            };
            settle(layered, at, &offsets[at], side, &mut middle);
        }
    }
    let placed = whole(sketch, layered, &offsets, &middle);
    (placed, PASSES as u64 * layered.size())
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
    Both,
}

/// The least distance of each point of a layer from the first.
fn offsets(sketch: &Sketch, layered: &Layered, layer: &[usize]) -> Vec<i32> {
    let half = |point: usize| {
        let height = sketch.boxes.get(point).map_or(0, |size| size.height);
        height / 2 + height % 2
    };
    let mut offsets = Vec::with_capacity(layer.len());
    let mut sum = 0;
    for (at, point) in layer.iter().enumerate() {
        if let Some(above) = at.checked_sub(1).map(|above| layer[above]) {
            let beside_bend = layered.is_bend(above) || layered.is_bend(*point);
            let gap = if beside_bend { BEND_GAP } else { BOX_GAP };
            sum += half(above) + gap + half(*point);
        }
        offsets.push(sum);
    }
    offsets
}

/// Moves the points of one layer towards their neighbours.
fn settle(layered: &Layered, at: usize, offsets: &[i32], side: Side, middle: &mut [f64]) {
    let layer = &layered.layers[at];
    let mut pools: Vec<Pool> = Vec::with_capacity(layer.len());
    for (point, offset) in layer.iter().zip(offsets) {
        let (wish, weight) = wish(layered, *point, side, middle);
        pools.push(Pool {
            sum: (wish - f64::from(*offset)) * weight,
            weight,
            count: 1,
        });
        merge(&mut pools);
    }
    let mut points = layer.iter().zip(offsets);
    for pool in pools {
        for (point, offset) in points.by_ref().take(pool.count) {
            middle[*point] = pool.mean() + f64::from(*offset);
        }
    }
}

/// Points that stand as close as they may.
struct Pool {
    sum: f64,
    weight: f64,
    count: usize,
}

impl Pool {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

fn merge(pools: &mut Vec<Pool>) {
    while let [.., above, last] = pools.as_mut_slice() {
        if above.mean() <= last.mean() {
            return;
        }
        above.sum += last.sum;
        above.weight += last.weight;
        above.count += last.count;
        pools.pop();
    }
}

/// Where a point would like to stand, and how much.
fn wish(layered: &Layered, point: usize, side: Side, middle: &[f64]) -> (f64, f64) {
    let none: &[usize] = &[];
    let (before, after) = (&layered.before[point][..], &layered.after[point][..]);
    let (before, after) = match side {
        Side::Before => (before, none),
        Side::After => (none, after),
        Side::Both => (before, after),
    };
    let (mut sum, mut weight) = (0.0, 0.0);
    for other in before.iter().chain(after) {
        let pull = match (layered.is_bend(point), layered.is_bend(*other)) {
            (true, true) => 8.0,
            (false, false) => 1.0,
            _ => 2.0,
        };
        sum += pull * middle[*other];
        weight += pull;
    }
    if weight > 0.0 {
        (sum / weight, weight)
    } else {
        // Nothing pulls: it stays, unless others need the place.
        (middle[point], 0.01)
    }
}

/// Whole numbers from 0 at the top of the highest box.
fn whole(sketch: &Sketch, layered: &Layered, offsets: &[Vec<i32>], middle: &[f64]) -> Vec<i32> {
    let mut placed = vec![0; middle.len()];
    for (layer, offsets) in layered.layers.iter().zip(offsets) {
        for (point, offset) in layer.iter().zip(offsets) {
            placed[*point] = (middle[*point] - f64::from(*offset)).round() as i32 + offset;
        }
    }
    let top = |(point, middle): (usize, &i32)| {
        middle - sketch.boxes.get(point).map_or(0, |size| size.height / 2)
    };
    let highest = placed.iter().enumerate().map(top).min().unwrap_or(0);
    placed.iter_mut().for_each(|middle| *middle -= highest);
    placed
}
