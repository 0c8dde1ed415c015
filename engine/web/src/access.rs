//! Who may do what: one function over what a route needs and who asks.
//!
//! Guarantees: nothing is allowed by default; there is no caller and no need that comes from nowhere. Who reaches the
//! loopback address of the engine by a loopback name is its administrator; anybody else is who their token or session
//! says, with its role and its DAGs, or nobody.

use std::sync::Arc;

pub use noctule_core::access::Role;
use noctule_core::access::Scope;
use noctule_core::run::Actor;
use noctule_store::SecretHash;

use crate::problem::{Code, Problem};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing, by whatever name it is asked: it tells nothing of anybody. For probes.
    Public,
    /// Nothing, of whoever asks by a name of this server: it is how people become known.
    Anybody,
    /// This role, or a higher one.
    Role(Role),
}

/// How an operation keeps to the DAGs that a caller is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scoped {
    /// By its path, which names a DAG, a run or a task run: the gate refuses others. One whose path names none is refused
    /// to whoever is limited.
    ByPath,
    /// By itself: it leaves out what is not the caller's (`Caller::sees`).
    Filtered,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody we know.
    Stranger,
    /// Something was shown that does not count.
    Refused(Refused),
    /// Somebody on this machine.
    Loopback,
    /// Somebody we know.
    Known(Arc<Known>),
}

/// Why what was shown does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such token.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// The session is over, or there never was one.
    LoggedOut,
}

/// Somebody we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The name of the token, or of the person.
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    pub(crate) by: Means,
    /// Of what they showed.
    pub(crate) hash: SecretHash,
}

/// By what somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// A token in a header.
    Token,
    /// A session of a browser.
    Session,
    /// The token that the server was started with.
    Bootstrap,
}

impl Caller {
    /// As whom the engine records what they do.
    pub(crate) fn actor(&self) -> Actor {
        let via = match self {
            Self::Known(known) if known.by == Means::Session => "web",
            _ => "api",
        };
        Actor {
            name: self.name().to_owned(),
            via: via.to_owned(),
        }
    }

    /// Their name, for people.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Loopback => "loopback",
            Self::Known(known) => &known.name,
            Self::Stranger | Self::Refused(_) => "nobody",
        }
    }

    /// What they may; none: nothing that is not public.
    pub(crate) fn role(&self) -> Option<Role> {
        match self {
            Self::Loopback => Some(Role::Admin),
            Self::Known(known) => Some(known.role),
            Self::Stranger | Self::Refused(_) => None,
        }
    }

    /// Whether they may trigger, retry, cancel, mark and pause what they see.
    pub(crate) fn may_act(&self) -> bool {
        self.role() >= Some(Role::Operator)
    }

    /// Whether they are in a session that they can end.
    pub(crate) fn is_logged_in(&self) -> bool {
        matches!(self, Self::Known(known) if known.by == Means::Session)
    }

    /// The DAGs that they are limited to; none: they are not.
    pub(crate) fn limits(&self) -> Option<&Scope> {
        match self {
            Self::Known(known) if known.scope.is_limited() => Some(&known.scope),
            _ => None,
        }
    }

    /// Whether they may know that there is this DAG.
    pub(crate) fn sees(&self, dag: &str) -> bool {
        self.limits().is_none_or(|scope| scope.holds(dag))
    }
}

impl Refused {
    fn said(self) -> &'static str {
        match self {
            Self::Unknown => "this token is not known here",
            Self::Expired => "this token has expired",
            Self::Revoked => "this token was revoked",
            Self::LoggedOut => "you are not logged in any more",
        }
    }
}

/// The one decision.
///
/// # Errors
/// Not allowed: nobody we know, or somebody with a lower role.
pub(crate) fn decide(need: Need, caller: &Caller) -> Result<(), Problem> {
    let needed = match need {
        Need::Public | Need::Anybody => return Ok(()),
        Need::Role(role) => role,
    };
    match (caller.role(), caller) {
        (Some(role), _) if role >= needed => Ok(()),
        (Some(role), _) => Err(Problem::new(
            Code::Forbidden,
            format!(
                "this needs the role {}, you have {}",
                needed.word(),
                role.word()
            ),
        )),
        (None, Caller::Refused(why)) => Err(Problem::new(Code::Unauthenticated, why.said())),
        (None, _) => Err(Problem::new(
            Code::Unauthenticated,
            "only the machine of the engine may ask without a token",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(role: Role, patterns: &[&str]) -> Caller {
        let patterns = patterns.iter().map(|&p| p.to_owned()).collect();
        Caller::Known(Arc::new(Known {
            name: "ci".to_owned(),
            role,
            scope: Scope::of(patterns).unwrap(),
            by: Means::Token,
            hash: SecretHash::of("x"),
        }))
    }

    #[test]
    fn whoever_is_nobody_gets_what_is_public_and_nothing_else() {
        let refused = [Refused::Unknown, Refused::Expired, Refused::Revoked].map(Caller::Refused);
        for caller in refused.into_iter().chain([Caller::Stranger]) {
            assert_eq!(decide(Need::Public, &caller), Ok(()));
            for role in Role::ALL {
                let refused = decide(Need::Role(role), &caller).unwrap_err();
                assert_eq!(refused.code, Code::Unauthenticated);
            }
        }
        for role in Role::ALL {
            assert_eq!(decide(Need::Role(role), &Caller::Loopback), Ok(()));
        }
    }

    #[test]
    fn somebody_may_what_their_role_includes() {
        for has in Role::ALL {
            for needed in Role::ALL {
                let allowed = decide(Need::Role(needed), &known(has, &[]));
                assert_eq!(allowed.is_ok(), has >= needed, "{has} for {needed}");
                if let Err(refused) = allowed {
                    assert_eq!(refused.code, Code::Forbidden);
                }
            }
        }
    }

    #[test]
    fn who_is_limited_to_dags_sees_no_other() {
        let limited = known(Role::Admin, &["c8*"]);
        assert!(limited.sees("c8_nightly") && !limited.sees("other"));
        assert!(known(Role::Viewer, &[]).sees("other") && Caller::Loopback.sees("other"));
    }
}
