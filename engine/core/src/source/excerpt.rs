//! A diagnostic as plain text: one line to jump to, the source line with a mark below it, and what to do.
//!
//! Guarantees: the mark stands under what it means, after tabs and wide characters too; no control character of a
//! file reaches the output; long lines are cut around the mark.
//!
//! Never: colours, terminals, widths of windows; whoever wants them has the spans.

use std::fmt::Write as _;
use std::ops::Range;

use super::diagnostic::{Diagnostic, visible};

/// How many characters of a line are shown.
const WINDOW: usize = 140;

/// How many characters are shown before the mark in a line that is cut.
const BEFORE: usize = 60;

/// What a tab is shown as.
const TAB: &str = "    ";

impl Diagnostic {
    /// `FILE:LINE:COLUMN: error[code]: message`, the line with a mark, the other places, and the help.
    pub fn render<'t>(&self, text_of: impl Fn(&str) -> Option<&'t str>) -> String {
        let mut out = format!("{self}\n");
        let labelled = self
            .labels
            .iter()
            .any(|label| label.file == self.file && label.span == self.span);
        if let Some(text) = text_of(&self.file).filter(|_| !labelled && !self.sensitive) {
            push_excerpt(&mut out, text, &self.span, self.line, "");
        }
        for label in &self.labels {
            let place = format!("{}:{}:{}", label.file, label.line, label.column);
            match text_of(&label.file).filter(|_| !self.sensitive) {
                Some(text) if label.file == self.file => {
                    push_excerpt(&mut out, text, &label.span, label.line, &label.text);
                }
                Some(text) => {
                    push_line(&mut out, format_args!("  --> {place}"));
                    push_excerpt(&mut out, text, &label.span, label.line, &label.text);
                }
                None => push_line(&mut out, format_args!("  --> {place}: {}", label.text)),
            }
        }
        if let Some(help) = &self.help {
            push_line(&mut out, format_args!("  help: {help}"));
        }
        out
    }
}

fn push_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let written = writeln!(out, "{line}");
    debug_assert!(written.is_ok());
}

/// The line in which the span begins, and a mark under the part of the span that is in it.
fn push_excerpt(out: &mut String, text: &str, span: &Range<usize>, number: usize, note: &str) {
    let Some((line, within)) = line_at(text, span) else {
        return;
    };
    let (before, marked, after) = (
        &line[..within.start],
        &line[within.clone()],
        &line[within.end..],
    );
    let cut = before
        .chars()
        .count()
        .saturating_sub(if line.chars().count() > WINDOW {
            BEFORE
        } else {
            usize::MAX
        });
    let lead = expand(before.chars().skip(cut));
    let body = expand(marked.chars().take(WINDOW));
    let rest = expand(after.chars().take(WINDOW.saturating_sub(BEFORE)));
    let (start, end) = (
        ellipsis(cut > 0),
        ellipsis(after.chars().count() > WINDOW - BEFORE),
    );
    let gutter = number.to_string();
    let blank = " ".repeat(gutter.len());
    let mark = "^".repeat(width(&body).max(1));
    let pad = " ".repeat(width(&lead) + width(start));
    let note = if note.is_empty() {
        String::new()
    } else {
        format!(" {note}")
    };
    push_line(
        out,
        format_args!(" {gutter} | {start}{lead}{body}{rest}{end}"),
    );
    push_line(out, format_args!(" {blank} | {pad}{mark}{note}"));
}

fn ellipsis(cut: bool) -> &'static str {
    if cut { "…" } else { "" }
}

/// The line in which a span begins, and the span within that line.
fn line_at<'t>(text: &'t str, span: &Range<usize>) -> Option<(&'t str, Range<usize>)> {
    let head = text.get(..span.start)?;
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..)?.split('\n').next()?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let from = (span.start - start).min(line.len());
    let to = span.end.saturating_sub(start).clamp(from, line.len());
    line.is_char_boundary(from).then_some(())?;
    line.is_char_boundary(to).then_some((line, from..to))
}

fn expand(chars: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    for c in chars {
        if c == '\t' {
            shown.push_str(TAB);
        } else {
            shown.push(visible(c));
        }
    }
    shown
}

/// How many cells a terminal uses for a text.
fn width(text: &str) -> usize {
    text.chars().map(cells).sum()
}

/// Cells of one character, by the blocks of Unicode: wide scripts and signs take two, marks that combine none.
fn cells(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xa960..=0xa97f
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
