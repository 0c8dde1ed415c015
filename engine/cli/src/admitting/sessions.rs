//! Listing sessions, and ending those of others.

use noctule_store::Store;
use noctule_web::SessionView;

use super::listing::{known, print};
use super::tokens::{begin, existing};
use crate::args::SessionCommand;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Tone, printable};
use crate::server::Server;
use crate::surface::Surface;

/// Does what is asked about sessions.
pub(crate) async fn session(command: SessionCommand, surface: &Surface) -> Result<Exit, CliError> {
    match command {
        SessionCommand::List => list(surface).await,
        SessionCommand::End(args) => end(&args.which, surface).await,
    }
}

async fn list(surface: &Surface) -> Result<Exit, CliError> {
    let sessions = known(
        surface,
        async |server| server.sessions().await,
        async |store| views(&store, surface).await,
    );
    let columns = ["ID", "NAME", "ROLE", "SINCE", "UNTIL", "PROVIDER"];
    print(&sessions.await?, columns, row, surface)
}

fn row(session: &SessionView) -> [(String, Tone); 6] {
    [
        (session.id.clone(), Tone::Plain),
        (session.name.clone(), Tone::Plain),
        (session.role.to_string(), Tone::Plain),
        (session.created_at.clone(), Tone::Plain),
        (session.expires_at.clone(), Tone::Plain),
        (session.provider.clone(), Tone::Dim),
    ]
}

async fn end(which: &str, surface: &Surface) -> Result<Exit, CliError> {
    if let Some(server) = Server::of(surface)? {
        for session in chosen(server.sessions().await?, which)? {
            server.end_session(&session.id).await?;
            told(&session);
        }
        return Ok(Exit::Success);
    }
    let store = existing(surface).await?;
    for session in chosen(views(&store, surface).await?, which)? {
        end_in(&store, &session, surface).await?;
        told(&session);
    }
    Ok(Exit::Success)
}

/// The session of an id, or all of a name.
fn chosen(known: Vec<SessionView>, asked: &str) -> Result<Vec<SessionView>, CliError> {
    let is_meant = |session: &SessionView| session.id == asked || session.name == asked;
    let chosen: Vec<SessionView> = known.into_iter().filter(is_meant).collect();
    if chosen.is_empty() {
        let asked = printable(asked);
        return Err(
            CliError::not_found(format!("there is no session `{asked}`"))
                .help("`noctule session list` shows all of them"),
        );
    }
    Ok(chosen)
}

async fn end_in(store: &Store, session: &SessionView, surface: &Surface) -> Result<(), CliError> {
    let on = format!("session {}", session.id);
    let audited = begin(store, surface, "end_session", on).await?;
    let ended = store.end_session(&session.id).await;
    let outcome = match &ended {
        Ok(true) => "done",
        Ok(false) => "no_such_session",
        Err(_) => "store_unavailable",
    };
    store.end_audit(audited, outcome).await?;
    ended?;
    Ok(())
}

fn told(session: &SessionView) {
    let name = printable(&session.name);
    eprintln!("session {} of `{name}` has ended", session.id);
}

async fn views(store: &Store, surface: &Surface) -> Result<Vec<SessionView>, CliError> {
    let sessions = store.sessions(surface.now).await?;
    let view = |(id, session)| SessionView::of(id, session);
    Ok(sessions.into_iter().map(view).collect())
}
