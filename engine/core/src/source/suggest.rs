//! "Did you mean": the known word that is most like the one that was written.
//!
//! Guarantees: a suggestion is a likely slip, never the least bad of strangers.

use std::collections::HashSet;

/// The word that was probably meant.
pub(super) fn nearest<'w>(
    written: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    // Comparing takes length × length; nobody mistypes a name of this length into a known one.
    if written.len() > 100 {
        return None;
    }
    let folded = written.to_lowercase();
    let distance = |word: &str| strsim::damerau_levenshtein(&folded, &word.to_lowercase());
    let limit = (written.chars().count() / 3).max(1);
    let close = words
        .into_iter()
        .filter(|word| word.len() <= 150)
        .map(|word| (distance(word), word));
    close
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `known are a, b and c`, bounded; for help.
pub(super) fn known<'w>(what: &str, words: impl IntoIterator<Item = &'w str>) -> Option<String> {
    const LIMIT: usize = 30;
    let mut words: Vec<&str> = words.into_iter().collect();
    let mut seen = HashSet::new();
    words.retain(|word| seen.insert(*word));
    if words.is_empty() {
        return None;
    }
    let mut list = words
        .iter()
        .take(LIMIT)
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if words.len() > LIMIT {
        list.push_str(", …");
    }
    Some(format!("{what}: {list}"))
}
