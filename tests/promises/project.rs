//! The project and the DAG files as they stand in this repository, loaded with the times of a test.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_cloud_run::{CloudRun, Pacing};
use noctule_core::source::{FileText, FlagSetting, Inputs, Loaded, load_project};
use noctule_executor::Registry;

/// The job that converts the spreadsheets; one serves every tenant.
pub(crate) const LLM_JOB: &str = "claude-agent-sdk-batch-job";
/// The task that runs it.
pub(crate) const LLM_TASK: &str = "llm_convert_batch";
/// The jobs of the steps around it.
pub(crate) const STEP_JOBS: [&str; 9] = [
    "start-collect",
    "crawler",
    "fileid-mapping",
    "python-converter",
    "hai-renamer",
    "filter",
    "converter",
    "tag",
    "trans-dataform",
];

const PROJECT: &str = include_str!("../../noctule.toml");

/// One of the two tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) code: &'static str,
    /// The id of its DAG.
    pub(crate) dag: &'static str,
    pub(crate) file: FileText<'static>,
    /// The tick of 7 November 2025.
    pub(crate) tick: &'static str,
    /// The ingestion id of that night.
    pub(crate) bsda: &'static str,
    /// What depends on the conversion, first to last.
    pub(crate) after_conversion: &'static [&'static str],
}

pub(crate) const ATEC: Tenant = Tenant {
    code: "cf526000",
    dag: "cf526000-20250926-1",
    file: FileText {
        path: "dags/cf526000.toml",
        text: include_str!("../../dags/cf526000.toml"),
    },
    tick: "2025-11-07T12:00:00Z",
    bsda: "20251107120000",
    after_conversion: &["fileid_mapping_hai", "filter", "converter", "tag"],
};

pub(crate) const TRINITYSPA: Tenant = Tenant {
    code: "c8cd3500",
    dag: "c8cd3500-20240517-1",
    file: FileText {
        path: "dags/c8cd3500.toml",
        text: include_str!("../../dags/c8cd3500.toml"),
    },
    tick: "2025-11-07T14:00:00Z",
    bsda: "20251107140000",
    after_conversion: &[
        "python_converter",
        "em_crawler",
        "em_fileid_mapping",
        "em_fileid_mapping_hai",
        "em_filter",
        "em_converter",
        "em_tag",
        "trans_dataform",
    ],
};

/// The executors of these tests: Cloud Run alone, asking more often than anybody would ask Google.
pub(crate) fn registry() -> Registry {
    let pacing = Pacing {
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(40),
        second_look: Duration::from_millis(20),
        ..Pacing::default()
    };
    // The project has connections of Postgres, too, for its other DAGs.
    Registry::new()
        .with(CloudRun::with_pacing(pacing))
        .with(noctule_postgres::Sql::new(
            &noctule_postgres::Databases::new(),
        ))
}

/// Settings that lead the connection to a simulator, and make quiet periods and polls short.
pub(crate) fn simulated(url: &str) -> Vec<FlagSetting> {
    [
        ("connections.gcp.endpoint", url),
        ("connections.gcp.auth", "anonymous"),
        (
            "connections.gcp.search_after",
            r#"["50ms", "100ms", "200ms", "300ms"]"#,
        ),
        ("defaults.poll_interval", "20ms"),
    ]
    .map(|(path, value)| FlagSetting {
        flag: format!("--{path}"),
        path: path.to_owned(),
        value: value.to_owned(),
    })
    .into()
}

/// Loads the project file with these DAG files.
pub(crate) fn load(profile: &str, flags: &[FlagSetting], dags: &[FileText<'_>]) -> Loaded {
    load_project(&Inputs {
        project: Some(FileText {
            path: "noctule.toml",
            text: PROJECT,
        }),
        dags,
        env: &BTreeMap::new(),
        flags,
        profile: Some(profile),
        registry: &registry(),
        now: instant("2025-11-07T00:00:00Z"),
    })
}

/// An instant as it is written.
pub(crate) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
