//! The names that will be there when a template is rendered or an expression judged.

use std::collections::BTreeSet;

/// Where a template or an expression stands, which says what it may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// The project file: `vars` alone.
    Project,
    /// `map`: all but `task`, `item`, `output` and `answer`.
    Map,
    /// `map_key`: as `map`, and `item`.
    MapKey,
    /// `with` and `when`: all but `output` and `answer`; `item` in a mapped task.
    Task,
    /// `success` and `skip_when`: as `with`, and `output`.
    Judgement,
    /// The part of `with` that an executor fills in or judges for every answer: a template that mentions `answer` and
    /// every expression see `answer` alone, other templates are as in `with`.
    Poll,
}

/// The names of a file.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// Where the text stands.
    pub site: Site,
    /// The declared parameters.
    pub params: BTreeSet<&'a str>,
    /// The variables of the project.
    pub vars: BTreeSet<&'a str>,
    /// The tasks that have ended by then: all that are reached through `depends_on`.
    pub ancestors: BTreeSet<&'a str>,
    /// All tasks of the DAG, for what is said of those that are no ancestors.
    pub tasks: BTreeSet<&'a str>,
    /// The task is mapped.
    pub mapped: bool,
}

impl<'a> Known<'a> {
    /// No names at all at a site.
    #[must_use]
    pub fn at(site: Site) -> Self {
        Self {
            site,
            params: BTreeSet::new(),
            vars: BTreeSet::new(),
            ancestors: BTreeSet::new(),
            tasks: BTreeSet::new(),
            mapped: false,
        }
    }

    /// The same names at another site.
    #[must_use]
    pub fn moved_to(&self, site: Site) -> Self {
        Self {
            site,
            ..self.clone()
        }
    }

    /// The roots of the site.
    pub(super) fn roots(&self, answers: bool) -> Vec<&'static str> {
        let mut roots = match self.site {
            Site::Project => return vec!["vars"],
            Site::Poll if answers => return vec!["answer"],
            _ => vec!["dag", "params", "run", "tasks", "vars"],
        };
        if !matches!(self.site, Site::Map | Site::MapKey) {
            roots.push("task");
        }
        if self.site == Site::MapKey || (self.mapped && self.site != Site::Map) {
            roots.push("item");
        }
        match self.site {
            Site::Judgement => roots.push("output"),
            Site::Poll => roots.push("answer"),
            _ => {}
        }
        roots
    }

    /// The names that may follow a root; `None` where everything may.
    pub(super) fn fields(&self, root: &str) -> Option<Vec<&str>> {
        Some(match root {
            "run" => vec![
                "id",
                "ingestion_id",
                "logical_time",
                "previous",
                "previous_success",
                "profile",
                "timezone",
                "trigger",
                "url",
            ],
            "dag" => vec!["id", "tags"],
            "task" => vec!["attempt", "map_key", "name"],
            "params" => self.params.iter().copied().collect(),
            "vars" => self.vars.iter().copied().collect(),
            "tasks" => self.ancestors.iter().copied().collect(),
            _ => return None,
        })
    }
}

/// Why a root that exists is not known at a site.
pub(super) fn absence(root: &str) -> Option<&'static str> {
    match root {
        "item" => Some("`item` is known in a task with `map`"),
        "output" => Some("`output` is known in `success` and `skip_when`"),
        "answer" => Some("`answer` is known where the executor judges what it polls"),
        "task" => Some("`task` is known once the items of `map` are"),
        "run" | "dag" | "params" | "tasks" => {
            Some("here stand facts that no run has yet, or an `answer` by itself")
        }
        "vars" => Some("an executor judges an `answer` by itself"),
        _ => None,
    }
}

/// The name that is most like another one, if any is like it.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
    known
        .iter()
        .copied()
        .filter(|known| name.len() <= 200 && likeness(known) >= 0.5)
        .max_by(|left, right| likeness(left).total_cmp(&likeness(right)))
}
