//! The order of the points within their layers: sweeps by the mean place of the neighbours, the best of them kept.
//!
//! Guarantees: a fixed number of sweeps, each in time near the size of the picture; the same sketch gives the same order.

use super::layered::Layered;

/// Sweeps over all layers, there and back.
const SWEEPS: usize = 12;
/// Sweeps without any gain before it is given up.
const PATIENCE: usize = 4;

/// Puts the layers into an order with few crossings; gives back how many points and lines were looked at.
pub(super) fn reduce(layered: &mut Layered) -> u64 {
    let mut position = positions(layered);
    let mut best = layered.layers.clone();
    let mut fewest = crossings(layered, &position);
    let (mut work, mut without) = (layered.size(), 0);
    for sweep in 0..SWEEPS {
        if fewest == 0 || without == PATIENCE {
            break;
        }
        pass(layered, &mut position, sweep % 2 == 0);
        let now = crossings(layered, &position);
        work += 2 * layered.size();
        without += 1;
        if now < fewest {
            (fewest, without) = (now, 0);
            best.clone_from(&layered.layers);
        }
    }
    layered.layers = best;
    work
}

fn positions(layered: &Layered) -> Vec<usize> {
    let mut position = vec![0; layered.layer_of.len()];
    for layer in &layered.layers {
        for (at, point) in layer.iter().enumerate() {
            position[*point] = at;
        }
    }
    position
}

/// One sweep: each layer sorted by where its neighbours of the layer before (or after) stand.
fn pass(layered: &mut Layered, position: &mut [usize], forward: bool) {
    let count = layered.layers.len();
    for step in 1..count {
        let at = if forward { step } else { count - 1 - step };
        let mut layer = std::mem::take(&mut layered.layers[at]);
        let beside = if forward {
            &layered.before
        } else {
            &layered.after
        };
        // Twice the mean in whole numbers would overflow nothing, but not sort fairly: a fraction is kept.
        let mean = |point: usize| -> f64 {
            let beside = &beside[point];
            if beside.is_empty() {
                return position[point] as f64;
            }
            let sum: usize = beside.iter().map(|other| position[*other]).sum();
            sum as f64 / beside.len() as f64
        };
        let mut keyed: Vec<(f64, usize)> =
            layer.iter().map(|point| (mean(*point), *point)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        layer.clear();
        layer.extend(keyed.into_iter().map(|(_, point)| point));
        for (place, point) in layer.iter().enumerate() {
            position[*point] = place;
        }
        layered.layers[at] = layer;
    }
}

/// How many lines cross, in all.
fn crossings(layered: &Layered, position: &[usize]) -> u64 {
    let between = |layer: &Vec<usize>| {
        let mut ends = Vec::new();
        for point in layer {
            let first = ends.len();
            ends.extend(layered.after[*point].iter().map(|next| position[*next]));
            ends[first..].sort_unstable();
        }
        inversions(&ends)
    };
    layered.layers.iter().map(between).sum()
}

/// Pairs that stand the wrong way round, by a tree of partial sums.
fn inversions(ends: &[usize]) -> u64 {
    let size = ends.iter().max().map_or(0, |largest| largest + 1);
    let mut tree = vec![0u64; size + 1];
    let mut pairs = 0;
    for (seen, end) in ends.iter().enumerate() {
        let (mut at, mut not_after) = (end + 1, 0);
        while at > 0 {
            not_after += tree[at];
            at &= at - 1;
        }
        pairs += seen as u64 - not_after;
        at = end + 1;
        while at <= size {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_the_wrong_way_round_is_counted_once() {
        for (ends, pairs) in [
            (vec![], 0),
            (vec![0, 1, 2], 0),
            (vec![2, 1, 0], 3),
            (vec![1, 1, 0, 0], 4),
            (vec![0, 3, 1, 3, 2], 2 + 1),
        ] {
            let by_hand = (0..ends.len())
                .flat_map(|a| (a + 1..ends.len()).map(move |b| (a, b)))
                .filter(|(a, b)| ends[*a] > ends[*b])
                .count() as u64;
            assert_eq!((inversions(&ends), by_hand), (pairs, pairs), "{ends:?}");
        }
    }
}
