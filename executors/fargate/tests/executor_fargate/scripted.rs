//! An HTTP server that answers as a test tells it, byte for byte, faults included.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The action: of the target header, or of the form.
    pub(crate) fn action(&self) -> String {
        if let Some(target) = self.header("x-amz-target") {
            return target.rsplit('.').next().unwrap().to_owned();
        }
        self.form("Action").unwrap()
    }

    /// A field of the form, decoded as far as tests need it.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        let text = self.text();
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let mut ours = pairs.filter(|(key, _)| *key == name);
        let value = ours.next()?.1;
        Some(value.replace("%3A", ":").replace("%2F", "/"))
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(u16, Value),
    /// Status, one header, body.
    Raw(u16, &'static str, String, String),
    /// The status line and half of the body that it promises.
    Truncated,
    /// The connection is reset.
    Reset,
    /// Nothing, for ever.
    Hang,
}

impl Reply {
    /// 200 with JSON.
    pub(crate) fn ok(value: Value) -> Self {
        Self::Json(200, value)
    }

    /// An error of ECS.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Json(status, json!({ "__type": code, "message": message }))
    }

    /// A good answer of the load balancer.
    pub(crate) fn xml(action: &str, result: &str) -> Self {
        let space = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
        let body = format!(
            "<{action}Response xmlns=\"{space}\"><{action}Result>{result}</{action}Result></{action}Response>"
        );
        Self::Raw(200, "content-type", "text/xml".to_owned(), body)
    }

    /// An error of the load balancer.
    pub(crate) fn xml_error(status: u16, code: &str) -> Self {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>as scripted</Message></Error></ErrorResponse>"
        );
        Self::Raw(status, "content-type", "text/xml".to_owned(), body)
    }
}

type Script = Box<dyn FnMut(&Asked) -> Reply + Send>;

/// The server; gone when it is dropped.
pub(crate) struct Scripted {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Scripted {
    /// Starts a server.
    pub(crate) async fn start(script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let seen = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        Self {
            url,
            asked,
            serving,
        }
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Every request so far, by its action.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.asked().iter().map(Asked::action).collect()
    }

    /// The requests of one action.
    pub(crate) fn of(&self, action: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.action() == action);
        asked
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>, seen: Arc<Mutex<Vec<Asked>>>) {
    let Some(asked) = read(&mut stream).await else {
        return;
    };
    let reply = (script.lock().unwrap())(&asked);
    seen.lock().unwrap().push(asked);
    let text = match reply {
        Reply::Json(code, value) => answer(
            code,
            "content-type",
            "application/x-amz-json-1.1",
            &value.to_string(),
        ),
        Reply::Raw(code, name, value, body) => answer(code, name, &value, &body),
        Reply::Truncated => {
            "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"tasks\":[{".to_owned()
        }
        Reply::Reset => return stream.set_zero_linger().unwrap(),
        Reply::Hang => return std::future::pending().await,
    };
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.ok();
}

fn answer(code: u16, name: &str, value: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {code} Scripted\r\nconnection: close\r\ncontent-length: {length}\r\n{name}: {value}\r\n\r\n{body}"
    )
}

/// Reads one request whole.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut asked = Asked {
        line: head.lines().next()?.to_owned(),
        body: bytes[end + 4..].to_vec(),
        head,
    };
    let length = asked
        .header("content-length")
        .map_or(0, |l| l.parse().unwrap());
    while asked.body.len() < length {
        if stream.read_buf(&mut asked.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(asked)
}
