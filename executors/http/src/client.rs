//! The clients of one executor, one for each way of connecting. They follow no redirect and unpack nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

use crate::config::HttpConfig;
use crate::error::{HttpError, cause};
use crate::guard::PublicOnly;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silent connections are cut after 600 s on the road: a minute leaves nine signs of life.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// More ways of connecting than any project has; then all are made anew.
const MOST: usize = 64;

/// A way of connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) keep_alive: Duration,
    /// Connections are used again. Never for a launch: on a fresh one, a connection that failed surely sent nothing.
    pub(crate) reused: bool,
    /// The service chose the host.
    pub(crate) guarded: bool,
}

impl Line {
    /// For the call that starts the work.
    pub(crate) fn of_launch(config: &HttpConfig) -> Self {
        Self {
            connect_timeout: config
                .connect_timeout
                .map_or(CONNECT_TIMEOUT, |span| span.0),
            idle_timeout: config.idle_timeout.map(|span| span.0),
            keep_alive: config.keep_alive.map_or(KEEP_ALIVE, |span| span.0),
            reused: false,
            guarded: false,
        }
    }

    /// For questions about it.
    pub(crate) fn of_poll() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: None,
            keep_alive: KEEP_ALIVE,
            reused: true,
            guarded: false,
        }
    }

    fn client(self) -> Result<Client, HttpError> {
        let mut builder = Client::builder()
            .user_agent(concat!("noctule/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .tcp_keepalive(self.keep_alive)
            .tcp_keepalive_interval(self.keep_alive);
        if let Some(idle) = self.idle_timeout {
            builder = builder.read_timeout(idle);
        }
        if !self.reused {
            builder = builder.pool_max_idle_per_host(0);
        }
        if self.guarded {
            // A proxy would resolve the name by itself.
            builder = builder.no_proxy().dns_resolver(Arc::new(PublicOnly));
        }
        builder.build().map_err(|error| {
            HttpError::Invalid(format!("no client can be made: {}", cause(&error)))
        })
    }
}

/// Clients are dear to make and cheap to keep.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    made: Mutex<HashMap<Line, Client>>,
}

impl Clients {
    pub(crate) fn of(&self, line: Line) -> Result<Client, HttpError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&line) {
            return Ok(client.clone());
        }
        let client = line.client()?;
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(line, client.clone());
        Ok(client)
    }
}
