//! A holder that is killed, and one that is asked to end.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use noctule_executor_testing::ScriptedWorld;
use noctule_test_postgres::Database;
use rustix::process::Signal;

use crate::chain::{assert_launched_once, chain};
use crate::process::{Process, until};
use crate::project::Project;

const TASKS: usize = 2;

/// A project whose store is in a database of its own, with leases of so many seconds.
fn project(
    runtime: &tokio::runtime::Runtime,
    ttl: &str,
) -> (Project, Arc<ScriptedWorld>, Database) {
    let database = runtime.block_on(noctule_test_postgres::database()).unwrap();
    let (project, world) = Project::scripted(&chain(TASKS, ""));
    let file = OpenOptions::new()
        .append(true)
        .open(project.path("noctule.toml"));
    let url = format!("{}&lease_ttl={ttl}", database.url());
    write!(file.unwrap(), "[store]\nurl = \"{url}\"\n").unwrap();
    (project, world, database)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// What `GET /readyz` says.
fn readiness(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.trim().to_owned()
}

/// A `serve` that is the engine, and one that stands by and says for whom.
fn pair(project: &Project) -> (Process, Process) {
    let mut first = project.start(&["serve"]);
    let address = first.tells("on http://");
    assert_eq!(readiness(&address), "ready");
    let mut second = project.start(&["serve"]);
    let waiting = second.tells("noctule stands by on http://");
    let waiting = waiting.trim_end_matches(':');
    assert_eq!(readiness(waiting), "standby");
    assert!(second.told().contains(&format!("pid {}", first.pid())));
    (first, second)
}

#[test]
fn a_standby_finishes_the_run_of_an_engine_that_was_killed_and_launches_nothing_twice() {
    let runtime = runtime();
    let (project, world, _database) = project(&runtime, "2");
    world.hold("t1");
    let (first, mut second) = pair(&project);
    let waiting = project.start(&["trigger", "chain", "--wait", "-o", "json"]);
    until("the work runs", || {
        (project.launches().len() == 1).then_some(())
    });
    assert!(first.kill());
    second.tells("noctule serves ");
    world.succeed("t1");
    let run = waiting.end().with(0).json();
    assert_eq!(run["state"], "succeeded", "{run:#}");
    assert_launched_once(&project, &run, TASKS);
    let launcher = world.look(|ledger| ledger.latest("t2").map(|work| work.pid));
    assert_eq!(launcher, Some(second.pid()));
    second.send(Signal::TERM);
    second.end().with(0);
}

#[test]
fn a_standby_takes_over_at_once_from_an_engine_that_is_asked_to_end() {
    let runtime = runtime();
    let (project, _world, _database) = project(&runtime, "120");
    let (first, mut second) = pair(&project);
    let asked = Instant::now();
    first.send(Signal::TERM);
    first.end().with(0);
    second.tells("noctule serves ");
    assert!(
        asked.elapsed() < Duration::from_secs(60),
        "it was waited for"
    );
    let run = project
        .ends(&["trigger", "chain", "--wait", "-o", "json"])
        .with(0)
        .json();
    assert_launched_once(&project, &run, TASKS);
    second.send(Signal::TERM);
    second.end().with(0);
}
