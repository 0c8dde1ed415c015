//! What becomes of a command's end: exit codes, signals, output files, and commands that cannot begin.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod store;

use noctule_executor::{ErrorClass, ExecutorError, Outcome};
use noctule_process::Process;
use serde_json::json;
use store::{SECRET, Store, shell};

fn failure(outcome: Outcome) -> (ErrorClass, String, serde_json::Value) {
    match outcome {
        Outcome::Failed {
            class,
            message,
            output,
        } => (class, message, output.unwrap_or_default()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_and_signals_become_outcomes() {
    let (store, process) = (Store::new(), Process::default());
    let good = store
        .outcome(&process, "a", json!({"command": ["true"]}))
        .await;
    assert_eq!(
        good,
        Outcome::Succeeded {
            output: json!({"exit_code": 0})
        }
    );
    let (class, message, output) = failure(store.outcome(&process, "b", shell("exit 3")).await);
    assert_eq!((class, message.as_str()), (ErrorClass::User, "exit code 3"));
    assert_eq!(output, json!({"exit_code": 3}));
    let (class, message, output) = failure(store.outcome(&process, "c", shell("kill -9 $$")).await);
    assert_eq!(
        (class, message.as_str()),
        (ErrorClass::User, "killed by signal 9")
    );
    assert_eq!(output, json!({"exit_code": 137, "signal": 9}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_file_is_the_output() {
    let (store, process) = (Store::new(), Process::default());
    let script = r#"echo '{"rows": 5}' > "$NOCTULE_OUTPUT"; exit $1"#;
    let with = |code: &str| json!({"command": ["sh", "-c", script, "sh", code]});
    let good = store.outcome(&process, "a", with("0")).await;
    assert_eq!(
        good,
        Outcome::Succeeded {
            output: json!({"rows": 5, "exit_code": 0})
        }
    );
    let (_, _, output) = failure(store.outcome(&process, "b", with("4")).await);
    assert_eq!(output, json!({"rows": 5, "exit_code": 4}));
    let list = store
        .outcome(&process, "c", shell("echo '[1]' > $NOCTULE_OUTPUT"))
        .await;
    assert_eq!(list, Outcome::Succeeded { output: json!([1]) });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_not_usable_fails_the_task_and_never_blocks() {
    let (store, process) = (Store::new(), Process::default());
    for (key, script) in [
        ("a", "echo '{' > $NOCTULE_OUTPUT"),
        ("b", "head -c 2000000 /dev/zero > $NOCTULE_OUTPUT"),
        ("c", "ln -s /etc/hostname $NOCTULE_OUTPUT"),
        ("d", "mkfifo $NOCTULE_OUTPUT"),
    ] {
        let (class, message, output) = failure(store.outcome(&process, key, shell(script)).await);
        assert_eq!(class, ErrorClass::User, "{script}");
        assert!(message.contains("NOCTULE_OUTPUT"), "{message}");
        assert_eq!(output, json!({"exit_code": 0}), "{script}");
    }
}

const DESCRIPTORS: &str = "for fd in /proc/$$/fd/*; do readlink $fd; done";

/// What whoever started the tests left open for every process below.
fn descriptors_of_any_child() -> String {
    let output = std::process::Command::new("sh")
        .args(["-c", DESCRIPTORS])
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_cleared_and_no_descriptor_leaks() {
    let (store, process) = (Store::new(), Process::default());
    let mut config = shell(&format!("env; echo --; {DESCRIPTORS}; cat"));
    config["env"] = json!({"GIVEN": 5, "TOKEN": {"secret": "TOKEN"}});
    config["inherit_env"] = json!(["GOOGLE_*"]);
    config["stdin"] = json!("from stdin");
    let handle = store.launch(&process, "a", config).await.unwrap();
    store.end(&process, &handle).await;
    let log = std::fs::read_to_string(store::log(&handle)).unwrap();
    let (env, rest) = log.split_once("--\n").unwrap();
    let mut names: Vec<_> = env
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    let wanted = [
        "GIVEN",
        "GOOGLE_PROJECT",
        "HOME",
        "LANG",
        "NOCTULE_ATTEMPT_KEY",
        "NOCTULE_INGESTION_ID",
        "NOCTULE_OUTPUT",
        "NOCTULE_RUN_ID",
        "NOCTULE_TASK",
        "PATH",
        "TOKEN",
    ];
    assert_eq!(names, wanted);
    assert!(env.contains("NOCTULE_TASK=group.task\n") && env.contains(SECRET));
    let rest = rest.strip_suffix("from stdin").expect("the standard input");
    let inherited = descriptors_of_any_child();
    let own = ["memfd:stdin", "/a.log", "/dev/null"];
    let leaked = rest
        .lines()
        .filter(|link| !own.iter().any(|part| link.contains(part)));
    let leaked: Vec<_> = leaked.filter(|link| !inherited.contains(link)).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_holds_a_secret() {
    let (store, process) = (Store::new(), Process::default());
    let config = json!({"command": ["true"], "env": {"TOKEN": {"secret": "TOKEN"}}, "stdin": {"secret": "TOKEN"}});
    let handle = store.launch(&process, "a", config).await.unwrap();
    store.end(&process, &handle).await;
    for file in std::fs::read_dir(store.root()).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&content).contains(SECRET));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_begin_is_refused_and_may_be_tried_again() {
    let (store, process) = (Store::new(), Process::default());
    let plain = store.scratch("plain");
    std::fs::write(&plain, "no program").unwrap();
    let big = "x".repeat(100_000);
    let env: serde_json::Map<_, _> = (0..25).map(|n| (format!("BIG{n}"), json!(big))).collect();
    for (config, hint) in [
        (json!({"command": ["no-such-program"]}), "no-such-program"),
        (json!({"command": ["/no/such/program"]}), "no such program"),
        (json!({"command": [plain]}), "executable"),
        (
            json!({"command": ["true"], "cwd": "/no/such/folder"}),
            "/no/such/folder",
        ),
        (
            json!({"command": ["true"], "env": env}),
            "environment (2500",
        ),
        (
            json!({"command": ["true"], "stdin": "x".repeat(5_000_000)}),
            "at most",
        ),
    ] {
        match store.launch(&process, "same", config).await {
            Err(ExecutorError::Rejected {
                class: ErrorClass::Config,
                message,
            }) => {
                assert!(message.contains(hint), "{message}");
                assert!(!message.contains("xxx"));
            }
            other => panic!("{other:?}"),
        }
    }
    let outcome = store
        .outcome(&process, "same", json!({"command": ["true"]}))
        .await;
    assert!(matches!(outcome, Outcome::Succeeded { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_starts_nothing() {
    let (store, process) = (Store::new(), Process::default());
    let config = json!({"command": ["true"], "env": {"A": {"secret": "NONE"}}});
    let refused = store.launch(&process, "a", config).await;
    assert!(
        matches!(refused, Err(ExecutorError::Rejected { .. })),
        "{refused:?}"
    );
    assert_eq!(store.adopt(&process, "a").await.unwrap(), None);
}
