//! How data is shown: tables for people, JSON for programs.
//!
//! Guarantees: nothing that stands in data can move the cursor of a terminal or reorder a line; JSON is complete and plain.

mod json;
mod style;
mod table;

pub(crate) use self::json::{document, documents};
pub(crate) use self::style::{Style, Tone};
pub(crate) use self::table::Grid;

/// The text as it may be shown: control characters become their pictures, reordering ones a replacement.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(c: char) -> char {
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

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let shown = printable("a\u{1b}[2Jb\r\n\u{9b}31mc\u{202e}d");
        assert_eq!(shown, "a␛[2Jb␍␊\u{fffd}31mc\u{fffd}d");
        assert!(!shown.chars().any(char::is_control));
    }
}
