//! Many nights at once: planned, asked for, looked at, and refused with the codes of the contract.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::projects::{HELLO, Project};
use crate::served::Served;

const RANGE: [&str; 4] = ["--from", "2026-01-10", "--to", "2026-01-12"];
const IDS: [&str; 3] = ["20260110140000", "20260111140000", "20260112140000"];

fn nightly() -> Project {
    Project::of(&format!(
        "max_active_runs = 2\n[schedule]\ncron = \"0 23 * * *\"\ntimezone = \"Asia/Seoul\"\n{HELLO}"
    ))
}

/// A command over the runs of the range.
fn many<'a>(verb: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [verb, &["--dag", "d"], &RANGE[..], more].concat()
}

fn fields(list: &Value, name: &str) -> Vec<String> {
    let all = list.as_array().expect("a list").iter();
    all.map(|one| one[name].as_str().unwrap_or("-").to_owned())
        .collect()
}

/// Looks until a backfill is over, as a person would.
fn ended(project: &Project, id: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = project
            .noctule(&["backfill", "show", id, "-o", "json"])
            .with_code(0)
            .json();
        if seen["state"] != "running" {
            return seen;
        }
        assert!(Instant::now() < end, "{seen}");
        std::thread::yield_now();
    }
}

#[test]
fn a_plan_needs_no_store_and_makes_none() {
    let project = nightly();
    let before = project.files();
    let dry = [&["backfill", "d"], &RANGE[..], &["--dry-run", "-o", "json"]].concat();
    let plan = project.noctule(&dry).with_code(0).json();
    assert_eq!(fields(&plan["nights"], "ingestion_id"), IDS);
    assert_eq!(fields(&plan["nights"], "errand"), ["make", "make", "make"]);
    assert_eq!(plan["dry_run"], true);
    let table = [&["backfill", "d"], &RANGE[..], &["--dry-run"]].concat();
    let table = project.noctule(&table).with_code(0);
    assert!(IDS.iter().all(|id| table.stdout.contains(id)), "{table:#?}");
    assert!(
        table.stderr.contains("3 nights: 3 runs to make"),
        "{table:#?}"
    );
    assert_eq!(project.files(), before);
    for args in [
        &["backfill", "d"][..],
        &["backfill", "d", "--from", "2026-01-10"],
        &[
            "backfill",
            "d",
            "--from",
            "2026-01-12",
            "--to",
            "2026-01-10",
        ],
        &[
            "backfill",
            "d",
            "--from",
            "2126-01-12",
            "--to",
            "2126-01-13",
        ],
        &[
            "backfill",
            "d",
            "--from",
            "2026-01-10",
            "--to",
            "2026-01-12",
            "--max-parallel",
            "0",
        ],
        &[
            "backfill",
            "d",
            "--from",
            "2026-01-10",
            "--to",
            "2026-01-12",
            "--only",
            "some",
        ],
    ] {
        project.noctule(args).with_code(2);
    }
    project
        .noctule(&[&["backfill", "none"], &RANGE[..]].concat())
        .with_code(3);
    project.noctule(&["backfill", "show", "none"]).with_code(3);
    project.noctule(&["backfill", "list"]).with_code(3);
}

#[test]
fn a_range_of_too_many_ticks_is_refused_before_any_run_is_read() {
    let project = nightly();
    let served = Served::over(&project);
    served
        .asked(&project, &["trigger", "d", "--wait"])
        .with_code(1);
    drop(served);
    let store = project.files();
    let store = store.iter().find(|file| file.ends_with("state.db"));
    // Whoever reads runs now fails.
    let hide = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('ALTER TABLE runs RENAME TO hidden')";
    let mut python = std::process::Command::new("python3");
    let hidden = python.args(["-c", hide]).arg(store.unwrap()).status();
    assert!(hidden.unwrap().success());
    let of = |from: &str| {
        let args = [
            "backfill",
            "d",
            "--from",
            from,
            "--to",
            "2026-01-12",
            "--dry-run",
        ];
        project.noctule(&args)
    };
    let refused = of("1990-01-01").with_code(2);
    refused
        .saying("more than 10000 ticks")
        .saying("up to 2017-05-1");
    assert!(
        of("2026-01-10").code > 2,
        "runs are read for a range that fits"
    );
}

