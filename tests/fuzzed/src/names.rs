//! Names and ids: what is accepted is one part of a path, whatever it is joined to, and is read again as the same.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use noctule_core::name::{
    DagHash, DagId, ProfileName, RunId, StoreId, TaskName, TaskTarget, attempt_key,
};

const ROOT: &str = "/state/process";

/// A name, a run's id and a map key: three texts, cut at line feeds.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    one::<DagId>(&text);
    one::<RunId>(&text);
    one::<ProfileName>(&text);
    one::<StoreId>(&text);
    one::<DagHash>(&text);
    one::<TaskName>(&text);
    if let Ok(target) = text.parse::<TaskTarget>() {
        assert_eq!(target.to_string().parse(), Ok(target));
    }
    key_stays_below(&text);
    let mut parts = text.splitn(3, '\n');
    let run = parts.next().and_then(|part| part.parse::<RunId>().ok());
    let task = parts.next().unwrap_or_default();
    if let (Some(run), Ok(store)) = (run, "0123abcd".parse()) {
        let key = attempt_key(&store, &run, task, parts.next(), 1);
        assert!(key.as_str().len() <= 64 && stays_below(key.as_str()));
        assert!(noctule_process::untrusted::folder(Path::new("/state"), key.as_str()).is_some());
    }
}

fn one<T: FromStr + Display + PartialEq>(text: &str) {
    let Ok(name) = text.parse::<T>() else { return };
    let written = name.to_string();
    assert_eq!(written, text);
    assert!(written.parse::<T>().is_ok_and(|again| again == name));
    assert!(written.len() <= 257 && stays_below(&written), "{written:?}");
    assert!(!written.starts_with(['.', '-']) && !written.contains(char::is_control));
}

fn key_stays_below(key: &str) {
    if let Some(folder) = noctule_process::untrusted::folder(Path::new("/state"), key) {
        assert_eq!(folder.parent(), Some(Path::new(ROOT)));
        assert!(stays_below(key), "{key:?}");
    }
}

/// Whether it is exactly one part below any folder.
fn stays_below(name: &str) -> bool {
    let joined = Path::new(ROOT).join(name);
    let one = joined.parent() == Some(Path::new(ROOT)) && joined.file_name() == Some(name.as_ref());
    one && !name.contains(['/', '\\', '\0']) && name != ".."
}
