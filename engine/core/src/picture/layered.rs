//! The layers of a sketch: each box as far to the left as its arrows allow, or right before what it leads to, and the
//! bends of long arrows between.
//!
//! Guarantees: arrows lead to later layers only; what would not (a cycle) is left out. All long arrows from one box share
//! one chain of bends, so there are at most boxes × layers of them.

use super::sketch::Sketch;

/// Points in layers: the boxes first, then the bends.
pub(super) struct Layered {
    /// The points of each layer.
    pub(super) layers: Vec<Vec<usize>>,
    pub(super) layer_of: Vec<usize>,
    /// Neighbours one layer earlier.
    pub(super) before: Vec<Vec<usize>>,
    /// Neighbours one layer later.
    pub(super) after: Vec<Vec<usize>>,
    /// How many points are boxes.
    pub(super) boxes: usize,
}

impl Layered {
    pub(super) fn of(sketch: &Sketch) -> Self {
        let boxes = sketch.boxes.len();
        let arrows = Arrows::of(sketch);
        let rank = arrows.ranks();
        let depth = rank.iter().max().map_or(0, |deepest| deepest + 1);
        let mut layered = Self {
            layers: vec![Vec::new(); depth],
            before: vec![Vec::new(); boxes],
            after: vec![Vec::new(); boxes],
            layer_of: rank,
            boxes,
        };
        for point in 0..boxes {
            layered.layers[layered.layer_of[point]].push(point);
        }
        for from in 0..boxes {
            layered.lead(from, &arrows.after[from]);
        }
        layered
    }

    /// The arrows from one box, over bends that they share.
    fn lead(&mut self, from: usize, to: &[usize]) {
        let mut targets = to.to_vec();
        targets.sort_by_key(|target| (self.layer_of[*target], *target));
        targets.dedup();
        let mut last = from;
        for target in targets {
            while self.layer_of[last] + 1 < self.layer_of[target] {
                last = self.bend_after(last);
            }
            if self.layer_of[last] < self.layer_of[target] {
                self.join(last, target);
            }
        }
    }

    fn bend_after(&mut self, last: usize) -> usize {
        let bend = self.layer_of.len();
        let layer = self.layer_of[last] + 1;
        self.layer_of.push(layer);
        self.layers[layer].push(bend);
        self.before.push(Vec::new());
        self.after.push(Vec::new());
        self.join(last, bend);
        bend
    }

    fn join(&mut self, from: usize, to: usize) {
        self.after[from].push(to);
        self.before[to].push(from);
    }

    pub(super) fn is_bend(&self, point: usize) -> bool {
        point >= self.boxes
    }

    /// Points and the lines between them.
    pub(super) fn size(&self) -> u64 {
        let lines: usize = self.after.iter().map(Vec::len).sum();
        (self.layer_of.len() + lines) as u64
    }
}

/// The arrows of a sketch by their ends.
struct Arrows {
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl Arrows {
    fn of(sketch: &Sketch) -> Self {
        let count = sketch.boxes.len();
        let (mut before, mut after) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (from, to) in &sketch.arrows {
            if *from < count && *to < count && from != to {
                after[*from].push(*to);
                before[*to].push(*from);
            }
        }
        Self { before, after }
    }

    /// The layer of each box: the longest way to it, then as far right as what follows allows, of what has nothing before.
    fn ranks(&self) -> Vec<usize> {
        let order = self.order();
        let mut rank = vec![0usize; self.after.len()];
        for at in &order {
            for next in &self.after[*at] {
                rank[*next] = rank[*next].max(rank[*at] + 1);
            }
        }
        for at in order.iter().rev().filter(|at| self.before[**at].is_empty()) {
            let nearest = self.after[*at].iter().map(|next| rank[*next]).min();
            if let Some(nearest) = nearest.filter(|nearest| *nearest > 0) {
                rank[*at] = nearest - 1;
            }
        }
        rank
    }

    /// Boxes, each after those that lead to it; those of a cycle are left out.
    fn order(&self) -> Vec<usize> {
        let mut open: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..open.len()).filter(|at| open[*at] == 0).collect();
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            next += 1;
            for after in &self.after[at] {
                open[*after] -= 1;
                if open[*after] == 0 {
                    order.push(*after);
                }
            }
        }
        order
    }
}
