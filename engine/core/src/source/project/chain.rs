//! The chain of settings: flag over environment over profile over file.
//!
//! Guarantees: `NOCTULE__A__B` means `a.b`; an empty value is absent; other names are never settings; each value keeps
//! the source that it came from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::diagnostic::shown;
use super::super::fields::wrong_type;
use super::super::merge::overlay;
use super::super::report::{Note, Place, Report, SourceKind};
use super::super::suggest;
use super::super::tree::{DEPTH_LIMIT, Entry, Item, Node, Table, parse, parse_value};
use crate::name::ProfileName;

/// The prefix of environment variables that are settings.
const PREFIX: &str = "NOCTULE__";

/// The profile where none is named.
const DEFAULT_PROFILE: &str = "default";

/// A command-line flag that is a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagSetting {
    /// The flag as it is typed: `--listen`.
    pub flag: String,
    /// The setting: `engine.listen`.
    pub path: String,
    /// Its value.
    pub value: String,
}

/// All that a project is made of.
pub(in super::super) struct Chain<'a> {
    pub(in super::super) file: Option<(&'a str, &'a str)>,
    pub(in super::super) env: &'a BTreeMap<String, String>,
    pub(in super::super) flags: &'a [FlagSetting],
    pub(in super::super) profile: Option<&'a str>,
}

/// The effective tree, and the name of the profile.
pub(in super::super) fn effective<'a>(
    report: &Report<'a>,
    chain: &Chain<'a>,
) -> Option<(Table<'a>, Place, ProfileName)> {
    let (name, text) = chain.file.unwrap_or(("noctule.toml", ""));
    let source = report.add_source(name, text, SourceKind::File);
    let top = Place::new(source, 0..0);
    let mut tree = parse(report, source, text)?;
    let profile = overlay_profile(report, chain, &mut tree, top)?;
    for (name, value) in chain.env {
        if let Some(path) = name.strip_prefix(PREFIX)
            && !value.is_empty()
        {
            let source = report.add_source(name, value, SourceKind::Environment);
            let path: Vec<&str> = path.split("__").collect();
            set(report, &mut tree, source, &path, value);
        }
    }
    for FlagSetting { flag, path, value } in
        chain.flags.iter().filter(|flag| !flag.value.is_empty())
    {
        let source = report.add_source(flag, value, SourceKind::Flag);
        let path: Vec<&str> = path.split('.').collect();
        set(report, &mut tree, source, &path, value);
    }
    Some((tree, top, profile))
}

/// Takes `[profiles]` out of the tree and lays the chosen one over the rest.
fn overlay_profile<'a>(
    report: &Report<'a>,
    chain: &Chain<'a>,
    tree: &mut Table<'a>,
    top: Place,
) -> Option<ProfileName> {
    let variable = chain
        .env
        .get("NOCTULE_PROFILE")
        .map(String::as_str)
        .filter(|name| !name.is_empty());
    let flag = chain.profile.filter(|name| !name.is_empty());
    let chosen = flag.or(variable);
    let profiles = tree
        .take("profiles")
        .and_then(|entry| match entry.item.node {
            Node::Table(table) => Some(table),
            _ => {
                wrong_type(report, "profiles", &entry.item, "table");
                None
            }
        });
    let profiles = profiles.unwrap_or_default();
    for entry in &profiles.entries {
        if !matches!(entry.item.node, Node::Table(_)) {
            wrong_type(report, &entry.key, &entry.item, "table");
        }
    }
    let named = chosen.unwrap_or(DEFAULT_PROFILE);
    match profiles.table(named) {
        Some(table) => {
            let text = chain.file.map_or("", |(_, text)| text);
            let file = chain.file.map_or("noctule.toml", |(name, _)| name);
            let source = report.add_source(file, text, SourceKind::Profile(named.to_owned()));
            let mut table = table.clone();
            move_table(&mut table, source);
            overlay(tree, table);
        }
        None if named != DEFAULT_PROFILE => {
            unknown_profile(report, chain, named, &profiles, top);
            return None;
        }
        None => {}
    }
    let parsed = named.parse();
    parsed
        .map_err(|error| report.say(Note::error("bad_name", top, format!("{error}"))))
        .ok()
}

