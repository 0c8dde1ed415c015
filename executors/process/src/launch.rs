//! From the stored request to the command as it is started: folder, environment, secrets.

use noctule_executor::{Context, ErrorClass, ExecutorError};

use crate::document::Document;
use crate::environment;
use crate::error::Error;
use crate::files::{Files, OUTPUT};
use crate::protocol::Launch;
use crate::refusal::unavailable;

/// A relative folder is meant from where the engine works; the supervisor works elsewhere.
fn working_directory(document: &Document) -> Result<String, ExecutorError> {
    let given = document.cwd.as_ref().map_or(".", |cwd| cwd.as_str());
    let path = std::env::current_dir()
        .map_err(Error::system("read the working directory of the engine"))
        .map_err(|error| unavailable(&error))?;
    let path = if given == "." { path } else { path.join(given) };
    path.into_os_string().into_string().map_err(|path| {
        let message = format!("the working directory {} is not UTF-8", path.display());
        ExecutorError::rejected(ErrorClass::Config, message)
    })
}

/// Resolves everything, secrets too.
pub(crate) async fn command(
    context: &Context,
    key: &str,
    document: &Document,
    files: &Files,
) -> Result<Launch, ExecutorError> {
    let output = files.file(OUTPUT).to_string_lossy().into_owned();
    let stdin = match &document.stdin {
        Some(entry) => Some(environment::resolve(context, entry).await?),
        None => None,
    };
    Ok(Launch {
        key: key.to_owned(),
        command: document.command.iter().map(|word| word.0.clone()).collect(),
        env: environment::compose(context, document, output).await?,
        cwd: working_directory(document)?,
        stdin,
    })
}
