//! Secrets of vaults: who reads them, and where they may stand.

use noctule_core::source::Loaded;
use noctule_executor::secrecy::SecretString;
use noctule_executor::{Context, ExecutorError, Finding, Vault, async_trait};
use serde_json::Value;

use crate::stand_ins::{codes, load_by, registry, said};

struct StandIn(&'static str, &'static str);

#[async_trait]
impl Vault for StandIn {
    fn kind(&self) -> &'static str {
        self.0
    }

    fn connection_kind(&self) -> &'static str {
        self.1
    }

    fn needs_connection(&self) -> bool {
        self.0 == "aws"
    }

    fn check(&self, name: &str) -> Result<(), String> {
        match name {
            "wrong" => Err("this is no name".to_owned()),
            _ => Ok(()),
        }
    }

    async fn read(&self, _: &Context, _: &str) -> Result<SecretString, ExecutorError> {
        Err(ExecutorError::unavailable(
            "nobody reads when files are checked",
        ))
    }

    fn rights(&self, _: &[String]) -> Value {
        Value::Null
    }

    async fn preflight(&self, _: &Context, _: &[String]) -> Vec<Finding> {
        Vec::new()
    }
}

const VAULTS: &str = "[secrets.g]\nfrom = \"gcp:projects/p/secrets/s\"\n[secrets.a]\nfrom = \"aws:db\"\n\
                      [connections.gcp]\nkind = \"google\"\nproject = \"p\"\n[connections.aws]\nkind = \"aws\"\nregion = \"us-east-1\"\n";

fn load(project: &str, task: &str) -> Loaded {
    let vaults = registry()
        .with_vault(StandIn("gcp", "google"))
        .with_vault(StandIn("aws", "aws"));
    load_by(&vaults, project, &[("dags/d.toml", task)], &[], None)
}

fn job(env: &str) -> String {
    format!(
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = {{ job = \"j\", region = \"r\", {env} }}\n"
    )
}

#[test]
fn a_secret_of_secret_manager_is_for_the_environment_of_a_job() {
    let good = load(VAULTS, &job("env = { T = { secret = \"g\" } }"));
    assert_eq!(codes(&good.diagnostics), Vec::<&str>::new());
    assert!(good.dags[0].definition.not_yet.is_empty());
}

#[test]
fn what_cloud_run_would_show_is_refused_with_a_way_out() {
    let bad = load(VAULTS, &job("env = { T = { secret = \"a\" } }"));
    assert_eq!(codes(&bad.diagnostics), ["secret"]);
    assert!(
        said(&bad, &[]).contains("from = \"gcp:"),
        "{}",
        said(&bad, &[])
    );
    let exposed = format!(
        "{}expose_secrets = true\n",
        job("env = { T = { secret = \"a\" } }")
    );
    assert_eq!(
        codes(&load(VAULTS, &exposed).diagnostics),
        Vec::<&str>::new()
    );
}

#[test]
fn a_secret_of_a_job_stands_in_its_environment_alone() {
    for with in [
        "args = [{ secret = \"g\" }]",
        "args = [{ secret = \"g\" }], env = { A = \"b\" }",
    ] {
        let task = format!("{}expose_secrets = true\n", job(with));
        let bad = load(VAULTS, &task);
        assert!(
            codes(&bad.diagnostics).contains(&"secret"),
            "{}",
            said(&bad, &[])
        );
    }
}

#[test]
fn an_ecs_task_takes_no_reference_and_says_where_one_stands() {
    let task = "[tasks.a]\nexecutor = \"fargate\"\nwith = { task_definition = \"t\", env = { T = { secret = \"a\" } } }\n";
    let bad = load(VAULTS, task);
    assert!(codes(&bad.diagnostics).contains(&"secret"));
    assert!(
        said(&bad, &[]).contains("`secrets` of the task definition"),
        "{}",
        said(&bad, &[])
    );
}

#[test]
fn anything_else_reads_them_at_the_call() {
    let task = "[tasks.a]\nexecutor = \"process\"\nwith = { command = [\"x\"], env = { G = { secret = \"g\" }, A = { secret = \"a\" } } }\n";
    let good = load(VAULTS, task);
    assert_eq!(codes(&good.diagnostics), Vec::<&str>::new());
}

#[test]
fn every_secret_of_a_vault_has_one_identity_that_reads_it() {
    let two = "[connections.gcp2]\nkind = \"google\"\n";
    let named = VAULTS.replacen("secrets/s\"", "secrets/s\"\nconnection = \"gcp2\"", 1);
    let wrong = VAULTS.replacen("secrets/s\"", "secrets/s\"\nconnection = \"aws\"", 1);
    let only_secrets = "[secrets.g]\nfrom = \"gcp:projects/p/secrets/s\"\n";
    let no_aws = "[secrets.a]\nfrom = \"aws:db\"\n";
    for (project, expected) in [
        (format!("{VAULTS}{two}"), vec!["connection"]),
        (format!("{named}{two}"), vec![]),
        (wrong, vec!["connection"]),
        (only_secrets.to_owned(), vec![]),
        (no_aws.to_owned(), vec!["connection"]),
        (
            "[secrets.e]\nfrom = \"env:E\"\nconnection = \"gcp\"\n".to_owned(),
            vec!["bad_value"],
        ),
        (
            "[secrets.g]\nfrom = \"gcp:wrong\"\n".to_owned(),
            vec!["bad_value"],
        ),
    ] {
        let loaded = load(
            &project,
            "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"x\"]\n",
        );
        assert_eq!(
            codes(&loaded.diagnostics),
            expected,
            "{project}\n{}",
            said(&loaded, &[])
        );
    }
}

#[test]
fn a_binary_that_cannot_read_them_runs_no_dag_that_uses_them() {
    let project = "[secrets.g]\nfrom = \"gcp:projects/p/secrets/s\"\n";
    let task = "[tasks.a]\nexecutor = \"process\"\nwith = { command = [\"x\"], env = { G = { secret = \"g\" } } }\n";
    let loaded = load_by(&registry(), project, &[("dags/d.toml", task)], &[], None);
    assert_eq!(loaded.dags[0].definition.not_yet, ["secret `g` (gcp:)"]);
}
