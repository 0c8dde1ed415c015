//! A line to a server that can be cut and mended, as networks are.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The line.
pub(crate) struct Line {
    /// Where it begins.
    pub(crate) address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Line {
    /// A line to a server.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (whole, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let state = state.clone();
                tokio::spawn(carry(near, server, state));
            }
        });
        Self { address, whole }
    }

    /// Nothing gets through, and what was under way is broken off.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// It carries again.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, mut state: watch::Receiver<bool>) {
    if !*state.borrow() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = state.wait_for(|whole| !whole) => {}
    }
}
