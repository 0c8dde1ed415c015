//! The mapped converter: every pair once, five at a time, what is missing apart from what has failed.

use serde_json::json;

use crate::stage::{CONVERTER, Stage};

const TABLES: &str = "CREATE TABLE file_ontology (file_id text PRIMARY KEY, tenant_code text, active boolean DEFAULT true, deleted boolean DEFAULT false);
    CREATE TABLE file_prompt_junction (file_id text, prompt_id text);
    INSERT INTO file_ontology SELECT 'FILE_' || n, 'c8cd3500' FROM generate_series(1, 27) n;
    INSERT INTO file_ontology VALUES ('OTHER', 'cf526000', true, false), ('OLD', 'c8cd3500', false, false), ('GONE', 'c8cd3500', true, true);
    INSERT INTO file_prompt_junction SELECT file_id, prompt_id FROM file_ontology, (VALUES ('daily'), ('weekly_summary')) p (prompt_id);
    INSERT INTO file_ontology VALUES ('LAST', 'c8cd3500', true, false);
    INSERT INTO file_prompt_junction VALUES ('LAST', 'daily'), ('LAST', 'weekly_summary'), ('LAST', 'daily')";

async fn stage() -> Stage {
    let stage = Stage::open(CONVERTER).await;
    stage.run(TABLES).await;
    stage
}

async fn convert(stage: &Stage) -> crate::running::Seen {
    let engine = stage.start().await;
    let params = json!({ "customer_code": "c8cd3500" });
    let params = params.as_object().cloned().unwrap();
    let run = engine.trigger("converter", params).await;
    let seen = engine.over(&run).await;
    engine.drain().await;
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pair_is_converted_once_and_five_are_in_it_at_a_time() {
    let stage = stage().await;
    let seen = convert(&stage).await;
    assert_eq!(seen.word(), "succeeded");
    let convert = seen.mapped("convert");
    let counts = ["items", "succeeded", "failed", "skipped"].map(|name| convert[name].clone());
    assert_eq!(
        counts,
        [json!(56), json!(56), json!(0), json!(0)],
        "{convert}"
    );
    let mut asked = stage.service.converter().conversions();
    assert_eq!(asked.len(), 56);
    let bsda = seen.run.facts.ingestion_id.as_str();
    assert!(
        asked
            .iter()
            .all(|one| one.bsda == bsda && one.tenant_code == "c8cd3500")
    );
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 56, "a pair was converted twice");
    let most = stage.service.converter().most_at_once();
    assert!((2..=5).contains(&most), "{most} at once");
    let last = seen.task("convert", Some("LAST/daily")).unwrap();
    assert_eq!(last["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_skipped_and_what_is_broken_fails_the_run() {
    let stage = stage().await;
    stage
        .run("UPDATE file_prompt_junction SET file_id = 'missing_1' WHERE file_id = 'FILE_1'; UPDATE file_ontology SET file_id = 'missing_1' WHERE file_id = 'FILE_1'")
        .await;
    let seen = convert(&stage).await;
    assert_eq!(seen.word(), "succeeded", "a skip is no failure");
    assert_eq!(seen.mapped("convert")["skipped"], json!(2));
    assert_eq!(seen.mapped("convert")["succeeded"], json!(54));
    stage
        .run("UPDATE file_prompt_junction SET file_id = 'broken_2' WHERE file_id = 'FILE_2' AND prompt_id = 'daily'; INSERT INTO file_ontology VALUES ('broken_2', 'c8cd3500', true, false)")
        .await;
    let seen = convert(&stage).await;
    assert_eq!(seen.word(), "failed");
    let convert = seen.mapped("convert");
    let counts = ["items", "succeeded", "failed", "skipped"].map(|name| convert[name].clone());
    assert_eq!(
        counts,
        [json!(56), json!(53), json!(1), json!(2)],
        "{convert}"
    );
    assert_eq!(seen.state("convert", Some("broken_2/daily")), "failed");
    assert_eq!(seen.state("convert", Some("missing_1/daily")), "skipped");
}
