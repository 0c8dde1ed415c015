//! `serve` as a process: readiness, asks of other processes, and its ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use noctule_executor_testing::Effect;
use rustix::process::Signal;

use crate::chain::{assert_launched_once, chain};
use crate::process::{Process, until};
use crate::project::Project;

const TASKS: usize = 2;

/// The status of `GET /readyz`; none where nobody answers.
pub(crate) fn readiness(address: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// A `serve` that is ready, and its address.
pub(crate) fn served(project: &Project) -> (Process, String) {
    let mut serve = project.start(&["serve"]);
    let address = serve.tells("http://");
    assert_eq!(readiness(&address), Some(200));
    (serve, address)
}

#[test]
fn a_serve_that_is_asked_to_end_drains_and_exits_well() {
    let (project, world) = Project::scripted(&chain(TASKS, ""));
    let (serve, address) = served(&project);
    world.freeze(Some(Effect::Launch), 0);
    project.ends(&["trigger", "chain"]).with(0);
    until("the launch hangs", || {
        world.look(|ledger| ledger.is_frozen()).then_some(())
    });
    serve.send(Signal::TERM);
    until("it is no longer ready", || {
        (readiness(&address) == Some(503)).then_some(())
    });
    world.hold("t1");
    world.thaw();
    serve.end().with(0);
    assert_eq!(project.launches().len(), 1, "the launch was awaited");
    assert_eq!(readiness(&address), None);
    world.succeed("t1");
    let run = project.succeeds();
    assert_launched_once(&project, &run, TASKS);
}

#[test]
fn a_second_signal_ends_a_serve_at_once_and_nothing_is_lost() {
    let (project, world) = Project::scripted(&chain(TASKS, ""));
    let (mut serve, _) = served(&project);
    world.freeze(Some(Effect::Started), 0);
    project.ends(&["trigger", "chain"]).with(0);
    until("the answer hangs", || {
        world.look(|ledger| ledger.is_frozen()).then_some(())
    });
    serve.send(Signal::TERM);
    serve.tells("draining: ");
    serve.send(Signal::TERM);
    serve.end().with(0);
    world.thaw();
    let run = project.succeeds();
    assert_launched_once(&project, &run, TASKS);
}

#[test]
fn a_serve_that_is_killed_is_followed_by_another_that_goes_on() {
    let (project, world) = Project::scripted(&chain(TASKS, ""));
    world.hold("t1");
    let (serve, _) = served(&project);
    let waiting = project.start(&["trigger", "chain", "--wait", "-o", "json"]);
    until("the work runs", || {
        (project.launches().len() == 1).then_some(())
    });
    assert!(serve.kill());
    let (next, _) = served(&project);
    world.succeed("t1");
    let run = waiting.end().with(0).json();
    assert_launched_once(&project, &run, TASKS);
    next.send(Signal::TERM);
    next.end().with(0);
}

#[test]
fn a_second_serve_on_a_store_is_refused_and_told_who_holds_it() {
    let (project, _world) = Project::scripted(&chain(TASKS, ""));
    let (serve, address) = served(&project);
    let refused = project.ends(&["serve"]).with(4);
    let pid = serve.pid().to_string();
    assert!(refused.stderr.contains(&pid), "{pid}: {}", refused.stderr);
    assert_eq!(readiness(&address), Some(200), "the first goes on");
    serve.send(Signal::TERM);
    serve.end().with(0);
}

#[test]
fn a_trigger_that_waits_prints_one_object_of_the_run_that_a_serve_made() {
    let (project, _world) = Project::scripted(&chain(TASKS, ""));
    let (serve, _) = served(&project);
    let run = project
        .ends(&["trigger", "chain", "--wait", "-o", "json"])
        .with(0)
        .json();
    assert_eq!(run["state"], "succeeded", "{run:#}");
    assert_eq!(run["dag"], "chain", "{run:#}");
    assert_launched_once(&project, &run, TASKS);
    serve.send(Signal::TERM);
    serve.end().with(0);
}
