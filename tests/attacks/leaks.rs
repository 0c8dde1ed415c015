//! What a command gets to see of the engine that started it: nothing that was not given to it.

use crate::stage::Project;

const PRIVATE: &str = "postgres://engine:hunter2-canary@db/noctule";

/// Writes down its environment, its open files, and the same of whoever is above it.
const LOOK: &str = r#"
tr '\0' '\n' < /proc/self/environ > own.env
ls -l /proc/self/fd > own.fds
up=$PPID
while [ "$up" -gt 1 ]; do
  echo "pid $up" >> above.txt
  tr '\0' ' ' < /proc/$up/cmdline >> above.txt; echo >> above.txt
  case "$(tr '\0' ' ' < /proc/$up/cmdline)" in *supervis*) tr '\0' '\n' < /proc/$up/environ > supervisor.env; ls -l /proc/$up/fd > supervisor.fds;; esac
  up=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$up/status)
done
"#;

fn looked() -> Project {
    let dag = "[tasks.look]\nexecutor = \"process\"\nwith.command = [\"sh\", \"look.sh\"]\nwith.env = { TOKEN = { secret = \"token\" } }\n[tasks.other]\nexecutor = \"process\"\ndepends_on = [\"look\"]\nwith.command = [\"sh\", \"-c\", \"env > other.env\"]\n";
    let project = Project::of("[secrets]\ntoken = { from = \"env:CANARY_TOKEN\" }\n", dag)
        .with_env("CANARY_TOKEN", "token-canary-778899")
        .with_env("DATABASE_URL", PRIVATE)
        .with_env("AWS_SECRET_ACCESS_KEY", "aws-canary-112233")
        .with_env("NOCTULE__vars__place", "here");
    project.write("look.sh", LOOK);
    project.noctule(&["run", "d"]).with(0);
    project
}

#[test]
fn a_command_sees_nothing_of_the_engine() {
    let project = looked();
    let own = project.read("own.env");
    assert!(
        own.contains("TOKEN=token-canary-778899"),
        "what it was given: {own}"
    );
    for file in ["own.env", "other.env", "above.txt", "supervisor.env"] {
        assert!(project.path(file).exists(), "{file}");
        let text = project.read(file);
        for canary in ["hunter2", "aws-canary", "CANARY_TOKEN", "NOCTULE__"] {
            assert!(!text.contains(canary), "{file} holds {canary}: {text}");
        }
    }
    for file in ["other.env", "above.txt", "supervisor.env"] {
        let text = project.read(file);
        assert!(!text.contains("token-canary"), "{file}: {text}");
    }
}

#[test]
fn no_file_of_the_engine_is_open_in_a_command() {
    let project = looked();
    for file in ["own.fds", "supervisor.fds"] {
        let text = project.read(file);
        assert!(text.contains("->"), "{file}: {text}");
        for name in [
            "state.db",
            "state.db.lock",
            "state.db.next",
            "-wal",
            "-shm",
            ".sock",
        ] {
            let open = text.lines().find(|line| line.ends_with(name));
            assert_eq!(open, None, "{file}");
        }
    }
    let own = project.read("own.fds");
    let sockets = own.lines().filter(|line| line.contains("socket:")).count();
    assert_eq!(sockets, 0, "{own}");
}

#[test]
fn words_of_a_command_are_never_read_by_a_shell() {
    const HOSTILE: &str = "$(touch owned) `touch owned`; touch owned & | > owned \\n -rf ' \\\" *";
    let dag = format!(
        "[params.p]\ntype = \"string\"\ndefault = \"{}\"\n[tasks.a]\nexecutor = \"process\"\nwith.command = [\"printf\", \"%s\", \"{{{{ params.p }}}}\"]\nwith.env = {{ P = \"{{{{ params.p }}}}\" }}\n",
        HOSTILE.replace('\\', "\\\\").replace('"', "\\\"")
    );
    let project = Project::of("", &dag);
    project.noctule(&["run", "d"]).with(0);
    let log = project.noctule(&["logs", "@latest", "a"]).with(0);
    assert_eq!(log.text(), HOSTILE);
    assert!(!project.path("owned").exists());
}
