//! The two example files of the format: every key that stands there is read.

use noctule_core::dag::{Catchup, HoldUntil, TriggerRule};
use noctule_executor::{ErrorClass, Wait};
use std::time::Duration;

use super::stand_ins::{assert_good, load_all};

pub(crate) const PROJECT: &str = include_str!("texts/noctule.toml");
pub(crate) const DAG: &str = include_str!("texts/dag.toml");

#[test]
fn the_example_files_load_and_say_what_is_not_built() {
    let loaded = load_all(PROJECT, &[("dags/example.toml", DAG)]);
    assert_good(&loaded);
    let dag = &loaded.dags[0].definition;
    assert_eq!(
        dag.not_yet,
        ["executor `fargate`", "executor `sql`"],
        "runs are refused for what they would need"
    );
    let codes: Vec<_> = loaded
        .diagnostics
        .remarks()
        .filter(|remark| &*remark.file == "dags/example.toml")
        .map(|remark| remark.code)
        .collect();
    assert!(codes.iter().all(|code| *code == "not_yet"), "{codes:?}");
    let keys = ["`fargate`", "`sql`"];
    let said: Vec<_> = loaded
        .diagnostics
        .remarks()
        .map(|remark| remark.message.as_str())
        .collect();
    for key in keys {
        assert!(
            said.iter().any(|message| message.contains(key)),
            "nothing is said of {key}: {said:#?}"
        );
    }
}

#[test]
fn the_values_of_the_example_arrive() {
    let loaded = load_all(PROJECT, &[("dags/example.toml", DAG)]);
    let dag = &loaded.dags[0].definition;
    assert_eq!(dag.id.as_str(), "cf526000-20250926-1");
    assert_eq!(dag.owner.as_deref(), Some("data-platform"));
    assert_eq!(dag.timeout, Some(Duration::from_secs(12 * 3600)));
    let schedule = dag.schedule.as_ref().unwrap();
    assert_eq!(
        (schedule.cron[0].as_str(), schedule.timezone.as_str()),
        ("0 21 * * *", "Asia/Seoul")
    );
    assert_eq!(schedule.catchup, Catchup::Latest);
    assert_eq!(dag.ingestion.as_ref().unwrap().transform_schedule, ["12"]);
    let task = |name: &str| {
        dag.tasks
            .iter()
            .find(|task| task.name.as_str() == name)
            .unwrap()
    };
    let batch = task("llm_convert_batch");
    assert_eq!(batch.wait, Wait::Block);
    assert_eq!(batch.with["job"], "claude-agent-sdk-batch-job");
    assert_eq!(
        batch.with["region"], "{{ vars.llm_region }}",
        "from [defaults.with.cloud_run] of the project"
    );
    assert_eq!(batch.total_timeout, Some(Duration::from_secs(3 * 3600)));
    let hai = task("fileid_mapping_hai");
    assert_eq!(
        (hai.retries.max, hai.retries.max_delay),
        (3, Duration::from_secs(600))
    );
    assert_eq!(
        hai.retries.on,
        [ErrorClass::Infrastructure, ErrorClass::NeverStarted]
    );
    assert_eq!(hai.trigger_rule, TriggerRule::AllSuccess);
    assert_eq!(
        hai.skip_when.as_deref(),
        Some("output.body.error == 'file not found'")
    );
    let group = task("variant");
    assert!(group.is_group() && group.map.is_some());
    assert_eq!(task("ad_copy_gen_kor").depends_on[0], group.name);
    let inner = task("variant.yolo_detect");
    assert_eq!(inner.within.as_ref(), Some(&group.name));
    assert_eq!(inner.depends_on[0].as_str(), "variant.vlm_analyze");
    let convert = task("convert").map.as_ref().unwrap();
    assert_eq!(convert.max_parallel, Some(5));
    assert_eq!(convert.key.as_deref(), Some("{{ item.file_id }}"));
    assert!(
        matches!(&task("container").hold_until, Some(HoldUntil::Tasks(users)) if users.len() == 1)
    );
}

#[test]
fn a_definition_hashes_alike_however_its_file_is_laid_out() {
    let one = load_all(
        "",
        &[(
            "a.toml",
            "id = \"x\"\n[tasks.a]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
        )],
    );
    let other = load_all(
        "",
        &[(
            "b.toml",
            "tasks.a = { with = { command = [\"true\"] }, executor = \"process\" } # same\nid = 'x'\n",
        )],
    );
    assert_eq!(
        one.dags[0].definition.hash(),
        other.dags[0].definition.hash()
    );
    assert_ne!(one.dags[0].text_hash, other.dags[0].text_hash);
}
