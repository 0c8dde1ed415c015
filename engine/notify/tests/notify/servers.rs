//! Servers on this machine that keep what they are told. They end with the test.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request, as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) first: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Answers every request alike.
pub(crate) struct HttpServer {
    port: u16,
    got: watch::Receiver<Vec<Request>>,
    task: JoinHandle<()>,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HttpServer {
    pub(crate) async fn answering(status: &str, headers: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (keep, got) = watch::channel(Vec::new());
        let answer =
            format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(request) = serve(stream, &answer).await {
                    keep.send_modify(|all: &mut Vec<Request>| all.push(request));
                }
            }
        });
        Self { port, got, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The first request.
    pub(crate) async fn got(&self) -> Request {
        let mut got = self.got.clone();
        let all = got.wait_for(|all| !all.is_empty()).await.unwrap();
        all[0].clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.got.borrow().len()
    }
}

async fn serve(stream: TcpStream, answer: &str) -> std::io::Result<Request> {
    let mut stream = BufReader::new(stream);
    let mut request = Request::default();
    stream.read_line(&mut request.first).await?;
    request.first = request.first.trim_end().to_owned();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        let pair = (name.to_ascii_lowercase(), value.to_owned());
        request.headers.push(pair);
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await?;
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(request)
}

/// Takes one mail after the other, and answers each with the same word.
pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    got: Arc<Mutex<(Vec<String>, String)>>,
    rang: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SmtpServer {
    pub(crate) async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Mutex<(Vec<String>, String)>> = Arc::default();
        let (ring, rang) = watch::channel(0);
        let kept = Arc::clone(&got);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mail) = take(stream, answer).await {
                    *kept.lock().unwrap() = mail;
                    ring.send_modify(|count| *count += 1);
                }
            }
        });
        Self {
            port,
            got,
            rang,
            task,
        }
    }

    /// The recipients, and the mail as it came.
    pub(crate) async fn got(&self) -> (Vec<String>, String) {
        let mut rang = self.rang.clone();
        rang.wait_for(|count| *count > 0).await.unwrap();
        self.got.lock().unwrap().clone()
    }
}

async fn take(stream: TcpStream, answer: &str) -> std::io::Result<(Vec<String>, String)> {
    let mut stream = BufReader::new(stream);
    let (mut recipients, mut mail) = (Vec::new(), String::new());
    stream.write_all(b"220 here\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok((recipients, mail));
        }
        let line = line.trim_end();
        let said = match line.get(..4) {
            Some("RCPT") => {
                recipients.push(line.to_owned());
                "250 ok"
            }
            Some("DATA") => {
                stream.write_all(b"354 go on\r\n").await?;
                loop {
                    let mut part = String::new();
                    stream.read_line(&mut part).await?;
                    if part == ".\r\n" {
                        break;
                    }
                    mail.push_str(&part);
                }
                answer
            }
            Some("QUIT") => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{said}\r\n").as_bytes()).await?;
    }
}
