//! Engines that are killed at times that nobody chose.

use std::collections::BTreeSet;
use std::time::Duration;

use noctule_executor_testing::ScriptedWorld;

use crate::chain::{chain, keys};
use crate::process::{Process, until};
use crate::project::Project;

const TASKS: usize = 8;
const KILLS: usize = 20;
const SEED: u64 = 0x6e6f_6374_756c_6521;

/// Marsaglia's xorshift: the same times in every run of this test.
struct Times(u64);

impl Times {
    fn next(&mut self, below: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let share = u32::try_from(self.0 >> 48).unwrap();
        below * share / (1 << 16)
    }
}

fn effects(world: &ScriptedWorld) -> u64 {
    world.look(|ledger| ledger.effects.values().sum())
}

/// Waits until this engine has touched the world, or has ended.
fn touches(world: &ScriptedWorld, before: u64, engine: &mut Process) {
    until("the engine touches the world", || {
        (effects(world) > before || !engine.is_alive()).then_some(())
    });
}

fn has_live_run(project: &Project) -> bool {
    let runs = project.ends(&["runs", "-o", "json"]).with(0).json();
    let live =
        |run: &serde_json::Value| matches!(run["state"].as_str(), Some("queued" | "running"));
    runs.as_array().unwrap().iter().any(live)
}

#[test]
fn killed_at_random_chains_succeed_and_launch_each_attempt_once() {
    let (project, world) = Project::scripted(&chain(TASKS, "with.after = \"30ms\""));
    let mut times = Times(SEED);
    let (mut struck, mut struck_at_work) = (0, 0);
    for _ in 0..3 * KILLS {
        if struck == KILLS {
            break;
        }
        let follows = has_live_run(&project);
        let before = effects(&world);
        let words: &[&str] = if follows {
            &["follow", "@latest"]
        } else {
            &["run", "chain"]
        };
        let mut engine = project.start(words);
        // Every other kill strikes while the program starts, the rest while it works.
        if struck % 2 == 0 {
            touches(&world, before, &mut engine);
        }
        std::thread::sleep(times.next(Duration::from_millis(60)));
        if engine.kill() {
            struck += 1;
            struck_at_work += usize::from(effects(&world) > before);
        }
    }
    assert_eq!(struck, KILLS, "kills that struck a live process");
    assert!(struck_at_work >= KILLS / 2, "{struck_at_work} of {struck}");
    if has_live_run(&project) {
        project.succeeds();
    }
    let runs = project.ends(&["runs", "-o", "json"]).with(0).json();
    let mut attempts = BTreeSet::new();
    for run in runs.as_array().unwrap() {
        let id = run["id"].as_str().unwrap();
        let run = project.ends(&["show", id, "-o", "json"]).with(0).json();
        assert_eq!(run["state"], "succeeded", "{run:#}");
        let keys = keys(&run);
        assert_eq!(keys.len(), TASKS, "one attempt a task: {run:#}");
        attempts.extend(keys);
    }
    assert!(!attempts.is_empty());
    let launches = project.launches();
    assert_eq!(launches.len(), attempts.len(), "each launched once");
    assert_eq!(launches.into_iter().collect::<BTreeSet<_>>(), attempts);
}
