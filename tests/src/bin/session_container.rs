//! The container of the session tests: an HTTP server that does the work of one session and of no other.
//!
//! It knows its session by `NOCTULE_ATTEMPT_KEY`, says it in every answer, and answers 403 to a call for another one. What
//! it did stands in `$SESSION_FOLDER/ledger`, a line each: microseconds, session, word. The words of
//! `$SESSION_FOLDER/faults` are what goes wrong with its completions, one after the other (`wait`: until the file `go` is
//! there). It ends when it is asked to.

use std::env::{VarError, var};
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The largest request; more is never sent here.
const LARGEST: usize = 64 * 1024;
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    let container = Container::of_environment().map_err(io::Error::other)?;
    if container.folder.join("broken").exists() {
        return Err(io::Error::other("nothing to serve"));
    }
    let container = Arc::new(container);
    let port = var("ECS_SIM_PORT").map_err(io::Error::other)?;
    let address = var("ECS_SIM_ADDRESS").map_err(io::Error::other)?;
    let listener = TcpListener::bind(format!("{address}:{port}"))?;
    let (end, ended) = channel();
    spawn(move || {
        for stream in listener.incoming() {
            let (container, end) = (Arc::clone(&container), end.clone());
            spawn(move || {
                // A caller that leaves early ends no session.
                if stream.and_then(|stream| container.serve(stream)).ok() == Some(Next::End) {
                    // Whoever waits is asked once.
                    let _asked = end.send(());
                }
            });
        }
    });
    ended.recv().map_err(io::Error::other)
}

/// Whether it goes on after a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    End,
}

/// One call: its method and path, and the session it is for.
struct Call {
    line: String,
    session: Option<String>,
    length: usize,
}

struct Container {
    key: String,
    folder: PathBuf,
    /// Takes calls for any session, as a container would that nobody taught to refuse them.
    careless: bool,
    /// The last comes first.
    faults: Mutex<Vec<String>>,
    uploaded: Mutex<bool>,
}

impl Container {
    fn of_environment() -> Result<Self, VarError> {
        let folder = PathBuf::from(var("SESSION_FOLDER")?);
        let faults = fs::read_to_string(folder.join("faults")).unwrap_or_default();
        let mut faults: Vec<_> = faults.split_whitespace().map(str::to_owned).collect();
        faults.reverse();
        Ok(Self {
            key: var("NOCTULE_ATTEMPT_KEY")?,
            careless: folder.join("careless").exists(),
            folder,
            faults: Mutex::new(faults),
            uploaded: Mutex::new(false),
        })
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<Next> {
        stream.set_read_timeout(Some(ARRIVAL))?;
        let call = arrived(&stream)?;
        let is_ours = call.session.as_ref().is_none_or(|key| *key == self.key);
        let (status, next) = match call.line.as_str() {
            "GET /health" => (200, Next::On),
            "GET /exit" => (200, Next::End),
            _ if !is_ours && !self.careless => {
                self.note("refused")?;
                (403, Next::On)
            }
            "POST /execute" => {
                self.note("execute")?;
                (200, Next::On)
            }
            "POST /session/complete" => match self.complete()? {
                // What was not read makes a reset of the close.
                None => return Ok(Next::On),
                Some(status) => (status, Next::On),
            },
            _ => (404, Next::On),
        };
        stream.read_exact(&mut vec![0; call.length])?;
        let answer = format!(
            "HTTP/1.1 {status} \r\nNoctule-Session: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.key
        );
        stream.write_all(answer.as_bytes())?;
        Ok(next)
    }

    /// Uploads what there is, once; none where the caller is not to hear of it.
    fn complete(&self) -> io::Result<Option<u16>> {
        self.note("complete")?;
        let fault = locked(&self.faults).pop();
        if fault.as_deref() == Some("wait") {
            while !self.folder.join("go").exists() {
                sleep(Duration::from_millis(10));
            }
        } else if matches!(fault.as_deref(), Some("reset_before" | "500")) {
            return Ok(fault.filter(|fault| fault == "500").map(|_| 500));
        }
        let mut uploaded = locked(&self.uploaded);
        if !*uploaded {
            self.note("upload")?;
            *uploaded = true;
        }
        Ok((fault.as_deref() != Some("reset_after")).then_some(200))
    }

    fn note(&self, word: &str) -> io::Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.map_err(io::Error::other)?.as_micros();
        let line = format!("{micros} {} {word}\n", self.key);
        let mut options = OpenOptions::new();
        let ledger = options.create(true).append(true);
        let mut ledger = ledger.open(self.folder.join("ledger"))?;
        ledger.write_all(line.as_bytes())
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a whole request, and leaves it where it is.
fn arrived(stream: &TcpStream) -> io::Result<Call> {
    let mut bytes = vec![0; LARGEST];
    loop {
        let count = stream.peek(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes[..count]);
        if let Some(call) = parsed(&text) {
            return Ok(call);
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        sleep(Duration::from_millis(1));
    }
}

fn parsed(text: &str) -> Option<Call> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.rsplit_once(' ')?.0.to_owned();
    let header = |wanted: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    (body.len() >= length.unwrap_or(0)).then(|| Call {
        line,
        session: header("noctule-session"),
        length: text.len(),
    })
}
