//! What an executor says to a person about a configuration or an account.

use serde::{Deserialize, Serialize};

/// A mistake in a `with` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The key path below `with`, from which the engine finds the place in the file.
    pub path: Vec<String>,
    /// What is wrong, lower-case.
    pub message: String,
    /// How to mend it, a sentence.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a key path below `with`.
    pub fn at<'a>(path: impl IntoIterator<Item = &'a str>, message: impl Into<String>) -> Self {
        Self {
            path: path.into_iter().map(str::to_owned).collect(),
            message: message.into(),
            help: None,
        }
    }

    /// The same problem with a way to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// One line of `noctule doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether it is as the DAGs need it.
    pub good: bool,
    /// What was looked at.
    pub subject: String,
    /// What was found; when it is not good, what is missing by name.
    pub message: String,
}
