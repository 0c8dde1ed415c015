//! The task definitions that were read, by identity and name.
//!
//! Guarantees: only names with a revision are kept, since a revision never changes; a bare family is read each time.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::connection::Identity;
use crate::definition::Definition;
use crate::rules;

/// More revisions than any engine has at work; then it begins anew.
const MOST_KEPT: usize = 1_000;

/// Known revisions.
#[derive(Default)]
pub(crate) struct Shelf {
    known: Mutex<HashMap<(Identity, String), Definition>>,
}

impl Shelf {
    /// What is known of a name.
    pub(crate) fn get(&self, identity: &Identity, name: &str) -> Option<Definition> {
        let known = self.known.lock().ok()?;
        known.get(&(identity.clone(), name.to_owned())).cloned()
    }

    /// Keeps a revision under its name and its ARN.
    pub(crate) fn keep(&self, identity: &Identity, name: &str, definition: &Definition) {
        let Ok(mut known) = self.known.lock() else {
            return;
        };
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        for name in [name, definition.arn.as_str()] {
            if rules::is_pinned(name) {
                known.insert((identity.clone(), name.to_owned()), definition.clone());
            }
        }
    }
}
