//! `notify`: what was told to whom and what came of it, and a message to try a receiver with.

use std::sync::Arc;

use noctule_core::view::DeliveryView;
use noctule_core::word::{Cause, Message, MessageId, Notice, Occasion, Recipient, Standing};
use noctule_notify::{Post, Settings};
use noctule_runtime::Surroundings;
use noctule_store::{MessageFilter, Store};

use crate::acting::resend;
use crate::args::{Format, NotifyCommand};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents, printable};
use crate::project::OpenProject;
use crate::server::Server;
use crate::simulator::Addresses;
use crate::surface::Surface;
use crate::times::Zone;

pub(crate) async fn notify(command: NotifyCommand, surface: &Surface) -> Result<Exit, CliError> {
    match command {
        NotifyCommand::List { failed, limit } => list(failed, limit, surface).await,
        NotifyCommand::Test { name } => test(&name, surface).await,
        NotifyCommand::Resend { message, .. } => resend(message, surface).await,
    }
}

/// The courier of a project, for an engine that fires schedules.
pub(crate) fn couriered(
    open: &OpenProject,
    store: &Store,
    around: Surroundings,
) -> Result<Surroundings, CliError> {
    let post = post(open, store, around.clone())?;
    Ok(around.with_courier(Arc::new(post)))
}

fn post(open: &OpenProject, store: &Store, around: Surroundings) -> Result<Post, CliError> {
    let project = open.project()?;
    let settings = Settings {
        receivers: project.notify.clone(),
        callbacks: project.engine.callbacks.clone(),
        heartbeat: project.engine.heartbeat.clone(),
        public_url: project.engine.public_url.clone(),
    };
    Post::new(settings, store.clone(), around)
        .map_err(|error| CliError::unreachable(error.to_string()))
}

async fn list(failed: bool, limit: u32, surface: &Surface) -> Result<Exit, CliError> {
    let (found, zone) = match Server::of(surface)? {
        Some(server) => (server.deliveries(failed, limit).await?, Zone::here(surface)),
        None => of_store(failed, limit, surface).await?,
    };
    if surface.format() != Format::Table {
        documents(surface.format(), &found)?;
        return Ok(Exit::Success);
    }
    let made = zone.heading("MADE");
    let columns = ["MESSAGE", "TO", "STATE", "TRIES", "ABOUT", &made, "WHAT"];
    let mut grid = Grid::new(surface, &columns);
    for view in &found {
        grid.row(row(view, zone));
    }
    if grid.is_empty() {
        remark(surface, "there is no such message");
    } else {
        grid.print()?;
    }
    Ok(Exit::Success)
}

async fn of_store(
    failed: bool,
    limit: u32,
    surface: &Surface,
) -> Result<(Vec<DeliveryView>, Zone), CliError> {
    let open = OpenProject::read(surface, &[])?;
    let zone = Zone::of(Some(open.project()?));
    let Some(store) = open.store(surface).await? else {
        return Ok((Vec::new(), zone));
    };
    let filter = MessageFilter {
        state: None,
        failed,
        before: None,
        limit,
    };
    let found = store.find_messages(&filter).await?;
    Ok((found.iter().map(DeliveryView::of).collect(), zone))
}

fn row(view: &DeliveryView, zone: Zone) -> [(String, Tone); 7] {
    let tone = match view.state.as_str() {
        "given_up" => Tone::of_state("failed"),
        "sent" => Tone::of_state("succeeded"),
        _ => Tone::Plain,
    };
    let what = match (&view.error, view.count) {
        (Some(error), _) => error.clone(),
        (None, 1) => view.what.clone(),
        (None, count) => format!("{} (and {} more)", view.what, count - 1),
    };
    [
        (view.id.clone(), Tone::Plain),
        (printable(&view.to), Tone::Plain),
        (view.state.clone(), tone),
        (view.tries.to_string(), Tone::Plain),
        (format!("{} {}", view.dag, view.occasion), Tone::Plain),
        (zone.maybe(Some(view.created_at)), Tone::Plain),
        (printable(&what), Tone::Plain),
    ]
}

/// Sends a message that says that it is a test, past the outbox: what comes of it is said here.
async fn test(name: &str, surface: &Surface) -> Result<Exit, CliError> {
    let open = OpenProject::read(surface, &[])?;
    if !open.project()?.notify.contains_key(name) {
        let message = format!("the project has no receiver `{}`", printable(name));
        return Err(CliError::not_found(message));
    }
    let store = open.make_store(surface).await?;
    let around = open.surroundings(surface, &store, Addresses::default())?;
    let sent = post(&open, &store, around)?
        .bring(&message(name, surface)?, None)
        .await;
    match sent {
        Ok(()) => {
            eprintln!("{name} took the message");
            Ok(Exit::Success)
        }
        Err(error) => Err(CliError::unreachable(format!("{name}: {error}"))),
    }
}

fn message(name: &str, surface: &Surface) -> Result<Message, CliError> {
    let dag = "test-message".parse();
    let dag = dag.map_err(|_| CliError::usage("a test needs a name"))?;
    let at = surface.now;
    let id = Notice::id_of(&["test", name, &at.to_rfc3339()]);
    Ok(Message {
        id: MessageId(id.replace("evt_", "msg_")),
        to: Recipient::Receiver {
            name: name.to_owned(),
        },
        cause: Cause("test".to_owned()),
        first: Notice {
            id,
            occasion: Occasion::Succeeded,
            at,
            dag,
            run: None,
            ingestion_id: None,
            task: None,
            class: None,
            through: None,
            what: "this is a test: somebody asked whether messages arrive here".to_owned(),
        },
        count: 1,
        names: Vec::new(),
        open: std::collections::BTreeSet::new(),
        follows: None,
        created_at: at,
        latest_at: at,
        sealed_at: Some(at),
        tries: 1,
        tried_at: None,
        tried_for: 0,
        error: None,
        standing: Standing::Sending,
    })
}
