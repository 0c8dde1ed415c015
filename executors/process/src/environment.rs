//! The environment of a command: nothing of the engine's but what is allowed or asked for.

use std::collections::BTreeMap;

use noctule_executor::{Context, Entry, ExecutorError, secrecy::ExposeSecret};

use crate::document::Document;

/// What every command gets of the engine's environment.
const ALLOWED: [&str; 4] = ["HOME", "LANG", "PATH", "TZ"];

/// The whole environment, secrets resolved: inherited variables first, the task's own over them.
pub(crate) async fn compose(
    context: &Context,
    document: &Document,
    output: String,
) -> Result<BTreeMap<String, String>, ExecutorError> {
    let mut env = inherited(&context.host.env, &document.inherit_env);
    for (name, entry) in &document.env {
        env.insert(name.clone(), resolve(context, entry).await?);
    }
    env.insert("NOCTULE_OUTPUT".to_owned(), output);
    Ok(env)
}

/// The text of an entry, at the moment of the launch.
pub(crate) async fn resolve(context: &Context, entry: &Entry) -> Result<String, ExecutorError> {
    match entry {
        Entry::Plain(text) => Ok(text.as_str().to_owned()),
        Entry::Secret(secret) => {
            let value = context.secrets.resolve(secret).await?;
            Ok(value.expose_secret().to_owned())
        }
    }
}

fn inherited(engine: &BTreeMap<String, String>, patterns: &[String]) -> BTreeMap<String, String> {
    let wanted = |name: &str| {
        ALLOWED.contains(&name) || patterns.iter().any(|pattern| matches(pattern, name))
    };
    engine
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a name fits a pattern in which `*` stands for any characters. Linear but for the stars.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_as_in_a_shell() {
        assert!(matches("GOOGLE_*", "GOOGLE_"));
        assert!(matches("*_PROXY", "HTTP_PROXY"));
        assert!(matches("A*B*C", "AxxBxxBC"));
        assert!(matches("*", "ANY"));
        assert!(!matches("A*BA", "ABXA"));
        assert!(!matches("AB*B", "AB"));
        assert!(!matches("GOOGLE", "GOOGLE_X"));
    }

    #[test]
    fn only_the_allowed_and_the_asked_for_are_inherited() {
        let names = ["PATH", "DATABASE_URL", "AWS_REGION", "AWS_SECRET", "HOME"];
        let engine = names.map(|name| (name.to_owned(), "x".to_owned())).into();
        let taken = inherited(&engine, &["AWS_R*".to_owned()]);
        let taken: Vec<_> = taken.keys().map(String::as_str).collect();
        assert_eq!(taken, ["AWS_REGION", "HOME", "PATH"]);
    }
}
