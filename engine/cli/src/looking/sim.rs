//! `sim`: a local simulator as a server, until it is interrupted.

use std::net::SocketAddr;
use std::path::Path;

use noctule_cloud_run::simulator as cloud_run;
use noctule_core::source::Project;
use noctule_executor::secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::args::{SimArgs, Simulated};
use crate::error::CliError;
use crate::exit::Exit;
use crate::project::OpenProject;
use crate::simulator::{cloud_run_config, ecs_config, simulated};
use crate::surface::Surface;

/// Serves.
pub(crate) async fn sim(args: &SimArgs, surface: &Surface) -> Result<Exit, CliError> {
    match &args.which {
        Simulated::CloudRun { listen, config } => {
            cloud_run(*listen, config.as_deref(), surface).await
        }
        Simulated::Ecs { listen, config } => ecs(*listen, config.as_deref(), surface).await,
    }
}

async fn cloud_run(
    listen: SocketAddr,
    file: Option<&Path>,
    surface: &Surface,
) -> Result<Exit, CliError> {
    check_local(listen)?;
    let config = configured(file, surface, cloud_run_config)?;
    let jobs = named("jobs", config.jobs.keys());
    let builder = cloud_run::Simulator::builder();
    let started = builder.config(config).listen(listen).start().await;
    let running = started.map_err(|error| not_started(&error))?;
    for (name, value) in of_project(file, surface)? {
        running.keep_secret(&name, value);
    }
    serve(&running.url(), "Cloud Run jobs", &jobs).await?;
    drop(running);
    Ok(Exit::Success)
}

async fn ecs(listen: SocketAddr, file: Option<&Path>, surface: &Surface) -> Result<Exit, CliError> {
    check_local(listen)?;
    let config = configured(file, surface, ecs_config)?;
    let families = named("families", config.jobs.keys());
    let mut settings = config.settings();
    settings.listen = listen;
    let started = noctule_ecs_simulator::Simulator::start(settings).await;
    let running = started.map_err(|error| not_started(&error))?;
    for (name, value) in of_project(file, surface)? {
        running.keep_secret(&name, value);
    }
    serve(&running.endpoint(), "ECS tasks", &families).await?;
    running.stop().await;
    Ok(Exit::Success)
}

fn check_local(listen: SocketAddr) -> Result<(), CliError> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    let error = CliError::usage(format!(
        "--listen {listen}: a simulator starts whatever it is asked to, without a token"
    ));
    Err(error.help("listen on this machine: 127.0.0.1:PORT"))
}

/// The configuration of a file, or else of the project.
fn configured<C: DeserializeOwned>(
    file: Option<&Path>,
    surface: &Surface,
    of_project: fn(&Project, &Path) -> C,
) -> Result<C, CliError> {
    match file {
        Some(path) => of_file(path, surface),
        None => {
            let open = OpenProject::read(surface, &[])?;
            Ok(of_project(open.project()?, &open.place.root))
        }
    }
}

/// The secrets of the project, where it is what configures the simulator.
fn of_project(
    file: Option<&Path>,
    surface: &Surface,
) -> Result<Vec<(String, SecretString)>, CliError> {
    if file.is_some() {
        return Ok(Vec::new());
    }
    let open = OpenProject::read(surface, &[])?;
    Ok(simulated(open.project()?, &open.place.root, &surface.env))
}

fn named<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    match names.as_slice() {
        [] => format!("no {what} are configured"),
        names => format!("{what} {}", names.join(", ")),
    }
}

fn not_started(error: &dyn std::error::Error) -> CliError {
    let source = error.source().map(|source| format!(": {source}"));
    CliError::unreachable(format!("{error}{}", source.unwrap_or_default()))
}

/// Says where it is, in one line that a script can wait for, and waits for the end.
async fn serve(url: &str, what: &str, known: &str) -> Result<(), CliError> {
    crate::console::emit(&format!("{url}\n"))?;
    eprintln!("simulates {what} at {url} ({known}); Ctrl-C ends it and its containers");
    interrupted().await;
    Ok(())
}

fn of_file<C: DeserializeOwned>(path: &Path, surface: &Surface) -> Result<C, CliError> {
    let wrong = |what: String| CliError::usage(format!("--config {}: {what}", path.display()));
    let text = std::fs::read_to_string(surface.here.join(path))
        .map_err(|error| wrong(error.to_string()))?;
    let mut table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.to_string().trim_end().to_owned()))?;
    let table = match table.remove("simulator") {
        Some(toml::Value::Table(inner)) => inner,
        Some(_) => return Err(wrong("`simulator` is no table".to_owned())),
        None => table,
    };
    table
        .try_into()
        .map_err(|error: toml::de::Error| wrong(error.to_string().trim_end().to_owned()))
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
