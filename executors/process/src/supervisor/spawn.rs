//! Starting one command: program, files, process group, and what each failure means.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, MemfdFlags, OFlags};
use rustix::io::Errno;

use crate::files::{Files, LOG, open_private};
use crate::protocol::{Launch, Refusal, RefusalKind};

/// Where programs are looked for if the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Starts the command in its own process group, its output in the log. A refusal means: surely nothing was started.
pub(super) fn spawn(launch: &Launch, files: &Files) -> Result<i32, Refusal> {
    let program = find_program(launch)?;
    let log = open_private(&files.file(LOG), OFlags::APPEND | OFlags::TRUNC)
        .map_err(|error| refusal(launch, &error))?;
    let copy = log.try_clone().map_err(|error| refusal(launch, &error))?;
    let stdin = stdin(launch).map_err(|error| refusal(launch, &error))?;
    let name = launch.command.first().map_or("", String::as_str);
    let child = Command::new(program)
        .arg0(name)
        .args(launch.command.iter().skip(1))
        .env_clear()
        .envs(&launch.env)
        .current_dir(&launch.cwd)
        .stdin(stdin)
        .stdout(log)
        .stderr(copy)
        .process_group(0)
        .spawn()
        .map_err(|error| refusal(launch, &error))?;
    // The loop waits for it by its pid; the standard library does nothing when a child is dropped.
    i32::try_from(child.id()).map_err(|_| {
        Refusal::new(
            RefusalKind::Unknown,
            "failed to read the pid of the command",
        )
    })
}

/// A file without a name: it never blocks, and leaves nothing on the disk.
fn stdin(launch: &Launch) -> io::Result<Stdio> {
    let Some(text) = &launch.stdin else {
        return Ok(Stdio::null());
    };
    let mut file = File::from(rustix::fs::memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

/// The path of the program, by the command's own `PATH`. With a path, the standard library spawns and does not fork.
fn find_program(launch: &Launch) -> Result<PathBuf, Refusal> {
    let name = launch.command.first().map_or("", String::as_str);
    if name.contains('/') {
        return Ok(name.into());
    }
    let search = launch.env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    let mut denied = None;
    for folder in search.split(':') {
        // An empty or relative entry is meant from the command's folder.
        let path = Path::new(&launch.cwd).join(folder).join(name);
        match rustix::fs::access(&path, Access::EXEC_OK) {
            Ok(()) if path.is_file() => return Ok(path),
            Err(Errno::ACCESS) => denied = Some(path),
            _ => {}
        }
    }
    let message = match denied {
        Some(path) => format!(
            "failed to start `{name}`: {} is not executable",
            path.display()
        ),
        None => format!(
            "failed to start `{name}`: no such program in PATH ({search}); name its full path or set env.PATH"
        ),
    };
    Err(Refusal::new(RefusalKind::Config, message))
}

fn refusal(launch: &Launch, error: &io::Error) -> Refusal {
    let name = launch.command.first().map_or("", String::as_str);
    let (kind, hint) = judge(launch, error);
    Refusal::new(kind, format!("failed to start `{name}`: {hint}"))
}

fn judge(launch: &Launch, error: &io::Error) -> (RefusalKind, String) {
    use RefusalKind::{Busy, Config, Unavailable};
    let cwd = &launch.cwd;
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR) if !Path::new(cwd).is_dir() => (
            Config,
            format!("its working directory {cwd} does not exist"),
        ),
        Some(Errno::NOENT | Errno::NOTDIR) => {
            let hint = "no such program; check the path, and the first line (#!) if it is a script";
            (Config, hint.to_owned())
        }
        Some(Errno::ACCESS | Errno::PERM) => {
            let hint = format!("not permitted; is it executable, and {cwd} open to this user?");
            (Config, hint)
        }
        Some(Errno::TOOBIG) => (Config, too_big(launch)),
        Some(Errno::NOEXEC) => {
            let hint =
                "not a program this machine can run; a script needs a first line such as #!/bin/sh";
            (Config, hint.to_owned())
        }
        Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::TXTBSY) => {
            (Busy, error.to_string())
        }
        None if error.kind() == io::ErrorKind::InvalidInput => (Config, error.to_string()),
        _ => (Unavailable, error.to_string()),
    }
}

fn too_big(launch: &Launch) -> String {
    let arguments: usize = launch.command.iter().map(String::len).sum();
    let variables = launch.env.iter();
    let environment: usize = variables
        .map(|(name, value)| name.len() + value.len())
        .sum();
    format!(
        "its arguments ({arguments} bytes) and environment ({environment} bytes) are more than this system takes \
         (128 KiB for one of them, about 2 MiB in all); hand large data over by stdin or a file"
    )
}
