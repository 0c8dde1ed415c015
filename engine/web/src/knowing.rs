//! Who sent a request: by its token, its session, or the place it came from.
//!
//! Guarantees: what a request shows is looked up in the store each time, by its hash; nothing is remembered, so a token that
//! was revoked by anybody counts with no engine from then on. Whoever shows a token is known by it or is nobody: they
//! never pass as somebody else.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, COOKIE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use chrono::TimeDelta;
use noctule_core::access::Scope;
use noctule_store::{AccessSecret, SecretHash, SecretKind, Token};

use crate::access::{Caller, Known, Means, Refused, Role};
use crate::gate::Peer;
use crate::problem::Problem;
use crate::web::Web;

/// The cookie of a session.
pub(crate) const COOKIE_NAME: &str = "noctule_session";
/// The same where the server is reached by https: a browser takes it from nobody else, and sends it nowhere else.
pub(crate) const SECURE_COOKIE_NAME: &str = "__Host-noctule_session";
/// The use of a token is noted so often.
const NOTED: TimeDelta = TimeDelta::hours(1);
/// A request that took so long is looked at again before it is answered.
pub(crate) const LONG: Duration = Duration::from_secs(1);

/// What a proxy adds: who sent such a request is not on this machine, wherever the proxy is.
const FORWARDED: [&str; 6] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-original-host",
    "cf-connecting-ip",
];
/// The beginnings of more such headers.
const FORWARDED_AS: [&str; 2] = ["x-forwarded-", "x-envoy-"];

impl Web {
    /// Who sent a request.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn caller(&self, parts: &Parts) -> Result<Caller, Problem> {
        if parts.headers.contains_key(AUTHORIZATION) {
            return self.bearer(&parts.headers).await;
        }
        let shown = self.shown_session(&parts.headers);
        if let Some(secret) = &shown
            && let Some(known) = self.of_session(&secret.hash()).await?
        {
            return Ok(Caller::Known(Arc::new(known)));
        }
        let peer = parts.extensions.get::<Peer>();
        let local = peer.is_some_and(|peer| peer.is_loopback());
        Ok(match shown {
            _ if self.access().trusts_loopback() && local && is_direct(&parts.headers) => {
                Caller::Loopback
            }
            Some(_) => Caller::Refused(Refused::LoggedOut),
            None => Caller::Stranger,
        })
    }

    /// The session that a browser shows. By a public name with https only the cookie counts that no other server of the
    /// domain can set; elsewhere the plain one does, too.
    fn shown_session(&self, headers: &HeaderMap) -> Option<AccessSecret> {
        let public = self.settings().public_url.as_deref().unwrap_or_default();
        if public.starts_with("https://") && !is_by_loopback(headers) {
            return session_of(headers, SECURE_COOKIE_NAME);
        }
        session_secret(headers)
    }

    /// Whether a caller is still who they were: for what lasts.
    pub(crate) async fn is_still(&self, caller: &Caller) -> bool {
        let Caller::Known(known) = caller else {
            return true;
        };
        let now = match known.by {
            Means::Bootstrap => return true,
            Means::Token => self.of_token(&known.hash).await.ok(),
            Means::Session => self.of_session(&known.hash).await.ok().flatten().map(Ok),
        };
        // A store that cannot be read says nothing, and nothing is told on its word.
        matches!(now, Some(Ok(now)) if now == **known)
    }

    async fn bearer(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let Some(shown) = bearer(headers) else {
            return Ok(Caller::Refused(Refused::Unknown));
        };
        // Hashes are compared, so the time of it tells nothing of the secret.
        if self.access().bootstrap.as_ref() == Some(&SecretHash::of(shown)) {
            return Ok(Caller::Known(Arc::new(bootstrap(shown))));
        }
        let Some(secret) = AccessSecret::read(SecretKind::Token, shown) else {
            return Ok(Caller::Refused(Refused::Unknown));
        };
        Ok(match self.of_token(&secret.hash()).await? {
            Ok(known) => Caller::Known(Arc::new(known)),
            Err(why) => Caller::Refused(why),
        })
    }

    async fn of_token(&self, hash: &SecretHash) -> Result<Result<Known, Refused>, Problem> {
        let Some(token) = self.store().token_of(hash).await? else {
            return Ok(Err(Refused::Unknown));
        };
        if token.revoked.is_some() {
            return Ok(Err(Refused::Revoked));
        }
        if token.is_past(self.now()) {
            return Ok(Err(Refused::Expired));
        }
        self.note_use(&token, hash);
        Ok(Ok(Known {
            name: token.grant.name,
            role: token.grant.role,
            scope: token.grant.scope,
            by: Means::Token,
            hash: hash.clone(),
        }))
    }

    async fn of_session(&self, hash: &SecretHash) -> Result<Option<Known>, Problem> {
        // Nobody vouches for them any more where their provider is not the one that people log in by now.
        let Some(provider) = &self.access().provider else {
            return Ok(None);
        };
        let session = self.store().session_of(hash, self.now()).await?;
        let session = session.filter(|session| session.provider == provider.name());
        Ok(session.map(|session| Known {
            name: session.name,
            role: session.role,
            scope: session.scope,
            by: Means::Session,
            hash: hash.clone(),
        }))
    }

    /// Notes that a token is used, once in a while, and beside the request: a store that cannot be written refuses nobody.
    fn note_use(&self, token: &Token, hash: &SecretHash) {
        let now = self.now();
        let is_noted = |last| now - last < NOTED;
        if token.last_used.is_some_and(is_noted) || !self.access().notes(&token.id, now, NOTED) {
            return;
        }
        let (store, hash) = (self.store().clone(), hash.clone());
        tokio::spawn(async move {
            if let Err(error) = store.touch_token(&hash, now).await {
                tracing::debug!(%error, "the use of a token could not be noted");
            }
        });
    }
}