#[test]
fn without_an_engine_a_backfill_is_kept_and_an_engine_takes_it_up() {
    let project = nightly();
    let kept = project
        .noctule(&[&["backfill", "d"], &RANGE[..]].concat())
        .with_code(0);
    let id = kept.stdout.trim().to_owned();
    kept.saying("no engine is running");
    let served = Served::over(&project);
    let end = Instant::now() + Duration::from_secs(60);
    while project.noctule(&["backfill", "show", &id]).code != 0 {
        assert!(Instant::now() < end, "nobody took it up");
    }
    let seen = ended(&project, &id);
    assert_eq!(
        fields(&seen["nights"], "state"),
        ["failed", "failed", "failed"]
    );
    drop(served);
}

#[test]
fn nights_are_made_tried_again_marked_and_never_made_twice() {
    let project = nightly();
    let served = Served::over(&project);
    let made = [
        &["backfill", "d"],
        &RANGE[..],
        &["--max-parallel", "2", "-o", "json"],
    ]
    .concat();
    let made = project.noctule(&made).with_code(0).json();
    let id = made["id"].as_str().unwrap().to_owned();
    let seen = ended(&project, &id);
    assert_eq!(seen["progress"]["failed"], 3, "its last task always fails");
    let runs = project.noctule(&["runs", "-o", "json"]).json();
    assert_eq!(
        fields(&runs, "trigger"),
        ["backfill", "backfill", "backfill"]
    );
    let mut ids = fields(&runs, "ingestion_id");
    ids.sort();
    assert_eq!(ids, IDS);
    let again = [&["backfill", "d"], &RANGE[..]].concat();
    project
        .noctule(&again)
        .with_code(4)
        .saying("nothing is to be done");
    let listed = project.noctule(&["backfill", "list", "-o", "json"]).json();
    assert_eq!(fields(&listed, "id"), [id.as_str()]);
    assert_eq!(
        served
            .asked(&project, &["backfill", "list", "-o", "json"])
            .json(),
        listed
    );
    let here = project.noctule(&["backfill", "show", &id]);
    assert_eq!(
        served.asked(&project, &["backfill", "show", &id]).stdout,
        here.stdout
    );

    let failed = [
        &["backfill", "d"],
        &RANGE[..],
        &["--only", "failed", "-o", "json"],
    ]
    .concat();
    let second = served.asked(&project, &failed).with_code(0).json();
    let over = ended(&project, second["id"].as_str().unwrap());
    assert_eq!(
        fields(&over["nights"], "errand"),
        ["retry", "retry", "retry"]
    );
    let run = over["nights"][0]["run"].as_str().unwrap().to_owned();
    let shown = project.noctule(&["show", &run, "-o", "json"]).json();
    assert_eq!(shown["round"], 2);
    assert_eq!(shown["ingestion_id"], IDS[0]);

    // The same over a range, by asks of their own.
    let plan = many(&["retry"], &["--task", "after", "--dry-run", "-o", "json"]);
    let planned = project.noctule(&plan).with_code(0).json();
    assert_eq!(served.asked(&project, &plan).with_code(0).json(), planned);
    assert_eq!(fields(&planned["runs"], "outcome"), ["planned"; 3]);
    assert_eq!(planned["runs"][0]["tasks"], json!(["after"]));
    let done = project.noctule(&many(&["retry"], &["--max-parallel", "1", "-o", "json"]));
    assert_eq!(
        fields(&done.with_code(0).json()["runs"], "outcome"),
        ["done"; 3]
    );
    let end = Instant::now() + Duration::from_secs(60);
    while fields(&project.noctule(&["runs", "-o", "json"]).json(), "state") != ["failed"; 3] {
        assert!(Instant::now() < end);
    }
    project
        .noctule(&many(&["cancel"], &[]))
        .with_code(4)
        .saying("nothing to do");
    let marked = many(&["mark", "after", "succeeded"], &["--state", "failed"]);
    let marked = served.asked(&project, &marked).with_code(0);
    assert!(
        marked.stderr.contains("3 done, 0 refused, 0 left alone"),
        "{marked:#?}"
    );
    assert_eq!(
        fields(&project.noctule(&["runs", "-o", "json"]).json(), "state"),
        ["succeeded"; 3]
    );
    project.noctule(&many(&["retry"], &[])).with_code(4);
    let one = [
        "retry",
        "--dag",
        "d",
        "--ingestion-id",
        IDS[1],
        "--all",
        "--dry-run",
    ];
    let one = project.noctule(&one).with_code(0);
    assert!(
        one.stdout.contains(IDS[1]) && !one.stdout.contains(IDS[0]),
        "{one:#?}"
    );
}

