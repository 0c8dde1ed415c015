//! Whole nights with real containers: the simulator runs the stand-ins, and the files they leave are those of the batch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use noctule_cloud_run::simulator::{JobConfig, JobScript};
use noctule_core::ask::{Answer, Wish};
use noctule_core::run::Run;

use crate::project::{ATEC, TRINITYSPA, Tenant, load};
use crate::running::word;
use crate::stage::Stage;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The program of the stand-ins. A build of the whole workspace puts it beside this test; else it is built now.
fn nightly_step() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("nightly-step");
    if !program.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--locked",
            "--package",
            "noctule-example-containers",
            "--bin",
            "nightly-step",
        ]);
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        assert!(
            cargo.current_dir(ROOT).status().unwrap().success(),
            "the stand-ins cannot be built"
        );
    }
    program
}

/// The containers of the profile `local`, over a bucket of this test.
fn containers(bucket: &Path) -> Vec<(String, JobScript)> {
    let program = nightly_step().to_str().unwrap().to_owned();
    let variables = BTreeMap::from([
        (
            "SAMPLES_DIR".to_owned(),
            format!("{ROOT}/examples/containers/samples"),
        ),
        ("DATA_DIR".to_owned(), bucket.to_str().unwrap().to_owned()),
    ]);
    let jobs = load("local", &[], &[]).project.unwrap().simulator;
    assert!(!jobs.is_empty());
    let container = |(name, job): (String, noctule_core::source::SimulatedJob)| {
        // The wrapper builds the program in release; here it is there already.
        let [_wrapper, step] = job.command.unwrap().try_into().unwrap();
        let config = JobConfig {
            command: vec![program.clone(), step],
            env: variables.clone(),
            ..JobConfig::default()
        };
        (name, JobScript::command(config))
    };
    jobs.into_iter().map(container).collect()
}

/// Where a source's files of a night stand.
fn night_of(bucket: &Path, tenant: Tenant, source: &str) -> PathBuf {
    let tenant_bucket = format!("hyperlounge-{}-foldersync", tenant.code);
    bucket.join(tenant_bucket).join(source).join(tenant.bsda)
}

/// The converted tables in a folder, with their bytes.
fn tables(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    let tables = named.filter(|(name, _)| name.ends_with("_HAI.csv"));
    tables
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

/// What must come of a tenant's samples.
fn expected(tenant: Tenant) -> PathBuf {
    let expected = Path::new(ROOT).join("examples/containers/tests/expected");
    expected.join(tenant.code)
}

fn assert_all_succeeded(run: &Run) {
    let unhappy = run
        .tasks
        .iter()
        .filter(|task| task.state.word() != "succeeded");
    let unhappy: Vec<_> = unhappy.map(|task| &task.attempts).collect();
    assert!(
        word(run) == "succeeded" && unhappy.is_empty(),
        "{unhappy:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_of_cf526000_makes_every_hai_table_and_loads_it() {
    let bucket = tempfile::tempdir().unwrap();
    let stage = Stage::open("local", &[ATEC.file], containers(bucket.path())).await;
    let engine = stage.start_before(ATEC.tick).await;
    let run = engine.scheduled(ATEC.dag).await;
    assert_all_succeeded(&engine.over(&run).await);
    let drive = night_of(bucket.path(), ATEC, "shared_drive/se19a4e4");
    let made = tables(&drive);
    assert_eq!(made.len(), 5);
    assert!(
        made == tables(&expected(ATEC).join("tables")),
        "{:?}",
        made.keys()
    );
    assert!(
        drive.join("load/PURCHASE_LEDGER_HAI.jsonl").exists() && drive.join("tags.json").exists()
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_of_c8cd3500_makes_every_hai_table_and_its_report() {
    let bucket = tempfile::tempdir().unwrap();
    let stage = Stage::open("local", &[TRINITYSPA.file], containers(bucket.path())).await;
    let engine = stage.start_before(TRINITYSPA.tick).await;
    let run = engine.scheduled(TRINITYSPA.dag).await;
    assert_all_succeeded(&engine.over(&run).await);
    let drive = night_of(bucket.path(), TRINITYSPA, "shared_drive/sbb4e91e");
    let made = tables(&drive);
    assert_eq!(made.len(), 5);
    assert!(
        made == tables(&expected(TRINITYSPA).join("tables")),
        "{:?}",
        made.keys()
    );
    let mail = night_of(bucket.path(), TRINITYSPA, "email/s12bf560");
    assert!(mail.join("load/WEEKLY_PROFIT_AND_LOSS_HAI.jsonl").exists());
    let report = night_of(bucket.path(), TRINITYSPA, "report").join("report.json");
    let report = std::fs::read_to_string(report).unwrap();
    let expected = expected(TRINITYSPA).join("report/report.json");
    assert_eq!(report, std::fs::read_to_string(expected).unwrap());
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_file_id_only_that_file_is_converted() {
    let bucket = tempfile::tempdir().unwrap();
    let stage = Stage::open("local", &[TRINITYSPA.file], containers(bucket.path())).await;
    let engine = stage.start().await;
    let one = [("file_id", "WEEKLY_PROFIT_AND_LOSS")];
    let run = engine
        .trigger_with(TRINITYSPA.dag, &one, Some(TRINITYSPA.bsda))
        .await
        .unwrap();
    assert_all_succeeded(&engine.over(&run).await);
    let drive = night_of(bucket.path(), TRINITYSPA, "shared_drive/sbb4e91e");
    let names: Vec<_> = tables(&drive).into_keys().collect();
    assert_eq!(names, ["WEEKLY_PROFIT_AND_LOSS_20251107_HAI.csv"]);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_runs_of_the_renamer_leave_one_record_for_each_file() {
    let bucket = tempfile::tempdir().unwrap();
    let stage = Stage::open("local", &[ATEC.file], containers(bucket.path())).await;
    let engine = stage.start().await;
    let id = engine
        .trigger_with(ATEC.dag, &[], Some(ATEC.bsda))
        .await
        .unwrap();
    assert_all_succeeded(&engine.over(&id).await);
    let register = night_of(bucket.path(), ATEC, "shared_drive/se19a4e4").join("hai_register.json");
    let first = std::fs::read_to_string(&register).unwrap();
    for round in [2, 3] {
        let again = Wish::Retry {
            run: id.clone(),
            tasks: vec!["fileid_mapping_hai".parse().unwrap()],
            downstream: false,
            all: false,
            reason: None,
            definition: noctule_core::ask::Take::Pinned,
        };
        let answer = engine.ask(again).await;
        assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
        let over = |run: &Run| run.round == round && run.is_over();
        assert_all_succeeded(&engine.until("the renamer ran again", &id, over).await);
    }
    assert_eq!(stage.executions_of("hai-renamer").len(), 3);
    assert_eq!(std::fs::read_to_string(&register).unwrap(), first);
    engine.drain().await;
}
