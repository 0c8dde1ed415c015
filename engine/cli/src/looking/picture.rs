//! Pictures of a graph as text, for Graphviz and for Mermaid. Pure.
//!
//! Guarantees: names of tasks are identifiers, so nothing in them can break out of a picture.

use std::fmt::Write as _;

use noctule_core::dag::{Dag, TaskIx};

use crate::output::{Style, Tone};

/// One task a line, in an order in which they may run, each with what it waits for.
pub(super) fn text(dag: &Dag, states: Option<&[&'static str]>, style: Style) -> String {
    let mut depth = vec![0usize; dag.order().len()];
    for task in dag.order() {
        let group = dag.group_of(*task);
        let above = dag.upstream(*task).iter().chain(group.as_ref());
        let above = above.map(|up| depth[up.index()] + 1);
        depth[task.index()] = above.max().unwrap_or(0);
    }
    let mut out = format!("{}\n", dag.definition().id);
    for task in dag.order() {
        let definition = dag.task(*task);
        let indent = "  ".repeat(depth[task.index()] + 1);
        let after: Vec<&str> = dag
            .upstream(*task)
            .iter()
            .map(|up| dag.task(*up).name.as_str())
            .collect();
        let after = if after.is_empty() {
            String::new()
        } else {
            format!("  <- {}", after.join(", "))
        };
        let state = states.map_or("", |states| states[task.index()]);
        let state = if state.is_empty() {
            String::new()
        } else {
            format!("  {}", style.paint(Tone::of_state(state), state))
        };
        let mapped = if definition.map.is_some() {
            ", mapped"
        } else {
            ""
        };
        let kind = if definition.is_group() {
            style.dim("(group)")
        } else {
            let wait = definition.wait.as_str();
            style.dim(&format!("({}, {wait}{mapped})", definition.executor))
        };
        line(
            &mut out,
            format_args!(
                "{indent}{} {kind}{state}{}",
                definition.name,
                style.dim(&after)
            ),
        );
    }
    out
}

/// A digraph for Graphviz.
pub(super) fn dot(dag: &Dag, states: Option<&[&'static str]>) -> String {
    let mut out = format!(
        "digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fillcolor=white];\n",
        dag.definition().id
    );
    for task in dag.tasks() {
        let name = &dag.task(task).name;
        let state = states.map_or("", |states| states[task.index()]);
        let label = if state.is_empty() {
            name.to_string()
        } else {
            format!("{name}\\n{state}")
        };
        line(
            &mut out,
            format_args!(
                "  \"{name}\" [label=\"{label}\", fillcolor=\"{}\"];",
                fill(state)
            ),
        );
    }
    edges(dag, |from, to| {
        line(&mut out, format_args!("  \"{from}\" -> \"{to}\";"));
    });
    out.push_str("}\n");
    out
}

/// A flowchart for Mermaid.
pub(super) fn mermaid(dag: &Dag, states: Option<&[&'static str]>) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for task in dag.tasks() {
        let name = &dag.task(task).name;
        let state = states.map_or("", |states| states[task.index()]);
        let label = if state.is_empty() {
            name.to_string()
        } else {
            format!("{name}<br/>{state}")
        };
        let id = name.as_str().replace('.', "__");
        // `end` and others are words of the language; a prefix makes every name safe.
        line(&mut out, format_args!("  t_{id}[\"{label}\"]"));
        if !state.is_empty() {
            line(
                &mut out,
                format_args!("  style t_{id} fill:{}", fill(state)),
            );
        }
    }
    edges(dag, |from, to| {
        let (from, to) = (from.replace('.', "__"), to.replace('.', "__"));
        line(&mut out, format_args!("  t_{from} --> t_{to}"));
    });
    out
}

fn edges(dag: &Dag, mut edge: impl FnMut(&str, &str)) {
    let name = |task: TaskIx| dag.task(task).name.as_str();
    for task in dag.tasks() {
        for up in dag.upstream(task) {
            edge(name(*up), name(task));
        }
        // The first tasks of a group's walk begin with the group.
        if let Some(group) = dag.group_of(task).filter(|_| dag.upstream(task).is_empty()) {
            edge(name(group), name(task));
        }
    }
}

fn fill(state: &str) -> &'static str {
    match Tone::of_state(state) {
        Tone::Good => "#b7e1a1",
        Tone::Bad => "#f4b6b6",
        Tone::Odd => "#f6e3a1",
        Tone::Live => "#b3dff2",
        Tone::Dim => "#eeeeee",
        Tone::Plain => "#ffffff",
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let written = writeln!(out, "{text}");
    debug_assert!(written.is_ok());
}
