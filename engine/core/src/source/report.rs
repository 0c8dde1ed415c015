//! Where problems are collected while files are read, and how a place in a text becomes line and column.
//!
//! An environment variable and a flag are sources like a file, so that a bad value of one is reported like a bad line.
//!
//! Guarantees: the same thing is said once, however many DAGs it comes from; one source cannot flood the others.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics, Label, Severity, printable};
use super::suggest;

/// How much is said about one source.
const LIMIT: usize = 1_000;

/// Bytes of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) source: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Place {
    pub(super) fn new(source: u32, span: Range<usize>) -> Self {
        // Files are at most 4 MiB when places are made of them.
        let bound = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            source,
            start: bound(span.start),
            end: bound(span.end),
        }
    }

    pub(super) fn span(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What kind of source a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SourceKind {
    File,
    /// The part of a file below `[profiles.NAME]`.
    Profile(String),
    Environment,
    Flag,
    Default,
}

#[derive(Debug)]
struct Source<'a> {
    name: Arc<str>,
    text: &'a str,
    kind: SourceKind,
    lines: OnceCell<Vec<u32>>,
}

impl Source<'_> {
    /// Line and column of a byte, both from 1.
    fn position(&self, at: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| line_starts(self.text));
        let line = lines.partition_point(|start| *start as usize <= at).max(1);
        let start = lines.get(line - 1).map_or(0, |start| *start as usize);
        let before = self
            .text
            .get(start..at.min(self.text.len()))
            .unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0)
        .chain(breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)))
        .collect()
}

/// One thing to say, before its place is worked out.
#[derive(Debug)]
#[must_use]
pub(super) struct Note {
    code: &'static str,
    severity: Severity,
    place: Place,
    message: String,
    labels: Vec<(Place, String)>,
    help: Option<String>,
    sensitive: bool,
}

impl Note {
    pub(super) fn error(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            place,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            sensitive: false,
        }
    }

    pub(super) fn remark(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Remark,
            ..Self::error(code, place, message)
        }
    }

    pub(super) fn label(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push((place, text.into()));
        self
    }

    /// The line is not to be shown.
    pub(super) fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        self.maybe_help(Some(help.into()))
    }

    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// The sources that are read, and what was found in them.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    sources: RefCell<Vec<Source<'a>>>,
    found: RefCell<Found>,
    /// Suggestions made for the newest source: each one looks at every known word.
    suggested: Cell<usize>,
}

#[derive(Debug, Default)]
struct Found {
    all: Vec<Diagnostic>,
    seen: HashSet<(&'static str, Place, String)>,
    counts: HashMap<u32, usize>,
    errors: usize,
}

impl<'a> Report<'a> {
    pub(super) fn add_source(&self, name: &str, text: &'a str, kind: SourceKind) -> u32 {
        let mut sources = self.sources.borrow_mut();
        self.suggested.set(0);
        let name = printable(name).into();
        sources.push(Source {
            name,
            text,
            kind,
            lines: OnceCell::new(),
        });
        u32::try_from(sources.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn say(&self, note: Note) {
        let mut found = self.found.borrow_mut();
        // Counted before repeats are dropped: a shared mistake makes every DAG bad that shares it.
        found.errors += usize::from(note.severity == Severity::Error);
        if !found
            .seen
            .insert((note.code, note.place, note.message.clone()))
        {
            return;
        }
        let count = found.counts.entry(note.place.source).or_default();
        *count += 1;
        match (*count).cmp(&LIMIT) {
            std::cmp::Ordering::Less => found.all.push(self.locate(note)),
            std::cmp::Ordering::Equal => found.all.push(self.locate(Note {
                message: format!("more than {LIMIT} problems in this file; the rest is not shown"),
                labels: Vec::new(),
                help: None,
                code: "too_many",
                ..note
            })),
            std::cmp::Ordering::Greater => {}
        }
    }

    /// `, did you mean …?`, or nothing.
    pub(super) fn did_you_mean<'w>(
        &self,
        written: &str,
        words: impl IntoIterator<Item = &'w str>,
    ) -> String {
        self.suggested.set(self.suggested.get() + 1);
        if self.suggested.get() > LIMIT {
            return String::new();
        }
        suggest::nearest(written, words.into_iter().take(LIMIT))
            .map_or_else(String::new, |word| format!(", did you mean `{word}`?"))
    }

    /// How many errors were said so far: the same before and after means that nothing went wrong between.
    pub(super) fn errors(&self) -> usize {
        self.found.borrow().errors
    }

    pub(super) fn finish(self) -> Diagnostics {
        Diagnostics::from_all(self.found.into_inner().all)
    }

    pub(super) fn kind(&self, place: Place) -> SourceKind {
        self.with(place, |source| source.kind.clone())
            .unwrap_or(SourceKind::Default)
    }

    /// The name of the source and the line of the place.
    pub(super) fn locate_line(&self, place: Place) -> (Arc<str>, usize) {
        let at = place.start as usize;
        self.with(place, |source| (source.name.clone(), source.position(at).0))
            .unwrap_or_else(|| ("".into(), 1))
    }

    /// The place of a part of a text value: exact where the value stands in the file as it reads, else the whole.
    pub(super) fn part(&self, place: Place, value: &str, part: &Range<usize>) -> Place {
        let found = self.with(place, |source| {
            source
                .text
                .get(place.span())
                .and_then(|raw| raw.find(value))
        });
        match found.flatten() {
            Some(start) if part.end <= value.len() => {
                let base = place.start as usize + start;
                Place::new(place.source, base + part.start..base + part.end)
            }
            _ => place,
        }
    }

    fn with<T>(&self, place: Place, read: impl FnOnce(&Source<'a>) -> T) -> Option<T> {
        self.sources.borrow().get(place.source as usize).map(read)
    }

    fn locate(&self, note: Note) -> Diagnostic {
        let labels = note.labels.iter().filter_map(|(place, text)| {
            let (file, (line, column)) = self.position(*place)?;
            Some(Label {
                file,
                span: place.span(),
                line,
                column,
                text: printable(text),
            })
        });
        let labels = labels.collect();
        let (file, (line, column)) = self
            .position(note.place)
            .unwrap_or_else(|| ("".into(), (1, 1)));
        Diagnostic {
            code: note.code,
            severity: note.severity,
            file,
            span: note.place.span(),
            line,
            column,
            message: printable(&note.message),
            labels,
            help: note.help.as_deref().map(printable),
            sensitive: note.sensitive,
        }
    }

    fn position(&self, place: Place) -> Option<(Arc<str>, (usize, usize))> {
        self.with(place, |source| {
            (source.name.clone(), source.position(place.start as usize))
        })
    }
}
