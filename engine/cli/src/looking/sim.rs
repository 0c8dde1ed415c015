//! `sim`: a local simulator as a server, until it is interrupted.

use std::net::SocketAddr;
use std::path::Path;

use noctule_cloud_run::simulator::{Simulator, SimulatorConfig};

use crate::args::{SimArgs, Simulated};
use crate::error::CliError;
use crate::exit::Exit;
use crate::project::OpenProject;
use crate::simulator;
use crate::surface::Surface;

/// Serves.
pub(crate) async fn sim(args: &SimArgs, surface: &Surface) -> Result<Exit, CliError> {
    match &args.which {
        Simulated::CloudRun { listen, config } => {
            cloud_run(*listen, config.as_deref(), surface).await
        }
        Simulated::Ecs => Err(CliError::not_yet("the simulator of ECS")),
    }
}

async fn cloud_run(
    listen: SocketAddr,
    config: Option<&Path>,
    surface: &Surface,
) -> Result<Exit, CliError> {
    if !listen.ip().is_loopback() {
        let error = CliError::usage(format!(
            "--listen {listen}: a simulator starts whatever it is asked to, without a token"
        ));
        return Err(error.help("listen on this machine: 127.0.0.1:PORT"));
    }
    let config = match config {
        Some(path) => of_file(path, surface)?,
        None => {
            let open = OpenProject::read(surface, &[])?;
            simulator::config(open.project()?, &open.place.root)
        }
    };
    let jobs: Vec<&str> = config.jobs.keys().map(String::as_str).collect();
    let jobs = if jobs.is_empty() {
        "no job is configured".to_owned()
    } else {
        format!("jobs {}", jobs.join(", "))
    };
    let started = Simulator::builder()
        .config(config)
        .listen(listen)
        .start()
        .await;
    let running = started.map_err(|error| {
        let why = std::error::Error::source(&error)
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        CliError::unreachable(format!("{error}{why}"))
    })?;
    // One line that a script can wait for.
    crate::console::emit(&format!("{}\n", running.url()))?;
    eprintln!(
        "simulates Cloud Run jobs at {} ({jobs}); Ctrl-C ends it and its containers",
        running.url()
    );
    interrupted().await;
    drop(running);
    Ok(Exit::Success)
}

fn of_file(path: &Path, surface: &Surface) -> Result<SimulatorConfig, CliError> {
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
