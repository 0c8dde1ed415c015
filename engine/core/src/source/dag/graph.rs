//! Edges between tasks: they lead somewhere, once, and never in a circle.
//!
//! Guarantees: linear in tasks and edges, and without recursion, so that a chain of 100,000 tasks is nothing special.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::super::diagnostic::shown;
use super::super::report::{Note, Report};
use super::nodes::Vertex;

/// The most names that a cycle is shown with.
const SHOWN: usize = 20;

/// The edges that are right.
pub(super) struct Graph {
    /// For each vertex those that it depends on.
    pub(super) upstream: Vec<Vec<usize>>,
    /// Each vertex after those that it depends on; `None` where there is a cycle.
    pub(super) order: Option<Vec<usize>>,
}

/// Checks the edges of a set of vertices. `inside` tells for a name that is no vertex in which group it stands.
pub(super) fn check(
    report: &Report<'_>,
    vertices: &[Vertex],
    inside: &HashMap<&str, &str>,
) -> Graph {
    let mut by_name = HashMap::with_capacity(vertices.len());
    for (at, vertex) in vertices.iter().enumerate() {
        by_name.entry(vertex.name.as_str()).or_insert(at);
    }
    check_case(report, vertices);
    let resolve = |(at, vertex)| resolve(report, vertices, &by_name, inside, at, vertex);
    let upstream: Vec<Vec<usize>> = vertices.iter().enumerate().map(resolve).collect();
    let order = order(&upstream);
    if order.is_none() {
        report_cycles(report, vertices, &upstream);
    }
    Graph { upstream, order }
}

fn resolve(
    report: &Report<'_>,
    vertices: &[Vertex],
    by_name: &HashMap<&str, usize>,
    inside: &HashMap<&str, &str>,
    at: usize,
    vertex: &Vertex,
) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut upstream = Vec::with_capacity(vertex.depends_on.len());
    for edge in &vertex.depends_on {
        if !seen.insert(edge.to.as_str()) {
            let message = format!("`{}` stands in `depends_on` twice", shown(&edge.to));
            report.say(Note::error("duplicate", edge.place, message));
            continue;
        }
        match by_name.get(edge.to.as_str()) {
            Some(target) if *target == at => {
                let message = format!("task `{}` depends on itself", shown(&vertex.name));
                report.say(Note::error("cycle", edge.place, message));
            }
            Some(target) => upstream.push(*target),
            None => report_unknown(report, vertices, inside, vertex, edge),
        }
    }
    upstream
}

fn report_unknown(
    report: &Report<'_>,
    vertices: &[Vertex],
    inside: &HashMap<&str, &str>,
    vertex: &Vertex,
    edge: &super::nodes::Edge,
) {
    if let Some(group) = inside.get(edge.to.as_str()) {
        let message = format!("task `{}` stands in group `{group}`", shown(&edge.to));
        let help =
            format!("depend on the group: `depends_on = [\"{group}\"]` waits for every item");
        return report.say(Note::error("unknown_task", edge.place, message).help(help));
    }
    let names = vertices
        .iter()
        .map(|other| other.name.as_str())
        .filter(|name| *name != vertex.name);
    let guess = report.did_you_mean(&edge.to, names);
    let message = format!(
        "`{}` depends on `{}`, which does not exist{guess}",
        shown(&vertex.name),
        shown(&edge.to)
    );
    report.say(Note::error("unknown_task", edge.place, message));
}

/// Names that differ by case alone are taken for one another by people and by file systems.
fn check_case(report: &Report<'_>, vertices: &[Vertex]) {
    let mut folded: HashMap<String, &Vertex> = HashMap::with_capacity(vertices.len());
    for vertex in vertices {
        if let Some(other) = folded.insert(vertex.name.to_ascii_lowercase(), vertex) {
            let same = other.name == vertex.name;
            let (name, other_name) = (shown(&vertex.name), shown(&other.name));
            let message = if same {
                format!("`{name}` is the name of a task and of a group")
            } else {
                format!("`{name}` differs from `{other_name}` only by case")
            };
            let label = format!("`{}` stands here", shown(&other.name));
            report.say(Note::error("duplicate", vertex.at, message).label(other.at, label));
        }
    }
}