fn bootstrap(shown: &str) -> Known {
    Known {
        name: "bootstrap".to_owned(),
        role: Role::Admin,
        scope: Scope::everything(),
        by: Means::Bootstrap,
        hash: SecretHash::of(shown),
    }
}

/// The one token that a request shows.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, shown) = one.to_str().ok()?.split_once(' ')?;
    let shown = shown.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !shown.is_empty()).then_some(shown)
}

/// The session that a browser sends; the one that nobody else can set goes before the other.
pub(crate) fn session_secret(headers: &HeaderMap) -> Option<AccessSecret> {
    let names = [SECURE_COOKIE_NAME, COOKIE_NAME];
    names.iter().find_map(|name| session_of(headers, name))
}

/// Of several cookies of a name the first that is one of ours.
fn session_of(headers: &HeaderMap, name: &str) -> Option<AccessSecret> {
    cookies(headers, &[name]).find_map(|value| AccessSecret::read(SecretKind::Session, value))
}

/// The values of cookies with one of these names.
pub(crate) fn cookies<'a>(
    headers: &'a HeaderMap,
    names: &'a [&'a str],
) -> impl Iterator<Item = &'a str> {
    let texts = headers.get_all(COOKIE).iter().map(HeaderValue::to_str);
    let pairs = texts.flatten().flat_map(|text| text.split(';'));
    let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    pairs
        .filter(|(name, _)| names.contains(name))
        .map(|(_, value)| value)
}

/// Whether a request was sent to a name that means this machine, by nobody who passes on what others ask.
fn is_direct(headers: &HeaderMap) -> bool {
    let passed_on = |name: &axum::http::HeaderName| {
        let name = name.as_str();
        FORWARDED.contains(&name) || FORWARDED_AS.iter().any(|start| name.starts_with(start))
    };
    is_by_loopback(headers) && !headers.keys().any(passed_on)
}

/// Whether a request was sent to a name that means this machine.
fn is_by_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse().ok());
    host.is_some_and(|host| crate::names::is_loopback(&host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |&(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        all.iter().map(header).collect()
    }

    #[test]
    fn only_who_asks_this_machine_by_its_own_name_and_directly_is_local() {
        let cases: [(&[(&'static str, &'static str)], bool); 8] = [
            (&[("host", "127.0.0.1:7878")], true),
            (&[("host", "localhost")], true),
            (&[("host", "batch.example.com")], false),
            (&[], false),
            (
                &[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")],
                false,
            ),
            (
                &[("host", "localhost"), ("forwarded", "for=1.2.3.4")],
                false,
            ),
            (&[("host", "localhost"), ("via", "1.1 proxy")], false),
            (
                &[("host", "localhost"), ("x-forwarded-proto", "https")],
                false,
            ),
        ];
        for (all, direct) in cases {
            assert_eq!(is_direct(&headers(all)), direct, "{all:?}");
        }
    }

    #[test]
    fn the_cookie_that_nobody_else_can_set_goes_before_the_other() {
        let secret = || AccessSecret::new(SecretKind::Session).unwrap();
        let (ours, theirs) = (secret(), secret());
        let text = format!(
            "{COOKIE_NAME}={}; {SECURE_COOKIE_NAME}={}",
            theirs.expose(),
            ours.expose()
        );
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&text).unwrap());
        let shown = session_secret(&headers).unwrap();
        assert_eq!(shown.hash(), ours.hash());
    }

    #[test]
    fn a_loopback_address_is_one_however_it_is_written() {
        for (peer, local) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.0.0.1:1", false),
            ("[::ffff:10.0.0.1]:1", false),
            ("0.0.0.0:1", false),
        ] {
            assert_eq!(Peer(peer.parse().unwrap()).is_loopback(), local, "{peer}");
        }
    }

    #[test]
    fn one_bearer_is_shown_or_none() {
        for (text, shown) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("", None),
        ] {
            let one: HeaderMap = headers(&[("authorization", text)]);
            assert_eq!(bearer(&one), shown, "{text:?}");
        }
        let mut two = headers(&[("authorization", "Bearer a")]);
        two.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(bearer(&two), None);
    }

    #[test]
    fn a_cookie_of_another_name_is_none_of_ours() {
        let all = headers(&[("cookie", "a=1; noctule_session=x;noctule_session2=y; b")]);
        let found: Vec<&str> = cookies(&all, &[COOKIE_NAME]).collect();
        assert_eq!(found, ["x"]);
        assert_eq!(session_secret(&all), None);
    }
}
