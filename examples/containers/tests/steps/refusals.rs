//! What a step refuses: a wrong environment, a missing input, a table that does not hold what it should.

use crate::stand_in::{C8, CF, EMAIL, Night, program, text};

const STEPS: [&str; 10] = [
    "start-collect",
    "crawl",
    "map",
    "convert",
    "python-convert",
    "map-hai",
    "filter",
    "converter",
    "tag",
    "dataform",
];

#[test]
fn a_missing_tenant_or_ingestion_id_ends_every_step_with_exit_1() {
    for step in STEPS {
        for (given, value, missing) in [
            ("TENANT_CODE", "c8cd3500", "BSDA"),
            ("BSDA", "20251107140000", "TENANT_CODE"),
        ] {
            let output = program(step).env(given, value).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{step}");
            assert_eq!(
                text(&output.stderr),
                format!("{step}: {missing} is not set\n")
            );
        }
    }
}

#[test]
fn an_ingestion_id_of_8_or_14_digits_is_taken_and_any_other_refused() {
    for refused in [
        "2025110714",
        "2025110714000Z",
        "20251107140000 ",
        "202511071400000",
        "２０２５１１０７",
    ] {
        let message = Night::of(C8).refusal("crawl", &[("BSDA", refused)]);
        assert!(message.contains("8 or 14 digits"), "{message}");
    }
    for taken in ["20251107", "20251107140000"] {
        Night::of(C8).step("crawl", &[("BSDA", taken)]);
    }
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let message = Night::of(C8).refusal("crawl", &[("BSDA", "")]);
    assert_eq!(message, "crawl: BSDA is not set\n");
    Night::of(C8).step("crawl", &[("FILE_ID", ""), ("SOURCE_ID", "")]);
}

#[test]
fn a_name_that_would_leave_the_bucket_is_refused() {
    for name in [
        "TENANT_CODE",
        "FILE_ID",
        "PROMPT_ID",
        "SOURCE_TYPE",
        "SOURCE_ID",
    ] {
        let message = Night::of(C8).refusal("crawl", &[(name, "../elsewhere")]);
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn a_step_before_its_turn_says_what_is_missing_and_which_step_makes_it() {
    let turns = [
        ("map", "crawl"),
        ("convert", "map"),
        ("python-convert", "convert"),
        ("map-hai", "convert"),
        ("filter", "map"),
        ("converter", "filter"),
        ("tag", "converter"),
        ("dataform", "tag"),
    ];
    let night = Night::of(CF);
    let nothing = night.refusal("map", &[]);
    assert!(nothing.contains("`crawl` has not run"), "{nothing}");
    night.step("start-collect", &[]);
    for (step, made_by) in turns {
        let message = night.refusal(step, &[]);
        assert!(
            message.contains(&format!("`{made_by}` has")),
            "{step}: {message}"
        );
    }
}

#[test]
fn registering_fails_when_there_is_no_hai_file() {
    let night = Night::of(C8);
    night.steps(&["crawl", "map"], &EMAIL);
    let message = night.refusal("map-hai", &EMAIL);
    assert!(message.contains("no *_HAI.csv"), "{message}");
    assert!(!night.file("email/s12bf560", "hai_register.json").exists());
}

#[test]
fn an_unknown_tenant_or_source_has_no_drive() {
    let message = Night::of(C8).refusal("crawl", &[("TENANT_CODE", "c0000000")]);
    assert!(message.contains("no source"), "{message}");
    let message = Night::of(C8).refusal("crawl", &[("SOURCE_ID", "s0000000")]);
    assert!(message.contains("SOURCE_ID=s0000000"), "{message}");
}

#[test]
fn a_table_whose_sum_is_not_what_the_sheet_states_fails_validation() {
    let night = Night::of(CF);
    night.steps(&["crawl", "map", "convert"], &[]);
    let table = night.file("shared_drive/se19a4e4", "DEFECTS_BY_LINE_20251107_HAI.csv");
    let bytes = std::fs::read_to_string(&table).unwrap();
    std::fs::write(&table, bytes.replace(",36,", ",37,")).unwrap();
    let message = night.refusal("python-convert", &[]);
    assert!(
        message.contains("the rows of `defects` sum to 77, the sheet states 76"),
        "{message}"
    );
}

#[test]
fn a_table_with_a_row_too_few_fails_validation() {
    let night = Night::of(CF);
    night.steps(&["crawl", "map", "convert"], &[]);
    let table = night.file("shared_drive/se19a4e4", "FORM_TEMPLATE_20251107_HAI.csv");
    std::fs::write(&table, "라인,품목,수량\n").unwrap();
    let message = night.refusal("python-convert", &[]);
    assert!(message.contains("0 rows, 1 recorded"), "{message}");
}

#[test]
fn a_sheet_without_a_header_fails_the_conversion_and_the_others_are_done() {
    let night = Night::of(CF);
    night.steps(&["crawl", "map"], &[]);
    std::fs::write(
        night.file("shared_drive/se19a4e4", "PURCHASE_LEDGER_20251107.csv"),
        "1,2\n3,4\n",
    )
    .unwrap();
    let message = night.refusal("convert", &[]);
    assert!(
        message.contains("1 of 5 sheets could not be converted"),
        "{message}"
    );
    assert!(
        night
            .file(
                "shared_drive/se19a4e4",
                "PRODUCTION_RESULT_20251107_HAI.csv"
            )
            .exists()
    );
}

#[test]
fn a_load_file_cut_short_is_not_reported() {
    let night = Night::of(CF);
    night.whole();
    let load = night.file("shared_drive/se19a4e4", "load/PRODUCTION_RESULT_HAI.jsonl");
    std::fs::write(&load, "{}\n").unwrap();
    let message = night.refusal("dataform", &[]);
    assert!(message.contains("1 lines, 5 in the manifest"), "{message}");
}

#[test]
fn a_wrong_command_line_exits_2_and_names_the_steps() {
    for wrong in ["convrt", ""] {
        let output = program(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("python-convert, map-hai"));
    }
}
