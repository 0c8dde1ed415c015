//! Connections whose answers can be cut short, for faults below HTTP.
//!
//! Untouched connections pass bytes as they are.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::lock::lock;

/// What is still to be sent on a connection.
#[derive(Clone, Copy, Debug, Default)]
enum Cut {
    #[default]
    Never,
    /// So many bytes, then the end.
    After { left: usize, reset: bool },
    /// The head of the next answer and so many bytes of its body, then the end.
    AfterHead { body: usize },
}

/// One connection, as the handler of its requests sees it.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<Cut>>);

impl Wire {
    pub(crate) fn cut(&self, left: usize, reset: bool) {
        *lock(&self.0) = Cut::After { left, reset };
    }

    pub(crate) fn cut_body(&self, body: usize) {
        *lock(&self.0) = Cut::AfterHead { body };
    }

    /// How many of these bytes may be sent now; an error where the connection is to end.
    fn allow(&self, bytes: &[u8]) -> Result<usize, bool> {
        let mut cut = lock(&self.0);
        if let Cut::AfterHead { body } = *cut
            && let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            *cut = Cut::After {
                left: head + 4 + body,
                reset: false,
            };
        }
        match *cut {
            Cut::After { left: 0, reset } => Err(reset),
            Cut::After { left, .. } => Ok(left.min(bytes.len())),
            Cut::Never | Cut::AfterHead { .. } => Ok(bytes.len()),
        }
    }

    fn sent(&self, bytes: usize) {
        if let Cut::After { left, .. } = &mut *lock(&self.0) {
            *left = left.saturating_sub(bytes);
        }
    }
}

impl Connected<IncomingStream<'_, WireListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, WireListener>) -> Self {
        stream.io().wire.clone()
    }
}

/// Accepts connections and gives each its wire.
pub struct WireListener(pub TcpListener);

impl Listener for WireListener {
    type Io = WireStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (WireStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off delayed sending");
        }
        (
            WireStream {
                stream,
                wire: Wire::default(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that ends where its wire says.
pub struct WireStream {
    stream: TcpStream,
    wire: Wire,
}

impl AsyncRead for WireStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = match self.wire.allow(buf) {
            Ok(allowed) => allowed,
            Err(reset) => {
                if reset {
                    self.stream.set_zero_linger()?;
                }
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        };
        let sent = Pin::new(&mut self.stream).poll_write(cx, &buf[..allowed]);
        if let Poll::Ready(Ok(bytes)) = &sent {
            self.wire.sent(*bytes);
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
