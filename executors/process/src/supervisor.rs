//! The supervisor: one small process for a store, which starts commands, records their ends and stops them.
//!
//! It has one thread and one loop, holds no more memory than its connections need, and starts commands by
//! `posix_spawn` (`process_group(0)`, never `pre_exec`), which does not depend on the size of anything. It lives on
//! when the engine dies, and goes when it has had neither command nor connection for a while.
//!
//! A command writes its log file itself: a pipe through here would put the supervisor into the path of every byte,
//! let one slow disk hold up all launches, and kill commands with SIGPIPE if the supervisor died. The price is that
//! the bound of a log is kept by looking: see `log_watch`.
//!
//! What it never does: retry, judge an outcome, write a secret down, or signal a pid that may be somebody else's.

mod attempts;
mod ending;
mod launching;
mod leftovers;
mod log_watch;
mod options;
mod peers;
mod service;
mod spawn;
mod waiters;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags};

pub(crate) use options::Options;

use crate::address::Address;
use crate::error::Error;
use crate::files::open_private;

/// The hidden first argument of `noctule` that leads here.
pub const HIDDEN_NAME: &str = "__supervisor";

/// What the starter reads once the socket takes connections.
pub(crate) const READY: &str = "ready";

const LOCK: &str = "supervisor.lock";

/// Runs the supervisor until nobody needs it. `args` are those after [`HIDDEN_NAME`].
///
/// Must be called before anything else is done: before threads are started or arguments are read otherwise.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.full());
            ExitCode::FAILURE
        }
    }
}

fn run(args: impl Iterator<Item = OsString>) -> Result<(), Error> {
    let options = Options::read(args)?;
    detach()?;
    let root = options.root();
    // Held until the end of the process: there is never a second supervisor of these attempts.
    let lock = open_private(&root.path().join(LOCK), OFlags::empty())
        .map_err(Error::file("open", root.path().join(LOCK)))?;
    take(&lock)?;
    let listener = listen(&options.socket)?;
    let service = service::Service::new(&options, listener)?;
    let address = Address {
        socket: options.socket.clone(),
        pid: std::process::id(),
    };
    address
        .publish(&root)
        .map_err(Error::file("write", root.path()))?;
    say(READY);
    let end = service.run();
    // An engine that meets the socket on its way out finds nobody and starts the next supervisor.
    drop(std::fs::remove_file(&options.socket));
    drop(lock);
    end
}

/// A supervisor that has just left the socket holds the lock for a moment more; one that cannot be reached, for long.
fn take(lock: &File) -> Result<(), Error> {
    for _ in 0..200 {
        if rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let message = "another one holds the lock of this store and cannot be reached";
    Err(Error::Start(message.to_owned()))
}

/// Away from the terminal of the engine, so that its signals do not reach us or the commands.
fn detach() -> Result<(), Error> {
    // It fails only if we lead a group already, which is just as far from the terminal's.
    let _ = rustix::process::setsid();
    rustix::process::chdir("/").map_err(Error::system("leave the folder"))?;
    // Grandchildren whose parent ends come to us, and can be found when an attempt is cancelled.
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).map_err(Error::system("adopt orphans"))
}

fn listen(socket: &Path) -> Result<UnixListener, Error> {
    // We hold the lock: whoever made an older socket here is gone.
    drop(std::fs::remove_file(socket));
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(socket).map_err(Error::file("bind", socket));
    // Commands inherit the umask of the engine, not one of ours.
    rustix::process::umask(before);
    let listener = listener?;
    listener
        .set_nonblocking(true)
        .map_err(Error::file("set up", socket))?;
    Ok(listener)
}

/// The starter reads one line; when it is gone, nobody does.
fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}
