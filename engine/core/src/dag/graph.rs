//! The validated graph of a definition. A `Dag` is acyclic, and its dependencies exist, because it exists.

use std::collections::HashMap;
use std::fmt;

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::timing::{self, TimingError};
use super::{Definition, TaskDefinition};
use crate::name::{DagHash, TaskName};
use crate::ticks::{IngestionId, IngestionIdError, IngestionRule, Schedule, ingestion_id_at};

/// The place of a task in its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskIx(pub u32);

impl TaskIx {
    /// No place: of a task that a run has, and its definition has no longer.
    pub const NONE: Self = Self(u32::MAX);

    /// As an index of slices.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TaskIx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a definition is no graph. Files are checked before, with places; this guards stored definitions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DagError {
    /// Two tasks of one name.
    #[error("task `{0}` is defined twice")]
    Duplicate(TaskName),
    /// A dependency that is no task.
    #[error("task `{task}` depends on `{missing}`, which does not exist")]
    Missing {
        /// The task.
        task: TaskName,
        /// What it names.
        missing: TaskName,
    },
    /// Tasks that wait for each other.
    #[error("task `{0}` depends on itself through others")]
    Cycle(TaskName),
    /// A task in a group that is not there, or before the groups.
    #[error(
        "task `{0}` stands in a group that does not exist, or in front of one that stands in none"
    )]
    Misplaced(TaskName),
    /// A schedule or an ingestion rule that cannot be read.
    #[error(transparent)]
    Timing(#[from] TimingError),
}

/// A definition with its edges resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Dag {
    definition: Definition,
    hash: DagHash,
    by_name: HashMap<TaskName, TaskIx>,
    /// How many nodes stand in no group; they come first.
    outer: usize,
    /// The tasks of each group, each after those it depends on; empty for a task.
    inner: Vec<Vec<TaskIx>>,
    holders: Vec<TaskIx>,
    upstream: Vec<Vec<TaskIx>>,
    downstream: Vec<Vec<TaskIx>>,
    order: Vec<TaskIx>,
    schedule: Option<Schedule>,
    ingestion: Option<IngestionRule>,
}

impl Dag {
    /// Resolves the edges of a definition.
    ///
    /// # Errors
    /// The first thing that makes it no acyclic graph.
    pub fn new(definition: Definition) -> Result<Self, DagError> {
        let by_name = index(&definition.tasks)?;
        let upstream = resolve(&definition.tasks, &by_name)?;
        let mut downstream = vec![Vec::new(); upstream.len()];
        for (task, dependencies) in (0u32..).map(TaskIx).zip(&upstream) {
            for dependency in dependencies {
                downstream[dependency.index()].push(task);
            }
        }
        let order = order(&definition.tasks, &upstream)?;
        let outer = outer(&definition.tasks)?;
        let inner = inner(&definition.tasks, &by_name, &order)?;
        let holds = |(task, definition): (TaskIx, &TaskDefinition)| {
            definition.hold_until.is_some().then_some(task)
        };
        let holders = (0u32..).map(TaskIx).zip(&definition.tasks);
        let holders = holders.filter_map(holds).collect();
        let hash = definition.hash();
        let schedule = definition
            .schedule
            .as_ref()
            .map(timing::schedule)
            .transpose()?;
        let ingestion = definition
            .ingestion
            .as_ref()
            .map(timing::ingestion)
            .transpose()?;
        Ok(Self {
            definition,
            hash,
            by_name,
            outer,
            inner,
            holders,
            upstream,
            downstream,
            order,
            schedule,
            ingestion,
        })
    }

    /// When it fires; `enabled` is not looked at.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// Its `[ingestion]` rule.
    #[must_use]
    pub fn ingestion(&self) -> Option<&IngestionRule> {
        self.ingestion.as_ref()
    }

    /// The ingestion id of a run with this nominal time.
    ///
    /// # Errors
    /// The instant is beyond the years that an id can write.
    pub fn ingestion_id(
        &self,
        at: chrono::DateTime<chrono::Utc>,
    ) -> Result<IngestionId, IngestionIdError> {
        ingestion_id_at(self.ingestion.as_ref(), self.schedule.as_ref(), at)
    }

    /// What was read.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The version: the content hash of the definition.
    #[must_use]
    pub fn hash(&self) -> &DagHash {
        &self.hash
    }

    /// One task.
    #[must_use]
    pub fn task(&self, task: TaskIx) -> &TaskDefinition {
        &self.definition.tasks[task.index()]
    }

