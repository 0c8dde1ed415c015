//! A receiver of OTLP over HTTP that keeps what it is told, and answers as it is asked to. It ends with the test.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request, as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) first: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn spans(&self) -> usize {
        let body = self.json();
        let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
        spans.as_array().unwrap().len()
    }
}

/// What a request is answered with.
pub(crate) enum Answer {
    Text(String),
    /// The line is cut.
    Cut,
    /// The line is held.
    Never,
}

impl Answer {
    pub(crate) fn status(status: &str) -> Self {
        Self::with(status, "")
    }

    pub(crate) fn with(status: &str, body: &str) -> Self {
        Self::Text(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
    }
}

pub(crate) struct Receiver {
    port: u16,
    got: watch::Receiver<Vec<Request>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Answers requests by their number.
    pub(crate) async fn answering(how: impl Fn(usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (keep, got) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let mut stream = BufReader::new(stream);
                let request = read(&mut stream).await;
                keep.send_modify(|all: &mut Vec<Request>| all.push(request));
                match how(number) {
                    Answer::Text(text) => {
                        // Whoever asked may have gone.
                        drop(stream.get_mut().write_all(text.as_bytes()).await);
                    }
                    Answer::Cut => {}
                    Answer::Never => held.push(stream),
                }
            }
        });
        Self { port, got, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests, once there are so many.
    pub(crate) async fn got(&self, count: usize) -> Vec<Request> {
        let mut got = self.got.clone();
        let enough = got.wait_for(|all| all.len() >= count);
        let all = tokio::time::timeout(crate::PATIENCE, enough).await.unwrap();
        all.unwrap().clone()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Request {
    let mut request = Request::default();
    stream.read_line(&mut request.first).await.unwrap();
    request.first.truncate(request.first.trim_end().len());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        let header = (name.to_ascii_lowercase(), value.to_owned());
        request.headers.push(header);
    }
    let length = request.header("content-length").parse().unwrap();
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await.unwrap();
    request
}
