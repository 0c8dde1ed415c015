//! A connection that is kept, and asks one thing after another.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    bytes: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            address,
            stream,
            bytes: Vec::new(),
        }
    }

    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.ask(&format!(
            "GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.address
        ))
        .await
    }

    pub(crate) async fn post(&mut self, target: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.ask(&format!(
            "POST {target} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        ))
        .await
    }

    async fn ask(&mut self, request: &str) -> Answer {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.bytes.clear();
        let head = loop {
            if let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            self.more().await;
        };
        let text = std::str::from_utf8(&self.bytes[..head])
            .unwrap()
            .to_ascii_lowercase();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap_or_else(|| panic!("{text}")).parse().unwrap();
        while self.bytes.len() < head + 4 + length {
            self.more().await;
        }
        Answer {
            status,
            body: self.bytes[head + 4..].to_vec(),
        }
    }

    async fn more(&mut self) {
        self.bytes.reserve(64 * 1024);
        let read = self.stream.read_buf(&mut self.bytes).await.unwrap();
        assert!(read > 0, "the server hung up");
    }

    /// Only what comes from now on.
    pub(crate) async fn listen(mut self, target: &str) -> TcpStream {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.stream.write_all(request.as_bytes()).await.unwrap();
        while !self.bytes.windows(4).any(|four| four == b"id: ") {
            self.more().await;
        }
        self.stream
    }
}