fn unknown_profile<'a>(
    report: &Report<'a>,
    chain: &Chain<'a>,
    named: &'a str,
    profiles: &Table<'a>,
    top: Place,
) {
    let guess = report.did_you_mean(named, profiles.keys());
    let message = format!("there is no profile `{}`{guess}", shown(named));
    let by_flag = chain.profile.is_some_and(|name| name == named);
    let (name, kind) = if by_flag {
        ("--profile", SourceKind::Flag)
    } else {
        ("NOCTULE_PROFILE", SourceKind::Environment)
    };
    let source = report.add_source(name, named, kind);
    let note = Note::error(
        "unknown_profile",
        Place::new(source, 0..named.len()),
        message,
    );
    let help = suggest::known("the project has", profiles.keys());
    report.say(
        note.label(top, "profiles stand here, as `[profiles.NAME]`")
            .maybe_help(help),
    );
}

/// Gives a tree to another source of the same text.
fn move_table(table: &mut Table<'_>, source: u32) {
    for entry in &mut table.entries {
        entry.at.source = source;
        move_item(&mut entry.item, source);
    }
}

fn move_item(item: &mut Item<'_>, source: u32) {
    item.place.source = source;
    match &mut item.node {
        Node::List(items) => items.iter_mut().for_each(|item| move_item(item, source)),
        Node::Table(table) => move_table(table, source),
        _ => {}
    }
}

/// Sets one value by its path.
fn set<'a>(
    report: &Report<'a>,
    tree: &mut Table<'a>,
    source: u32,
    path: &[&'a str],
    value: &'a str,
) {
    let place = Place::new(source, 0..value.len());
    let wrong = path.iter().any(|part| part.is_empty()) || path.len() > DEPTH_LIMIT;
    if wrong
        || path
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case("profiles"))
    {
        let message = "this names no setting";
        report.say(
            Note::error("unknown_key", place, message)
                .help("`NOCTULE__ENGINE__SLOTS` sets `engine.slots`"),
        );
        return;
    }
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut table = tree;
    for part in parents {
        let at = find_or_add(
            table,
            part,
            || Item {
                node: Node::Table(Table::default()),
                place,
            },
            place,
        );
        let Some(entry) = table.entries.get_mut(at) else {
            return;
        };
        if !matches!(entry.item.node, Node::Table(_)) {
            entry.item = Item {
                node: Node::Table(Table::default()),
                place,
            };
        }
        let Node::Table(next) = &mut entry.item.node else {
            return;
        };
        table = next;
    }
    let text = || Item {
        node: Node::Text(Cow::Borrowed(value)),
        place,
    };
    let at = find_or_add(table, last, text, place);
    if let Some(entry) = table.entries.get_mut(at) {
        entry.at = place;
        entry.item = typed(report, source, value, &entry.item.node).unwrap_or_else(text);
    }
}

/// The value as TOML, where what it replaces is no text.
fn typed<'a>(
    report: &Report<'a>,
    source: u32,
    value: &'a str,
    replaced: &Node<'a>,
) -> Option<Item<'a>> {
    let is_collection = value.starts_with(['[', '{']);
    match replaced {
        Node::Text(old) if !(is_collection && old == value) => None,
        Node::Text(_) => parse_value(report, source, value),
        other => parse_value(report, source, value).filter(|item| item.node.word() == other.word()),
    }
}

/// The place of a key, whatever its case; a new key is lower-case.
fn find_or_add<'a>(
    table: &mut Table<'a>,
    key: &'a str,
    value: impl FnOnce() -> Item<'a>,
    at: Place,
) -> usize {
    if let Some(found) = table
        .entries
        .iter()
        .position(|entry| entry.key.eq_ignore_ascii_case(key))
    {
        return found;
    }
    let key = if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(key.to_ascii_lowercase())
    } else {
        Cow::Borrowed(key)
    };
    table.entries.push(Entry {
        key,
        at,
        item: value(),
    });
    table.entries.len() - 1
}
