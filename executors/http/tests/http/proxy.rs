//! A road between a call and its service, which loses answers when told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The road.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    losing: Arc<AtomicBool>,
    serving: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    pub(crate) async fn to(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let losing = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&losing);
        let serving = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let losing = armed.swap(false, Ordering::SeqCst);
                tokio::spawn(carry(near, service, losing));
            }
        });
        Self {
            address,
            losing,
            serving,
        }
    }

    /// The next connection carries its request and loses the answer.
    pub(crate) fn lose_next_answer(&self) {
        self.losing.store(true, Ordering::SeqCst);
    }
}

async fn carry(mut near: TcpStream, service: SocketAddr, losing: bool) {
    let Ok(mut far) = TcpStream::connect(service).await else {
        return;
    };
    if !losing {
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
        return;
    }
    let (mut from_near, _to_near) = near.split();
    let (mut from_far, mut to_far) = far.split();
    // The first bytes of the answer say that the request was received; they go no further.
    tokio::select! {
        _ = tokio::io::copy(&mut from_near, &mut to_far) => {}
        _ = read_some(&mut from_far) => {}
    }
}

async fn read_some(from: &mut tokio::net::tcp::ReadHalf<'_>) {
    drop(from.read(&mut [0; 1]).await);
}
