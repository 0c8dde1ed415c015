//! `check`: every problem of every file, with its place. No store, no network, no state.

use noctule_core::source::{Diagnostic, Severity};
use serde::Serialize;

use crate::args::{CheckArgs, Format};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{documents, printable};
use crate::project::OpenProject;
use crate::surface::Surface;

/// One problem or remark, as JSON has it.
#[derive(Serialize)]
struct Found {
    severity: &'static str,
    code: &'static str,
    file: String,
    line: usize,
    column: usize,
    message: String,
    help: Option<String>,
    labels: Vec<Elsewhere>,
}

/// Another place that belongs to it.
#[derive(Serialize)]
struct Elsewhere {
    file: String,
    line: usize,
    column: usize,
    text: String,
}

/// Checks the project, or some files of it.
pub(crate) fn check(args: &CheckArgs, surface: &Surface) -> Result<Exit, CliError> {
    let open = if args.files.is_empty() {
        OpenProject::read(surface, &[])?
    } else {
        let paths: Vec<&std::path::Path> =
            args.files.iter().map(std::path::PathBuf::as_path).collect();
        OpenProject::read_with(surface, &[], &paths)?
    };
    let found: Vec<Found> = open
        .loaded
        .diagnostics
        .iter()
        .map(|diagnostic| found(&open, diagnostic))
        .collect();
    let unread: Vec<Found> = open
        .unread
        .iter()
        .map(|unread| unreadable(&open, &unread.path, &unread.message))
        .collect();
    let errors = unread.len() + open.loaded.diagnostics.errors().count();
    if surface.format() == Format::Table {
        tell(&open, &unread, surface, errors, args.files.is_empty())?;
    } else {
        documents(
            surface.format(),
            &unread.into_iter().chain(found).collect::<Vec<_>>(),
        )?;
    }
    Ok(if errors == 0 {
        Exit::Success
    } else {
        Exit::Usage
    })
}

fn found(open: &OpenProject, diagnostic: &Diagnostic) -> Found {
    let placed = open.placed(diagnostic);
    let elsewhere = placed.labels.iter().map(|label| Elsewhere {
        file: label.file.to_string(),
        line: label.line,
        column: label.column,
        text: label.text.clone(),
    });
    Found {
        severity: if placed.severity == Severity::Error {
            "error"
        } else {
            "remark"
        },
        code: placed.code,
        file: placed.file.to_string(),
        line: placed.line,
        column: placed.column,
        labels: elsewhere.collect(),
        message: placed.message,
        help: placed.help,
    }
}

fn unreadable(open: &OpenProject, path: &str, message: &str) -> Found {
    Found {
        severity: "error",
        code: "unreadable",
        file: open.shown(path),
        line: 1,
        column: 1,
        message: printable(message),
        help: None,
        labels: Vec::new(),
    }
}

/// Problems and remarks are no data: a person reads them, and a script looks at the exit code.
fn tell(
    open: &OpenProject,
    unread: &[Found],
    surface: &Surface,
    errors: usize,
    whole: bool,
) -> Result<(), CliError> {
    let style = surface.style();
    for Found {
        file,
        line,
        column,
        code,
        message,
        ..
    } in unread
    {
        eprintln!(
            "{file}:{line}:{column}: {}: {message}",
            style.bad(&format!("error[{code}]"))
        );
    }
    for diagnostic in &open.loaded.diagnostics {
        eprintln!("{}", open.render(diagnostic));
    }
    let remarks = open.loaded.diagnostics.remarks().count();
    let (files, dags) = (open.texts.len(), open.loaded.dags.len());
    if errors > 0 {
        eprintln!(
            "{} {}, {}",
            style.bad("error:"),
            count(errors, "problem"),
            count(remarks, "remark")
        );
        return Ok(());
    }
    let profile = open.project()?.profile.to_string();
    if whole && dags == 0 {
        eprintln!(
            "note: no DAG was found: DAG files are the .toml files below {}/",
            open.project()?.engine.dags
        );
    }
    crate::console::emit(&format!(
        "ok: {} in {}, {}, profile {profile}\n",
        count(dags, "DAG"),
        count(files, "file"),
        count(remarks, "remark")
    ))
}

fn count(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}
