//! A run and the store pass from one process to another while both live.

use rustix::process::Signal;

use crate::chain::{assert_launched_once, chain};
use crate::process::until;
use crate::project::Project;
use crate::serving::{readiness, served};

const TASKS: usize = 2;

#[test]
fn a_run_is_handed_to_the_serve_that_holds_the_store() {
    let (project, world) = Project::scripted(&chain(TASKS, ""));
    let (serve, _) = served(&project);
    let ended = project.ends(&["run", "chain", "-o", "json"]).with(0);
    let told = &ended.stderr;
    assert!(
        told.contains("handed to the engine that holds the store"),
        "{told}"
    );
    assert_launched_once(&project, &ended.json(), TASKS);
    let by = |work: &noctule_executor_testing::Work| work.pid == serve.pid();
    assert!(world.ledger().works.iter().all(by), "the serve launched it");
    serve.send(Signal::TERM);
    serve.end().with(0);
}

#[test]
fn a_serve_takes_the_store_over_from_a_run_which_follows_on() {
    let (project, world) = Project::scripted(&chain(TASKS, ""));
    world.hold("t1");
    let mut run = project.start(&["run", "chain", "-o", "json"]);
    until("the work runs", || {
        (project.launches().len() == 1).then_some(())
    });
    let (serve, address) = served(&project);
    assert!(run.is_alive(), "{}", run.told());
    let launcher = |task: &str| world.look(|ledger| ledger.latest(task).map(|work| work.pid));
    assert_eq!(launcher("t1"), Some(run.pid()));
    world.succeed("t1");
    let seen = run.end().with(0).json();
    assert_eq!(seen["state"], "succeeded", "{seen:#}");
    assert_launched_once(&project, &seen, TASKS);
    assert_eq!(launcher("t2"), Some(serve.pid()));
    assert_eq!(readiness(&address), Some(200), "the serve stays");
    serve.send(Signal::TERM);
    serve.end().with(0);
}

#[test]
fn a_follower_becomes_the_engine_when_the_engine_is_killed() {
    let (project, world) = Project::scripted(&chain(TASKS, ""));
    world.hold("t1");
    let engine = project.start(&["run", "chain"]);
    until("the work runs", || {
        (project.launches().len() == 1).then_some(())
    });
    let follower = project.start(&["follow", "@latest", "-o", "json"]);
    assert!(engine.kill());
    world.succeed("t1");
    let pid = follower.pid();
    let seen = follower.end().with(0).json();
    assert_launched_once(&project, &seen, TASKS);
    let second = world.look(|ledger| ledger.latest("t2").map(|work| work.pid));
    assert_eq!(second, Some(pid));
}
