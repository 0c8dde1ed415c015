//! Graphs of every size: wide, deep and knotted.

use std::fmt::Write as _;

use super::stand_ins::{assert_good, codes, load};

fn chain(length: usize) -> String {
    let mut text = String::from(
        "[defaults]\nexecutor = \"process\"\nwith.process.command = [\"true\"]\n[tasks]\nt0 = {}\n",
    );
    for at in 1..length {
        writeln!(text, "t{at}={{depends_on=[\"t{}\"]}}", at - 1).expect("a String takes all text");
    }
    text
}

#[test]
fn a_thousand_tasks_are_read_and_keep_the_order_of_the_file() {
    let loaded = load(&chain(1_000));
    assert_good(&loaded);
    let names: Vec<_> = loaded.dags[0]
        .definition
        .tasks
        .iter()
        .map(|task| task.name.as_str().to_owned())
        .collect();
    assert_eq!(names[999], "t999");
    assert_eq!(names[10], "t10");
}

#[test]
fn a_chain_of_a_hundred_thousand_tasks_overflows_no_stack() {
    assert_good(&load(&chain(20_000)));
    let text = chain(100_000);
    // Its last task before its first: one cycle through all of them.
    let knotted = text.replace("t0 = {}", "t0 = { depends_on = [\"t99999\"] }");
    let loaded = load(&knotted);
    assert_eq!(codes(&loaded.diagnostics), ["cycle"]);
    assert!(
        loaded
            .diagnostics
            .errors()
            .next()
            .unwrap()
            .message
            .contains("t0 -> t99999 -> t99998")
    );
}

#[test]
fn every_knot_is_told_and_each_edge_of_it_has_a_label() {
    let loaded = load(
        "[defaults]\nexecutor = \"process\"\nwith.process.command = [\"x\"]\n[tasks]\n\
         a = { depends_on = [\"b\"] }\nb = { depends_on = [\"a\"] }\n\
         c = { depends_on = [\"d\"] }\nd = { depends_on = [\"e\"] }\ne = { depends_on = [\"c\"] }\n",
    );
    let messages: Vec<_> = loaded
        .diagnostics
        .errors()
        .map(|error| (error.message.as_str(), error.labels.len()))
        .collect();
    assert_eq!(
        messages,
        [
            ("these tasks wait for each other: a -> b -> a", 2),
            ("these tasks wait for each other: c -> d -> e -> c", 3)
        ]
    );
    assert!(loaded.dags.is_empty());
}

#[test]
fn a_template_may_name_any_ancestor_and_nothing_else() {
    let file = |named: &str| {
        format!(
            "[defaults]\nexecutor = \"process\"\n[tasks.a]\nwith.command = [\"x\"]\n[tasks.b]\ndepends_on = [\"a\"]\nwith.command = [\"x\"]\n\
             [tasks.other]\nwith.command = [\"x\"]\n[tasks.c]\ndepends_on = [\"b\"]\nwith.command = [\"x\", \"{{{{ tasks.{named}.output.exit_code }}}}\"]\n"
        )
    };
    assert_good(&load(&file("b")));
    assert_good(&load(&file("a")));
    for (named, message) in [
        (
            "other",
            "`c` does not wait for `other`, so its output may not be there",
        ),
        ("c", "task `c` has no output before it has run"),
        ("otter", "there is no task `otter`, did you mean `other`?"),
    ] {
        let loaded = load(&file(named));
        let errors: Vec<_> = loaded
            .diagnostics
            .errors()
            .map(|error| error.message.clone())
            .collect();
        assert_eq!(errors, [message]);
    }
}

#[test]
fn more_block_tasks_at_once_than_slots_are_remarked() {
    let mut text = String::from(
        "[defaults]\nexecutor = \"process\"\nwith.process.command = [\"x\"]\n[tasks]\n",
    );
    for at in 0..17 {
        writeln!(text, "t{at} = {{}}").unwrap();
    }
    let loaded = load(&text);
    assert_good(&loaded);
    let remarks: Vec<_> = loaded
        .diagnostics
        .remarks()
        .map(|remark| remark.code)
        .collect();
    assert_eq!(remarks, ["slots"]);
}
