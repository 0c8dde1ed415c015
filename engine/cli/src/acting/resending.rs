//! `notify resend`: messages that were given up are sent again, each as an ask of its own.
//!
//! Guarantees: one that is refused stops no other, and is told; the exit code is of the gravest refusal.

use noctule_core::ask::Wish;
use noctule_core::word::MessageId;
use noctule_store::{MessageFilter, Store};

use super::asking::ANSWER;
use super::following::ask_and_wait;
use super::many::{ask_of, worse};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::printable;
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;

/// The most messages of one command.
const MOST: u32 = 1_000;

/// Whom is asked.
enum Way {
    Store(Box<(OpenProject, Store)>),
    Server(Server),
}

/// Sends one message again, or every one that was given up.
pub(crate) async fn resend(message: Option<String>, surface: &Surface) -> Result<Exit, CliError> {
    let way = match Server::of(surface)? {
        Some(server) => Way::Server(server),
        None => {
            let open = OpenProject::read(surface, &[])?;
            let nothing = || CliError::not_found("nothing has run here yet: there is no store");
            let store = open.store(surface).await?.ok_or_else(nothing)?;
            Way::Store(Box::new((open, store)))
        }
    };
    if let Some(id) = message {
        way.resend(&id, surface).await?;
        eprintln!("{}: it is sent again", printable(&id));
        return Ok(Exit::Success);
    }
    let ids = way.given_up().await?;
    if ids.is_empty() {
        return Err(CliError::not_found("no message was given up"));
    }
    let (mut exit, mut count) = (Exit::Success, 0);
    for id in &ids {
        match way.resend(id, surface).await {
            Ok(()) => count += 1,
            Err(error) => {
                exit = worse(exit, error.exit());
                eprintln!("{}: {error}", printable(id));
            }
        }
    }
    eprintln!("{count} of {} messages are sent again", ids.len());
    Ok(exit)
}

impl Way {
    async fn given_up(&self) -> Result<Vec<String>, CliError> {
        match self {
            Self::Server(server) => server.given_up(MOST).await,
            Self::Store(here) => {
                let filter = MessageFilter {
                    state: Some("given_up".to_owned()),
                    failed: false,
                    before: None,
                    limit: MOST,
                };
                let found = here.1.find_messages(&filter).await?;
                Ok(found.into_iter().map(|message| message.id.0).collect())
            }
        }
    }

    async fn resend(&self, id: &str, surface: &Surface) -> Result<(), CliError> {
        match self {
            Self::Server(server) => server.resend(id).await,
            Self::Store(here) => {
                let (open, store) = &**here;
                let message = MessageId(id.to_owned());
                if store.message(&message).await?.is_none() {
                    let none = format!("there is no message {}", printable(id));
                    return Err(CliError::not_found(none));
                }
                let ask = ask_of(open, surface, Wish::Resend { message })?;
                if store.holder().await?.is_none() {
                    store.ask(&ask).await?;
                    eprintln!("no engine is running: the ask is kept for `noctule serve`");
                    return Ok(());
                }
                let answer = ask_and_wait(store, &ask, ANSWER).await?;
                answer.map(drop).ok_or_else(|| {
                    CliError::unreachable(
                        "the engine holds the store and does not answer; the ask is kept",
                    )
                })
            }
        }
    }
}
