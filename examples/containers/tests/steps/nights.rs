//! Whole nights of both tenants against the tables, load files and reports that must come out.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stand_in::{C8, CF, Night, SHARED_DRIVE, text};

fn expected(night: &Night) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/expected")
        .join(night.tenant.code)
}

/// Compares each file that stands in `expected` with the one of the same name that was made; gives their number.
fn compared(expected: &Path, made: &Path) -> usize {
    let mut number = 0;
    for entry in std::fs::read_dir(expected).unwrap() {
        let entry = entry.unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(
            read(&made.join(entry.file_name())),
            read(&entry.path()),
            "{}",
            entry.path().display()
        );
        number += 1;
    }
    number
}

fn report(night: &Night) -> PathBuf {
    night.bucket().join("report").join(night.tenant.bsda)
}

fn reasons(filter: &Value) -> Vec<(&str, &str)> {
    let dropped = filter["dropped"].as_array().unwrap();
    dropped
        .iter()
        .map(|file| {
            (
                file["file_id"].as_str().unwrap(),
                file["why"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_night_of_c8cd3500_makes_the_expected_tables_load_files_and_report() {
    let night = Night::of(C8);
    night.whole();
    let expected = expected(&night);
    let drive = night.file("shared_drive/sbb4e91e", "");
    assert_eq!(compared(&expected.join("tables"), &drive), 5);
    let load = night.file("email/s12bf560", "load");
    assert_eq!(compared(&expected.join("load"), &load), 5);
    assert_eq!(compared(&expected.join("report"), &report(&night)), 1);
}

#[test]
fn a_night_of_cf526000_makes_the_expected_tables_load_files_and_report() {
    let night = Night::of(CF);
    night.whole();
    let expected = expected(&night);
    let drive = night.file("shared_drive/se19a4e4", "");
    assert_eq!(compared(&expected.join("tables"), &drive), 5);
    assert_eq!(compared(&expected.join("load"), &drive.join("load")), 3);
    assert_eq!(compared(&expected.join("report"), &report(&night)), 1);
}

#[test]
fn the_filter_says_why_it_drops_a_file() {
    let night = Night::of(CF);
    night.whole();
    let filter = night.json("shared_drive/se19a4e4", "filter_result.json");
    let reasons = reasons(&filter);
    assert!(reasons.contains(&("FORM_TEMPLATE", "an empty form with example rows")));
    assert!(reasons.contains(&("EQUIPMENT_LOG_HAI", "empty table")));
    assert!(reasons.contains(&("PURCHASE_LEDGER", "PURCHASE_LEDGER_HAI stands for it")));
    assert_eq!(filter["kept"].as_array().unwrap().len(), 3);
}

#[test]
fn the_shared_drive_chain_of_c8cd3500_does_not_depend_on_the_conversion_beside_it() {
    let (before, after) = (Night::of(C8), Night::of(C8));
    for night in [&before, &after] {
        night.steps(&["crawl", "map"], &SHARED_DRIVE);
    }
    after.step("convert", &[]);
    let result = |night: &Night| {
        night.step("filter", &SHARED_DRIVE);
        night.json("shared_drive/sbb4e91e", "filter_result.json")
    };
    assert_eq!(result(&before), result(&after));
}

#[test]
fn the_result_of_a_step_goes_where_the_engine_asks_for_it() {
    let night = Night::of(CF);
    night.step("crawl", &[]);
    night.step("map", &[]);
    let result = night.step("convert", &[]);
    let expected = json!({
        "status": "success", "step": "convert", "tenant_code": "cf526000", "ingestion_id": "20251107120000",
        "total": 5, "succeeded": 5, "failed": 0, "empty": 1,
    });
    assert_eq!(result, expected);
}

#[test]
fn a_source_without_sheets_still_gives_an_empty_one() {
    let drives = tempfile::TempDir::new().unwrap();
    std::fs::create_dir_all(drives.path().join("cf526000/shared_drive/se19a4e4")).unwrap();
    let night = Night {
        samples: drives.path().to_owned(),
        ..Night::of(CF)
    };
    night.step("crawl", &[]);
    let source = "shared_drive/se19a4e4";
    assert_eq!(
        std::fs::read(night.file(source, "NO_DATA_20251107.csv")).unwrap(),
        b""
    );
    assert_eq!(night.json(source, "crawl_manifest.json")["no_data"], true);
    night.steps(&["map", "filter", "converter", "tag", "dataform"], &[]);
    assert_eq!(night.json(source, "load_manifest.json")["files"], json!([]));
}

#[test]
fn a_step_that_lasts_prints_its_progress() {
    let night = Night::of(CF);
    let output = night.attempt("crawl", &[("STEP_SECONDS", "0.05")]);
    let printed = text(&output.stdout);
    assert!(
        printed.contains("of 0.1 s") || printed.contains("of 0.0 s"),
        "{printed}"
    );
    assert!(
        printed.contains("shared_drive/se19a4e4: copied 5 sheets"),
        "{printed}"
    );
}
