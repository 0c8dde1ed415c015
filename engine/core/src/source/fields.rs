//! Reading a table key by key, each with the type that is meant.
//!
//! Guarantees: reading never stops at a problem; every key that nobody asked for is reported at the end, with the known
//! key that is most like it. So the keys that are known are exactly the keys that are read.
//!
//! Never: panics on a wrong type; it is reported, and the value counts as absent.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::diagnostic::shown;
use super::report::{Note, Place, Report, SourceKind};
use super::suggest;
use super::tree::{Entry, Item, Node, Table};
use crate::ticks::parse_duration;

/// The longest duration that is accepted: further instants could not be written as dates.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A text and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'t> {
    pub(super) text: &'t str,
    pub(super) place: Place,
}

/// One table that is being read.
pub(super) struct Fields<'t, 'a> {
    pub(super) report: &'t Report<'a>,
    pub(super) table: &'t Table<'a>,
    /// Where the table begins: a key that is missing is marked there.
    pub(super) at: Place,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t, 'a> Fields<'t, 'a> {
    pub(super) fn new(report: &'t Report<'a>, table: &'t Table<'a>, at: Place) -> Self {
        Self {
            report,
            table,
            at,
            asked: RefCell::default(),
        }
    }

    /// The table of an entry; anything else is reported.
    pub(super) fn of_entry(report: &'t Report<'a>, entry: &'t Entry<'a>) -> Option<Self> {
        match &entry.item.node {
            Node::Table(table) => Some(Self::new(report, table, entry.at)),
            _ => {
                wrong_type(report, &entry.key, &entry.item, "table");
                None
            }
        }
    }

    pub(super) fn entry(&self, key: &'static str) -> Option<&'t Entry<'a>> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    /// The entry of a key that must be there.
    pub(super) fn required(&self, key: &'static str, of: &str) -> Option<&'t Entry<'a>> {
        let entry = self.entry(key);
        if entry.is_none() {
            self.missing(key, of);
        }
        entry
    }

    pub(super) fn missing(&self, key: &str, of: &str) {
        self.report.say(Note::error(
            "missing_key",
            self.at,
            format!("{of} needs a key `{key}`"),
        ));
    }

    pub(super) fn words(&self, key: &'static str) -> Option<Words<'t>> {
        words(self.report, key, &self.entry(key)?.item)
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.words(key).map(|words| words.text.to_owned())
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let item = &self.entry(key)?.item;
        match &item.node {
            Node::Boolean(flag) => Some(*flag),
            Node::Text(text)
                if self.is_loose(item) && matches!(text.as_ref(), "true" | "false") =>
            {
                Some(text == "true")
            }
            _ => self.wrong_type(key, item, "boolean"),
        }
    }

    pub(super) fn integer(&self, key: &'static str) -> Option<i64> {
        let item = &self.entry(key)?.item;
        match &item.node {
            Node::Integer(number) => Some(*number),
            Node::Text(text) if self.is_loose(item) => match text.parse() {
                Ok(number) => Some(number),
                Err(_) => self.wrong_type(key, item, "integer"),
            },
            _ => self.wrong_type(key, item, "integer"),
        }
    }

    /// An integer within bounds.
    pub(super) fn count(&self, key: &'static str, bounds: RangeInclusive<u32>) -> Option<u32> {
        let number = self.integer(key)?;
        let count = u32::try_from(number)
            .ok()
            .filter(|count| bounds.contains(count));
        if count.is_none() {
            let (least, most) = (bounds.start(), bounds.end());
            let range = if *most == u32::MAX {
                format!("at least {least}")
            } else {
                format!("{least} to {most}")
            };
            self.bad_value(key, format!("`{key}` must be {range}, found {number}"));
        }
        count
    }

    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        let item = &self.entry(key)?.item;
        match item.node {
            // Bounds and factors: beyond 2^53 nearness is enough.
            #[expect(
                clippy::cast_precision_loss,
                reason = "bounds and factors need no more than the nearest float"
            )]
            Node::Integer(number) => Some(number as f64),
            Node::Float(number) => Some(number),
            _ => self.wrong_type(key, item, "number"),
        }
    }

    /// A duration above zero.
    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        let duration = self.span(key)?;
        if duration.is_zero() {
            self.bad_value(key, format!("`{key}` must be longer than nothing"));
            return None;
        }
        Some(duration)
    }

    /// A duration, zero too.
    pub(super) fn span(&self, key: &'static str) -> Option<Duration> {
        let item = &self.entry(key)?.item;
        duration_of(self.report, key, item)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let words = self.words(key)?;
        let found = choices.iter().find(|(word, _)| *word == words.text);
        if found.is_none() {
            self.no_choice(key, words, choices.iter().map(|(word, _)| *word));
        }
        found.map(|(_, value)| *value)
    }

    pub(super) fn no_choice<'w>(
        &self,
        key: &str,
        words: Words<'_>,
        choices: impl Iterator<Item = &'w str> + Clone,
    ) {
        let guess = self.report.did_you_mean(words.text, choices.clone());
        let message = format!("`{}` is no value of `{key}`{guess}", shown(words.text));
        let note = Note::error("bad_value", words.place, message);
        self.report
            .say(note.maybe_help(suggest::known("allowed are", choices)));
    }

    /// A list of texts.
    pub(super) fn list(&self, key: &'static str) -> Option<Vec<Words<'t>>> {
        let item = &self.entry(key)?.item;
        match &item.node {
            Node::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| words(self.report, key, item))
                    .collect(),
            ),
            _ => self.wrong_type(key, item, "list of texts"),
        }
    }

    /// A list of texts, or one text.
    pub(super) fn one_or_more(&self, key: &'static str) -> Option<Vec<Words<'t>>> {
        let entry = self.table.get(key)?;
        if matches!(entry.item.node, Node::List(_)) {
            return self.list(key);
        }
        self.words(key).map(|words| vec![words])
    }

    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let list = self.list(key)?;
        Some(
            list.into_iter()
                .map(|words| words.text.to_owned())
                .collect(),
        )
    }

    pub(super) fn table(&self, key: &'static str) -> Option<Fields<'t, 'a>> {
        Self::of_entry(self.report, self.entry(key)?)
    }

    /// Whether a key stands here; it counts as known from now on.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.entry(key).is_some()
    }

    pub(super) fn place_of(&self, key: &str) -> Place {
        self.table
            .get(key)
            .map_or(self.at, |entry| entry.item.place)
    }

    pub(super) fn bad_value(&self, key: &str, message: impl Into<String>) {
        self.report
            .say(Note::error("bad_value", self.place_of(key), message));
    }

    /// Says that a key is read and does nothing yet.
    pub(super) fn not_yet(&self, key: &str, what: &str) {
        let at = self.table.get(key).map_or(self.at, |entry| entry.at);
        self.report.say(Note::remark("not_yet", at, what));
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, of: &str) {
        let asked = self.asked.borrow();
        for entry in self
            .table
            .entries
            .iter()
            .filter(|entry| !asked.contains(&entry.key.as_ref()))
        {
            let guess = self.report.did_you_mean(&entry.key, asked.iter().copied());
            let message = format!("unknown key `{}`{guess}", shown(&entry.key));
            // Sorted, and only where no word was meant: the list is long.
            let mut known: Vec<&str> = asked.iter().copied().collect();
            known.sort_unstable();
            let known = suggest::known(&format!("{of} knows"), known).filter(|_| guess.is_empty());
            self.report
                .say(Note::error("unknown_key", entry.at, message).maybe_help(known));
        }
    }

    fn wrong_type<T>(&self, key: &str, item: &Item<'_>, expected: &str) -> Option<T> {
        wrong_type(self.report, key, item, expected);
        None
    }

    /// Whether a text may stand for a number: the environment and flags have nothing else.
    fn is_loose(&self, item: &Item<'_>) -> bool {
        matches!(
            self.report.kind(item.place),
            SourceKind::Environment | SourceKind::Flag
        )
    }
}

