//! The workloads W1 to W4, timed as a user meets them: the whole process `noctule run`, and `noctule trigger --wait` through
//! a running engine. `cargo bench -p noctule`.
//!
//! Every task is `/bin/true` under the supervisor, with durable state (`synchronous = FULL`), logs and history, in a fresh
//! project each time. A run counts only if it succeeded with every task succeeded. Prints medians with their spread, and
//! judges nothing: no test depends on a time.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const NOCTULE: &str = env!("CARGO_BIN_EXE_noctule");
const RUNS: usize = 7;

type Failure = Box<dyn std::error::Error>;

/// A workload: its name and the dependencies of each task.
struct Workload {
    name: &'static str,
    tasks: Vec<(String, Vec<String>)>,
}

fn chain(name: &'static str, length: usize) -> Workload {
    let task = |i: usize| {
        let upstream = if i == 0 {
            vec![]
        } else {
            vec![format!("t{}", i - 1)]
        };
        (format!("t{i}"), upstream)
    };
    Workload {
        name,
        tasks: (0..length).map(task).collect(),
    }
}

fn fan(name: &'static str, width: usize) -> Workload {
    let names: Vec<String> = (0..width).map(|i| format!("t{i}")).collect();
    let mut tasks = vec![("root".to_owned(), vec![])];
    tasks.extend(
        names
            .iter()
            .map(|name| (name.clone(), vec!["root".to_owned()])),
    );
    tasks.push(("join".to_owned(), names));
    Workload { name, tasks }
}

/// Task `i` of a layer depends on `i`, `i + 1` and `i + 7` of the layer before.
fn layers(name: &'static str, count: usize, width: usize) -> Workload {
    let task = |layer: usize, i: usize| {
        let before = |j: usize| format!("l{}_{}", layer - 1, (i + j) % width);
        let upstream = if layer == 0 {
            vec![]
        } else {
            [0, 1, 7].map(before).to_vec()
        };
        (format!("l{layer}_{i}"), upstream)
    };
    let tasks = (0..count).flat_map(|layer| (0..width).map(move |i| (layer, i)));
    Workload {
        name,
        tasks: tasks.map(|(layer, i)| task(layer, i)).collect(),
    }
}

impl Workload {
    fn write(&self, folder: &Path, slots: usize) -> Result<(), Failure> {
        let mut text = format!(
            "id = \"{}\"\n[defaults]\nexecutor = \"process\"\nretries = 0\nwith.process.command = [\"/bin/true\"]\n",
            self.name
        );
        for (task, upstream) in &self.tasks {
            text.push_str(&format!("[tasks.{task}]\n"));
            if !upstream.is_empty() {
                text.push_str(&format!("depends_on = {upstream:?}\n"));
            }
        }
        std::fs::create_dir(folder.join("dags"))?;
        std::fs::write(folder.join("dags/workload.toml"), text)?;
        Ok(std::fs::write(
            folder.join("noctule.toml"),
            format!("[engine]\nslots = {slots}\nlisten = \"127.0.0.1:0\"\n"),
        )?)
    }

    /// The whole process, from start to end.
    fn time(&self, folder: &Path, command: &[&str]) -> Result<Duration, Failure> {
        let began = Instant::now();
        let done = Command::new(NOCTULE)
            .args(command)
            .args([self.name, "-o", "json"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .output()?;
        let took = began.elapsed();
        let run: serde_json::Value = serde_json::from_slice(&done.stdout)?;
        let tasks = run["tasks"].as_array().map_or(0, Vec::len);
        let succeeded = run["tasks"]
            .as_array()
            .is_some_and(|tasks| tasks.iter().all(|task| task["state"] == "succeeded"));
        if run["state"] != "succeeded" || tasks != self.tasks.len() || !succeeded {
            return Err(format!("{} did not succeed with all its tasks", self.name).into());
        }
        Ok(took)
    }

    fn run_alone(&self, slots: usize) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..=RUNS {
            let folder = tempfile::tempdir()?;
            self.write(folder.path(), slots)?;
            times.push(self.time(folder.path(), &["run"])?);
        }
        // The first run warms up.
        Ok(times.split_off(1))
    }

    fn run_served(&self, slots: usize) -> Result<Vec<Duration>, Failure> {
        let folder = tempfile::tempdir()?;
        self.write(folder.path(), slots)?;
        let mut engine = Command::new(NOCTULE)
            .arg("serve")
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()?;
        let times = (0..=RUNS)
            .map(|_| self.time(folder.path(), &["trigger", "--wait"]))
            .collect::<Result<Vec<_>, _>>();
        engine.kill()?;
        engine.wait()?;
        Ok(times?.split_off(1))
    }

    fn report(&self, how: &str, slots: usize, mut times: Vec<Duration>) {
        times.sort_unstable();
        let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
        let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        let count = self.tasks.len() as f64;
        println!(
            "{:3} {how:8} slots {slots:2}  median {:8.1} ms  {:6.3} ms/task  {:6.0} tasks/s  min {:.1}  max {:.1}",
            self.name,
            milliseconds(median),
            milliseconds(median) / count,
            count / median.as_secs_f64(),
            milliseconds(least),
            milliseconds(most),
        );
    }
}

fn time_version() -> Result<(), Failure> {
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        Command::new(NOCTULE)
            .arg("--version")
            .stdout(Stdio::null())
            .status()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    println!(
        "noctule --version: median {:.2} ms",
        times[25].as_secs_f64() * 1_000.0
    );
    Ok(())
}

fn main() -> Result<(), Failure> {
    // `cargo test` and nextest start every target once: there is nothing to list or to test here.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test")
        || !std::env::args().any(|a| a == "--bench")
    {
        return Ok(());
    }
    time_version()?;
    let workloads = [
        chain("w1", 100),
        fan("w2", 1_000),
        layers("w3", 10, 100),
        chain("w4", 40),
    ];
    for workload in &workloads {
        for slots in [2, 16] {
            workload.report("run", slots, workload.run_alone(slots)?);
        }
        workload.report("trigger", 2, workload.run_served(2)?);
    }
    Ok(())
}
