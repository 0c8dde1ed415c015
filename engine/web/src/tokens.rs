//! Tokens over the API: making them, listing them, taking them back.
//!
//! Never: tells a secret but once, in the answer to whoever had it made.

use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use noctule_core::access::{AccessError, Role, Scope};
use noctule_core::run::Actor;
use noctule_core::ticks::parse_duration;
use noctule_store::{AccessSecret, Grant, Revocation, SecretKind, Token};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::access::Need;
use crate::operation::{Call, Nothing, Operation, Verb, found, json};
use crate::page::List;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The longest name.
const NAME: usize = 80;
/// The most patterns of one token.
const PATTERNS: usize = 50;

/// `GET /api/v1/tokens`.
pub(crate) struct ListTokens;
/// `POST /api/v1/tokens`.
pub(crate) struct IssueToken;
/// `POST /api/v1/tokens/{token}/revoke`.
pub(crate) struct RevokeToken;

/// A token that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// By which name it is known.
    #[schemars(length(min = 1, max = NAME))]
    pub name: String,
    /// What it may.
    pub role: Role,
    /// Globs of the DAGs that it is limited to; none: every DAG.
    #[serde(default)]
    #[schemars(length(max = PATTERNS))]
    pub dags: Vec<String>,
    /// How long it counts, like `90d`; none: until it is revoked.
    #[serde(default)]
    pub expires: Option<String>,
}

/// Why no token can be made of what was given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The name is none.
    #[error("name: 1 to {NAME} printable characters, none of them a space at either end")]
    Name,
    /// A pattern is none.
    #[error("dag: {0}")]
    Pattern(#[from] AccessError),
    /// There are too many patterns.
    #[error("dag: at most {PATTERNS} patterns")]
    Patterns,
    /// The duration is none.
    #[error("expires: {0}")]
    Expires(String),
}

/// A token as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenView {
    /// A short name of its hash.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// The DAGs that it is limited to; empty: every DAG.
    pub dags: Vec<String>,
    /// `active`, `expired` or `revoked`.
    pub state: String,
    /// Who made it.
    pub created_by: String,
    /// When: RFC 3339.
    pub created_at: String,
    /// Until when it counts.
    pub expires_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// When it was last used, to the hour or so.
    pub last_used: Option<String>,
}

/// A token that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IssuedToken {
    /// The secret, told this once.
    pub secret: String,
    /// What it is.
    #[serde(flatten)]
    pub token: TokenView,
}

impl TokenView {
    /// A token as it stands at a time.
    #[must_use]
    pub fn of(token: &Token, now: DateTime<Utc>) -> Self {
        let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let state = match token {
            token if token.revoked.is_some() => "revoked",
            token if token.is_past(now) => "expired",
            _ => "active",
        };
        Self {
            id: token.id.clone(),
            name: token.grant.name.clone(),
            role: token.grant.role,
            dags: token.grant.scope.patterns().to_vec(),
            state: state.to_owned(),
            created_by: token.grant.created_by.name.clone(),
            created_at: at(token.grant.created_at),
            expires_at: token.grant.expires_at.map(at),
            revoked_at: token.revoked.as_ref().map(|revoked| at(revoked.at)),
            revoked_by: token
                .revoked
                .as_ref()
                .map(|revoked| revoked.by.name.clone()),
            last_used: token.last_used.map(at),
        }
    }
}

/// What a token is to be, read of what was given.
///
/// # Errors
/// It cannot be one.
pub fn granted(body: TokenBody, by: Actor, now: DateTime<Utc>) -> Result<Grant, TokenError> {
    let name = body.name;
    let printable = !name.chars().any(char::is_control) && name.trim() == name;
    if !(1..=NAME).contains(&name.chars().count()) || !printable {
        return Err(TokenError::Name);
    }
    if body.dags.len() > PATTERNS {
        return Err(TokenError::Patterns);
    }
    let end = |text: String| {
        let span = parse_duration(&text).map_err(|error| error.to_string())?;
        let end = TimeDelta::from_std(span).ok();
        let end = end.and_then(|span| now.checked_add_signed(span));
        match end {
            Some(end) if end > now => Ok(end),
            _ => Err(format!("`{text}` is no time to come")),
        }
    };
    let expires_at = body.expires.map(end).transpose();
    Ok(Grant {
        name,
        role: body.role,
        scope: Scope::of(body.dags)?,
        created_at: now,
        created_by: by,
        expires_at: expires_at.map_err(TokenError::Expires)?,
    })
}

