//! `tonight` and `top`: the night by its exit code and in words, and a terminal that is given back.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::forging::by_hand;
use crate::projects::{HELLO, Project, end};
use crate::served::Served;

/// Long enough on any machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_night_says_by_its_exit_code_whether_somebody_should_look() {
    let project = Project::of(HELLO);
    let before = project.noctule(&["tonight", "--short"]).with_code(0);
    assert_eq!(before.stdout, "all well\n");
    project.noctule(&["run", "d"]).with_code(1);
    let night = project.noctule(&["tonight"]).with_code(1);
    assert!(
        night.stdout.starts_with("1 failed  no engine runs\n"),
        "{night:#?}"
    );
    for shown in ["failed\n DAG", "INGESTION ID", "d "] {
        assert!(night.stdout.contains(shown), "{shown}: {night:#?}");
    }
    let short = project.noctule(&["tonight", "--short"]).with_code(1);
    assert_eq!(short.stdout, "1 failed\n");
    let quiet = project.noctule(&["tonight", "--quiet"]).with_code(1);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let json = project
        .noctule(&["tonight", "-o", "json"])
        .with_code(1)
        .json();
    assert_eq!(
        (&json["failed"][0]["dag"], &json["well"]),
        (&"d".into(), &false.into())
    );
    let line = project.noctule(&["tonight", "-o", "jsonl"]).with_code(1);
    assert_eq!(line.stdout.lines().count(), 1, "{line:#?}");
    // A later run that goes well is the end of it.
    project.write("dags/d.toml", &HELLO.replace("exit 3", "exit 0"));
    project.noctule(&["run", "d"]).with_code(0);
    let after = project.noctule(&["tonight", "--short"]).with_code(0);
    assert_eq!(after.stdout, "all well\n");
}

/// A run of a tick of two days ago that is still queued.
fn long_late() -> Project {
    let schedule = "must_end_by = \"00:01\"\n[schedule]\ncron = \"@yearly\"\n";
    let project = Project::of(&format!("{schedule}{HELLO}"));
    project.noctule(&["run", "d"]).with_code(1);
    let changed = by_hand(
        &project,
        &["UPDATE runs SET \
            facts = json_set(facts, '$.trigger', json_object('kind', ?1, 'tick', strftime('%Y-%m-%dT12:00:00Z', 'now', '-2 days'))), \
            progress = json_set(progress, '$.phase', json_object('state', ?2, 'since', json_extract(facts, '$.created_at')))"],
        ("schedule", "queued"),
    );
    assert_eq!(changed, 1);
    project
}

#[test]
fn a_run_that_is_past_its_must_end_by_is_late_and_it_is_said_for_how_long() {
    let project = long_late();
    let short = project.noctule(&["tonight", "--short"]).with_code(1);
    assert_eq!(short.stdout, "1 late, 1 under way\n");
    let json = project
        .noctule(&["tonight", "-o", "json"])
        .with_code(1)
        .json();
    assert_eq!(
        (
            &json["counts"]["overdue"],
            &json["counts"]["due"],
            &json["well"]
        ),
        (&1.into(), &0.into(), &false.into())
    );
    let due = &json["due"][0];
    assert_eq!(
        (&due["dag"], &due["state"]),
        (&"d".into(), &"queued".into())
    );
    // From 00:01 of yesterday to now.
    let past = due["past_seconds"].as_u64().unwrap();
    assert!((86_000..=172_800).contains(&past), "{json}");
    let night = project.noctule(&["tonight"]).with_code(1);
    let run = due["run"].as_str().unwrap();
    for shown in ["late\n DAG", "PAST", "was to end, is queued", run] {
        assert!(night.stdout.contains(shown), "{shown}: {night:#?}");
    }
    let top = project.noctule(&["top", "--once"]).with_code(0);
    assert!(top.stdout.contains("was to end by"), "{top:#?}");
}

/// What does not change from one question to the next.
fn steady(mut said: Value) -> Value {
    for place in [vec!["at"], vec!["tonight", "at"], vec!["work", "at"]] {
        let found = place.iter().try_fold(&mut said, |at, key| at.get_mut(*key));
        if let Some(at) = found {
            *at = Value::Null;
        }
    }
    said
}

#[test]
fn a_server_tells_the_same_night_as_its_store_and_who_has_none_is_told_so() {
    let project = Project::of(&format!("[schedule]\ncron = \"@yearly\"\n{HELLO}"));
    let served = Served::over(&project);
    served
        .asked(&project, &["trigger", "d", "--wait"])
        .with_code(1);
    for args in [&["tonight", "-o", "json"][..], &["top", "-o", "json"]] {
        let (here, there) = (project.noctule(args), served.asked(&project, args));
        assert_eq!(here.code, there.code, "{args:?}");
        assert_eq!(steady(here.json()), steady(there.json()), "{args:?}");
    }
    let night = served.asked(&project, &["tonight"]).with_code(1);
    assert_eq!(night.stdout, project.noctule(&["tonight"]).stdout);
    drop(served);
    let nobody = ["--server", "http://127.0.0.1:1"];
    for command in ["tonight", "top"] {
        project
            .noctule(&[&[command][..], &nobody].concat())
            .with_code(6);
    }
}

