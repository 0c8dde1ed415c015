//! What is said about a file: errors and remarks, each with its place.
//!
//! Guarantees: every text in a diagnostic is free of control characters and of characters that reorder text, so that
//! it can be printed on a terminal as it is; lines and columns count from 1, columns in characters.
//!
//! Never: holds the text of a file, or decides how it is coloured.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Whether a file can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, and this is worth knowing.
    Remark,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Remark => "remark",
        })
    }
}

/// A second place that belongs to a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The file, or the name of the variable or flag.
    pub file: Arc<str>,
    /// The bytes of that file.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is there.
    pub text: String,
}

/// One thing said about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable word for machines, such as `unknown_key`.
    pub code: &'static str,
    /// Error or remark.
    pub severity: Severity,
    /// The file, or the name of the variable or flag.
    pub file: Arc<str>,
    /// The bytes of that file.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, lower-case, one line.
    pub message: String,
    /// Other places that belong to it.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// The line may hold a secret by mistake: it is not to be shown.
    pub sensitive: bool,
}

impl Diagnostic {
    /// Whether it is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            severity,
            code,
            message,
            ..
        } = self;
        write!(f, "{file}:{line}:{column}: {severity}[{code}]: {message}")
    }
}

/// Everything that is said about a set of files, in the order of files and places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(super) fn from_all(mut all: Vec<Diagnostic>) -> Self {
        all.sort_by(|a, b| {
            (&a.file, a.span.start, a.severity).cmp(&(&b.file, b.span.start, b.severity))
        });
        Self { all }
    }

    /// Errors and remarks.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.all.iter()
    }

    /// The errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter().filter(|diagnostic| diagnostic.is_error())
    }

    /// The remarks.
    pub fn remarks(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter().filter(|diagnostic| !diagnostic.is_error())
    }

    /// Whether any is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them as plain text; `text_of` gives the text of a file, where it is known and may be shown.
    pub fn render<'t>(&self, text_of: impl Fn(&str) -> Option<&'t str>) -> String {
        let shown = self
            .all
            .iter()
            .map(|diagnostic| diagnostic.render(&text_of));
        shown.collect::<Vec<_>>().join("\n")
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

/// The longest message; a file cannot make a longer one.
const MESSAGE_LIMIT: usize = 2_000;

/// The text without anything that a terminal would obey, and bounded.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().map(visible).take(MESSAGE_LIMIT).collect();
    if text.chars().nth(MESSAGE_LIMIT).is_some() {
        shown.push('…');
    }
    shown
}

/// A character as it may be shown: control characters become their pictures, reordering ones a replacement.
pub(super) fn visible(c: char) -> char {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        other => other,
    }
}

/// A name from a file inside a message: bounded.
pub(super) fn shown(name: &str) -> String {
    const LIMIT: usize = 80;
    let mut text: String = name.chars().take(LIMIT).collect();
    if name.chars().nth(LIMIT).is_some() {
        text.push('…');
    }
    text
}
