//! A service account key whose file names a token server of its own: the signed assertion is exchanged there.
//!
//! Guarantees: the assertion travels over https, or to this machine; a token is kept until shortly before it expires
//! and asked for once however many callers wait. Neither key, assertion nor token is ever shown.
//! Facts: RFC 7523; claims and limits of Google's OAuth 2.0 for service accounts.

use std::time::Duration;

use axum::http::Extensions;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use google_cloud_auth::credentials::{
    AccessToken, AccessTokenCredentialsProvider, CacheableResource, CredentialsProvider, EntityTag,
    service_account,
};
use google_cloud_auth::errors::CredentialsError;
use google_cloud_auth::signer::Signer;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::adc::SCOPE;
use crate::credentials::Keyless;
use crate::endpoint::check_transport;
use crate::lenient;
use crate::transport::causes;

/// Google's own token servers, which need not be asked: a self-signed token will do.
const GOOGLES: [&str; 3] = [
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
];
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google takes assertions of an hour at most.
const LIFETIME: Duration = Duration::from_secs(3_600);
/// Tokens are renewed this long before they expire, as Google's own clients do.
const SLACK: Duration = Duration::from_secs(225);
/// For one exchange; the caller has a bound of its own.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The token server of a key file, unless it is Google's.
pub(crate) fn foreign_token_uri(file: &Value) -> Option<String> {
    lenient::text(file, "token_uri").filter(|uri| !GOOGLES.contains(&uri.as_str()))
}

/// Credentials that exchange a signed assertion for a token.
pub(crate) struct KeyExchange {
    signer: Signer,
    email: String,
    key_id: String,
    token_uri: String,
    client: Client,
    token: Mutex<Option<(String, Instant)>>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl KeyExchange {
    /// Reads a key file.
    pub(crate) fn new(file: Value, token_uri: &str) -> Result<Self, Keyless> {
        let lasting = |cause: String| Keyless {
            cause,
            lasting: true,
        };
        let url = Url::parse(token_uri).map_err(|error| lasting(format!("token_uri: {error}")))?;
        check_transport(&url).map_err(|error| lasting(format!("token_uri: {error}")))?;
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        let client = if url.scheme() == "http" {
            client.no_proxy()
        } else {
            client
        };
        Ok(Self {
            email: lenient::text(&file, "client_email").unwrap_or_default(),
            key_id: lenient::text(&file, "private_key_id").unwrap_or_default(),
            token_uri: token_uri.to_owned(),
            client: client.build().map_err(|error| lasting(causes(&error)))?,
            signer: service_account::Builder::new(file)
                .build_signer()
                .map_err(|error| lasting(causes(&error)))?,
            token: Mutex::new(None),
        })
    }

    async fn token(&self) -> Result<String, CredentialsError> {
        let mut kept = self.token.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let answer = self.exchange().await?;
        let lifetime = answer.expires_in.map_or(LIFETIME, Duration::from_secs);
        let until = Instant::now() + lifetime.saturating_sub(SLACK);
        *kept = Some((answer.access_token.clone(), until));
        Ok(answer.access_token)
    }

    async fn exchange(&self) -> Result<Answer, CredentialsError> {
        let assertion = self.assertion().await?;
        // Both values are plain ASCII that a form takes as it is, but for the colons of the grant.
        let form = format!(
            "grant_type={}&assertion={assertion}",
            GRANT.replace(':', "%3A")
        );
        let answer = self
            .client
            .post(&self.token_uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .map_err(|error| CredentialsError::from_msg(true, causes(&error)))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if status.is_success() {
            return Answer::deserialize(&body)
                .map_err(|_| CredentialsError::from_msg(false, "the token server gave no token"));
        }
        let transient = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        let said = ["error", "error_description"].map(|field| lenient::text(&body, field));
        let said = said.into_iter().flatten().collect::<Vec<_>>().join(": ");
        Err(CredentialsError::from_msg(
            transient,
            format!(
                "the token server {} answered {status} {said}",
                self.token_uri
            ),
        ))
    }

    async fn assertion(&self) -> Result<String, CredentialsError> {
        let now = Utc::now().timestamp();
        let lifetime = i64::try_from(LIFETIME.as_secs()).unwrap_or_default();
        let encode = |part: Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let header = encode(json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id }));
        let claims = encode(json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": now, "exp": now + lifetime,
        }));
        let signed = format!("{header}.{claims}");
        let signature = self
            .signer
            .sign(signed.as_bytes())
            .await
            .map_err(|error| CredentialsError::from_msg(false, causes(&error)))?;
        Ok(format!(
            "{signed}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature)
        ))
    }
}

impl std::fmt::Debug for KeyExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyExchange({} at {})", self.email, self.token_uri)
    }
}

impl CredentialsProvider for KeyExchange {
    async fn headers(
        &self,
        _extensions: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let token = self.token().await?;
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| CredentialsError::from_msg(false, "the token is no header value"))?;
        value.set_sensitive(true);
        Ok(CacheableResource::New {
            entity_tag: EntityTag::new(),
            data: HeaderMap::from_iter([(AUTHORIZATION, value)]),
        })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

impl AccessTokenCredentialsProvider for KeyExchange {
    async fn access_token(&self) -> Result<AccessToken, CredentialsError> {
        let token = self.token().await?;
        Ok(AccessToken { token })
    }
}
