//! The arguments of the supervisor, as the starter writes them and the supervisor reads them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::files::Root;

/// What a supervisor is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) state_dir: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) store: String,
    /// How long it stays without command and connection.
    pub(crate) idle: Duration,
    /// The most bytes of one log.
    pub(crate) log_limit: u64,
}

impl Options {
    pub(crate) fn root(&self) -> Root {
        Root::below(&self.state_dir)
    }

    pub(crate) fn write(&self) -> [OsString; 5] {
        [
            self.state_dir.clone().into(),
            self.socket.clone().into(),
            self.store.clone().into(),
            self.idle.as_millis().to_string().into(),
            self.log_limit.to_string().into(),
        ]
    }

    pub(crate) fn read(args: impl Iterator<Item = OsString>) -> Result<Self, Error> {
        let args: Vec<_> = args.collect();
        let [state_dir, socket, store, idle, log_limit] = args.as_slice() else {
            let count = args.len();
            return Err(Error::Start(format!("expected 5 arguments, found {count}")));
        };
        Ok(Self {
            state_dir: state_dir.into(),
            socket: socket.into(),
            store: store.to_string_lossy().into_owned(),
            idle: Duration::from_millis(number(idle)?),
            log_limit: number(log_limit)?,
        })
    }
}

fn number(arg: &OsString) -> Result<u64, Error> {
    arg.to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::Start(format!("`{}` is not a number", arg.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_starter_writes_the_supervisor_reads() {
        let options = Options {
            state_dir: "/a b".into(),
            socket: "/s".into(),
            store: "0a1b2c3d".into(),
            idle: Duration::from_millis(1500),
            log_limit: 7,
        };
        assert_eq!(Options::read(options.write().into_iter()).unwrap(), options);
        assert!(Options::read(std::iter::empty()).is_err());
    }
}