pub(super) fn words<'t>(report: &Report<'_>, key: &str, item: &'t Item<'_>) -> Option<Words<'t>> {
    match &item.node {
        Node::Text(text) => Some(Words {
            text,
            place: item.place,
        }),
        _ => {
            wrong_type(report, key, item, "text");
            None
        }
    }
}

pub(super) fn wrong_type(report: &Report<'_>, key: &str, item: &Item<'_>, expected: &str) {
    let found = item.node.word();
    let message = format!("`{}`: expected {expected}, found {found}", shown(key));
    let note = Note::error("wrong_type", item.place, message);
    let quoted = matches!(
        (expected, &item.node),
        (
            "text",
            Node::Integer(_) | Node::Float(_) | Node::Boolean(_) | Node::Date(_)
        )
    );
    report.say(note.maybe_help(quoted.then(|| "put it in quotes".to_owned())));
}

pub(super) fn duration_of(report: &Report<'_>, key: &str, item: &Item<'_>) -> Option<Duration> {
    let words = match &item.node {
        Node::Text(text) => Words {
            text,
            place: item.place,
        },
        Node::Integer(number) => {
            let message = format!("`{key}`: expected a duration, found a number without a unit");
            let note = Note::error("wrong_type", item.place, message);
            report.say(note.help(format!(
                "write \"{number}s\", \"{number}m\" or \"{number}h\""
            )));
            return None;
        }
        _ => {
            wrong_type(report, key, item, "duration such as \"90s\"");
            return None;
        }
    };
    match parse_duration(words.text) {
        Ok(duration) if duration <= LONGEST => Some(duration),
        Ok(_) => {
            report.say(Note::error(
                "bad_value",
                words.place,
                format!("`{key}` is longer than 100 years"),
            ));
            None
        }
        Err(error) => {
            report.say(Note::error(
                "bad_value",
                words.place,
                format!("`{key}`: {error}"),
            ));
            None
        }
    }
}
