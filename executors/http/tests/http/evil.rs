//! A server on a bare socket that sends just the bytes it is told, and remembers what it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Deed {
    /// Sends these bytes and hangs up.
    Say(String),
    /// Hangs up without a word.
    HangUp,
    /// Sends these bytes and keeps silent.
    FallSilent(String),
    /// Sends these bytes, then more of them for ever.
    SayForEver(String),
}

/// An answer with a body and its length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Deed {
    let length = body.len();
    Deed::Say(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

/// The server.
pub(crate) struct Evil {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    pub(crate) hearing: Arc<Notify>,
    serving: JoinHandle<()>,
}

impl Drop for Evil {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Evil {
    /// Does one deed for each request; the last one again and again.
    pub(crate) async fn new(deeds: impl IntoIterator<Item = Deed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::new(Notify::new());
        let serving = tokio::spawn(serve(
            listener,
            deeds.into_iter().collect(),
            Arc::clone(&heard),
            Arc::clone(&hearing),
        ));
        Self {
            address,
            heard,
            hearing,
            serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far, as it came in.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

async fn serve(
    listener: TcpListener,
    mut deeds: VecDeque<Deed>,
    heard: Arc<Mutex<Vec<String>>>,
    hearing: Arc<Notify>,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let request = read(&mut stream).await;
        heard.lock().expect("no panic").push(request);
        hearing.notify_one();
        let deed = if deeds.len() > 1 {
            deeds.pop_front()
        } else {
            deeds.front().cloned()
        };
        tokio::spawn(act(stream, deed.unwrap_or(Deed::HangUp)));
    }
}

/// Reads one request, body included.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).await.unwrap_or_default();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if count == 0 || is_whole(&text) {
            return text;
        }
    }
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or_default()
}

async fn act(mut stream: TcpStream, deed: Deed) {
    match deed {
        Deed::HangUp => {}
        Deed::Say(text) => drop(stream.write_all(text.as_bytes()).await),
        Deed::FallSilent(text) => {
            drop(stream.write_all(text.as_bytes()).await);
            // Until the other side gives up.
            drop(stream.read(&mut [0; 1]).await);
        }
        Deed::SayForEver(text) => {
            let more = "x".repeat(64 * 1024);
            drop(stream.write_all(text.as_bytes()).await);
            while stream.write_all(more.as_bytes()).await.is_ok() {}
        }
    }
}
