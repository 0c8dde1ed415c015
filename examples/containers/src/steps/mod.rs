//! The steps of a night, one a container, and how each is run.
//!
//! A step prints a few lines on what it did, and leaves its result where `NOCTULE_OUTPUT` points when that is set;
//! a step that fails leaves no result.

mod collect;
mod convert;
mod crawl;
mod filter;
mod hai;
mod load;
mod mapping;
mod report;
mod revalidate;
mod tag;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bucket::write_json;
use crate::error::StepError;
use crate::settings::Settings;

/// One container of the night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    StartCollect,
    Crawl,
    Map,
    Convert,
    PythonConvert,
    MapHai,
    Filter,
    Converter,
    Tag,
    Dataform,
}

impl Step {
    pub const ALL: [Self; 10] = [
        Self::StartCollect,
        Self::Crawl,
        Self::Map,
        Self::Convert,
        Self::PythonConvert,
        Self::MapHai,
        Self::Filter,
        Self::Converter,
        Self::Tag,
        Self::Dataform,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::StartCollect => "start-collect",
            Self::Crawl => "crawl",
            Self::Map => "map",
            Self::Convert => "convert",
            Self::PythonConvert => "python-convert",
            Self::MapHai => "map-hai",
            Self::Filter => "filter",
            Self::Converter => "converter",
            Self::Tag => "tag",
            Self::Dataform => "dataform",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    fn work(self, settings: &Settings) -> Result<Done, StepError> {
        match self {
            Self::StartCollect => collect::start(settings),
            Self::Crawl => crawl::copy_drives(settings),
            Self::Map => mapping::give_file_ids(settings),
            Self::Convert => convert::rewrite_sheets(settings),
            Self::PythonConvert => revalidate::check_tables(settings),
            Self::MapHai => hai::register_files(settings),
            Self::Filter => filter::choose_files(settings),
            Self::Converter => load::write_load_files(settings),
            Self::Tag => tag::tag_files(settings),
            Self::Dataform => report::summarise(settings),
        }
    }
}

/// What a step did: lines for people, the result for the engine.
struct Done {
    lines: Vec<String>,
    result: Value,
}

/// Runs one step and prints what it did.
///
/// # Errors
/// When the input is missing or wrong, or a file cannot be read or written.
pub fn run(step: Step, settings: &Settings, out: &mut impl Write) -> Result<(), StepError> {
    let (tenant, id) = (&settings.tenant_code, settings.ingestion_id.as_str());
    say(
        out,
        &format!(
            "{}: {tenant} {id}, {}",
            step.name(),
            settings.selection.describe()
        ),
    )?;
    last(step, settings.lasting, out)?;
    let done = step.work(settings)?;
    for line in &done.lines {
        say(out, &format!("  {line}"))?;
    }
    let Some(path) = &settings.output else {
        return Ok(());
    };
    let mut result = json!({ "status": "success", "step": step.name(), "tenant_code": tenant, "ingestion_id": id });
    if let (Some(all), Value::Object(own)) = (result.as_object_mut(), done.result) {
        all.extend(own);
    }
    write_json(path, &result)
}

/// Pretends to work for a while: a line of progress a second, or ten in all when it lasts longer.
fn last(step: Step, lasting: Duration, out: &mut impl Write) -> Result<(), StepError> {
    let pace = (lasting / 10).max(Duration::from_secs(1));
    let mut spent = Duration::ZERO;
    while spent < lasting {
        let rest = pace.min(lasting - spent);
        std::thread::sleep(rest);
        spent += rest;
        say(
            out,
            &format!(
                "  {}: {:.1} of {:.1} s",
                step.name(),
                spent.as_secs_f64(),
                lasting.as_secs_f64()
            ),
        )?;
    }
    Ok(())
}

fn say(out: &mut impl Write, line: &str) -> Result<(), StepError> {
    writeln!(out, "{line}").map_err(StepError::io(Path::new("stdout")))
}
