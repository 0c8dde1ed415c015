//! A step run again for the same ingestion id leaves what one run leaves.

use crate::stand_in::{C8, CF, EMAIL, Night};

#[test]
fn a_night_run_twice_is_the_same_byte_for_byte() {
    for tenant in [C8, CF] {
        let night = Night::of(tenant);
        night.whole();
        let once = night.everything();
        night.whole();
        assert_eq!(once, night.everything(), "{}", tenant.code);
    }
}

#[test]
fn nights_in_two_places_are_the_same_byte_for_byte() {
    let nights = [Night::of(C8), Night::of(C8)];
    let [one, other] = nights.each_ref().map(|night| {
        night.whole();
        let bucket = night.bucket();
        let named = night.everything().into_iter();
        named
            .map(|(path, bytes)| (path.strip_prefix(&bucket).unwrap().to_owned(), bytes))
            .collect::<Vec<_>>()
    });
    assert_eq!(one, other);
}

#[test]
fn three_runs_of_the_renamer_leave_one_record_a_file() {
    let night = Night::of(C8);
    night.whole();
    (0..3).for_each(|_| drop(night.step("map-hai", &EMAIL)));
    let register = night.json("email/s12bf560", "hai_register.json");
    let files = register["files"].as_array().unwrap();
    let mut ids: Vec<_> = files
        .iter()
        .map(|file| file["file_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 5);
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert!(files.iter().all(|file| file["status"] == "success"));
}

#[test]
fn nights_of_two_dates_stand_side_by_side() {
    let night = Night::of(CF);
    night.whole();
    let first = night.everything();
    let next = [("BSDA", "20251108120000")];
    night.steps(&["crawl", "map", "convert"], &next);
    let all = night.everything();
    assert!(first.iter().all(|(path, bytes)| all[path] == *bytes));
    let table = "shared_drive/se19a4e4/20251108120000/PRODUCTION_RESULT_20251108_HAI.csv";
    assert!(night.bucket().join(table).is_file());
}

#[test]
fn a_sheet_gone_from_the_drive_goes_with_its_table_at_the_next_crawl() {
    let drives = tempfile::TempDir::new().unwrap();
    let source = drives.path().join("cf526000/shared_drive/se19a4e4");
    std::fs::create_dir_all(&source).unwrap();
    for name in ["STAYS.csv", "GOES.csv"] {
        std::fs::write(source.join(name), "Item,Qty\nA,1\n").unwrap();
    }
    let known =
        r#"[{"file_id": "STAYS", "prompt_id": "p"}, {"file_id": "GOES", "prompt_id": "p"}]"#;
    std::fs::write(drives.path().join("cf526000/ontology.json"), known).unwrap();
    let night = Night {
        samples: drives.path().to_owned(),
        ..Night::of(CF)
    };
    night.whole();
    assert!(
        night
            .file("shared_drive/se19a4e4", "load/GOES_HAI.jsonl")
            .exists()
    );
    std::fs::remove_file(source.join("GOES.csv")).unwrap();
    night.whole();
    let left = night.everything();
    assert!(
        left.keys()
            .all(|path| !path.to_string_lossy().contains("GOES")),
        "{:?}",
        left.keys()
    );
}

#[test]
fn no_step_leaves_a_half_written_file() {
    let night = Night::of(C8);
    night.whole();
    let parts = night
        .everything()
        .into_keys()
        .filter(|path| path.to_string_lossy().ends_with(".part"));
    assert_eq!(parts.count(), 0);
}
