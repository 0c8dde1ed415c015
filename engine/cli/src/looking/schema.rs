//! `schema`: the JSON Schemas of the two files, for editors.

use noctule_core::source::{dag_schema, project_schema};

use crate::args::SchemaOf;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::document;
use crate::surface::Surface;

/// Prints a schema with the `with` tables of this program's executors.
pub(crate) fn schema(of: SchemaOf, surface: &Surface) -> Result<Exit, CliError> {
    let schema = match of {
        SchemaOf::Dag => dag_schema(&surface.registry),
        SchemaOf::Project => project_schema(&surface.registry),
    };
    document(surface.format(), &schema)?;
    Ok(Exit::Success)
}
