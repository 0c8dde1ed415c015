//! Making, listing and revoking tokens.

use noctule_store::{AccessSecret, AuditEvent, Revocation, SecretKind, Store, StoreError, Token};
use noctule_web::{IssuedToken, TokenBody, TokenView, granted};

use super::listing::{known, print};
use crate::acting::actor;
use crate::args::{Format, TokenCommand, TokenCreateArgs, TokenRevokeArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Tone, document, printable};
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;

/// Does what is asked about tokens.
pub(crate) async fn token(command: TokenCommand, surface: &Surface) -> Result<Exit, CliError> {
    match command {
        TokenCommand::Create(args) => create(args, surface).await,
        TokenCommand::List => list(surface).await,
        TokenCommand::Revoke(args) => revoke(&args, surface).await,
    }
}

async fn create(args: TokenCreateArgs, surface: &Surface) -> Result<Exit, CliError> {
    let when = surface.now.format("%Y-%m-%d %H:%M:%S");
    let body = TokenBody {
        name: args
            .name
            .unwrap_or_else(|| format!("{} {when}", actor(surface).name)),
        role: args.role,
        dags: args.dags,
        expires: args.expires,
    };
    let issued = match Server::of(surface)? {
        Some(server) => server.issue(&body).await?,
        None => issue(body, surface).await?,
    };
    let IssuedToken { secret, token } = &issued;
    if surface.format() == Format::Table {
        emit(&format!("{secret}\n"))?;
    } else {
        document(surface.format(), &issued)?;
    }
    let limits = match token.dags.as_slice() {
        [] => "every DAG".to_owned(),
        dags => format!("DAGs {}", dags.join(", ")),
    };
    let end = match &token.expires_at {
        Some(end) => format!("until {end}"),
        None => "until it is revoked".to_owned(),
    };
    eprintln!(
        "token {} `{}`: {} of {limits}, {end}; its secret is not shown again",
        token.id,
        printable(&token.name),
        token.role,
    );
    Ok(Exit::Success)
}

async fn issue(body: TokenBody, surface: &Surface) -> Result<IssuedToken, CliError> {
    let grant = granted(body, actor(surface), surface.now)
        .map_err(|error| CliError::usage(format!("--{error}")))?;
    let store = OpenProject::read(surface, &[])?.make_store(surface).await?;
    let secret = AccessSecret::new(SecretKind::Token)?;
    let hash = secret.hash();
    let on = format!("token {}, {}", grant.name, grant.role);
    let audited = begin(&store, surface, "create_token", on).await?;
    let made = store.create_token(&hash, &grant).await;
    let outcome = match &made {
        Ok(true) => "done",
        Ok(false) => "name_taken",
        Err(_) => "store_unavailable",
    };
    store.end_audit(audited, outcome).await?;
    if !made? {
        let name = printable(&grant.name);
        return Err(CliError::conflict(format!(
            "a token `{name}` is there already, and not revoked"
        ))
        .help("give another name with --name, or revoke that one first"));
    }
    let token = Token {
        id: hash.short(),
        grant,
        revoked: None,
        last_used: None,
    };
    Ok(IssuedToken {
        secret: secret.expose().to_owned(),
        token: TokenView::of(&token, surface.now),
    })
}

async fn list(surface: &Surface) -> Result<Exit, CliError> {
    let tokens = known(
        surface,
        async |server| server.tokens().await,
        async |store| views(&store, surface).await,
    );
    let columns = [
        "ID",
        "NAME",
        "ROLE",
        "DAGS",
        "STATE",
        "EXPIRES",
        "LAST USED",
        "BY",
    ];
    print(&tokens.await?, columns, row, surface)
}

fn row(token: &TokenView) -> [(String, Tone); 8] {
    let tone = match token.state.as_str() {
        "active" => Tone::Good,
        "expired" => Tone::Odd,
        _ => Tone::Dim,
    };
    let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
    let dags = match token.dags.as_slice() {
        [] => "all".to_owned(),
        dags => dags.join(" "),
    };
    [
        (token.id.clone(), Tone::Plain),
        (token.name.clone(), Tone::Plain),
        (token.role.to_string(), Tone::Plain),
        (dags, Tone::Plain),
        (token.state.clone(), tone),
        (or(&token.expires_at, "never"), Tone::Plain),
        (or(&token.last_used, "never"), Tone::Plain),
        (token.created_by.clone(), Tone::Dim),
    ]
}

async fn revoke(args: &TokenRevokeArgs, surface: &Surface) -> Result<Exit, CliError> {
    let server = Server::of(surface)?;
    let store = match &server {
        Some(_) => None,
        None => Some(existing(surface).await?),
    };
    let known = match (&server, &store) {
        (Some(server), _) => server.tokens().await?,
        (None, Some(store)) => views(store, surface).await?,
        (None, None) => Vec::new(),
    };
    let token = chosen(&known, &args.which)?;
    match (&server, &store) {
        (Some(server), _) => server.revoke(&token.id).await?,
        (None, Some(store)) => revoke_in(store, token, surface).await?,
        (None, None) => {}
    }
    eprintln!("token {} `{}` is revoked", token.id, printable(&token.name));
    Ok(Exit::Success)
}

/// The token of an id, or the one of a name that is not revoked.
fn chosen<'a>(known: &'a [TokenView], asked: &str) -> Result<&'a TokenView, CliError> {
    let by_id = known.iter().find(|token| token.id == asked);
    let mut named = known
        .iter()
        .filter(|token| token.name == asked && token.state != "revoked");
    by_id.or_else(|| named.next()).ok_or_else(|| {
        let asked = printable(asked);
        CliError::not_found(format!("there is no token `{asked}` that could be revoked"))
            .help("`noctule token list` shows all of them")
    })
}

async fn revoke_in(store: &Store, token: &TokenView, surface: &Surface) -> Result<(), CliError> {
    let on = format!("token {}", token.id);
    let audited = begin(store, surface, "revoke_token", on).await?;
    let revocation = Revocation {
        at: surface.now,
        by: actor(surface),
    };
    let revoked = store.revoke_token(&token.id, &revocation).await;
    let outcome = match &revoked {
        Ok(true) => "done",
        Ok(false) => "no_such_token",
        Err(_) => "store_unavailable",
    };
    store.end_audit(audited, outcome).await?;
    revoked?;
    Ok(())
}

pub(super) async fn begin(
    store: &Store,
    surface: &Surface,
    act: &str,
    on: String,
) -> Result<noctule_store::AuditId, StoreError> {
    let event = AuditEvent {
        at: surface.now,
        by: actor(surface),
        from: None,
        act: act.to_owned(),
        on: Some(on),
    };
    store.begin_audit(&event).await
}

pub(super) async fn existing(surface: &Surface) -> Result<Store, CliError> {
    let open = OpenProject::read(surface, &[])?;
    let store = open.store(surface).await?;
    store.ok_or_else(|| CliError::not_found("there is no store: nothing has been run here yet"))
}

async fn views(store: &Store, surface: &Surface) -> Result<Vec<TokenView>, CliError> {
    let tokens = store.tokens().await?;
    let view = |token| TokenView::of(token, surface.now);
    Ok(tokens.iter().map(view).collect())
}
