//! `FILE_ID`, `PROMPT_ID`, `SOURCE_TYPE` and `SOURCE_ID` narrow a step; without them it takes everything.

use crate::stand_in::{C8, EMAIL, Night, SHARED_DRIVE};

fn mapped() -> Night {
    let night = Night::of(C8);
    night.steps(&["crawl", "map"], &SHARED_DRIVE);
    night
}

fn tables(night: &Night) -> Vec<String> {
    let paths = night.everything().into_keys();
    let names = paths.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    names.filter(|name| name.ends_with("_HAI.csv")).collect()
}

#[test]
fn a_file_id_converts_that_file_only() {
    let night = mapped();
    night.step("convert", &[("FILE_ID", "WEEKLY_PROFIT_AND_LOSS")]);
    assert_eq!(tables(&night), ["WEEKLY_PROFIT_AND_LOSS_20251107_HAI.csv"]);
    assert_eq!(night.step("map-hai", &[])["registered"], 1);
}

#[test]
fn a_file_id_leaves_the_other_tables_as_they_are() {
    let night = mapped();
    night.step("convert", &[]);
    let all = night.everything();
    night.step("convert", &[("FILE_ID", "WEEKLY_PROFIT_AND_LOSS")]);
    assert_eq!(all, night.everything());
}

#[test]
fn a_prompt_id_converts_the_files_of_that_prompt() {
    let night = mapped();
    assert_eq!(
        night.step("convert", &[("PROMPT_ID", "daily_sales")])["total"],
        1
    );
    assert_eq!(tables(&night), ["DAILY_PRODUCT_SALES_20251107_HAI.csv"]);
}

#[test]
fn a_file_id_that_selects_nothing_fails_the_conversion() {
    let night = mapped();
    let message = night.refusal("convert", &[("FILE_ID", "NO_SUCH_FILE")]);
    assert_eq!(
        message,
        "convert: FILE_ID=NO_SUCH_FILE selects none of the sheets to convert\n"
    );
}

#[test]
fn the_filter_drops_what_is_not_of_the_prompt() {
    let night = mapped();
    assert_eq!(
        night.step("filter", &[("PROMPT_ID", "daily_sales")])["kept"],
        1
    );
    let result = night.json("shared_drive/sbb4e91e", "filter_result.json");
    assert_eq!(result["kept"][0]["file_id"], "DAILY_PRODUCT_SALES");
    assert_eq!(result["dropped"][1]["why"], "not of PROMPT_ID=daily_sales");
}

#[test]
fn a_source_is_crawled_alone_and_without_one_all_are() {
    let night = Night::of(C8);
    assert_eq!(night.step("crawl", &EMAIL)["files"], 2);
    assert!(!night.bucket().join("shared_drive").exists());
    assert_eq!(night.step("crawl", &[])["files"], 7);
}

#[test]
fn hai_files_of_another_source_are_registered_where_the_step_is_told() {
    let night = mapped();
    night.step("convert", &[]);
    night.steps(&["crawl", "map", "map-hai"], &EMAIL);
    let register = night.json("email/s12bf560", "hai_register.json");
    let object = "shared_drive/sbb4e91e/20251107140000/WEEKLY_PROFIT_AND_LOSS_20251107_HAI.csv";
    assert_eq!(register["files"][4]["object"], object);
    assert!(
        !night
            .file("shared_drive/sbb4e91e", "hai_register.json")
            .exists()
    );
}
