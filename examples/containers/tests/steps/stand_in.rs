//! Runs `nightly-step` in a bucket of its own, with nothing in the environment but what a test gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const C8: Tenant = Tenant {
    code: "c8cd3500",
    bsda: "20251107140000",
};
pub(crate) const CF: Tenant = Tenant {
    code: "cf526000",
    bsda: "20251107120000",
};

pub(crate) const SHARED_DRIVE: [(&str, &str); 2] =
    [("SOURCE_TYPE", "shared_drive"), ("SOURCE_ID", "sbb4e91e")];
pub(crate) const EMAIL: [(&str, &str); 2] = [("SOURCE_TYPE", "email"), ("SOURCE_ID", "s12bf560")];

#[derive(Clone, Copy)]
pub(crate) struct Tenant {
    pub(crate) code: &'static str,
    pub(crate) bsda: &'static str,
}

/// One tenant's night in a temporary folder.
pub(crate) struct Night {
    pub(crate) tenant: Tenant,
    pub(crate) data: TempDir,
    pub(crate) samples: PathBuf,
}

impl Night {
    pub(crate) fn of(tenant: Tenant) -> Self {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
        Self {
            tenant,
            data: TempDir::new().unwrap(),
            samples,
        }
    }

    /// Runs a step and leaves the verdict to the caller.
    pub(crate) fn attempt(&self, step: &str, env: &[(&str, &str)]) -> Output {
        program(step)
            .envs([
                ("TENANT_CODE", self.tenant.code),
                ("BSDA", self.tenant.bsda),
            ])
            .env("DATA_DIR", self.data.path())
            .env("SAMPLES_DIR", &self.samples)
            .env("NOCTULE_OUTPUT", self.output())
            .envs(env.iter().copied())
            .output()
            .unwrap()
    }

    /// Runs a step that must succeed and gives its result.
    pub(crate) fn step(&self, step: &str, env: &[(&str, &str)]) -> Value {
        let output = self.attempt(step, env);
        assert!(output.status.success(), "{step}: {}", text(&output.stderr));
        let result = serde_json::from_slice(&std::fs::read(self.output()).unwrap()).unwrap();
        std::fs::remove_file(self.output()).unwrap();
        result
    }

    /// Runs steps that must succeed, one after the other.
    pub(crate) fn steps(&self, steps: &[&str], env: &[(&str, &str)]) {
        for step in steps {
            self.step(step, env);
        }
    }

    /// Runs a step that must fail with exit code 1 and gives its message.
    pub(crate) fn refusal(&self, step: &str, env: &[(&str, &str)]) -> String {
        let output = self.attempt(step, env);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{step}: {}",
            text(&output.stdout)
        );
        assert!(!self.output().exists(), "{step} failed and left a result");
        text(&output.stderr)
    }

    /// The steps of the tenant's DAG, in its order.
    pub(crate) fn whole(&self) {
        if self.tenant.code == CF.code {
            self.steps(
                &[
                    "start-collect",
                    "crawl",
                    "map",
                    "convert",
                    "map-hai",
                    "filter",
                    "converter",
                    "tag",
                    "dataform",
                ],
                &[],
            );
            return;
        }
        self.steps(&["start-collect", "crawl", "map"], &SHARED_DRIVE);
        self.steps(&["convert", "python-convert"], &[]);
        self.steps(&["filter", "converter", "tag"], &SHARED_DRIVE);
        self.steps(
            &["crawl", "map", "map-hai", "filter", "converter", "tag"],
            &EMAIL,
        );
        self.step("dataform", &[]);
    }

    pub(crate) fn bucket(&self) -> PathBuf {
        self.data
            .path()
            .join(format!("hyperlounge-{}-foldersync", self.tenant.code))
    }

    /// A file of an ingestion folder, such as `email/s12bf560`, `tags.json`.
    pub(crate) fn file(&self, source: &str, name: &str) -> PathBuf {
        self.bucket().join(source).join(self.tenant.bsda).join(name)
    }

    pub(crate) fn json(&self, source: &str, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(source, name)).unwrap()).unwrap()
    }

    /// Every file of the bucket with its bytes.
    pub(crate) fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        gather(&self.bucket(), &mut found);
        found
    }

    fn output(&self) -> PathBuf {
        self.data.path().join("result.json")
    }
}

/// The program with an empty environment.
pub(crate) fn program(step: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightly-step"));
    command.arg(step).env_clear();
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn gather(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, found);
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}
