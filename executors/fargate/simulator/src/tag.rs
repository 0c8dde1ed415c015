//! Tags and the rules about them.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// A tag of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

pub(crate) fn check_tags(tags: &[Tag]) -> Result<(), Refusal> {
    if tags.len() > 50 {
        return Err(Refusal::invalid_parameter(
            "A resource can have at most 50 tags.",
        ));
    }
    for (index, tag) in tags.iter().enumerate() {
        tag.check()?;
        if tags[..index].iter().any(|other| other.key == tag.key) {
            return Err(Refusal::invalid_parameter(format!(
                "The tag key {} is given twice.",
                tag.key
            )));
        }
    }
    Ok(())
}

impl Tag {
    fn check(&self) -> Result<(), Refusal> {
        let wrong = |what: &str| {
            Err(Refusal::invalid_parameter(format!(
                "Invalid tag {}: {what}",
                self.key
            )))
        };
        let (key, value) = (self.key.chars().count(), self.value.chars().count());
        if key == 0 || key > 128 || value > 256 {
            return wrong("a key has 1 to 128 characters, a value at most 256.");
        }
        if self.key.to_ascii_lowercase().starts_with("aws:") {
            return wrong("keys that begin with aws: are reserved.");
        }
        let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c);
        if !self.key.chars().chain(self.value.chars()).all(allowed) {
            return wrong("letters, numbers, spaces and + - = . _ : / @ are allowed.");
        }
        Ok(())
    }
}
