//! `[notify.NAME]`: who may be told, and by which way. And what callbacks and the heartbeat need.
//!
//! Never: holds a secret. An address that is one stands here by the name of its secret.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::fields::{Fields, Words, words};
use super::super::report::Note;
use super::super::tree::{Entry, Node};
use super::connection;
use super::read::check_name;
use crate::name::is_file_name;

/// Messages of one cause are gathered this long, where the file says nothing.
pub const GATHER: Duration = Duration::from_secs(30);
/// Longer gathering would hide a failure.
const LONGEST_GATHER: Duration = Duration::from_secs(3_600);

/// A text, or the secret that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// As it is written.
    Plain(String),
    /// By the name of its secret.
    Secret(String),
}

/// Who may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// By which way.
    pub way: Way,
    /// How long messages of one cause are gathered into one.
    pub gather: Duration,
}

/// The way to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A document is posted.
    Webhook {
        /// Where to.
        url: Given,
        /// The secret that signs it.
        signing_secret: Option<String>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Where to.
        url: Given,
    },
    /// A mail.
    Email {
        /// To whom.
        to: Vec<String>,
        /// From whom.
        from: String,
        /// Over which server.
        smtp: Smtp,
    },
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub tls: SmtpTls,
    /// Who we are there.
    pub user: Option<String>,
    /// The secret that proves it.
    pub password: Option<String>,
}

/// How a connection to a mail server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// It begins open and must change over.
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all: a relay on this machine.
    None,
}

/// `[engine.heartbeat]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// What is asked for as long as the engine works.
    pub url: Given,
    /// How often.
    pub every: Duration,
}

/// `[engine.callbacks]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callbacks {
    /// The secret that signs them.
    pub signing_secret: String,
    /// They may go into private networks.
    pub private_targets: bool,
}

type Secrets = BTreeMap<String, super::Secret>;

pub(super) fn read(top: &Fields<'_, '_>, secrets: &Secrets) -> BTreeMap<String, Receiver> {
    let mut receivers = BTreeMap::new();
    let Some(table) = top.table("notify") else {
        return receivers;
    };
    for entry in &table.table.entries {
        check_name(table.report, entry, "receiver", is_file_name(&entry.key));
        let Some(fields) = Fields::of_entry(table.report, entry) else {
            continue;
        };
        let way = read_way(&fields, secrets);
        let gather = fields.span("gather").unwrap_or(GATHER);
        if gather > LONGEST_GATHER {
            fields.bad_value(
                "gather",
                "`gather` is longer than an hour: nobody would hear of it",
            );
        }
        fields.finish("a receiver");
        if let Some(way) = way {
            receivers.insert(entry.key.to_string(), Receiver { way, gather });
        }
    }
    receivers
}

fn read_way(fields: &Fields<'_, '_>, secrets: &Secrets) -> Option<Way> {
    let ways = ["webhook", "slack", "email"];
    let given: Vec<&str> = ways.into_iter().filter(|way| fields.has(way)).collect();
    let signing_secret = secret_of(fields, "signing_secret", secrets);
    for key in ["from", "smtp"] {
        fields.has(key);
    }
    match given.as_slice() {
        ["webhook"] => Some(Way::Webhook {
            url: read_url(fields, "webhook", secrets)?,
            signing_secret,
        }),
        ["slack"] => Some(Way::Slack {
            url: read_url(fields, "slack", secrets)?,
        }),
        ["email"] => read_mail(fields, secrets),
        _ => {
            let message = "a receiver has exactly one of `webhook`, `slack` and `email`";
            let note = Note::error("missing_key", fields.at, message);
            fields.report.say(note);
            None
        }
    }
}

/// An address, as a text or as `{ secret = NAME }`.
fn read_url(fields: &Fields<'_, '_>, key: &'static str, secrets: &Secrets) -> Option<Given> {
    let entry = fields.entry(key)?;
    if matches!(entry.item.node, Node::Table(_)) {
        return secret_at(fields, entry, secrets).map(Given::Secret);
    }
    let url = words(fields.report, key, &entry.item)?;
    if !url.text.starts_with("https://") && !url.text.starts_with("http://") {
        // Perhaps it is a secret.
        let message = format!("`{key}` must begin with https:// or http://");
        let note = Note::error("bad_value", url.place, message).sensitive();
        fields.report.say(note);
        return None;
    }
    Some(Given::Plain(url.text.to_owned()))
}

