//! What a run is given on the command line: parameters, nominal time, ingestion id. Checked before anything is called.

use std::io::Read;

use chrono::{DateTime, Utc};
use noctule_core::dag::Dag;
use noctule_core::source::resolve_params;
use noctule_core::ticks::IngestionId;
use serde_json::{Map, Value};

use crate::args::GivenArgs;
use crate::console::remark;
use crate::error::CliError;
use crate::output::printable;
use crate::surface::Surface;
use crate::times::{self, Zone};

/// Parameters as one JSON document are at most this large.
const BYTES: u64 = 4 * 1024 * 1024;

/// What a run is given, read and checked against its DAG.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    /// The parameters as they were given: what an ask carries.
    pub(crate) params: Map<String, Value>,
    /// The same over the defaults: what the run will have.
    pub(crate) resolved: Map<String, Value>,
    /// The nominal time.
    pub(crate) logical_time: DateTime<Utc>,
    /// The ingestion id, given or of the nominal time.
    pub(crate) ingestion_id: IngestionId,
    /// Whether it was given.
    pub(crate) has_own_id: bool,
}

impl Given {
    /// Reads what was given; a typed time is echoed as UTC.
    ///
    /// # Errors
    /// Every parameter that does not fit, a time or an id that is none.
    pub(crate) fn read(args: &GivenArgs, dag: &Dag, surface: &Surface) -> Result<Self, CliError> {
        let params = params(args, surface)?;
        let resolved = resolve_params(dag.definition(), &params).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let error = CliError::usage(problems.join("; "));
            error.help(format!(
                "the params of `{}`: {}",
                dag.definition().id,
                declared(dag)
            ))
        })?;
        let logical_time = match &args.at {
            Some(text) => {
                let at = times::read("--at", text, Zone::of_dag(dag.definition()), surface)?;
                remark(surface, &format!("--at is {}", times::json(at)));
                at
            }
            None => surface.now,
        };
        let ingestion_id = match &args.ingestion_id {
            Some(text) => IngestionId::given(text)
                .map_err(|error| CliError::usage(format!("--ingestion-id: {error}")))?,
            None => dag
                .ingestion_id(logical_time)
                .map_err(|error| CliError::usage(error.to_string()))?,
        };
        Ok(Self {
            params,
            resolved,
            logical_time,
            ingestion_id,
            has_own_id: args.ingestion_id.is_some(),
        })
    }
}

fn declared(dag: &Dag) -> String {
    let names: Vec<&str> = dag.definition().params.keys().map(String::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// `--params`, overlaid by each `--param`.
///
/// # Errors
/// One of them cannot be read.
pub(crate) fn params(args: &GivenArgs, surface: &Surface) -> Result<Map<String, Value>, CliError> {
    let mut params = match &args.params {
        Some(source) => document(source, surface)?,
        None => Map::new(),
    };
    for pair in &args.param {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(CliError::usage(format!(
                "--param {}: expected NAME=VALUE",
                printable(pair)
            )));
        };
        params.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    Ok(params)
}

fn document(source: &str, surface: &Surface) -> Result<Map<String, Value>, CliError> {
    let wrong = |what: String| CliError::usage(format!("--params {}: {what}", printable(source)));
    let mut text = String::new();
    if source == "-" {
        let read = std::io::stdin()
            .lock()
            .take(BYTES)
            .read_to_string(&mut text);
        read.map_err(|error| wrong(format!("failed to read stdin: {error}")))?;
    } else if let Some(path) = source.strip_prefix('@') {
        let file = std::fs::File::open(surface.here.join(path))
            .map_err(|error| wrong(error.to_string()))?;
        file.take(BYTES)
            .read_to_string(&mut text)
            .map_err(|error| wrong(error.to_string()))?;
    } else {
        return Err(wrong("expected @FILE, or - for stdin".to_owned()));
    }
    match serde_json::from_str(&text).map_err(|error| wrong(format!("this is no JSON: {error}")))? {
        Value::Object(params) => Ok(params),
        _ => Err(wrong("expected one JSON object".to_owned())),
    }
}
