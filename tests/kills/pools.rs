//! Pools, and one DAG after another, with the real binary: who holds a pool is told, over a kill too; a `dag` task has one child.

use rustix::process::Signal;

use crate::process::until;
use crate::project::Project;
use crate::serving::served;

const DAG: &str = r#"
id = "train"
max_active_runs = 2
[tasks.step]
executor = "scripted"
pool = "gpu"
"#;

#[test]
fn a_task_that_waits_for_its_pool_is_told_who_holds_it_after_a_kill_too() {
    let (project, world) = Project::scripted(DAG);
    let settings = std::fs::read_to_string(project.path("noctule.toml")).unwrap();
    let settings = format!("{settings}[pools]\ngpu = 1\n");
    std::fs::write(project.path("noctule.toml"), settings).unwrap();
    world.hold("step");
    let (serve, _) = served(&project);
    project.ends(&["trigger", "train"]).with(0);
    until("the work runs", || {
        (project.launches().len() == 1).then_some(())
    });
    project.ends(&["trigger", "train"]).with(0);
    let explained = || {
        let told = project
            .ends(&["explain", "@latest", "step", "-o", "json"])
            .with(0)
            .json();
        let gates = told.as_array().unwrap().clone();
        gates.into_iter().find(|gate| gate["gate"] == "pool")
    };
    let told = until("it waits for the pool", explained);
    let text = told["text"].as_str().unwrap();
    assert!(
        text.starts_with(
            "`step` is ready and waits for pool `gpu`: 1 of 1 held, by `step` of train "
        ),
        "{text}"
    );
    assert!(serve.kill());
    let (next, _) = served(&project);
    assert!(explained().is_some(), "the remote work holds it still");
    assert_eq!(project.launches().len(), 1);
    world.succeed("step");
    until("the next is launched", || {
        (project.launches().len() == 2).then_some(())
    });
    world.succeed("step");
    project.succeeds();
    next.send(Signal::TERM);
    next.end().with(0);
}

#[test]
fn a_run_in_one_process_starts_the_dag_that_its_task_names() {
    let dag = "id = \"parent\"\n[tasks.start]\nexecutor = \"dag\"\nwith = { dag = \"child\" }\n";
    let (project, _world) = Project::scripted(dag);
    let child = "id = \"child\"\n[tasks.step]\nexecutor = \"scripted\"\n";
    std::fs::write(project.path("dags/child.toml"), child).unwrap();
    let run = project
        .ends(&["run", "parent", "-o", "json"])
        .with(0)
        .json();
    assert_eq!(run["state"], "succeeded", "{run:#}");
    let child = project
        .ends(&["show", "@latest", "-o", "json"])
        .with(0)
        .json();
    assert_eq!(child["dag"], "child", "{child:#}");
    assert_eq!(child["ingestion_id"], run["ingestion_id"]);
    let plan = project
        .ends(&["plan", "parent", "-o", "json"])
        .with(0)
        .json();
    assert_eq!(plan[0]["request"]["trigger"]["dag"], "child", "{plan:#}");
}
