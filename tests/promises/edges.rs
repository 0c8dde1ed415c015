//! The two DAG files are the pipelines of the reference, section 6: the same graph, times, jobs and variables.

use std::collections::BTreeSet;

use noctule_core::dag::{Dag, Definition};
use noctule_core::desk::Desk;
use noctule_core::run::{Actor, Intent, NewRun, Port, Previous, TaskRunIx, Trigger, create};
use noctule_core::source::{Loaded, resolve_params};
use noctule_executor::Wait;
use serde_json::{Map, Value};

use crate::project::{ATEC, LLM_TASK, TRINITYSPA, Tenant, instant, load, registry};

/// Section 6.2: one source, one chain.
const ATEC_EDGES: [(&str, &str); 6] = [
    ("crawler", "fileid_mapping"),
    ("fileid_mapping", "llm_convert_batch"),
    ("llm_convert_batch", "fileid_mapping_hai"),
    ("fileid_mapping_hai", "filter"),
    ("filter", "converter"),
    ("converter", "tag"),
];

/// Section 6.1: two sources; the tables of the shared drive beside the conversion, the e-mail after it.
const TRINITYSPA_EDGES: [(&str, &str); 15] = [
    ("sd_start_collect", "sd_crawler"),
    ("sd_crawler", "sd_fileid_mapping"),
    ("sd_fileid_mapping", "llm_convert_batch"),
    ("llm_convert_batch", "python_converter"),
    ("sd_fileid_mapping", "sd_filter"),
    ("sd_filter", "sd_converter"),
    ("sd_converter", "sd_tag"),
    ("python_converter", "em_crawler"),
    ("em_crawler", "em_fileid_mapping"),
    ("em_fileid_mapping", "em_fileid_mapping_hai"),
    ("em_fileid_mapping_hai", "em_filter"),
    ("em_filter", "em_converter"),
    ("em_converter", "em_tag"),
    ("sd_tag", "trans_dataform"),
    ("em_tag", "trans_dataform"),
];

fn loaded(profile: &str) -> Loaded {
    load(profile, &[], &[ATEC.file, TRINITYSPA.file])
}

fn definition(tenant: Tenant) -> Definition {
    let dags = loaded("prod").dags.into_iter();
    let mut dags = dags.map(|dag| dag.definition);
    dags.find(|definition| definition.id.as_str() == tenant.dag)
        .unwrap()
}

fn edges_of(definition: &Definition) -> BTreeSet<(&str, &str)> {
    let all = definition.tasks.iter().flat_map(|task| {
        let to = task.name.as_str();
        task.depends_on.iter().map(move |from| (from.as_str(), to))
    });
    all.collect()
}

#[test]
fn the_edges_of_cf526000_are_those_of_the_reference() {
    let definition = definition(ATEC);
    assert_eq!(edges_of(&definition), BTreeSet::from(ATEC_EDGES));
    assert_eq!(definition.tasks.len(), 7);
}

#[test]
fn the_edges_of_c8cd3500_are_those_of_the_reference() {
    let definition = definition(TRINITYSPA);
    assert_eq!(edges_of(&definition), BTreeSet::from(TRINITYSPA_EDGES));
    assert_eq!(definition.tasks.len(), 15);
}

#[test]
fn both_files_load_without_a_word_under_every_profile() {
    for profile in ["local", "prod"] {
        let loaded = loaded(profile);
        let said: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(said, Vec::<String>::new(), "{profile}");
        let ids: Vec<_> = loaded
            .dags
            .iter()
            .map(|dag| dag.definition.id.as_str())
            .collect();
        assert_eq!(ids, [ATEC.dag, TRINITYSPA.dag], "{profile}");
        assert!(
            loaded
                .dags
                .iter()
                .all(|dag| dag.definition.not_yet.is_empty()),
            "{profile}"
        );
    }
}

#[test]
fn every_night_has_its_tick_and_its_ingestion_id() {
    for (tenant, cron, hour) in [(ATEC, "0 21 * * *", "12"), (TRINITYSPA, "0 23 * * *", "14")] {
        let dag = Dag::new(definition(tenant)).unwrap();
        let rule = dag.definition().schedule.as_ref().unwrap();
        assert_eq!(
            (rule.cron.as_slice(), rule.timezone.as_str()),
            ([cron.to_owned()].as_slice(), "Asia/Seoul")
        );
        let rule = dag.definition().ingestion.as_ref().unwrap();
        assert_eq!(rule.transform_schedule, [hour]);
        let tick = dag
            .schedule()
            .unwrap()
            .next_after(instant("2025-11-07T00:00:00Z"));
        assert_eq!(tick, Some(instant(tenant.tick)));
        assert_eq!(
            dag.ingestion_id(tick.unwrap()).unwrap().as_str(),
            tenant.bsda
        );
    }
}

