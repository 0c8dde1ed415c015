//! DAG and project files: diagnostics that lie in the file and can be printed, and definitions that pin to one hash.

use std::collections::BTreeMap;

use chrono::DateTime;
use noctule_core::dag::{Dag, Definition};
use noctule_core::name::is_file_name;
use noctule_core::source::{FileText, Inputs, Loaded, load_project};
use noctule_executor::Registry;

const DAG: &str = "dags/d.toml";
const PROJECT: &str = "noctule.toml";
/// A DAG that uses what a project file may say.
const USUAL: &str = "[schedule]\ncron = \"0 21 * * *\"\n[tasks.a]\nexecutor = \"http\"\npool = \"gpu\"\nwith.url = \"https://example.com/{{ vars.place }}\"\n";

/// A DAG file.
pub fn dag_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let loaded = load("", &text);
    diagnostics_hold(&loaded, "", &text);
    definitions_hold(&loaded);
    assert_eq!(loaded, load("", &text), "the same text, the same answer");
    let bad = loaded.diagnostics.has_errors();
    assert!(bad || loaded.dags.len() == 1, "no error, hence one DAG");
}

/// A project file, with a DAG that uses it.
pub fn project_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let loaded = load(&text, USUAL);
    diagnostics_hold(&loaded, &text, USUAL);
    definitions_hold(&loaded);
    assert!(loaded.project.is_some() || loaded.diagnostics.has_errors());
}

fn load(project: &str, dag: &str) -> Loaded {
    let registry = Registry::new()
        .with(noctule_process::Process::default())
        .with(noctule_http::Http::new())
        .with(noctule_cloud_run::CloudRun::new());
    let file = |path, text| FileText { path, text };
    load_project(&Inputs {
        project: Some(file(PROJECT, project)),
        dags: &[file(DAG, dag)],
        env: &BTreeMap::new(),
        flags: &[],
        profile: None,
        registry: &registry,
        now: DateTime::UNIX_EPOCH,
    })
}

fn diagnostics_hold(loaded: &Loaded, project: &str, dag: &str) {
    let text_of = |file: &str| match file {
        DAG => Some(dag),
        PROJECT => Some(project),
        _ => None,
    };
    for said in loaded.diagnostics.iter() {
        let places = said
            .labels
            .iter()
            .map(|label| (&label.file, &label.span, label.line));
        for (file, span, line) in places.chain([(&said.file, &said.span, said.line)]) {
            let Some(text) = text_of(file) else { continue };
            assert!(
                text.get(span.clone()).is_some(),
                "{said}: {span:?} is no part of the file"
            );
            assert!(
                (1..=text.lines().count() + 1).contains(&line),
                "{said}: line {line}"
            );
        }
        assert!(!said.message.contains(char::is_control), "{said:?}");
    }
    let shown = loaded.diagnostics.render(text_of);
    assert!(
        shown.chars().all(|c| !c.is_control() || c == '\n'),
        "{shown:?}"
    );
}

/// What is loaded is a DAG, and what is stored of it is the same DAG.
fn definitions_hold(loaded: &Loaded) {
    for dag in &loaded.dags {
        assert!(is_file_name(dag.definition.id.as_str()));
        let canonical = dag.definition.canonical();
        let stored: Definition = serde_json::from_str(&canonical).expect("what was stored is read");
        assert_eq!(stored.hash(), dag.definition.hash());
        let graph = Dag::new(stored).expect("what was checked is a graph");
        assert_eq!(graph.hash(), &dag.definition.hash());
    }
}
