//! The two nightly pipelines load as they stand.

use noctule_executor::Wait;

use super::contract::PROJECT;
use super::stand_ins::{assert_good, load_all};

pub(crate) const TRINITYSPA: &str = include_str!("texts/trinityspa.toml");
pub(crate) const ATEC: &str = include_str!("texts/atec.toml");

#[test]
fn both_nightly_pipelines_load_without_a_word() {
    let loaded = load_all(
        PROJECT,
        &[
            ("dags/c8cd3500.toml", TRINITYSPA),
            ("dags/cf526000.toml", ATEC),
        ],
    );
    assert_good(&loaded);
    let about_dags: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|said| said.file.starts_with("dags/"))
        .map(ToString::to_string)
        .collect();
    assert!(about_dags.is_empty(), "{about_dags:#?}");
    let ids: Vec<_> = loaded
        .dags
        .iter()
        .map(|dag| dag.definition.id.as_str())
        .collect();
    assert_eq!(ids, ["c8cd3500-20240517-1", "cf526000-20250926-1"]);
    let (spa, atec) = (&loaded.dags[0].definition, &loaded.dags[1].definition);
    assert_eq!((spa.tasks.len(), atec.tasks.len()), (15, 7));
    assert!(spa.not_yet.is_empty() && atec.not_yet.is_empty());
    assert!(spa.tasks.iter().all(|task| task.wait == Wait::Poll));
    assert!(atec.tasks.iter().all(|task| task.wait == Wait::Block));
    let last = spa.tasks.last().unwrap();
    assert_eq!(last.name.as_str(), "trans_dataform");
    assert_eq!(last.depends_on.len(), 2);
}