#[test]
fn the_conversion_waits_with_block_in_cf526000_and_with_poll_in_c8cd3500() {
    for (tenant, wait) in [(ATEC, Wait::Block), (TRINITYSPA, Wait::Poll)] {
        let definition = definition(tenant);
        let conversion = definition
            .tasks
            .iter()
            .find(|task| task.name.as_str() == LLM_TASK)
            .unwrap();
        assert_eq!(conversion.wait, wait, "{}", tenant.code);
        assert_eq!(conversion.retries.max, 0, "{}", tenant.code);
        assert_eq!(
            conversion.timeout,
            Some(std::time::Duration::from_secs(3600)),
            "{}",
            tenant.code
        );
    }
}

#[test]
fn the_request_of_the_conversion_is_the_call_that_the_old_batch_made() {
    for tenant in [ATEC, TRINITYSPA] {
        for (given, more) in [
            (None, None),
            (Some(("file_id", "WEEKLY_PROFIT_AND_LOSS")), Some("FILE_ID")),
            (Some(("prompt_id", "weekly_summary")), Some("PROMPT_ID")),
        ] {
            let request = request(tenant, LLM_TASK, given);
            assert_eq!(
                request["url"],
                "https://run.googleapis.com/v2/projects/hyperlounge-dev/locations/asia-northeast1/jobs/\
                 claude-agent-sdk-batch-job:run"
            );
            let mut names = BTreeSet::from(["TENANT_CODE", "BSDA", "NOCTULE_ATTEMPT_KEY"]);
            names.extend(more);
            assert_eq!(variables(&request), names, "{}: {given:?}", tenant.code);
        }
    }
}

#[test]
fn every_step_is_told_its_tenant_its_date_and_its_source() {
    let tenant_wide = [LLM_TASK, "python_converter", "trans_dataform"];
    for tenant in [ATEC, TRINITYSPA] {
        for task in definition(tenant).tasks {
            let mut names = BTreeSet::from(["TENANT_CODE", "BSDA", "NOCTULE_ATTEMPT_KEY"]);
            if !tenant_wide.contains(&task.name.as_str()) {
                names.extend(["SOURCE_TYPE", "SOURCE_ID"]);
            }
            let request = request(tenant, task.name.as_str(), None);
            assert_eq!(variables(&request), names, "{}: {}", tenant.code, task.name);
        }
    }
}

fn variables(request: &Value) -> BTreeSet<&str> {
    let env = request
        .pointer("/body/overrides/containerOverrides/0/env")
        .unwrap();
    env.as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

/// The request that a run of the tick would send for a task, under the profile `prod`.
fn request(tenant: Tenant, task: &str, param: Option<(&str, &str)>) -> Value {
    let dag = Dag::new(definition(tenant)).unwrap();
    let project = loaded("prod").project.unwrap();
    let at = instant(tenant.tick);
    let given: Map<_, _> = param
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let by = Actor {
        name: "operator".to_owned(),
        via: "cli".to_owned(),
    };
    let new = NewRun {
        id: "r".parse().unwrap(),
        profile: project.profile.clone(),
        trigger: Trigger::Manual { by },
        ingestion_id: dag.ingestion_id(at).unwrap(),
        logical_time: at,
        params: resolve_params(dag.definition(), &given).unwrap(),
        vars: project.vars.clone(),
        previous: Previous::default(),
        callback: None,
    };
    let (run, _step) = create(&dag, new, at);
    let desk = Desk {
        registry: registry(),
        connections: project.connections,
        secrets: std::collections::BTreeMap::new(),
        store: "0123abcd".parse().unwrap(),
        public_url: None,
        traces: false,
    };
    let ix = TaskRunIx(dag.find(task).unwrap().0);
    let key = desk.key(&dag, &run, ix, 1);
    let intent = Intent {
        task: ix,
        number: 1,
        key: &key,
        at,
    };
    desk.prepare(&dag, &run, &intent).unwrap().request.0
}