#[test]
fn an_act_over_many_runs_says_which_ones_or_does_nothing() {
    let project = nightly();
    for args in [
        &["retry", "--dag", "d"][..],
        &["cancel", "--dag", "d", "--from", "2026-01-10"],
        &["retry", "--dag", "d", "--from", "x", "--to", "y"],
        &["retry", "x", "--dag", "d", "--state", "failed"],
        &[
            "mark", "--dag", "d", "--state", "failed", "a", "b", "skipped",
        ],
        &["mark", "--dag", "d", "--state", "failed", "after", "odd"],
        &["mark", "d@latest", "after"],
        &["retry"],
    ] {
        let refused = project.noctule(args);
        let code = if refused.stderr.contains("there is no store") {
            3
        } else {
            2
        };
        refused.with_code(code);
    }
    project.noctule(&["run", "d"]).with_code(1);
    let none = [
        "retry",
        "--dag",
        "d",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-02",
    ];
    project.noctule(&none).with_code(3).saying("no run fits");
    project
        .noctule(&["retry", "--dag", "d", "--from", "x", "--to", "y"])
        .with_code(2);
}

#[test]
fn what_the_latest_version_would_change_is_shown_and_nothing_is_touched() {
    let project = nightly();
    project.noctule(&["run", "d"]).with_code(1);
    let dry = ["retry", "d@latest", "--definition", "latest", "--dry-run"];
    let same = project.noctule(&dry).with_code(0);
    assert_eq!(same.stdout, "", "{same:#?}");
    same.saying("pinned to the latest version");
    let old = std::fs::read_to_string(project.path().join("dags/d.toml")).unwrap();
    let new = old.replace("exit 3", "exit 0")
        + "[tasks.more]\nexecutor = \"process\"\nwith.command = [\"true\"]\n";
    project.write("dags/d.toml", &new);
    project.noctule(&["run", "d"]).with_code(0);
    let runs = project.noctule(&["runs", "-o", "json"]).json();
    let first = runs[1]["id"].as_str().unwrap();
    let dry = ["retry", first, "--definition", "latest", "--dry-run"];
    let told = project.noctule(&dry).with_code(0);
    assert_eq!(told.stdout, "+ more\n~ after: with\n");
    let shown = project
        .noctule(&[&dry[..], &["-o", "json"]].concat())
        .json();
    assert_eq!(shown["added"], json!(["more"]));
    assert_eq!(
        shown["changed"],
        json!([{ "task": "after", "fields": ["with"] }])
    );
    assert_eq!(shown["tasks"], json!(["after", "more"]));
    let kept = project.noctule(&["show", first, "-o", "json"]).json();
    assert_eq!(kept["round"], 1);
}
