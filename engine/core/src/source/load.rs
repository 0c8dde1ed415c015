//! A whole project at once: its file, and every DAG file.
//!
//! Guarantees: one bad DAG file stops no other; the same texts give the same answer, in the order of the files.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use noctule_executor::Registry;
use sha2::{Digest, Sha256};

use super::dag::{Executors, FileRead, Patterns, World, read_file};
use super::diagnostic::{Diagnostics, shown};
use super::links;
use super::project::{Chain, FlagSetting, Project, effective, read};
use super::report::{Note, Place, Report};
use crate::dag::Definition;

/// The text of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileText<'a> {
    /// The path, as it is shown.
    pub path: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// All that a project is read from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// `noctule.toml`; absent: a project of defaults.
    pub project: Option<FileText<'a>>,
    /// The DAG files, in the order in which they are reported.
    pub dags: &'a [FileText<'a>],
    /// The environment, of which only `NOCTULE__…` and `NOCTULE_PROFILE` are looked at.
    pub env: &'a BTreeMap<String, String>,
    /// Flags that are settings.
    pub flags: &'a [FlagSetting],
    /// `--profile`.
    pub profile: Option<&'a str>,
    /// The executors of this program.
    pub registry: &'a Registry,
    /// For remarks on coming ticks; no definition depends on it.
    pub now: DateTime<Utc>,
}

/// A DAG without problems.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedDag {
    /// The definition.
    pub definition: Definition,
    /// The file it came from.
    pub file: String,
    /// SHA-256 of the file's text, in hex.
    pub text_hash: String,
}

/// What came of a load.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The project; absent where its file could not be read at all, and then no DAG was looked at.
    pub project: Option<Project>,
    /// The DAGs without problems.
    pub dags: Vec<LoadedDag>,
    /// Everything that was found.
    pub diagnostics: Diagnostics,
}

/// Reads a project.
#[must_use]
pub fn load_project(inputs: &Inputs<'_>) -> Loaded {
    let report = Report::default();
    let file = inputs.project.map(|file| (file.path, file.text));
    let chain = Chain {
        file,
        env: inputs.env,
        flags: inputs.flags,
        profile: inputs.profile,
    };
    let Some((tree, top, profile)) = effective(&report, &chain) else {
        return Loaded {
            project: None,
            dags: Vec::new(),
            diagnostics: report.finish(),
        };
    };
    let (project, lower) = read(&report, tree, top, profile, inputs.registry);
    let executors = Executors::new(inputs.registry).with_outside(project.executors.keys());
    lower.check(&report, &executors);
    let world = World {
        report: &report,
        project: &project,
        lower: &lower,
        executors: &executors,
        patterns: &Patterns::default(),
        now: inputs.now,
    };
    let files: Vec<FileRead> = inputs
        .dags
        .iter()
        .map(|file| read_file(&world, file.path, file.text))
        .collect();
    let mut bad = report_twice(&report, &files);
    bad.extend(links::check(&report, &files));
    let dags = inputs
        .dags
        .iter()
        .zip(files)
        .flat_map(|(file, read)| good(file, read, &bad))
        .collect();
    Loaded {
        project: Some(project),
        dags,
        diagnostics: report.finish(),
    }
}

fn good<'f>(
    file: &'f FileText<'_>,
    read: FileRead,
    bad: &'f [Place],
) -> impl Iterator<Item = LoadedDag> + use<'f> {
    let hash = if read.good.is_empty() {
        String::new()
    } else {
        hash(file.text)
    };
    let good = read
        .good
        .into_iter()
        .filter(|read| !bad.contains(&read.id_at));
    good.map(move |read| LoadedDag {
        definition: read.definition,
        file: file.path.to_owned(),
        text_hash: hash.clone(),
    })
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Ids that two DAGs claim, or that differ by case alone; the places of the later ones. None of them is taken: which
/// file comes first is no reason to run it.
fn report_twice(report: &Report<'_>, files: &[FileRead]) -> Vec<Place> {
    let mut first: HashMap<String, (&str, Place)> = HashMap::new();
    let mut twice = Vec::new();
    for (id, place) in files.iter().flat_map(|file| &file.ids) {
        let Some((other, at)) = first.get(&id.as_str().to_ascii_lowercase()).copied() else {
            first.insert(id.as_str().to_ascii_lowercase(), (id.as_str(), *place));
            continue;
        };
        let (file, line) = report.locate_line(at);
        let how = if other == id.as_str() {
            format!("DAG id `{}` is taken by {file}:{line}", shown(id.as_str()))
        } else {
            format!(
                "DAG id `{}` differs from `{}` of {file}:{line} only by case",
                shown(id.as_str()),
                shown(other)
            )
        };
        report.say(Note::error("duplicate", *place, how).label(at, "the other one"));
        twice.extend([at, *place]);
    }
    twice
}
