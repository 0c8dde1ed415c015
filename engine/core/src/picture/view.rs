//! What of a DAG is shown: groups open or shut, the whole or what is near one task; and where it stands.

use std::collections::BTreeSet;

use super::sketch::{Piece, Place, Size, Sketch, Track, lay_out};
use crate::dag::{Dag, TaskIx};

/// The box of a task.
const TASK: Size = Size {
    width: 200,
    height: 48,
};
/// The space around the tasks of an open group.
const INSIDE: i32 = 14;
/// The line above them, where its name stands.
const HEAD: i32 = 30;
/// The space around everything.
const MARGIN: i32 = 12;
/// How many steps from a task are near it.
const NEAR: usize = 2;
/// Groups of graphs up to this size begin open.
const SMALL: usize = 40;

/// What of a DAG is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Cut {
    /// The groups whose tasks are shown.
    pub open: BTreeSet<TaskIx>,
    /// Only what is near this task.
    pub near: Option<TaskIx>,
}

/// What a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A task.
    Task,
    /// A mapped task: one box for all its items.
    Mapped,
    /// A group whose tasks are not shown: so many.
    Shut(usize),
    /// A group whose tasks stand in it.
    Open,
}

/// A box of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The task or group.
    pub task: TaskIx,
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
}

/// A DAG laid out. The numbers of its tracks are those of its cells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// The boxes; a group before the tasks in it.
    pub cells: Vec<Cell>,
    /// The lines.
    pub tracks: Vec<Track>,
    /// How wide it is.
    pub width: i32,
    /// How high it is.
    pub height: i32,
    /// Tasks and groups that are not near enough to be shown.
    pub hidden: usize,
    /// The work it was.
    pub work: u64,
}

impl Cut {
    /// Everything, with the groups open where the graph is small.
    #[must_use]
    pub fn usual(dag: &Dag) -> Self {
        let groups = dag.outer().filter(|task| dag.task(*task).is_group());
        let open = if dag.tasks().len() <= SMALL {
            groups.collect()
        } else {
            BTreeSet::new()
        };
        Self { open, near: None }
    }

    fn shown(&self, dag: &Dag) -> Vec<TaskIx> {
        let Some(near) = self.near.filter(|near| near.index() < dag.tasks().len()) else {
            return dag.outer().collect();
        };
        let near = dag.group_of(near).unwrap_or(near);
        let mut reached = BTreeSet::from([near]);
        let steps: [fn(&Dag, TaskIx) -> &[TaskIx]; 2] = [Dag::upstream, Dag::downstream];
        for step in steps {
            let mut edge = vec![near];
            for _ in 0..NEAR {
                edge = edge
                    .iter()
                    .flat_map(|task| step(dag, *task))
                    .copied()
                    .filter(|task| reached.insert(*task))
                    .collect();
            }
        }
        reached.into_iter().collect()
    }
}

impl Picture {
    /// Lays out a part of a DAG.
    #[must_use]
    pub fn of(dag: &Dag, cut: &Cut) -> Self {
        let shown = cut.shown(dag);
        let hidden = dag.outer().len() - shown.len();
        let insides: Vec<Option<Self>> = shown.iter().map(|task| inside(dag, cut, *task)).collect();
        let sizes = insides
            .iter()
            .map(|inside| inside.as_ref().map_or(TASK, around));
        let mut picture = Self::level(dag, &shown, sizes.collect());
        for (at, inside) in insides.into_iter().enumerate() {
            if let Some(inside) = inside {
                picture.put_inside(at, inside);
            }
        }
        picture.hidden = hidden;
        picture.shift(MARGIN, MARGIN);
        picture.width += 2 * MARGIN;
        picture.height += 2 * MARGIN;
        picture
    }

    /// Tasks that stand beside each other, with the arrows between them.
    fn level(dag: &Dag, tasks: &[TaskIx], boxes: Vec<Size>) -> Self {
        let mut number = vec![None; dag.tasks().len()];
        for (at, task) in tasks.iter().enumerate() {
            number[task.index()] = Some(at);
        }
        let mut arrows = Vec::new();
        for (at, task) in tasks.iter().enumerate() {
            let before = dag.upstream(*task).iter();
            arrows.extend(
                before
                    .filter_map(|up| number[up.index()])
                    .map(|up| (up, at)),
            );
        }
        let layout = lay_out(&Sketch { boxes, arrows });
        let cell = |(task, place): (&TaskIx, Place)| Cell {
            task: *task,
            kind: kind(dag, *task),
            place,
        };
        Self {
            cells: tasks.iter().zip(layout.places).map(cell).collect(),
            tracks: layout.tracks,
            width: layout.width,
            height: layout.height,
            hidden: 0,
            work: layout.work,
        }
    }

    fn put_inside(&mut self, group: usize, mut inside: Self) {
        let place = self.cells[group].place;
        self.cells[group].kind = Kind::Open;
        inside.shift(place.x + INSIDE, place.y + HEAD);
        let first = self.cells.len();
        for track in &mut inside.tracks {
            track.from += first;
            track.to.iter_mut().for_each(|to| *to += first);
        }
        self.cells.append(&mut inside.cells);
        self.tracks.append(&mut inside.tracks);
        self.work += inside.work;
    }

    fn shift(&mut self, right: i32, down: i32) {
        for cell in &mut self.cells {
            cell.place.x += right;
            cell.place.y += down;
        }
        for piece in self.tracks.iter_mut().flat_map(|track| &mut track.pieces) {
            let Piece { from, level, to } = piece;
            (from.0, from.1) = (from.0 + right, from.1 + down);
            (to.0, to.1) = (to.0 + right, to.1 + down);
            *level += right;
        }
    }
}

fn kind(dag: &Dag, task: TaskIx) -> Kind {
    let definition = dag.task(task);
    match (definition.is_group(), &definition.map) {
        (true, _) => Kind::Shut(dag.walk(task).len()),
        (false, Some(_)) => Kind::Mapped,
        (false, None) => Kind::Task,
    }
}

/// The tasks of an open group.
fn inside(dag: &Dag, cut: &Cut, task: TaskIx) -> Option<Picture> {
    let opened = cut.open.contains(&task) && dag.task(task).is_group();
    let tasks = opened
        .then(|| dag.walk(task))
        .filter(|tasks| !tasks.is_empty())?;
    let boxes = vec![TASK; tasks.len()];
    Some(Picture::level(dag, &tasks, boxes))
}

/// The box of an open group.
fn around(inside: &Picture) -> Size {
    Size {
        width: inside.width.max(TASK.width) + 2 * INSIDE,
        height: inside.height + HEAD + INSIDE,
    }
}
