//! Where `serve` listens, and who may come in.
//!
//! Guarantees: a server that others than this machine can reach does not start unless somebody can be known by something
//! they show, and unless it knows by which name it is asked.
//!
//! Never: keeps or prints the value of a secret.

use std::net::SocketAddr;

use noctule_core::source::OidcSettings;
use noctule_executor::SecretRef;
use noctule_executor::secrecy::{ExposeSecret, SecretString};
use noctule_store::{SecretHash, Store};
use noctule_web::{Access, Oidc, Settings, Web};
use tokio::net::TcpListener;

use crate::error::CliError;
use crate::project::OpenProject;
use crate::simulator::Addresses;
use crate::surface::Surface;
use crate::times::Zone;

/// The shortest token that a server is started with: what can be tried must not be found.
const SHORTEST: usize = 32;

/// Where it is to listen.
pub(super) fn address(text: &str) -> Result<SocketAddr, CliError> {
    text.replace("localhost", "127.0.0.1")
        .parse()
        .map_err(|_| CliError::usage(format!("engine.listen: `{text}` is not ADDRESS:PORT")))
}

/// Listens there.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    let failed = |error: std::io::Error| {
        CliError::unreachable(format!("failed to listen on {address}: {error}"))
            .help("another program listens there; name another address with --listen (port 0 takes a free one)")
    };
    TcpListener::bind(address).await.map_err(failed)
}

/// Whether it may listen where others than this machine reach it.
pub(super) async fn admit(
    open: &OpenProject,
    surface: &Surface,
    store: &Store,
    address: SocketAddr,
) -> Result<(), CliError> {
    let engine = &open.project()?.engine;
    let loopback = address.ip().to_canonical().is_loopback();
    if loopback && engine.trust_loopback {
        return Ok(());
    }
    if !loopback && engine.public_url.is_none() {
        let message =
            format!("engine.listen: {address} is not loopback, and there is no engine.public_url");
        return Err(CliError::usage(message).help(
            "say by which name it is asked: public_url = \"https://noctule.example.com\"; requests by other names are refused",
        ));
    }
    let known = store.tokens().await?;
    let somebody = known.iter().any(|token| token.counts_at(surface.now));
    if somebody || engine.bootstrap_token.is_some() || engine.oidc.is_some() {
        return Ok(());
    }
    let why = if loopback {
        "engine.trust_loopback is off".to_owned()
    } else {
        format!("engine.listen: {address} is not loopback")
    };
    let message = format!("{why}, and there is no token yet");
    Err(CliError::usage(message)
        .help("make one: noctule token create --role admin")
        .help("in a container: engine.bootstrap_token = { secret = \"NAME\" }"))
}

/// Who may come in besides those whom the store knows.
pub(super) async fn access(
    open: &OpenProject,
    surface: &Surface,
    store: &Store,
) -> Result<Access, CliError> {
    let engine = &open.project()?.engine;
    let mut access = Access::default();
    access.distrusts_loopback = !engine.trust_loopback;
    if let Some(name) = &engine.bootstrap_token {
        let value = secret(open, surface, store, "engine.bootstrap_token", name).await?;
        let value = value.expose_secret();
        if value.len() < SHORTEST || value.contains(char::is_whitespace) {
            return Err(CliError::usage(format!(
                "engine.bootstrap_token: secret `{name}` has no {SHORTEST} characters, or a space among them"
            ))
            .help("openssl rand -hex 32 makes a good one"));
        }
        access.bootstrap = Some(SecretHash::of(value));
    }
    match &engine.oidc {
        Some(oidc) => with_logins(access, oidc, open, surface, store).await,
        None => Ok(access),
    }
}

async fn with_logins(
    access: Access,
    oidc: &OidcSettings,
    open: &OpenProject,
    surface: &Surface,
    store: &Store,
) -> Result<Access, CliError> {
    let setting = "engine.oidc.client_secret";
    let client_secret = secret(open, surface, store, setting, &oidc.client_secret).await?;
    let oidc = Oidc {
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        client_secret,
        groups_claim: oidc.groups_claim.clone(),
        scopes: oidc.scopes.clone(),
        roles: oidc.roles.clone(),
        session: oidc.session,
    };
    let usable = access.with_oidc(oidc);
    usable.map_err(|error| CliError::usage(error.to_string()))
}

async fn secret(
    open: &OpenProject,
    surface: &Surface,
    store: &Store,
    setting: &str,
    name: &str,
) -> Result<SecretString, CliError> {
    let around = open.surroundings(surface, store, Addresses::default())?;
    let reference = SecretRef {
        secret: name.to_owned(),
    };
    // It is of no DAG: a secret that is limited to DAGs is not for the engine.
    let value = around.context("", None).secrets.resolve(&reference).await;
    value.map_err(|error| CliError::usage(format!("{setting}: {error}")))
}

/// The API of a project, over its store.
pub(super) fn web(open: &OpenProject, store: &Store, access: Access) -> Result<Web, CliError> {
    let project = open.project()?;
    let settings = Settings {
        profile: project.profile.clone(),
        slots: usize::try_from(project.engine.slots).unwrap_or(usize::MAX),
        zone: Zone::of(Some(project)).0,
        public_url: project.engine.public_url.clone(),
        streams: noctule_web::STREAMS,
    };
    Web::guarded(store.clone(), settings, access)
        .map_err(|error| CliError::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_has_a_port_and_no_name_but_localhost() {
        for (text, good) in [
            ("127.0.0.1:7878", true),
            ("localhost:0", true),
            ("[::1]:7878", true),
            ("0.0.0.0:80", true),
            ("127.0.0.1", false),
            ("example.com:80", false),
            ("", false),
        ] {
            assert_eq!(address(text).is_ok(), good, "{text}");
        }
    }
}