/// Each vertex after those that it depends on.
fn order(upstream: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut downstream = vec![Vec::new(); upstream.len()];
    let mut waiting: Vec<usize> = upstream.iter().map(Vec::len).collect();
    for (at, targets) in upstream.iter().enumerate() {
        for target in targets {
            downstream[*target].push(at);
        }
    }
    let mut ready: VecDeque<usize> = (0..upstream.len()).filter(|at| waiting[*at] == 0).collect();
    let mut order = Vec::with_capacity(upstream.len());
    while let Some(at) = ready.pop_front() {
        order.push(at);
        for next in &downstream[at] {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                ready.push_back(*next);
            }
        }
    }
    (order.len() == upstream.len()).then_some(order)
}

/// One cycle for each set of tasks that wait for each other.
fn report_cycles(report: &Report<'_>, vertices: &[Vertex], upstream: &[Vec<usize>]) {
    let mut graph = DiGraph::<(), ()>::with_capacity(upstream.len(), 0);
    let nodes: Vec<NodeIndex> = upstream.iter().map(|_| graph.add_node(())).collect();
    for (at, targets) in upstream.iter().enumerate() {
        for target in targets {
            graph.add_edge(nodes[at], nodes[*target], ());
        }
    }
    // Of the two algorithms of petgraph this is the one without recursion.
    let mut knots: Vec<Vec<usize>> = kosaraju_scc(&graph)
        .into_iter()
        .filter(|knot| knot.len() > 1)
        .map(|knot| knot.into_iter().map(NodeIndex::index).collect())
        .collect();
    knots.sort_by_key(|knot| knot.iter().min().copied());
    for knot in knots {
        report_cycle(report, vertices, &shortest_cycle(&knot, upstream));
    }
}

/// The shortest way from the first of the knot back to itself.
fn shortest_cycle(knot: &[usize], upstream: &[Vec<usize>]) -> Vec<usize> {
    let members: HashSet<usize> = knot.iter().copied().collect();
    let Some(first) = knot.iter().min().copied() else {
        return Vec::new();
    };
    let mut before: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([first]);
    while let Some(at) = queue.pop_front() {
        for next in upstream[at].iter().filter(|next| members.contains(next)) {
            if *next == first {
                return unwind(at, first, &before);
            }
            if !before.contains_key(next) {
                before.insert(*next, at);
                queue.push_back(*next);
            }
        }
    }
    vec![first]
}

fn unwind(last: usize, first: usize, before: &HashMap<usize, usize>) -> Vec<usize> {
    let mut path = vec![last];
    let mut at = last;
    while let Some(previous) = before.get(&at).filter(|_| at != first) {
        path.push(*previous);
        at = *previous;
    }
    path.reverse();
    path
}

fn report_cycle(report: &Report<'_>, vertices: &[Vertex], cycle: &[usize]) {
    let names: Vec<String> = cycle.iter().map(|at| shown(&vertices[*at].name)).collect();
    let mut path: Vec<&str> = names.iter().map(String::as_str).take(SHOWN).collect();
    if names.len() > SHOWN {
        path.push("…");
    }
    path.extend(names.first().map(String::as_str));
    let edges = cycle
        .iter()
        .zip(cycle.iter().cycle().skip(1))
        .filter_map(|(from, to)| {
            let (from, to) = (&vertices[*from], &vertices[*to]);
            let edge = from.depends_on.iter().find(|edge| edge.to == to.name)?;
            Some((
                edge.place,
                format!("`{}` waits for `{}`", shown(&from.name), shown(&to.name)),
            ))
        });
    let edges: Vec<_> = edges.take(SHOWN).collect();
    let Some((place, _)) = edges.first() else {
        return;
    };
    let mut note = Note::error(
        "cycle",
        *place,
        format!("these tasks wait for each other: {}", path.join(" -> ")),
    );
    for (place, text) in &edges {
        note = note.label(*place, text.clone());
    }
    report.say(note.help(suggest_break(&names)));
}

fn suggest_break(names: &[String]) -> String {
    match names {
        [one, ..] => format!("take one of these edges away, or split what `{one}` does"),
        [] => String::new(),
    }
}