#[test]
fn where_nobody_looks_at_a_terminal_it_is_printed_once_and_without_a_sequence() {
    let project = Project::of(HELLO);
    project.noctule(&["run", "d"]).with_code(1);
    for args in [&["top"][..], &["top", "--once"], &["tonight"]] {
        let told = end(project.command(args).env("TERM", "xterm-256color"));
        assert!(told.stdout.contains("1 failed"), "{args:?}: {told:#?}");
        let evil = told.stdout.find(|c: char| c.is_control() && c != '\n');
        assert_eq!(evil, None, "{args:?}: {told:#?}");
    }
}

/// A shell on a terminal of its own, in which the program runs; it notes how it found the terminal, and how it left it.
struct Terminal<'a> {
    project: &'a Project,
    script: Child,
    said: Receiver<Vec<u8>>,
    seen: String,
}

impl<'a> Terminal<'a> {
    fn with_top(project: &'a Project, env: &[(&str, &str)]) -> Self {
        let program = env!("CARGO_BIN_EXE_noctule");
        let inner = format!("echo $$ > pid; exec '{program}' top");
        let commands = format!(
            "stty -g > before; sh -c {}; echo $? > code; stty -g > after",
            quoted(&inner)
        );
        let mut script = Command::new("script")
            .args(["-qec", &commands, "/dev/null"])
            .current_dir(project.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs `script` (on Debian: apt-get install bsdutils)");
        let mut stdout = script.stdout.take().unwrap();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut part) {
                if tell.send(part[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            project,
            script,
            said,
            seen: String::new(),
        }
    }

    fn until(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.seen.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            let part = self.said.recv_timeout(left);
            let part = part.unwrap_or_else(|_| panic!("`{text}` is not said: {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&part));
        }
    }

    fn type_in(&mut self, keys: &str) {
        let mut stdin = self.script.stdin.as_ref().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn signal(&self, signal: &str) {
        let pid = self.note("pid");
        let kill = format!("kill -{signal} {pid}");
        let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(sent.success());
    }

    fn note(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.project.path().join(name)).unwrap();
        text.trim().to_owned()
    }

    /// Its exit code, once it has ended; the terminal is as it was found.
    fn left(mut self) -> String {
        self.until("\u{1b}[?1049l");
        drop(self.script.stdin.take());
        self.script.wait().unwrap();
        while let Ok(part) = self.said.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&part));
        }
        let shown = self.seen.rfind("\u{1b}[?25h").unwrap();
        assert!(
            shown > self.seen.rfind("\u{1b}[?25l").unwrap(),
            "the cursor is hidden"
        );
        assert_eq!(
            self.note("before"),
            self.note("after"),
            "the line discipline"
        );
        self.note("code")
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // It may have ended by itself; what it runs ends with its terminal.
        drop(self.script.kill());
        drop(self.script.wait());
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn a_terminal_is_given_back_by_a_key() {
    let project = Project::of(HELLO);
    project.noctule(&["run", "d"]).with_code(1);
    let mut terminal = Terminal::with_top(&project, &[]);
    terminal.until("q ends");
    assert!(
        terminal.seen.contains("\u{1b}[?1049h"),
        "{:?}",
        terminal.seen
    );
    assert!(terminal.seen.contains("1 failed"), "{:?}", terminal.seen);
    terminal.type_in("xq");
    assert_eq!(terminal.left(), "0");
}

#[test]
fn a_terminal_is_given_back_by_a_signal() {
    let project = Project::of(HELLO);
    project.noctule(&["run", "d"]).with_code(1);
    for signal in ["INT", "TERM", "HUP"] {
        let mut terminal = Terminal::with_top(&project, &[]);
        terminal.until("q ends");
        terminal.signal(signal);
        assert_eq!(terminal.left(), "130", "{signal}");
    }
}

#[test]
fn no_colour_is_drawn_on_a_terminal_whose_owner_wants_none() {
    let project = Project::of(HELLO);
    project.noctule(&["run", "d"]).with_code(1);
    for (env, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let mut terminal = Terminal::with_top(&project, env);
        terminal.until("q ends");
        let has = terminal.seen.contains("\u{1b}[31m");
        assert_eq!(has, coloured, "{:?}", terminal.seen);
        terminal.type_in("q");
        assert_eq!(terminal.left(), "0");
    }
}

#[test]
fn what_changes_is_drawn_while_somebody_looks() {
    let project = Project::of(HELLO);
    project.write("dags/good.toml", &HELLO.replace("exit 3", "exit 0"));
    project.noctule(&["run", "good"]).with_code(0);
    let mut terminal = Terminal::with_top(&project, &[("NO_COLOR", "1")]);
    terminal.until("all well");
    project.noctule(&["run", "d"]).with_code(1);
    terminal.until("TO LOOK AT");
    terminal.type_in("q");
    assert_eq!(terminal.left(), "0");
}
