//! People log in by an OpenID provider: authorization code with PKCE, state and nonce.
//!
//! Guarantees: a login ends where it began, in the same browser; only what the provider signed for this client, and for this
//! login, says who somebody is; whoever has no role gets no session. A session is a row of the store, ended by logging out
//! on any engine, by an administrator, or by another provider in the place of the one that let somebody in, and the browser has a secret of which the store knows a hash.
//!
//! Never: keeps a token of the provider, or follows a link out of this server after a login.

mod provider;
mod routes;
mod ticket;

use std::collections::BTreeMap;
use std::time::Duration;

use noctule_core::access::Role;
use noctule_executor::secrecy::SecretString;

pub(crate) use self::provider::Provider;
pub use self::provider::provider_name;
pub(crate) use self::routes::{LoggedOut, Login, LoginCallback, Logout, sends_to_login};

/// How people log in.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// The provider's issuer.
    pub issuer: String,
    /// As whom this server is known there.
    pub client_id: String,
    /// What it shows there.
    pub client_secret: SecretString,
    /// The claim with the groups of a person.
    pub groups_claim: String,
    /// What is asked of the provider, besides `openid`.
    pub scopes: Vec<String>,
    /// The role of whoever is in one of these groups; `*` is everybody who can log in.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// How long a session lasts.
    pub session: Duration,
}

impl Oidc {
    /// The highest role of somebody in these groups.
    fn role_of(&self, groups: &[String]) -> Option<Role> {
        let is_theirs = |known: &String| known == "*" || groups.contains(known);
        let mut from_the_highest = self.roles.iter().rev();
        let found = from_the_highest.find(|(_, known)| known.iter().any(is_theirs));
        found.map(|(role, _)| *role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_has_the_highest_role_of_their_groups_and_nobody_has_one_by_chance() {
        let all = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let mut oidc = Oidc {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: SecretString::from(String::new()),
            groups_claim: "groups".to_owned(),
            scopes: Vec::new(),
            roles: BTreeMap::from([
                (Role::Viewer, all(&["staff"])),
                (Role::Admin, all(&["root"])),
            ]),
            session: Duration::from_secs(1),
        };
        assert_eq!(oidc.role_of(&all(&["staff", "root"])), Some(Role::Admin));
        assert_eq!(oidc.role_of(&all(&["staff"])), Some(Role::Viewer));
        assert_eq!(oidc.role_of(&all(&["Staff", "*", ""])), None);
        assert_eq!(oidc.role_of(&[]), None);
        oidc.roles.insert(Role::Operator, all(&["*"]));
        assert_eq!(oidc.role_of(&[]), Some(Role::Operator));
    }
}