    /// The task of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TaskIx> {
        let name: TaskName = name.parse().ok()?;
        self.by_name.get(&name).copied()
    }

    /// Every task, in the order of the file.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskIx> + use<> {
        (0..u32::try_from(self.definition.tasks.len()).unwrap_or(u32::MAX)).map(TaskIx)
    }

    /// The tasks and groups that stand in no group. A run has one task run for each from its beginning, at the same index.
    pub fn outer(&self) -> impl ExactSizeIterator<Item = TaskIx> + use<> {
        (0..u32::try_from(self.outer).unwrap_or(u32::MAX)).map(TaskIx)
    }

    /// The tasks of a group, each after those it depends on: what each item walks. For a mapped task: itself.
    #[must_use]
    pub fn walk(&self, node: TaskIx) -> Vec<TaskIx> {
        match self.definition.tasks.get(node.index()) {
            Some(task) if task.is_group() => self.inner[node.index()].clone(),
            Some(_) => vec![node],
            None => Vec::new(),
        }
    }

    /// The tasks whose work stays for others to use.
    #[must_use]
    pub fn holders(&self) -> &[TaskIx] {
        &self.holders
    }

    /// The group that a task stands in.
    #[must_use]
    pub fn group_of(&self, task: TaskIx) -> Option<TaskIx> {
        self.by_name.get(self.task(task).within.as_ref()?).copied()
    }

    /// Every task, each after those it depends on.
    #[must_use]
    pub fn order(&self) -> &[TaskIx] {
        &self.order
    }

    /// The tasks that a task depends on.
    #[must_use]
    pub fn upstream(&self, task: TaskIx) -> &[TaskIx] {
        self.upstream.get(task.index()).map_or(&[], Vec::as_slice)
    }

    /// The tasks that depend on a task.
    #[must_use]
    pub fn downstream(&self, task: TaskIx) -> &[TaskIx] {
        self.downstream.get(task.index()).map_or(&[], Vec::as_slice)
    }

    /// Everything after the given tasks, without them, in topological order.
    #[must_use]
    pub fn descendants(&self, from: &[TaskIx]) -> Vec<TaskIx> {
        let mut reached = vec![false; self.order.len()];
        for task in from {
            reached[task.index()] = true;
        }
        for task in &self.order {
            if self.upstream(*task).iter().any(|up| reached[up.index()]) {
                reached[task.index()] = true;
            }
        }
        self.order
            .iter()
            .copied()
            .filter(|task| reached[task.index()] && !from.contains(task))
            .collect()
    }
}

fn outer(tasks: &[TaskDefinition]) -> Result<usize, DagError> {
    let outer = tasks
        .iter()
        .take_while(|task| task.within.is_none())
        .count();
    match tasks[outer..].iter().find(|task| task.within.is_none()) {
        Some(misplaced) => Err(DagError::Misplaced(misplaced.name.clone())),
        None => Ok(outer),
    }
}

fn inner(
    tasks: &[TaskDefinition],
    by_name: &HashMap<TaskName, TaskIx>,
    order: &[TaskIx],
) -> Result<Vec<Vec<TaskIx>>, DagError> {
    let mut inner = vec![Vec::new(); tasks.len()];
    for task in order {
        let definition = &tasks[task.index()];
        let Some(group) = &definition.within else {
            continue;
        };
        let known = by_name
            .get(group)
            .filter(|group| tasks[group.index()].is_group());
        match known {
            Some(group) => inner[group.index()].push(*task),
            None => return Err(DagError::Misplaced(definition.name.clone())),
        }
    }
    Ok(inner)
}

fn index(tasks: &[TaskDefinition]) -> Result<HashMap<TaskName, TaskIx>, DagError> {
    let mut by_name = HashMap::with_capacity(tasks.len());
    for (ix, task) in (0u32..).map(TaskIx).zip(tasks) {
        if by_name.insert(task.name.clone(), ix).is_some() {
            return Err(DagError::Duplicate(task.name.clone()));
        }
    }
    Ok(by_name)
}

fn resolve(
    tasks: &[TaskDefinition],
    by_name: &HashMap<TaskName, TaskIx>,
) -> Result<Vec<Vec<TaskIx>>, DagError> {
    let missing = |task: &TaskDefinition, name: &TaskName| DagError::Missing {
        task: task.name.clone(),
        missing: name.clone(),
    };
    tasks
        .iter()
        .map(|task| {
            let found = |name: &TaskName| {
                by_name
                    .get(name)
                    .copied()
                    .ok_or_else(|| missing(task, name))
            };
            task.depends_on.iter().map(found).collect()
        })
        .collect()
}

fn order(tasks: &[TaskDefinition], upstream: &[Vec<TaskIx>]) -> Result<Vec<TaskIx>, DagError> {
    let mut graph = DiGraph::<(), ()>::with_capacity(tasks.len(), tasks.len());
    for _ in tasks {
        graph.add_node(());
    }
    for (task, dependencies) in upstream.iter().enumerate() {
        for dependency in dependencies {
            graph.add_edge(NodeIndex::new(dependency.index()), NodeIndex::new(task), ());
        }
    }
    match toposort(&graph, None) {
        Ok(order) => Ok(order
            .into_iter()
            .map(|node| TaskIx(u32::try_from(node.index()).unwrap_or(u32::MAX)))
            .collect()),
        Err(cycle) => Err(DagError::Cycle(tasks[cycle.node_id().index()].name.clone())),
    }
}