impl Operation for ListTokens {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/tokens";
    const NEED: Need = Need::Role(Role::Admin);
    const NAME: &'static str = "list_tokens";
    const SUMMARY: &'static str = "Every token, newest first, also those that count no more";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = List<TokenView>;

    async fn answer(web: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let tokens = web.store().tokens().await?;
        let view = |token| TokenView::of(token, web.now());
        found(&List {
            items: tokens.iter().map(view).collect(),
        })
    }
}

impl Operation for IssueToken {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/tokens";
    const NEED: Need = Need::Role(Role::Admin);
    const NAME: &'static str = "create_token";
    const SUMMARY: &'static str = "Make a token; its secret is told this once";
    const STATUSES: &'static [(u16, &'static str)] = &[(201, "the token was made")];
    type Query = Nothing;
    type Body = TokenBody;
    type Answer = IssuedToken;

    fn about(body: &TokenBody) -> Option<String> {
        let name: String = body
            .name
            .chars()
            .filter(|c| !c.is_control())
            .take(NAME)
            .collect();
        Some(format!("token {name}, {}", body.role))
    }

    async fn answer(web: Web, call: Call<Nothing, TokenBody>) -> Result<Response, Problem> {
        let now = web.now();
        let grant = granted(call.body, call.caller.actor(), now)
            .map_err(|error| Problem::new(Code::Invalid, error.to_string()))?;
        let secret = AccessSecret::new(SecretKind::Token)?;
        let hash = secret.hash();
        if !web.store().create_token(&hash, &grant).await? {
            let said = format!("a token `{}` is there already, and not revoked", grant.name);
            return Err(Problem::new(Code::NameTaken, said));
        }
        let token = Token {
            id: hash.short(),
            grant,
            revoked: None,
            last_used: None,
        };
        let issued = IssuedToken {
            secret: secret.expose().to_owned(),
            token: TokenView::of(&token, now),
        };
        json(StatusCode::CREATED, &issued)
    }
}

impl Operation for RevokeToken {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/tokens/{token}/revoke";
    const NEED: Need = Need::Role(Role::Admin);
    const NAME: &'static str = "revoke_token";
    const SUMMARY: &'static str = "Take a token back: no engine takes it from now on";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = TokenView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let revocation = Revocation {
            at: web.now(),
            by: call.caller.actor(),
        };
        let id = call.token();
        let none = || Problem::new(Code::NoSuchToken, "there is no such token");
        if !web.store().revoke_token(id, &revocation).await? {
            return Err(none());
        }
        let tokens = web.store().tokens().await?;
        let token = tokens
            .iter()
            .find(|token| token.id == id)
            .ok_or_else(none)?;
        found(&TokenView::of(token, web.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(name: &str, dags: &[&str], expires: Option<&str>) -> TokenBody {
        TokenBody {
            name: name.to_owned(),
            role: Role::Viewer,
            dags: dags.iter().map(|&dag| dag.to_owned()).collect(),
            expires: expires.map(str::to_owned),
        }
    }

    #[test]
    fn a_token_is_only_made_of_what_can_be_one() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let by = || Actor {
            name: "ada".to_owned(),
            via: "cli".to_owned(),
        };
        let made = granted(body("ci", &["c8*"], Some("90d")), by(), now).unwrap();
        assert_eq!(made.expires_at, Some(now + TimeDelta::days(90)));
        assert!(made.scope.holds("c8x") && !made.scope.holds("x"));
        let endless = granted(body("ci", &[], None), by(), now).unwrap();
        assert!(endless.expires_at.is_none() && !endless.scope.is_limited());
        for bad in [
            body("", &[], None),
            body(" ci", &[], None),
            body("c\ni", &[], None),
            body(&"x".repeat(81), &[], None),
            body("ci", &["a b"], None),
            body("ci", &[""], None),
            body("ci", &["a"; 51], None),
            body("ci", &[], Some("0s")),
            body("ci", &[], Some("-1d")),
            body("ci", &[], Some("soon")),
            body("ci", &[], Some("99999999999d")),
        ] {
            assert!(granted(bad.clone(), by(), now).is_err(), "{bad:?}");
        }
    }
}
