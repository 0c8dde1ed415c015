//! The ports of simulators: each follows from the path of its store, or is the one that was written down when that was taken.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::error::CliError;

/// Ports below those that systems hand out by themselves.
const FIRST_PORT: u16 = 18_000;
const PORTS: u16 = 10_000;
/// How many ports are tried.
const TRIES: u16 = 50;

pub(super) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The ports to try, the expected one first.
pub(super) fn ports_from(first: u16) -> impl Iterator<Item = u16> {
    (0..TRIES).map(move |step| FIRST_PORT + (first - FIRST_PORT + step) % PORTS)
}

/// The port that was written down, or the one that follows from the path.
pub(super) fn expected_port(written: &str, state_dir: &Path) -> u16 {
    let known = fs::read_to_string(state_dir.join(written))
        .ok()
        .and_then(|text| text.trim().parse::<u16>().ok());
    let in_range = |port: &u16| (FIRST_PORT..FIRST_PORT + PORTS).contains(port);
    known.filter(in_range).unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        (state_dir, written).hash(&mut hasher);
        FIRST_PORT + u16::try_from(hasher.finish() % u64::from(PORTS)).unwrap_or(0)
    })
}

/// Keeps the port for the next engine of the store.
pub(super) fn write_down(written: &str, state_dir: &Path, port: u16) -> Result<(), CliError> {
    use std::os::unix::fs::DirBuilderExt;
    let path = state_dir.join(written);
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state_dir);
    let written = made.and_then(|()| fs::write(&path, format!("{port}\n")));
    written.map_err(|error| {
        CliError::unreachable(format!("failed to write {}: {error}", path.display()))
    })
}
