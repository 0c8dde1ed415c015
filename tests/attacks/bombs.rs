//! Small texts that ask for much: of memory, of time, of depth, of numbers.

use crate::stage::Project;

const MOST: u64 = 400 << 20;

fn command(more: &str) -> String {
    format!("[tasks.a]\nexecutor = \"process\"\n{more}\nwith.command = [\"true\"]\n")
}

#[test]
fn a_template_cannot_take_the_memory() {
    for expression in [
        "'x' * 100000000",
        "('x' * 1000000) | replace('x', 'y' * 1000000)",
        "(1,) * 100000000",
        "range(1000000000)",
        "2 ** 999999999",
        "'%0999999999d' % 1",
        "params.p | replace('', params.p) | replace('', params.p)",
    ] {
        let dag = format!(
            "[params.p]\ntype = \"string\"\ndefault = \"{}\"\n[tasks.a]\nexecutor = \"process\"\nwith.command = [\"echo\", \"{{{{ {expression} }}}}\"]\n",
            "x".repeat(5000)
        );
        let told = Project::of("", &dag).noctule(&["run", "d"]);
        assert!(
            matches!(told.code, Some(1 | 2)),
            "{expression}: {:?} {}",
            told.code,
            told.stderr
        );
        assert!(
            told.most_memory < MOST,
            "{expression}: {} bytes",
            told.most_memory
        );
    }
}

#[test]
fn a_fan_out_of_a_billion_is_refused() {
    let list = "[\"{{ 'a' * 3000000 }}\"]";
    for map in [
        "\"{{ range(1000000000) }}\"",
        "\"{{ [1] * 1000000000 }}\"",
        list,
        "\"{{ ('a,' * 400000) | split(',') }}\"",
    ] {
        let dag = format!(
            "[tasks.a]\nexecutor = \"process\"\nmap = {map}\nmap_key = \"{{{{ item }}}}\"\nwith.command = [\"true\"]\n"
        );
        let told = Project::of("", &dag).noctule(&["run", "d"]);
        assert!(
            matches!(told.code, Some(1 | 2)),
            "{map}: {:?} {}",
            told.code,
            told.stderr
        );
        assert!(told.most_memory < MOST, "{map}: {} bytes", told.most_memory);
    }
}

#[test]
fn numbers_at_the_edge_are_refused_or_never_reached_and_nothing_overflows() {
    for more in [
        "timeout = \"18446744073709551615s\"",
        "timeout = \"213503982334601d\"",
        "retries = { max = 4294967295, delay = \"9999999999d\", max_delay = \"9999999999d\", backoff = 1e308 }",
        "retries = 9223372036854775807",
        "start_timeout = \"9223372036854775807ms\"\npoll_interval = \"9223372036854775807ms\"",
        "total_timeout = \"106751991167300d\"",
        "priority = 9223372036854775807",
    ] {
        let told = Project::of("", &command(more)).noctule(&["run", "d"]);
        assert!(
            matches!(told.code, Some(0 | 2)),
            "{more}: {:?} {}",
            told.code,
            told.stderr
        );
        assert!(!told.stderr.contains("panicked"), "{}", told.stderr);
    }
}

#[test]
fn a_schedule_of_a_day_that_never_comes_is_told_at_once() {
    for cron in [
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 31 2 *",
        "61 * * * *",
        "*/0 * * * *",
        "* * * * * * * *",
    ] {
        let dag = format!("[schedule]\ncron = \"{cron}\"\n{}", command(""));
        let told = Project::of("", &dag).noctule(&["check"]);
        assert_eq!(told.code, Some(2), "{cron}: {}", told.stderr);
    }
    let dag = format!("[schedule]\ncron = \"0 0 29 2 1\"\n{}", command(""));
    Project::of("", &dag).noctule(&["next", "d"]).with(0);
}

#[test]
fn hostile_files_are_told_in_their_place_and_read_in_bounds() {
    let depth = 5_000;
    for (dag, word) in [
        (
            format!("x = {}{}", "[".repeat(depth), "]".repeat(depth)),
            "too_deep",
        ),
        (format!("{}x = 1", "a.".repeat(depth)), "too_deep"),
        (format!("{}\n{}", command(""), command("")), "dags/d.toml:"),
        ("[tasks.a]\nexecutor = \"proc".to_owned(), "dags/d.toml:2"),
        (
            format!(
                "[tasks.\"\u{430}\"]\nexecutor = \"process\"\nwith.command = [\"true\"]\n{}",
                command("")
            ),
            "dags/d.toml:1",
        ),
        (
            "id = \"d\"\n[tasks.a]\n\u{202e}executor = \"process\"\n".to_owned(),
            "dags/d.toml:3",
        ),
        (
            (0..30_000).map(|at| format!("k{at} = 1\n")).collect(),
            "too_many",
        ),
        ("\0\0\0\0".to_owned(), "dags/d.toml:1"),
    ] {
        let told = Project::of("", &dag).noctule(&["check"]);
        let said = format!("{}{}", told.text(), told.stderr);
        assert_eq!(told.code, Some(2), "{said:.300}");
        assert!(said.contains(word), "{word}: {said:.600}");
        assert!(!said.contains('\u{202e}') && said.chars().all(|c| !c.is_control() || c == '\n'));
        assert!(told.most_memory < MOST);
    }
}

#[test]
fn a_file_of_a_hundred_mebibytes_is_refused_unread() {
    let project = Project::of("", &command(""));
    let file = std::fs::File::create(project.path("dags/huge.toml")).unwrap();
    file.set_len(100 << 20).unwrap();
    let told = project.noctule(&["check"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("huge.toml"), "{}", told.stderr);
    assert!(told.most_memory < 100 << 20, "{} bytes", told.most_memory);
}
