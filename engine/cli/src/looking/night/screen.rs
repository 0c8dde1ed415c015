//! The screen of a terminal, taken over and given back.
//!
//! Guarantees: however the program ends (by a key, a signal that it hears, an error, a panic), the terminal is left as it was
//! found: its own text, its cursor, its line discipline.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::sync::{Mutex, Once, PoisonError};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::frame::Size;
use super::line::Line;
use crate::output::Style;

/// Another page for what is drawn, and no cursor.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
/// The cursor, plain letters, and the page of before.
const LEAVE: &str = "\u{1b}[0m\u{1b}[?25h\u{1b}[?1049l";

/// What is to be put right; none: nothing is taken over.
static TAKEN: Mutex<Option<Before>> = Mutex::new(None);

/// How the terminal was found.
struct Before {
    /// None: no keys are read.
    keys: Option<Termios>,
}

/// The screen while it is ours.
pub(super) struct Screen(());

impl Screen {
    /// Takes it over; keys are read one by one where somebody can type.
    pub(super) fn take() -> std::io::Result<Self> {
        on_panic();
        let stdin = std::io::stdin();
        let keys = tcgetattr(stdin.as_fd()).ok();
        if let Some(found) = &keys {
            let mut single = found.clone();
            // Ctrl-C stays a signal; a stop or a dump would leave the screen as it is drawn, so there is none.
            single
                .local_modes
                .remove(LocalModes::ICANON | LocalModes::ECHO);
            single.special_codes[SpecialCodeIndex::VSUSP] = 0;
            single.special_codes[SpecialCodeIndex::VQUIT] = 0;
            tcsetattr(stdin.as_fd(), OptionalActions::Now, &single)?;
        }
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(Before { keys });
        let screen = Self(());
        write(ENTER)?;
        Ok(screen)
    }

    /// Its size now; none: it does not say.
    pub(super) fn size() -> Option<Size> {
        let size = tcgetwinsize(std::io::stdout().as_fd()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then(|| Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        })
    }

    /// Draws a frame over the one before, without a moment of emptiness.
    pub(super) fn draw(
        &self,
        lines: &[Line],
        foot: &str,
        size: Size,
        style: Style,
    ) -> std::io::Result<()> {
        let mut text = String::from("\u{1b}[H");
        for line in lines.iter().take(size.rows.saturating_sub(1)) {
            let drawn = line.drawn(Some(size.columns), style);
            text.push_str(&drawn);
            text.push_str("\u{1b}[K\r\n");
        }
        let foot = Line::of(foot, crate::output::Tone::Dim).drawn(Some(size.columns), style);
        // A fault of writing to a String is none.
        let _ = write!(text, "\u{1b}[J\u{1b}[{};1H{foot}\u{1b}[K", size.rows);
        write(&text)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn write(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Gives the terminal back; a second time does nothing.
fn leave() {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(before) = taken else { return };
    // Whoever has closed the terminal has nothing to be put right. No lock is waited for: a panic may hold it.
    let _ = rustix::io::write(std::io::stdout(), LEAVE.as_bytes());
    if let Some(keys) = before.keys {
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &keys);
    }
}

/// What a panic says is said on the page of before. A program that ends at once runs nothing else.
fn on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            told(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_says_anything() {
        on_panic();
        *TAKEN.lock().unwrap() = Some(Before { keys: None });
        let panicked = std::thread::spawn(|| panic!("on purpose")).join();
        assert!(panicked.is_err());
        assert!(
            TAKEN.lock().unwrap().is_none(),
            "the terminal is still ours"
        );
    }
}
