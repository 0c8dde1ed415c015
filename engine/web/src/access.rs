//! Who may do what: one function over what a route needs and who asks.
//!
//! Guarantees: nothing is allowed by default; there is no caller and no need that comes from nowhere. While no token
//! exists, who reaches the loopback address of the engine is its administrator, and nobody else is anybody.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use noctule_core::run::Actor;

use crate::problem::{Code, Problem};

/// What somebody may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Viewer,
    /// Act on runs and DAGs.
    Operator,
    /// Decide who may what.
    Admin,
}

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it tells nothing of anybody.
    Public,
    /// This role, or a higher one.
    Role(Role),
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody we know.
    Stranger,
    /// A token was shown, and there is no such token.
    UnknownToken,
    /// Somebody on this machine, while there are no tokens.
    Loopback,
}

impl Role {
    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl Caller {
    /// Who asks, by where the request came from and what it carries.
    pub(crate) fn of(peer: SocketAddr, headers: &HeaderMap) -> Self {
        if headers.contains_key(AUTHORIZATION) {
            // Whoever shows a token wants to be known by it, and never passes as somebody else.
            return Self::UnknownToken;
        }
        if peer.ip().to_canonical().is_loopback() {
            Self::Loopback
        } else {
            Self::Stranger
        }
    }

    /// As whom the engine records what they do.
    pub(crate) fn actor(&self) -> Actor {
        let name = match self {
            Self::Loopback => "loopback",
            Self::Stranger | Self::UnknownToken => "nobody",
        };
        Actor {
            name: name.to_owned(),
            via: "api".to_owned(),
        }
    }

    fn role(&self) -> Option<Role> {
        match self {
            Self::Loopback => Some(Role::Admin),
            Self::Stranger | Self::UnknownToken => None,
        }
    }
}

/// The one decision.
///
/// # Errors
/// Not allowed: nobody we know, or somebody with a lower role.
pub(crate) fn decide(need: Need, caller: &Caller) -> Result<(), Problem> {
    let needed = match need {
        Need::Public => return Ok(()),
        Need::Role(role) => role,
    };
    match caller.role() {
        Some(role) if role >= needed => Ok(()),
        Some(role) => Err(Problem::new(
            Code::Forbidden,
            format!(
                "this needs the role {}, you have {}",
                needed.word(),
                role.word()
            ),
        )),
        None if *caller == Caller::UnknownToken => Err(Problem::new(
            Code::Unauthenticated,
            "this token is not known here: the engine has no tokens yet",
        )),
        None => Err(Problem::new(
            Code::Unauthenticated,
            "only the machine of the engine may ask without a token",
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    #[test]
    fn only_the_loopback_address_is_anybody_while_there_are_no_tokens() {
        let bare = HeaderMap::new();
        for (peer, caller) in [
            ("127.0.0.1:1", Caller::Loopback),
            ("[::1]:1", Caller::Loopback),
            ("[::ffff:127.0.0.1]:1", Caller::Loopback),
            ("10.0.0.1:1", Caller::Stranger),
            ("[::ffff:10.0.0.1]:1", Caller::Stranger),
            ("0.0.0.0:1", Caller::Stranger),
        ] {
            assert_eq!(Caller::of(peer.parse().unwrap(), &bare), caller, "{peer}");
        }
        let mut shown = HeaderMap::new();
        shown.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        let here = "127.0.0.1:1".parse().unwrap();
        assert_eq!(Caller::of(here, &shown), Caller::UnknownToken);
    }

    #[test]
    fn whoever_is_nobody_gets_what_is_public_and_nothing_else() {
        for caller in [Caller::Stranger, Caller::UnknownToken] {
            assert_eq!(decide(Need::Public, &caller), Ok(()));
            for role in ROLES {
                let refused = decide(Need::Role(role), &caller).unwrap_err();
                assert_eq!(refused.code, Code::Unauthenticated);
            }
        }
        for role in ROLES {
            assert_eq!(decide(Need::Role(role), &Caller::Loopback), Ok(()));
        }
    }

    #[test]
    fn a_role_includes_the_ones_before_it() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    }
}
