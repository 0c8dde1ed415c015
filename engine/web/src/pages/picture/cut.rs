//! What of a graph is shown, as it stands in an address: groups that are open, and the task that is looked at.

use std::collections::BTreeSet;

use noctule_core::dag::{Dag, TaskIx};
use noctule_core::picture::Cut;

/// The part of a DAG that an address asks for. Names that it does not have are passed over.
pub(crate) fn usual_or(dag: &Dag, open: Option<&str>, near: Option<&str>) -> Cut {
    let mut cut = Cut::usual(dag);
    if let Some(open) = open {
        let groups = open.split(',').filter_map(|name| dag.find(name));
        cut.open = groups.filter(|task| dag.task(*task).is_group()).collect();
    }
    cut.near = near.and_then(|name| dag.find(name));
    cut
}

/// The open groups after one of them was opened or shut, as they stand in an address.
pub(crate) fn groups_of(dag: &Dag, cut: &Cut, toggled: TaskIx) -> String {
    let mut open: BTreeSet<TaskIx> = cut.open.clone();
    if !open.remove(&toggled) {
        open.insert(toggled);
    }
    let names: Vec<&str> = open
        .iter()
        .map(|task| dag.task(*task).name.as_str())
        .collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use noctule_core::dag::Definition;

    use super::*;

    #[test]
    fn what_an_address_names_and_the_dag_has_not_is_passed_over() {
        let definition = Definition {
            id: "empty".parse().unwrap(),
            description: None,
            owner: None,
            tags: Vec::new(),
            timeout: None,
            max_active_runs: 1,
            notify: None,
            must_end_by: None,
            schedule: None,
            trigger: None,
            ingestion: None,
            params: BTreeMap::new(),
            tasks: Vec::new(),
            not_yet: Vec::new(),
        };
        let dag = Dag::new(definition).unwrap();
        let cut = usual_or(&dag, Some("x,<script>,,"), Some("../y"));
        assert_eq!(cut, Cut::default());
    }
}
