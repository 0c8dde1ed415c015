//! What a person can do from a page: a form that asks the API as any program would, and the command that does the same.

use maud::{Markup, html};

/// A command of the CLI, to be copied.
pub(crate) fn command(text: &str) -> Markup {
    html! {
        span.command {
            code { (text) }
            button type="button" data-copy=(text) aria-label={ "Copy the command " (text) } title="Copy" { "copy" }
        }
    }
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What stands in the place of actions for whoever may only look.
pub(crate) fn lookers_only() -> Markup {
    html! { p.quiet id="acts" { "You may look here. To trigger, retry, cancel or mark needs the role operator." } }
}

/// A button that asks the API for something.
#[derive(Debug)]
pub(crate) struct Action<'a> {
    /// What the button says.
    pub(crate) label: &'a str,
    /// Where it posts to: an address of the API.
    pub(crate) to: &'a str,
    /// Its fields: controls with a `name`; `data-as` says what is made of their value (`text`, `flag`, `list`, `json`).
    pub(crate) fields: Markup,
    /// What would be touched is shown first, and only a second press does it.
    pub(crate) preview: bool,
    /// It is marked as one that ends or undoes something.
    pub(crate) grave: bool,
    /// What the page does once it is done.
    pub(crate) then: Then,
    /// The same, by the CLI.
    pub(crate) command: &'a str,
}

/// What a page does once an act is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Shows how things stand now.
    Refresh,
    /// Goes to the run that was made.
    Run,
}

impl Action<'_> {
    /// The form.
    pub(crate) fn form(&self) -> Markup {
        let then = match self.then {
            Then::Refresh => "refresh",
            Then::Run => "run",
        };
        html! {
            form.act data-post=(self.to) data-then=(then) data-preview[self.preview] novalidate {
                (self.fields)
                div.row {
                    button.grave[self.grave] type="submit" { (self.label) }
                    (command(self.command))
                }
                output.preview hidden {}
                p.said role="alert" hidden {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reaches_the_shell_as_it_is() {
        assert_eq!(quoted("c8cd3500"), "c8cd3500");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $(rm)"), r"'it'\''s $(rm)'");
    }
}
