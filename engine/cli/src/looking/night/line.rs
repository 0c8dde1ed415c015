//! One line of a screen: parts with their tones, cut to the width of the screen before they are coloured.
//!
//! Guarantees: a line takes no more columns than the screen has, whatever stands in it; nothing in it is a control character
//! but the colours, and those only where colours are wanted.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::output::{Style, Tone, printable};

/// A line that is being filled.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Vec<(String, Tone)>);

impl Line {
    /// A line of one part.
    pub(super) fn of(text: &str, tone: Tone) -> Self {
        let mut line = Self::default();
        line.push(text, tone);
        line
    }

    pub(super) fn push(&mut self, text: &str, tone: Tone) {
        self.0.push((printable(text), tone));
    }

    /// A part of a column: filled up with blanks, or cut.
    pub(super) fn column(&mut self, text: &str, wide: usize, tone: Tone) {
        let text = cut(&printable(text), wide);
        let blanks = wide.saturating_sub(text.width()) + 2;
        self.0.push((text, tone));
        self.0.push((" ".repeat(blanks), Tone::Plain));
    }

    /// The line as it is written; without a width it is whole.
    pub(super) fn drawn(&self, width: Option<usize>, style: Style) -> String {
        let mut left = width.unwrap_or(usize::MAX);
        let mut drawn = String::new();
        for (text, tone) in &self.0 {
            let text = cut(text, left);
            left -= text.width();
            if text.trim().is_empty() {
                drawn.push_str(&text);
            } else {
                drawn.push_str(&style.paint(*tone, &text));
            }
        }
        drawn.trim_end().to_owned()
    }
}

/// As much of a text as fits, with a mark where something is left out.
fn cut(text: &str, wide: usize) -> String {
    if text.width() <= wide {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > wide {
            break;
        }
        kept.push(c);
    }
    if wide > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_takes_more_columns_than_there_are() {
        let mut line = Line::of("nächtlich ", Tone::Plain);
        line.column("数据导入任务", 9, Tone::Good);
        line.push("a\u{1b}[2Jb\r\nc\u{202e}", Tone::Bad);
        for width in 0..60 {
            let drawn = line.drawn(Some(width), Style::new(false));
            assert!(drawn.width() <= width, "{width}: {drawn:?}");
            assert!(!drawn.chars().any(char::is_control), "{drawn:?}");
            let coloured = line.drawn(Some(width), Style::new(true));
            assert!(
                !coloured.contains("[2J") || coloured.contains("␛[2J"),
                "{coloured:?}"
            );
        }
        assert_eq!(
            line.drawn(None, Style::new(false)),
            "nächtlich 数据导入…  a␛[2Jb␍␊c\u{fffd}"
        );
    }
}
