//! What a task writes is data: kept as it is, bounded, and never a command to a terminal or to the engine.

use crate::stage::Project;

/// NUL, no UTF-8, an escape that clears the screen, one that sets the title, a carriage return, a bell.
const HOSTILE: &str = r"\000\377\376\033[2J\033]0;owned\007\rover\342\200\256end";

fn says(format: &str) -> Project {
    let dag = r#"
description = "\u001b[2J\u202e"
owner = "\u001b]0;owned\u0007"
[params.p]
type = "string"
default = "\u001b[2J\r\u202e"
[tasks.a]
executor = "process"
with.command = ["sh", "say.sh"]
[tasks.b]
depends_on = ["a"]
executor = "process"
when = "params.p == '\u001b[2J'"
with.command = ["true"]
"#;
    let project = Project::of("", dag);
    project.write("say.sh", &format!("printf '{format}'\nprintf '{format}' >&2\n[ -n \"$NOCTULE_OUTPUT\" ] && printf '{{\"said\": \"\\\\u001b[2J\\\\u202e\"}}' > \"$NOCTULE_OUTPUT\"\nexit 3\n"));
    project
}

#[test]
fn hostile_bytes_come_back_as_they_were_and_no_table_obeys_them() {
    let project = says(HOSTILE);
    project.noctule(&["run", "d"]).with(1);
    let log = project.noctule(&["logs", "@latest", "a"]).with(0).stdout;
    let once = b"\0\xff\xfe\x1b[2J\x1b]0;owned\x07\rover\xe2\x80\xaeend";
    assert_eq!(log, [once.as_slice(), once].concat());
    for words in [
        &["show", "@latest"][..],
        &["events", "@latest"],
        &["explain", "@latest"],
        &["runs"],
        &["dags"],
        &["plan", "d"],
        &["graph", "d"],
    ] {
        let told = project.noctule(words);
        let said = format!("{}{}", told.text(), told.stderr);
        let bad = said
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{words:?}: {said:?}");
    }
}

#[test]
fn one_endless_line_is_cut_and_takes_no_memory() {
    let dag = "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"sh\", \"-c\", \"head -c 268435456 /dev/zero | tr '\\\\0' x\"]\n";
    let project = Project::of("", dag);
    let run = project.noctule(&["run", "d"]);
    assert!(matches!(run.code, Some(0 | 1)), "{}", run.stderr);
    assert!(
        run.most_memory < 200 << 20,
        "the engine had {} bytes",
        run.most_memory
    );
    let kept: u64 = project
        .state()
        .iter()
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    assert!(kept <= 300 << 20, "{kept} bytes are kept");
    let logs = project.noctule(&["logs", "@latest", "a"]).with(0);
    assert!(
        logs.most_memory < 200 << 20,
        "`logs` had {} bytes",
        logs.most_memory
    );
    assert!(logs.stdout.starts_with(b"xxxx"));
    let tail = project
        .noctule(&["logs", "@latest", "a", "--tail", "1"])
        .with(0);
    assert!(
        tail.most_memory < 200 << 20,
        "`logs --tail` had {} bytes",
        tail.most_memory
    );
}
