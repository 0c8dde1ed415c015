//! The executor of local commands, as the engine holds it.
//!
//! Everything that concerns running commands goes to the supervisor; what can be told from the records of an attempt is told
//! without one. A lost connection after a launch was sent is `unknown`: the same launch may be sent again.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use noctule_executor::{
    Attempt, AttemptKey, Capabilities, Connection, Context, Draft, ErrorClass, Executor,
    ExecutorError, Keepsake, LogCursor, LogPage, Owned, Problem, Recovery, Request, Status, Wait,
    async_trait,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::client::Client;
use crate::config::{self, Config};
use crate::document::Document;
use crate::error::Error;
use crate::files::{Files, Root};
use crate::handle::Handle;
use crate::launch::command;
use crate::machine::Machine;
use crate::protocol::{Ask, RefusalKind, Say};
use crate::record::Standing;
use crate::refusal::{elsewhere, misunderstood, never_known, refused, unavailable};
use crate::settings::Settings;
use crate::{forgetting, log, owned, starter, verdict};

/// Runs local commands.
#[derive(Default)]
pub struct Process {
    settings: Settings,
    line: Mutex<Option<Arc<Client>>>,
    machine: OnceLock<Machine>,
}

impl Process {
    /// An executor with other settings than the usual ones.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    fn machine(&self) -> Result<&Machine, Error> {
        if let Some(machine) = self.machine.get() {
            return Ok(machine);
        }
        let machine = Machine::read()?;
        Ok(self.machine.get_or_init(|| machine))
    }

    /// The connection to a supervisor that runs.
    async fn existing(&self, context: &Context) -> Result<Option<Arc<Client>>, Error> {
        let mut line = self.line.lock().await;
        if let Some(client) = line.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Some(Arc::clone(client)));
        }
        *line = starter::find(&context.host).await?.map(Arc::new);
        Ok(line.clone())
    }

    /// The connection to the supervisor, started if need be.
    async fn supervisor(&self, context: &Context) -> Result<Arc<Client>, Error> {
        if let Some(client) = self.existing(context).await? {
            return Ok(client);
        }
        let mut line = self.line.lock().await;
        if let Some(client) = line.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(starter::find_or_start(&context.host, &self.settings).await?);
        *line = Some(Arc::clone(&client));
        Ok(client)
    }

    async fn ask(&self, context: &Context, ask: Ask) -> Result<Say, Error> {
        self.supervisor(context).await?.ask(ask).await
    }

    /// What the records tell, when no supervisor can be asked.
    fn read(&self, context: &Context, key: &str) -> Result<Standing, ExecutorError> {
        let files = files(context, key)?;
        let machine = self.machine().map_err(|error| unavailable(&error))?;
        Standing::read(&files, machine)
            .map_err(Error::file("read the records in", files.path()))
            .map_err(|error| unavailable(&error))
    }

    async fn standings(
        &self,
        context: &Context,
        handles: &[Handle],
        patience: Duration,
    ) -> Vec<Result<Standing, ExecutorError>> {
        let client = match self.existing(context).await {
            Ok(client) => client,
            Err(error) => return handles.iter().map(|_| Err(unavailable(&error))).collect(),
        };
        if let Some(client) = client
            && let Some(standings) = watched(&client, handles, patience).await
        {
            return standings.into_iter().map(Ok).collect();
        }
        let read = || handles.iter().map(|handle| self.read(context, &handle.key));
        let standings: Vec<_> = read().collect();
        let all_run = standings
            .iter()
            .all(|standing| standing.as_ref().is_ok_and(Standing::is_running));
        if !all_run || patience.is_zero() {
            return standings;
        }
        // They all run and nobody watches them: a new supervisor does.
        match self.supervisor(context).await {
            Ok(client) => match watched(&client, handles, patience).await {
                Some(standings) => standings.into_iter().map(Ok).collect(),
                None => read().collect(),
            },
            Err(_) => standings,
        }
    }

    fn status(
        &self,
        context: &Context,
        handle: &Handle,
        standing: Standing,
    ) -> Result<Status, ExecutorError> {
        let vanished = "the command and its supervisor are gone: how it ended is not known";
        Ok(match standing {
            Standing::Running { start } => running(start.started_at),
            Standing::Ended { start, exit } => {
                verdict::finished(&files(context, &handle.key)?, &start, &exit)
            }
            Standing::Vanished { start } => verdict::unseen(&start, vanished),
            Standing::Lost { start } => Status::Lost {
                reason: format!("{} was restarted while pid {} ran", start.host, start.pid),
            },
            Standing::Elsewhere { start } => Status::Elsewhere { host: start.host },
            Standing::Absent | Standing::Unstarted => {
                return self.status_without_records(context, handle);
            }
        })
    }

    /// The records are gone or were never written; the handle still names the process.
    fn status_without_records(
        &self,
        context: &Context,
        handle: &Handle,
    ) -> Result<Status, ExecutorError> {
        let machine = self.machine().map_err(|error| unavailable(&error))?;
        let start = handle.start();
        match Standing::of_life(machine.life(&start), start) {
            Standing::Vanished { .. } => Ok(Status::Lost {
                reason: format!("the records in {} are gone", handle.files.display()),
            }),
            standing => self.status(context, handle, standing),
        }
    }
}

/// What the supervisor says; `None` if it goes away.
async fn watched(client: &Client, handles: &[Handle], patience: Duration) -> Option<Vec<Standing>> {
    let keys = handles.iter().map(|handle| handle.key.clone()).collect();
    let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    match client.ask(Ask::Wait { keys, patience_ms }).await {
        Ok(Say::Standings(standings)) if standings.len() == handles.len() => Some(standings),
        _ => None,
    }
}

