//! Another engine, asked over its API instead of through the store: the same answers, so the same output.
//!
//! Never: sends a token over plain HTTP to another machine, or follows a redirect with it.

mod acting;
mod admitting;
mod following;
mod looking;
mod nights;
mod notify;
mod secret;

use std::net::IpAddr;
use std::time::Duration;

use noctule_web::{Code, ProblemDocument};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::following::Manner;
use self::secret::TOKEN;
use crate::error::CliError;
use crate::output::printable;
use crate::surface::Surface;

/// How long a request may take; a waiting one takes a minute.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long it may take to reach the server.
const CONNECT: Duration = Duration::from_secs(10);

/// The server of `--server`.
pub(crate) struct Server {
    client: Client,
    base: Url,
    token: Option<String>,
}

impl Server {
    /// The server that was named, if one was.
    ///
    /// # Errors
    /// It is no address, or plain HTTP to another machine.
    pub(crate) fn of(surface: &Surface) -> Result<Option<Self>, CliError> {
        let Some(text) = &surface.globals.server else {
            return Ok(None);
        };
        let base = address(text)?;
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(PATIENCE);
        if is_here(&base) {
            client = client.no_proxy();
        }
        let failed = |error: reqwest::Error| CliError::unreachable(said(&error));
        Ok(Some(Self {
            client: client.build().map_err(failed)?,
            base,
            token: secret::token(surface)?,
        }))
    }

    /// The address of a thing; each part is one part of the path, whatever it holds.
    fn address(&self, parts: &[&str]) -> Url {
        let mut address = self.base.clone();
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(parts);
        }
        address
    }

    async fn get<T: DeserializeOwned>(
        &self,
        parts: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, CliError> {
        let mut address = self.address(parts);
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        self.read(self.client.get(address)).await
    }

    async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        parts: &[&str],
        dry_run: bool,
        body: &B,
    ) -> Result<T, CliError> {
        let mut address = self.address(parts);
        if dry_run {
            address.query_pairs_mut().append_pair("dry_run", "true");
        }
        self.read(self.client.post(address).json(body)).await
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CliError> {
        let response = self.send(request).await?;
        let bytes = response.bytes().await;
        let bytes = bytes.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            CliError::unreachable(format!(
                "{} gave an answer that cannot be read: {error}",
                self.base
            ))
            .help("the server may be of another version")
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response).await)
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        CliError::unreachable(format!("failed to reach {}: {}", self.base, said(error)))
    }

    async fn refused(&self, response: Response) -> CliError {
        let status = response.status();
        let bytes = response.bytes().await.unwrap_or_default();
        let Ok(problem) = serde_json::from_slice::<ProblemDocument>(&bytes) else {
            return CliError::unreachable(format!("{} answered {status}", self.base))
                .help("is this the address of a `noctule serve`?");
        };
        let said = problem.detail.clone();
        match status {
            StatusCode::UNAUTHORIZED => CliError::not_allowed(said)
                .help(format!(
                    "a token is taken from --token-file FILE, or from {TOKEN}; `noctule token create` makes one"
                )),
            StatusCode::FORBIDDEN => CliError::not_allowed(said),
            StatusCode::NOT_FOUND if problem.code == Code::NoSuchRoute.as_str() => {
                CliError::unreachable(said).help("the server may be of an older version")
            }
            StatusCode::NOT_FOUND => CliError::not_found(said),
            StatusCode::CONFLICT => CliError::conflict(said),
            status if status.is_client_error() => CliError::usage(said),
            _ => CliError::unreachable(said),
        }
    }
}

fn address(text: &str) -> Result<Url, CliError> {
    let wrong = || {
        CliError::usage(format!(
            "--server: `{}` is not http(s)://HOST[:PORT]",
            printable(text)
        ))
    };
    let url: Url = text.parse().map_err(|_| wrong())?;
    let bare = url.username().is_empty() && url.password().is_none();
    if !bare || url.host_str().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(&url) => Ok(url),
        "http" => Err(CliError::usage(format!(
            "--server: {url} is another machine, and plain HTTP shows everybody between what is sent"
        ))
        .help("use https, or a tunnel to a port of this machine")),
        _ => Err(wrong()),
    }
}

/// Whether an address is this machine.
fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// What an error of the client says, with what is behind it.
fn said(error: &reqwest::Error) -> String {
    let mut said = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !said.contains(&text) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&text);
        }
        next = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (text, good) in [
            ("http://127.0.0.1:7878", true),
            ("http://localhost:7878/", true),
            ("http://[::1]:7878", true),
            ("https://batch.example.com/noctule", true),
            ("http://batch.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://10.0.0.1:7878", false),
            ("https://user:secret@example.com", false),
            ("https://example.com/?x=1", false),
            ("ftp://localhost", false),
            ("localhost:7878", false),
            ("", false),
        ] {
            assert_eq!(address(text).is_ok(), good, "{text}");
        }
    }
}
