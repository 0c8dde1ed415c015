//! Finding the supervisor of a store, or starting it: under a lock, so that engines that begin together get one.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use noctule_executor::Host;
use rustix::fs::{FlockOperation, OFlags};

use crate::address::{self, Address};
use crate::client::Client;
use crate::error::Error;
use crate::files::{Root, open_private};
use crate::settings::Settings;
use crate::supervisor::{HIDDEN_NAME, Options, READY};

const LOCK: &str = "start.lock";
const ERRORS: &str = "supervisor.log";

/// Supervisors that this engine started. They are waited for only so as not to leave zombies.
static STARTED: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// A connection to the running supervisor; `None` if none runs.
pub(crate) async fn find(host: &Host) -> Result<Option<Client>, Error> {
    let root = Root::below(&host.state_dir);
    let Some(address) = Address::read(&root) else {
        return Ok(None);
    };
    match Client::connect(&address.socket, &host.store_id).await {
        Ok(client) => Ok(Some(client)),
        // Its socket is there no more, or it left while we knocked.
        Err(Error::Socket { .. } | Error::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A connection to the supervisor, which is started if none runs.
pub(crate) async fn find_or_start(host: &Host, settings: &Settings) -> Result<Client, Error> {
    let root = Root::below(&host.state_dir);
    root.create()?;
    let path = root.path().join(LOCK);
    // Held until the new supervisor answers. Waiting for it must not keep the runtime from other work.
    let lock = tokio::task::spawn_blocking(move || {
        let lock = open_private(&path, OFlags::empty()).map_err(Error::file("open", &path))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)
            .map_err(Error::system("take the lock"))?;
        Ok::<_, Error>(lock)
    });
    let lock = joined(lock).await?;
    if let Some(client) = find(host).await? {
        return Ok(client);
    }
    let options = Options {
        state_dir: std::path::absolute(&host.state_dir)
            .map_err(Error::file("find", &host.state_dir))?,
        socket: address::choose(host, &root)?,
        store: host.store_id.clone(),
        idle: settings.idle,
        log_limit: settings.log_limit,
    };
    let socket = options.socket.clone();
    let binary = host.binary.clone();
    joined(tokio::task::spawn_blocking(move || {
        start(&binary, &options)
    }))
    .await?;
    let client = Client::connect(&socket, &host.store_id).await;
    drop(lock);
    client
}

async fn joined<T>(task: tokio::task::JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    task.await
        .unwrap_or_else(|error| Err(Error::Start(error.to_string())))
}

/// Starts the supervisor and waits until it takes connections.
///
/// Its environment is empty: what the engine knows is not for it. It leaves our session itself; a process group given
/// here would keep it from that.
fn start(binary: &std::path::Path, options: &Options) -> Result<(), Error> {
    let path = options.root().path().join(ERRORS);
    let errors = open_private(&path, OFlags::APPEND).map_err(Error::file("open", &path))?;
    let mut child = Command::new(binary)
        .arg(HIDDEN_NAME)
        .args(options.write())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .map_err(Error::file("start", binary))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(Error::socket("hear from"))?;
    }
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    started.retain_mut(|earlier| matches!(earlier.try_wait(), Ok(None)));
    started.push(child);
    match line.trim_end() {
        READY => Ok(()),
        "" => Err(Error::Start(format!(
            "{} ended without a word",
            binary.display()
        ))),
        message => Err(Error::Start(message.to_owned())),
    }
}