/// How an attempt stands, by the word of a supervisor.
async fn found(client: &Client, key: &str) -> Result<Standing, ExecutorError> {
    let key = key.to_owned();
    match client.ask(Ask::Find { key }).await {
        Ok(Say::Standings(mut standings)) if standings.len() == 1 => Ok(standings.remove(0)),
        Ok(say) => Err(misunderstood(say)),
        Err(error) => Err(unavailable(&error)),
    }
}

fn running(started_at: i64) -> Status {
    Status::Running {
        started_at: verdict::time(started_at),
        poll_after: None,
    }
}

fn files(context: &Context, key: &str) -> Result<Files, ExecutorError> {
    Root::below(&context.host.state_dir)
        .attempt(key)
        .map_err(|error| ExecutorError::rejected(ErrorClass::Config, error.full()))
}

#[async_trait]
impl Executor for Process {
    const KIND: &'static str = "process";
    type Config = Config;
    type Handle = Handle;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: true,
            logs: true,
            sensor: false,
            holds: false,
            hints: false,
            default_wait: Wait::Block,
        }
    }

    fn is_local(&self) -> bool {
        true
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Resend
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        config::check(with)
    }

    fn request(
        &self,
        attempt: &Attempt<Config>,
        _connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        if let Some(problem) = attempt.config.problem() {
            return Err(problem);
        }
        serde_json::to_value(Document::of(attempt))
            .map(Request)
            .map_err(|error| Problem::at([], format!("the request cannot be written: {error}")))
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<Config>,
        request: &Request,
    ) -> Result<Handle, ExecutorError> {
        let key = attempt.key.as_str();
        let files = files(context, key)?;
        let document = Document::read(request)
            .map_err(|error| ExecutorError::rejected(ErrorClass::Config, error.full()))?;
        let launch = command(context, key, &document, &files).await?;
        let client = self
            .supervisor(context)
            .await
            .map_err(|error| unavailable(&error))?;
        match client.ask(Ask::Launch(launch)).await {
            Ok(Say::Started(start)) => Ok(Handle::new(key, start, &files)),
            Ok(Say::Refused(refusal)) if refusal.kind == RefusalKind::Unknown => {
                Err(match found(&client, key).await {
                    // No other try will ever say more.
                    Ok(Standing::Unstarted) => never_known(key),
                    _ => refused(refusal),
                })
            }
            Ok(say) => Err(misunderstood(say)),
            Err(error @ Error::Frame { .. }) => {
                let message = format!("{}; hand large data over by a file", error.full());
                Err(ExecutorError::rejected(ErrorClass::Config, message))
            }
            Err(error) => Err(ExecutorError::unknown(error.full())),
        }
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<Config>,
        _request: &Request,
    ) -> Result<Option<Handle>, ExecutorError> {
        let key = attempt.key.as_str();
        let files = files(context, key)?;
        let client = self
            .existing(context)
            .await
            .map_err(|error| unavailable(&error))?;
        let standing = match client {
            // It may be starting the command this moment, which the records do not show yet.
            Some(client) => found(&client, key).await?,
            None => self.read(context, key)?,
        };
        match standing {
            Standing::Absent => Ok(None),
            Standing::Elsewhere { start } => Err(elsewhere(&start.host)),
            standing => match standing.start() {
                Some(start) => Ok(Some(Handle::new(key, start.clone(), &files))),
                None => Err(never_known(key)),
            },
        }
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[Handle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let standings = self.standings(context, handles, patience).await;
        let pairs = handles.iter().zip(standings);
        pairs
            .map(|(handle, standing)| self.status(context, handle, standing?))
            .collect()
    }

    async fn cancel(
        &self,
        context: &Context,
        handle: &Handle,
        grace: Duration,
    ) -> Result<(), ExecutorError> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let ask = || Ask::Cancel {
            key: handle.key.clone(),
            grace_ms,
        };
        let said = match self.ask(context, ask()).await {
            // The line led to a supervisor that is dead. To ask twice is harmless, so the next one is asked at once.
            Err(Error::Gone) => self.ask(context, ask()).await,
            said => said,
        };
        match said {
            Ok(Say::Cancelling) => Ok(()),
            Ok(say) => Err(misunderstood(say)),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// A handle of another host has no verdict from here: it must not end the waits for those of this one.
    fn batch_key(&self, handle: &Handle) -> String {
        handle.host.clone()
    }

    fn public_handle(&self, handle: &Handle) -> Value {
        json!({ "pid": handle.pid, "host": handle.host, "files": handle.files })
    }

    async fn logs(
        &self,
        context: &Context,
        handle: &Handle,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        let files = files(context, &handle.key)?;
        let after = after.cloned();
        let path = files.path().to_owned();
        let page = tokio::task::spawn_blocking(move || log::page(&files, after.as_ref())).await;
        page.unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(Error::file("read the log in", path))
            .map_err(|error| unavailable(&error))
    }

    async fn forget(
        &self,
        context: &Context,
        keys: &[AttemptKey],
        what: Keepsake,
    ) -> Result<(), ExecutorError> {
        let machine = self.machine().map_err(|error| unavailable(&error))?;
        forgetting::forget(context, machine, keys, what).await
    }

    /// What the records tell of this machine; the places say nothing, all commands run here.
    async fn owned(
        &self,
        context: &Context,
        _places: &[Value],
    ) -> Result<Vec<Owned<Handle>>, ExecutorError> {
        let machine = self.machine().map_err(|error| unavailable(&error))?.clone();
        let root = Root::below(&context.host.state_dir);
        let store = context.host.store_id.clone();
        let path = root.path().to_owned();
        let read = tokio::task::spawn_blocking(move || owned::owned(&root, &machine, &store)).await;
        read.unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(Error::file("read the records in", path))
            .map_err(|error| unavailable(&error))
    }
}
