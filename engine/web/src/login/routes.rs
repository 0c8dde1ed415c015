//! `/login`, `/login/callback`, `/logout` and `/logged-out`.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use chrono::TimeDelta;
use noctule_core::access::{Role, Scope};
use noctule_core::run::Actor;
use noctule_store::{AccessSecret, AuditEvent, SecretKind, Session};
use schemars::JsonSchema;
use serde::Deserialize;

use super::provider::{Person, Provider};
use super::ticket::Ticket;
use crate::access::{Need, Scoped};
use crate::knowing::{COOKIE_NAME, SECURE_COOKIE_NAME, cookies, session_secret};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::pages::logged_out;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The cookie of a login under way.
const TICKET: &str = "noctule_login";
const SECURE_TICKET: &str = "__Host-noctule_login";
/// How long a person may take at the provider, in seconds.
const UNDER_WAY: u64 = 600;

/// `GET /login`.
pub(crate) struct Login;
/// `GET /login/callback`.
pub(crate) struct LoginCallback;
/// `POST /logout`.
pub(crate) struct Logout;
/// `GET /logged-out`.
pub(crate) struct LoggedOut;

/// Where to go afterwards.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginQuery {
    /// A path of this server.
    next: Option<String>,
}

/// What the provider sends along; it may add what it likes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct CallbackQuery {
    /// For which it tells who it was.
    code: Option<String>,
    /// What it was given.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

impl Operation for Login {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/login";
    const NEED: Need = Need::Anybody;
    const NAME: &'static str = "login";
    const SUMMARY: &'static str = "Go to the provider and log in, in a browser";
    const STATUSES: &'static [(u16, &'static str)] = &[(303, "on to the provider")];
    const MEDIA: &'static str = "text/plain";
    type Query = LoginQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<LoginQuery, Nothing>) -> Result<Response, Problem> {
        let (provider, base) = provider(&web)?;
        let about = provider.about().await?;
        let ticket = Ticket::new(call.query.next.as_deref())?;
        let mut scopes = vec!["openid".to_owned()];
        scopes.extend(provider.oidc.scopes.iter().cloned());
        let mut to = about.authorization_endpoint.0;
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.oidc.client_id)
            .append_pair("redirect_uri", &callback(&base))
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &ticket.state)
            .append_pair("nonce", &ticket.nonce)
            .append_pair("code_challenge", &ticket.challenge())
            .append_pair("code_challenge_method", "S256");
        let jar = Jar::of(&base);
        let kept = jar.kept(jar.ticket(), &ticket.written(), UNDER_WAY);
        on_to(to.as_str(), [kept])
    }
}

impl Operation for LoginCallback {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/login/callback";
    const NEED: Need = Need::Anybody;
    const NAME: &'static str = "login_callback";
    const SUMMARY: &'static str = "Come back from the provider, in a browser";
    const STATUSES: &'static [(u16, &'static str)] = &[(303, "logged in, and on")];
    const MEDIA: &'static str = "text/plain";
    type Query = CallbackQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<CallbackQuery, Nothing>) -> Result<Response, Problem> {
        let (provider, base) = provider(&web)?;
        let jar = Jar::of(&base);
        let refused = |said: &str| Problem::new(Code::LoginRefused, said);
        let ticket = cookies(&call.headers, &[jar.ticket()]).find_map(Ticket::read);
        let ticket = ticket.ok_or_else(|| {
            refused("no login is under way in this browser, or it took too long: begin again")
        })?;
        if !ticket.is_answered_by(call.query.state.as_deref().unwrap_or_default()) {
            return Err(refused("this is the answer to another login"));
        }
        if let Some(error) = &call.query.error {
            let error: String = error
                .chars()
                .filter(|c| c.is_ascii_graphic())
                .take(80)
                .collect();
            return Err(refused(&format!("the provider says `{error}`")));
        }
        let code = call
            .query
            .code
            .as_deref()
            .ok_or_else(|| refused("the provider gave no code"))?;
        let person = provider.person(code, &ticket, &callback(&base)).await?;
        let cookie = enter(&web, provider, &jar, &call, person).await?;
        let to = format!("{base}{}", ticket.next);
        on_to(&to, [cookie, jar.forgotten(jar.ticket())])
    }
}

