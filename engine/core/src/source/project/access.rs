//! `engine.bootstrap_token` and `[engine.oidc]`: who may come in besides those with a token of the store.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::fields::{Fields, words};
use super::super::report::Note;
use super::super::tree::Node;
use super::Secret;
use super::connection::check_secret;
use crate::access::Role;

/// How long a session lasts where nobody says otherwise.
const SESSION: Duration = Duration::from_secs(12 * 3_600);

/// `[engine.oidc]`: the provider by which people log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// The provider's issuer: https, or http on this machine.
    pub issuer: String,
    /// As whom the engine is known there.
    pub client_id: String,
    /// The name of the secret with the client's secret.
    pub client_secret: String,
    /// The claim with the groups of a person.
    pub groups_claim: String,
    /// What is asked of the provider, besides `openid`.
    pub scopes: Vec<String>,
    /// The role of whoever is in one of these groups; `*` is everybody who can log in.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// How long a session lasts.
    pub session: Duration,
}

/// The name of the secret that a key refers to: `{ secret = "NAME" }`, and nothing else.
pub(super) fn read_reference(
    fields: &Fields<'_, '_>,
    key: &'static str,
    secrets: &BTreeMap<String, Secret>,
) -> Option<String> {
    let entry = fields.entry(key)?;
    if let Node::Table(table) = &entry.item.node
        && let (1, Some(secret)) = (table.entries.len(), table.get("secret"))
    {
        let name = words(fields.report, "secret", &secret.item)?;
        check_secret(fields.report, name, secrets);
        return Some(name.text.to_owned());
    }
    let note = Note::error("bad_value", entry.at, format!("`{key}` is a secret"));
    let help = format!("{key} = {{ secret = \"NAME\" }}, and [secrets.NAME] from = \"env:…\"");
    fields.report.say(note.help(help));
    None
}

pub(super) fn read_oidc(
    engine: &Fields<'_, '_>,
    secrets: &BTreeMap<String, Secret>,
) -> Option<OidcSettings> {
    let fields = engine.table("oidc")?;
    let of = "[engine.oidc]";
    let text = |key: &'static str| {
        let there = fields.required(key, of).is_some();
        fields.text(key).filter(|_| there)
    };
    let (issuer, client_id) = (text("issuer"), text("client_id"));
    if let Some(issuer) = &issuer
        && !is_issuer(issuer)
    {
        fields.bad_value(
            "issuer",
            "`issuer` must begin with https:// (http:// only on this machine)",
        );
    }
    fields.required("client_secret", of);
    let client_secret = read_reference(&fields, "client_secret", secrets);
    let settings = OidcSettings {
        issuer: issuer.unwrap_or_default(),
        client_id: client_id.unwrap_or_default(),
        client_secret: client_secret.unwrap_or_default(),
        groups_claim: fields
            .text("groups_claim")
            .unwrap_or_else(|| "groups".to_owned()),
        scopes: fields
            .texts("scopes")
            .unwrap_or_else(|| vec!["profile".to_owned(), "email".to_owned()]),
        roles: read_roles(&fields),
        session: fields.duration("session").unwrap_or(SESSION),
    };
    fields.finish(of);
    Some(settings)
}

/// Plain HTTP would show everybody between who logs in, and let them say who it was.
fn is_issuer(issuer: &str) -> bool {
    let here = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let local = |start: &&str| {
        let rest = issuer.strip_prefix(*start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    };
    issuer.starts_with("https://") || here.iter().any(local)
}

fn read_roles(fields: &Fields<'_, '_>) -> BTreeMap<Role, Vec<String>> {
    let mut roles = BTreeMap::new();
    if fields.required("roles", "[engine.oidc]").is_none() {
        return roles;
    }
    let Some(table) = fields.table("roles") else {
        return roles;
    };
    for role in Role::ALL {
        if let Some(groups) = table.texts(role.word()) {
            roles.insert(role, groups);
        }
    }
    table.finish("[engine.oidc.roles]");
    if roles.values().all(Vec::is_empty) {
        fields.bad_value(
            "roles",
            "`roles` lets nobody in: give groups to viewer, operator or admin",
        );
    }
    roles
}