fn secret_of(fields: &Fields<'_, '_>, key: &'static str, secrets: &Secrets) -> Option<String> {
    secret_at(fields, fields.entry(key)?, secrets)
}

/// The name of the secret that an entry refers to.
pub(super) fn secret_at<'t, 'a>(
    fields: &Fields<'t, 'a>,
    entry: &'t Entry<'a>,
    secrets: &Secrets,
) -> Option<String> {
    let reference = Fields::of_entry(fields.report, entry)?;
    reference.required("secret", "a reference to a secret")?;
    let name: Words<'_> = reference.words("secret")?;
    connection::check_secret(fields.report, name, secrets);
    let name = name.text.to_owned();
    reference.finish("a reference to a secret");
    Some(name)
}

fn read_mail(fields: &Fields<'_, '_>, secrets: &Secrets) -> Option<Way> {
    let to = fields.texts("email").unwrap_or_default();
    if to.is_empty() {
        fields.bad_value("email", "`email` names nobody");
    }
    fields.required("from", "a receiver of mail")?;
    let from = fields.words("from")?;
    for (key, address) in to
        .iter()
        .map(|to| ("email", to.as_str()))
        .chain([("from", from.text)])
    {
        if !address.contains('@') || address.chars().any(char::is_control) {
            fields.bad_value(key, format!("`{key}`: this is no address of mail"));
        }
    }
    fields.required("smtp", "a receiver of mail")?;
    let smtp = read_smtp(fields.table("smtp")?, secrets)?;
    let from = from.text.to_owned();
    Some(Way::Email { to, from, smtp })
}

fn read_smtp(smtp: Fields<'_, '_>, secrets: &Secrets) -> Option<Smtp> {
    let tls = smtp.choice(
        "tls",
        &[
            ("starttls", SmtpTls::Starttls),
            ("implicit", SmtpTls::Implicit),
            ("none", SmtpTls::None),
        ],
    );
    let tls = tls.unwrap_or(SmtpTls::Starttls);
    let usual = match tls {
        SmtpTls::Starttls => 587,
        SmtpTls::Implicit => 465,
        SmtpTls::None => 25,
    };
    let port = smtp
        .count("port", 1..=65_535)
        .and_then(|port| u16::try_from(port).ok());
    let (user, password) = (smtp.text("user"), secret_of(&smtp, "password", secrets));
    if user.is_some() != password.is_some() {
        smtp.bad_value("user", "`user` and `password` go together");
    }
    if password.is_some() && tls == SmtpTls::None {
        smtp.bad_value("tls", "a password is not sent over an open connection");
    }
    let host = smtp
        .required("host", "`smtp`")
        .and_then(|_| smtp.text("host"));
    smtp.finish("`smtp`");
    Some(Smtp {
        host: host?,
        port: port.unwrap_or(usual),
        tls,
        user,
        password,
    })
}

pub(super) fn read_heartbeat(engine: &Fields<'_, '_>, secrets: &Secrets) -> Option<Heartbeat> {
    let table = engine.table("heartbeat")?;
    table.required("url", "`heartbeat`")?;
    let url = read_url(&table, "url", secrets);
    let every = table.duration("every").unwrap_or(Duration::from_secs(60));
    if every < Duration::from_secs(1) {
        table.bad_value("every", "`every` is at least a second");
    }
    table.finish("heartbeat");
    Some(Heartbeat { url: url?, every })
}

pub(super) fn read_callbacks(engine: &Fields<'_, '_>, secrets: &Secrets) -> Option<Callbacks> {
    let table = engine.table("callbacks")?;
    table.required("signing_secret", "`callbacks`")?;
    let signing_secret = secret_of(&table, "signing_secret", secrets);
    let private_targets = table.flag("private_targets").unwrap_or(false);
    table.finish("callbacks");
    Some(Callbacks {
        signing_secret: signing_secret?,
        private_targets,
    })
}
