//! A call that is ready to be sent: every reference looked up, every header typed. Lives for one call only.

use std::collections::BTreeMap;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use noctule_executor::{Context, Entry, SecretRef};

use crate::auth::Auth;
use crate::credentials::{self, Credentials};
use crate::error::HttpError;
use crate::{header, target};

/// A call that is ready to be sent.
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    /// Every secret that goes out with it.
    pub(crate) hidden: Vec<SecretString>,
    /// The call as messages name it.
    pub(crate) name: String,
}

/// What a call says before its references are looked up.
pub(crate) struct Draft<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Entry,
    pub(crate) headers: &'a BTreeMap<String, Entry>,
    pub(crate) json: Option<&'a Value>,
    pub(crate) body: Option<&'a Entry>,
    pub(crate) auth: Option<&'a Auth>,
    pub(crate) audience: Option<&'a str>,
}

impl Prepared {
    /// Looks up every reference.
    pub(crate) async fn of(
        draft: Draft<'_>,
        context: &Context,
        credentials: &Credentials,
    ) -> Result<Self, HttpError> {
        let mut hidden = Vec::new();
        let (url, name) = address(&draft, context, &mut hidden).await?;
        let mut headers = HeaderMap::new();
        for (name, entry) in draft.headers {
            let (name, value) = typed(context, name, entry, &mut hidden).await?;
            headers.insert(name, value);
        }
        if let Some(auth) = draft.auth {
            let origin = target::origin(&url);
            let audience = draft.audience.unwrap_or(&origin);
            if let Some(token) = credentials.bearer(context, auth, audience).await? {
                headers.insert(AUTHORIZATION, bearer(&token)?);
                hidden.push(token);
            }
        }
        let method = Method::from_bytes(draft.method.as_bytes())
            .map_err(|_| HttpError::Invalid(format!("{:?} is no method", draft.method)))?;
        Ok(Self {
            method,
            url,
            headers,
            body: body(&draft, context, &mut hidden).await?,
            hidden,
            name,
        })
    }
}

async fn address(
    draft: &Draft<'_>,
    context: &Context,
    hidden: &mut Vec<SecretString>,
) -> Result<(Url, String), HttpError> {
    let method = draft.method;
    match credentials::value(context, draft.url).await? {
        credentials::Value::Plain(text) => {
            let url = target::absolute(&text).map_err(HttpError::Invalid)?;
            let name = format!("{method} {}", target::shown(&url));
            Ok((url, name))
        }
        credentials::Value::Secret(secret) => {
            let url = target::absolute(secret.expose_secret()).map_err(|_| {
                HttpError::Invalid("the secret `url` is no http or https address".to_owned())
            })?;
            hidden.push(secret);
            hidden.extend(telling_parts(&url));
            Ok((url, format!("{method} of a secret url")))
        }
    }
}

/// The parts of a secret address that a service may repeat by themselves, as in "cannot POST /hooks/…". A part so short
/// that it may be any word is no secret.
fn telling_parts(url: &Url) -> impl Iterator<Item = SecretString> {
    const TELLING: usize = 8;
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let parts = [format!("{path}?{query}"), path.to_owned(), query.to_owned()];
    let telling = parts.into_iter().filter(|part| part.len() >= TELLING);
    telling.map(SecretString::from)
}

async fn typed(
    context: &Context,
    name: &str,
    entry: &Entry,
    hidden: &mut Vec<SecretString>,
) -> Result<(HeaderName, HeaderValue), HttpError> {
    let invalid = |message| HttpError::Invalid(format!("header `{name}`: {message}"));
    let typed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| HttpError::Invalid(format!("{name:?} is no header name")))?;
    let value = match credentials::value(context, entry).await? {
        credentials::Value::Plain(text) => header::value(&text).map_err(invalid)?,
        credentials::Value::Secret(secret) => {
            let mut value = header::value(secret.expose_secret()).map_err(invalid)?;
            value.set_sensitive(true);
            hidden.push(secret);
            value
        }
    };
    Ok((typed, value))
}

fn bearer(token: &SecretString) -> Result<HeaderValue, HttpError> {
    let mut value = header::value(&format!("Bearer {}", token.expose_secret()))
        .map_err(|message| HttpError::Invalid(format!("`auth`: {message}")))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn body(
    draft: &Draft<'_>,
    context: &Context,
    hidden: &mut Vec<SecretString>,
) -> Result<Option<Vec<u8>>, HttpError> {
    if let Some(json) = draft.json {
        let mut json = json.clone();
        for (place, secret) in references(&json) {
            let value = context.secrets.resolve(&secret).await?;
            if let Some(at) = json.pointer_mut(&place) {
                *at = Value::String(value.expose_secret().to_owned());
            }
            hidden.push(value);
        }
        return Ok(Some(json.to_string().into_bytes()));
    }
    let Some(entry) = draft.body else {
        return Ok(None);
    };
    match credentials::value(context, entry).await? {
        credentials::Value::Plain(text) => Ok(Some(text.into_bytes())),
        credentials::Value::Secret(secret) => {
            let bytes = secret.expose_secret().as_bytes().to_vec();
            hidden.push(secret);
            Ok(Some(bytes))
        }
    }
}

/// The places of `{ secret = "NAME" }` in a body, as JSON pointers.
fn references(json: &Value) -> Vec<(String, SecretRef)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), json)];
    while let Some((place, value)) = open.pop() {
        match value {
            Value::Object(table) => match reference(table) {
                Some(secret) => found.push((place, secret)),
                None => open.extend(table.iter().map(|(key, value)| {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    (format!("{place}/{key}"), value)
                })),
            },
            Value::Array(list) => {
                let items = list.iter().enumerate();
                open.extend(items.map(|(index, value)| (format!("{place}/{index}"), value)));
            }
            _ => {}
        }
    }
    found
}

fn reference(table: &Map<String, Value>) -> Option<SecretRef> {
    let name = table.get("secret").filter(|_| table.len() == 1)?.as_str()?;
    Some(SecretRef {
        secret: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_at_any_depth() {
        let body = json!({ "a/b": [{ "secret": "one" }], "secret": "plain", "c": { "secret": "two", "d": 1 } });
        let found = references(&body);
        assert_eq!(found.len(), 1);
        assert_eq!(body.pointer(&found[0].0), Some(&json!({ "secret": "one" })));
    }
}
