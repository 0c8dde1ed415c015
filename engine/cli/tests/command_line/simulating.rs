//! `sim`: a simulator as a program of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::projects::Project;

const DAG: &str = "id = \"d\"\n[tasks.a]\nexecutor = \"process\"\nwith.command = [\"true\"]\n";

const JOBS: &str = r#"
[simulator.jobs.etl]
container = "main"
command = ["sh", "-c", "echo from $WHO; exit 7"]
port = 8080
env = { WHO = "the project" }
"#;

/// A simulator that is ended, by its number, when the test is over.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(project: &Project, args: &[&str]) -> Self {
        let mut child = project
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        Running { child, address }
    }

    /// Sends one request; the answer is the body as JSON.
    fn send(&self, head: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        let length = body.len();
        let request = format!(
            "{head}\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
    }

    fn run_task(&self, container: &str) -> Value {
        let head = format!(
            "POST / HTTP/1.1\r\nx-amz-target: AmazonEC2ContainerServiceV20141113.RunTask\r\n\
             content-type: application/x-amz-json-1.1\r\nx-amz-date: 20260101T000000Z\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ecs/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={}",
            "0".repeat(64)
        );
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        let overrides = json!({"containerOverrides": [{"name": container}]});
        let body = json!({"taskDefinition": "etl", "launchType": "FARGATE", "networkConfiguration": network,
            "overrides": overrides});
        self.send(&head, &body)
    }

    fn end(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        drop(self.child.kill());
    }
}

#[test]
fn ecs_is_simulated_with_the_jobs_of_the_project_until_it_is_told_to_end() {
    let project = Project::of(DAG);
    project.write("noctule.toml", JOBS);
    let sim = Running::start(&project, &["sim", "ecs", "--listen", "127.0.0.1:0"]);
    assert_eq!(sim.run_task("other")["__type"], "InvalidParameterException");
    let answer = sim.run_task("main");
    assert_eq!(answer["failures"], json!([]), "{answer}");
    let state = loop {
        let state = sim.send("GET /_simulator/state HTTP/1.1", &Value::Null);
        if state["tasks"][0]["status"] == "STOPPED" {
            break state;
        }
        std::thread::yield_now();
    };
    let container = &state["tasks"][0]["containers"][0];
    assert_eq!(
        (&container["exit_code"], &container["env"]["WHO"]),
        (&json!(7), &json!("the project"))
    );
    assert_eq!(state["calls"]["RunTask"], 2);
    assert_eq!(sim.end(), Some(0));
}

#[test]
fn a_simulator_takes_its_jobs_from_a_file_too_and_refuses_what_it_does_not_know() {
    let project = Project::of(DAG);
    project.write(
        "sim.toml",
        "[simulator]\nstep = \"1ms\"\n[simulator.jobs.etl]\n",
    );
    let args = ["sim", "ecs", "--listen", "127.0.0.1:0", "--config"];
    let sim = Running::start(&project, &[&args[..], &["sim.toml"]].concat());
    assert_eq!(sim.run_task("etl")["failures"], json!([]));
    assert_eq!(sim.end(), Some(0));
    project.write("wrong.toml", "[simulator.jobs.etl]\ncomand = []\n");
    project
        .noctule(&[&args[..], &["wrong.toml"]].concat())
        .with_code(2)
        .saying("comand");
}

#[test]
fn a_simulator_listens_on_this_machine_only() {
    let project = Project::of(DAG);
    for which in ["ecs", "cloud-run"] {
        project
            .noctule(&["sim", which, "--listen", "0.0.0.0:1"])
            .with_code(2)
            .saying("listen on this machine");
    }
}
