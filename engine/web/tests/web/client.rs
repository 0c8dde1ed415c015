//! A client that sends exactly the bytes it is told to: no library tidies up a hostile path or a second Host.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough on any machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The stable code of a problem document.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let document = self.json();
        assert_eq!(document["status"], self.status, "{document}");
        document["code"].as_str().unwrap().to_owned()
    }
}

/// A request, as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    with_host: bool,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            with_host: true,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, body: &Value) -> Self {
        Self::new("POST", target)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn no_host(mut self) -> Self {
        self.with_host = false;
        self
    }

    fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let named = self.headers.iter().any(|(name, _)| name == "host");
        if self.with_host && !named {
            head.push_str(&format!("host: {address}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let sized =
            |(name, _): &(String, String)| name == "content-length" || name == "transfer-encoding";
        if !self.body.is_empty() && !self.headers.iter().any(sized) {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it over a connection of its own, and reads until the server closes.
    pub(crate) async fn send(&self, address: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A server that refuses early may close before all is sent.
        let sent = stream.write_all(&self.bytes(address)).await;
        let mut all = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut all)).await;
        let read = read.expect("the server answers and closes");
        assert!(!all.is_empty(), "no answer: {sent:?} {read:?} {self:?}");
        parse(&all, &self.method)
    }
}

fn split_head(all: &[u8]) -> (u16, Vec<(String, String)>, &[u8]) {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&all[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers = lines.map(header).collect();
    (status.parse().unwrap(), headers, &all[end + 4..])
}

fn parse(all: &[u8], method: &str) -> Answer {
    let (status, headers, rest) = split_head(all);
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked && method != "HEAD" {
        let mut chunks = Chunks::default();
        chunks.push(rest)
    } else {
        rest.to_vec()
    };
    Answer {
        status,
        headers,
        body,
    }
}

/// Bodies in chunks, put together again.
#[derive(Default)]
struct Chunks {
    open: Vec<u8>,
}

impl Chunks {
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.open.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.open.windows(2).position(|two| two == b"\r\n") {
            let size = std::str::from_utf8(&self.open[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if self.open.len() < end + 2 + size + 2 {
                break;
            }
            whole.extend_from_slice(&self.open[end + 2..end + 2 + size]);
            self.open.drain(..end + 2 + size + 2);
        }
        whole
    }
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) data: Option<String>,
}

/// Somebody who listens.
pub(crate) struct Listener {
    stream: TcpStream,
    chunks: Chunks,
    text: String,
    pub(crate) status: u16,
}

impl Listener {
    pub(crate) async fn open(address: SocketAddr, target: &str, last: Option<&str>) -> Self {
        let mut ask = Ask::get(target);
        if let Some(last) = last {
            ask = ask.header("last-event-id", last);
        }
        Self::of(address, ask).await
    }

    pub(crate) async fn of(address: SocketAddr, ask: Ask) -> Self {
        let ask = ask.header("accept", "text/event-stream");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&ask.bytes(address)).await.unwrap();
        let mut all = Vec::new();
        while !all.windows(4).any(|four| four == b"\r\n\r\n") {
            let read = timeout(PATIENCE, stream.read_buf(&mut all)).await.unwrap();
            assert!(read.unwrap() > 0, "the stream ended before its head");
        }
        let (status, _, rest) = split_head(&all);
        let mut chunks = Chunks::default();
        let body = if status == 200 {
            chunks.push(rest)
        } else {
            Vec::new()
        };
        Self {
            stream,
            chunks,
            text: String::from_utf8(body).unwrap(),
            status,
        }
    }

    /// The next event; heartbeats and the pause for coming back are none.
    pub(crate) async fn next(&mut self) -> Event {
        self.next_or_end().await.expect("the stream ended")
    }

    /// The same; none: the server has ended it.
    pub(crate) async fn next_or_end(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = read(block);
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let mut bytes = Vec::new();
            let read = timeout(PATIENCE, self.stream.read_buf(&mut bytes)).await;
            let read = read.expect("an event comes").unwrap();
            if read == 0 {
                return None;
            }
            let body = self.chunks.push(&bytes);
            self.text.push_str(std::str::from_utf8(&body).unwrap());
        }
    }
}

fn read(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| *known == name);
        found.map(|(_, value)| value.to_owned())
    };
    Some(Event {
        id: field("id")?,
        name: field("event"),
        data: field("data"),
    })
}