/// Begins the session of a person; gives its cookie.
async fn enter(
    web: &Web,
    provider: &Provider,
    jar: &Jar,
    call: &Call<CallbackQuery, Nothing>,
    person: Person,
) -> Result<HeaderValue, Problem> {
    let role = provider.oidc.role_of(&person.groups);
    let now = web.now();
    let event = AuditEvent {
        at: now,
        by: Actor {
            name: person.name.clone(),
            via: "web".to_owned(),
        },
        from: call.from.map(|from| from.to_canonical().to_string()),
        act: "login".to_owned(),
        on: role.map(|role| format!("role {role}")),
    };
    let audited = web.store().begin_audit(&event).await?;
    let Some(role) = role else {
        web.store().end_audit(audited, "forbidden").await?;
        let said = format!(
            "{} has no role here: an administrator gives one to a group",
            person.name
        );
        return Err(Problem::new(Code::Forbidden, said));
    };
    if let Some(earlier) = session_secret(&call.headers) {
        web.store().close_session(&earlier.hash()).await?;
    }
    let secret = AccessSecret::new(SecretKind::Session)?;
    let lasts = provider.oidc.session;
    let session = Session {
        name: person.name,
        role,
        scope: Scope::everything(),
        provider: provider.name(),
        created_at: now,
        expires_at: now + TimeDelta::from_std(lasts).unwrap_or(TimeDelta::hours(12)),
    };
    web.store().open_session(&secret.hash(), &session).await?;
    web.store().end_audit(audited, "done").await?;
    Ok(jar.kept(jar.session(), secret.expose(), lasts.as_secs()))
}

impl Operation for Logout {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/logout";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const FORM: bool = true;
    const NAME: &'static str = "logout";
    const SUMMARY: &'static str = "End the session of a browser";
    const STATUSES: &'static [(u16, &'static str)] = &[(303, "logged out")];
    const MEDIA: &'static str = "text/plain";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        if let Some(secret) = session_secret(&call.headers) {
            web.store().close_session(&secret.hash()).await?;
        }
        let gone = [COOKIE_NAME, SECURE_COOKIE_NAME].map(|name| {
            let jar = Jar {
                secure: name == SECURE_COOKIE_NAME,
            };
            jar.forgotten(name)
        });
        let base = web.settings().public_url.as_deref().unwrap_or_default();
        let local = is_local(&call.headers);
        // Not to a page that sends them on to the provider, which would let them in again without a word.
        let to = if local {
            LoggedOut::PATH.to_owned()
        } else {
            format!("{}{}", base.trim_end_matches('/'), LoggedOut::PATH)
        };
        on_to(&to, gone)
    }
}

impl Operation for LoggedOut {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/logged-out";
    const NEED: Need = Need::Anybody;
    const NAME: &'static str = "logged_out_page";
    const SUMMARY: &'static str = "Where somebody is who has logged out";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        Ok(logged_out(&web, &call.caller))
    }
}

fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get("host").and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse().ok());
    host.is_some_and(|host| crate::names::is_loopback(&host))
}

/// The provider, and under which address people reach this server.
fn provider(web: &Web) -> Result<(&Provider, String), Problem> {
    let none = || {
        Problem::new(
            Code::NoSuchRoute,
            "nobody logs in here: there is no [engine.oidc]",
        )
    };
    let provider = web.access().provider.as_ref().ok_or_else(none)?;
    let base = web.settings().public_url.as_deref().ok_or_else(none)?;
    Ok((provider, base.trim_end_matches('/').to_owned()))
}

fn callback(base: &str) -> String {
    format!("{base}{}", LoginCallback::PATH)
}

/// How cookies are kept: by https no other server of the domain can set or see them.
struct Jar {
    secure: bool,
}

impl Jar {
    fn of(base: &str) -> Self {
        Self {
            secure: base.starts_with("https://"),
        }
    }

    fn session(&self) -> &'static str {
        if self.secure {
            SECURE_COOKIE_NAME
        } else {
            COOKIE_NAME
        }
    }

    fn ticket(&self) -> &'static str {
        if self.secure { SECURE_TICKET } else { TICKET }
    }

    /// No page reads it, and no other site has it sent along but by a link.
    fn kept(&self, name: &str, value: &str, seconds: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        // Names and values are of letters that a header takes.
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    fn forgotten(&self, name: &str) -> HeaderValue {
        self.kept(name, "", 0)
    }
}

fn on_to(to: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Result<Response, Problem> {
    let to = HeaderValue::from_str(to)
        .map_err(|_| Problem::new(Code::Internal, "this is no address to go on to"))?;
    let mut response = Response::new(Body::from("go on\n"));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response.headers_mut().insert(LOCATION, to);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Where somebody is sent who opens a page and is not known: none where nobody logs in, and for programs.
pub(crate) fn sends_to_login(web: &Web, parts: &Parts) -> Option<Response> {
    let (_, base) = provider(web).ok()?;
    let accepts = parts.headers.get(ACCEPT)?.to_str().ok()?;
    let page = parts.method == Method::GET && accepts.contains("text/html");
    let path = parts.uri.path();
    if !page || path.starts_with("/api/") || path.starts_with("/login") {
        return None;
    }
    let next = parts.uri.path_and_query()?.as_str();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    on_to(&format!("{base}{}?{query}", Login::PATH), []).ok()
}
