//! A worker on the other side of a spool folder, as a thread: it claims requests and does what their jobs say.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, io};

use serde_json::{Value, json};

/// Between two looks into the folder.
const PAUSE: Duration = Duration::from_millis(5);

/// What `{ "do": "log" }` leaves in the log.
pub(crate) const LOG: &str = "counted 3 rows\nand that was all\n";

/// A running worker; it stops when it is dropped.
pub(crate) struct Worker {
    started: Arc<Mutex<Vec<String>>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn watching(folder: &Path) -> Self {
        let started = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = channel();
        let bench = Bench {
            folder: folder.to_owned(),
            started: Arc::clone(&started),
            held: Vec::new(),
        };
        let thread = std::thread::spawn(move || bench.work_until(&stopped));
        Self {
            started,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// How often work under this key was begun.
    pub(crate) fn starts_of(&self, key: &str) -> usize {
        let started = self.started.lock().unwrap();
        started.iter().filter(|begun| *begun == key).count()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What the thread has in hand.
struct Bench {
    folder: PathBuf,
    started: Arc<Mutex<Vec<String>>>,
    held: Vec<String>,
}

impl Bench {
    fn work_until(mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            for key in self.requested() {
                if fs::hard_link(self.path(&key, "request"), self.path(&key, "claim")).is_ok() {
                    self.begin(key).unwrap();
                }
            }
            let (cancelled, held) = std::mem::take(&mut self.held)
                .into_iter()
                .partition::<Vec<_>, _>(|key| self.path(key, "cancel").exists());
            self.held = held;
            for key in cancelled {
                let answer = json!({ "ok": false, "cancelled": true });
                self.finish(&key, &answer.to_string()).unwrap();
            }
        }
    }

    fn requested(&self) -> Vec<String> {
        let files = fs::read_dir(&self.folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name());
        names
            .filter_map(|name| Some(name.to_str()?.strip_suffix(".request")?.to_owned()))
            .collect()
    }

    fn begin(&mut self, key: String) -> io::Result<()> {
        self.started.lock().unwrap().push(key.clone());
        let request: Value = serde_json::from_slice(&fs::read(self.path(&key, "claim"))?)?;
        match request["job"]["do"].as_str() {
            Some("hold") => self.held.push(key),
            Some("fail") => self.finish(&key, r#"{"ok":false,"message":"no such table"}"#)?,
            Some("garble") => self.finish(&key, "done!")?,
            Some("stop") => self.finish(&key, r#"{"ok":false,"cancelled":true}"#)?,
            Some("log") => {
                fs::write(self.path(&key, "log"), LOG)?;
                self.finish(&key, r#"{"ok":true}"#)?;
            }
            _ => self.finish(&key, r#"{"ok":true,"output":{"rows":3}}"#)?,
        }
        Ok(())
    }

    fn finish(&self, key: &str, answer: &str) -> io::Result<()> {
        let aside = self.path(key, "result.part");
        fs::write(&aside, answer)?;
        fs::rename(aside, self.path(key, "result"))
    }

    fn path(&self, key: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{key}.{ending}"))
    }
}
