//! The provider: what it says of itself, what it gives for a code, and whether what it signed is for us.
//!
//! Guarantees: every call has an end, a size, and no redirect; few are under way at once, however many knock.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use noctule_executor::secrecy::ExposeSecret;
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::Oidc;
use super::ticket::Ticket;
use crate::problem::{Code, Problem};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an answer.
const LARGEST: usize = 1024 * 1024;
/// How long what the provider says of itself is believed.
const BELIEVED: Duration = Duration::from_secs(600);
/// Calls at once.
const CALLS: usize = 8;
/// Signatures that only the provider can make. A shared secret, or none, is none.
const SIGNATURES: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The provider, as a client of it holds it.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(super) oidc: Oidc,
    client: Client,
    calls: Semaphore,
    known: Mutex<Option<(Instant, About)>>,
}

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct About {
    issuer: String,
    pub(super) authorization_endpoint: End,
    token_endpoint: End,
    jwks_uri: End,
    userinfo_endpoint: Option<End>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// An address of the provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct End(pub(super) Url);

impl TryFrom<String> for End {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("`{text}` is no address"))
    }
}

/// What it gives for a code.
#[derive(Deserialize)]
struct Given {
    id_token: String,
    access_token: Option<String>,
}

/// Somebody, as the provider knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
}

fn unavailable(said: impl Into<String>) -> Problem {
    Problem::new(Code::LoginUnavailable, said)
}

fn refused(said: impl Into<String>) -> Problem {
    Problem::new(Code::LoginRefused, said)
}

impl Provider {
    pub(crate) fn new(oidc: Oidc) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE);
        let issuer: Option<Url> = oidc.issuer.parse().ok();
        if issuer.as_ref().is_some_and(is_here) {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build()?,
            calls: Semaphore::new(CALLS),
            known: Mutex::default(),
            oidc,
        })
    }

    /// What a session says of who let somebody in: another issuer, or another client, is another provider.
    pub(crate) fn name(&self) -> String {
        provider_name(&self.oidc.issuer, &self.oidc.client_id)
    }

    /// What it says of itself: of the issuer that was configured, and no other.
    pub(super) async fn about(&self) -> Result<About, Problem> {
        // Of many who knock one asks, and the others wait for the answer.
        let mut known = self.known.lock().await;
        if let Some((at, about)) = known.as_ref()
            && at.elapsed() < BELIEVED
        {
            return Ok(about.clone());
        }
        let issuer = self.oidc.issuer.trim_end_matches('/');
        let place = format!("{issuer}/.well-known/openid-configuration");
        let about: About = self.call(self.client.get(place)).await?;
        if about.issuer.trim_end_matches('/') != issuer {
            return Err(unavailable("the provider says that it is another issuer"));
        }
        let ends = [
            &about.authorization_endpoint,
            &about.token_endpoint,
            &about.jwks_uri,
        ];
        let all = ends.into_iter().chain(&about.userinfo_endpoint);
        if !all
            .into_iter()
            .all(|End(end)| end.scheme() == "https" || is_here(end))
        {
            return Err(unavailable("the provider names an address without https"));
        }
        *known = Some((Instant::now(), about.clone()));
        Ok(about)
    }

    /// Who logged in, for a code of theirs.
    pub(super) async fn person(
        &self,
        code: &str,
        ticket: &Ticket,
        redirect: &str,
    ) -> Result<Person, Problem> {
        let about = self.about().await?;
        let given: Given = self.exchange(&about, code, ticket, redirect).await?;
        let keys: JwkSet = self.call(self.client.get(about.jwks_uri.0.clone())).await?;
        let mut claims = self.signed(&given.id_token, &keys, &about.issuer, &ticket.nonce)?;
        if !claims.contains_key(&self.oidc.groups_claim)
            && let (Some(place), Some(token)) = (&about.userinfo_endpoint, &given.access_token)
        {
            let more = self.client.get(place.0.clone()).bearer_auth(token);
            let more: Map<String, Value> = self.call(more).await?;
            // What is said of another is not taken.
            if more.get("sub") != claims.get("sub") {
                return Err(refused("the provider told of another person"));
            }
            for (claim, value) in more {
                claims.entry(claim).or_insert(value);
            }
        }
        self.read(&claims)
    }

    async fn exchange(
        &self,
        about: &About,
        code: &str,
        ticket: &Ticket,
        redirect: &str,
    ) -> Result<Given, Problem> {
        let (id, secret) = (
            &self.oidc.client_id,
            self.oidc.client_secret.expose_secret(),
        );
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", &ticket.verifier),
        ];
        let methods = about.token_endpoint_auth_methods_supported.as_deref();
        let has = |method: &str| methods.is_none_or(|all| all.iter().any(|one| one == method));
        let basic = has("client_secret_basic");
        if !basic {
            form.extend([("client_id", id.as_str()), ("client_secret", secret)]);
        }
        let body: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = self
            .client
            .post(about.token_endpoint.0.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body);
        if basic {
            let coded =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(coded(id), Some(coded(secret)));
        }
        self.call(request).await
    }

    /// The claims of a token that the provider signed, for this client and this login, and not too long ago.
    fn signed(
        &self,
        token: &str,
        keys: &JwkSet,
        issuer: &str,
        nonce: &str,
    ) -> Result<Map<String, Value>, Problem> {
        let wrong = |error: jsonwebtoken::errors::Error| {
            refused(format!("the token of the provider does not hold: {error}"))
        };
        let header = decode_header(token).map_err(wrong)?;
        if !SIGNATURES.contains(&header.alg) {
            return Err(refused(
                "the token of the provider is not signed by it alone",
            ));
        }
        let key = match (&header.kid, keys.keys.as_slice()) {
            (Some(kid), _) => keys.find(kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let key = key.ok_or_else(|| refused("the token is signed by no key of the provider"))?;
        let key = DecodingKey::from_jwk(key).map_err(wrong)?;
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[&self.oidc.client_id]);
        validation.set_issuer(&[issuer]);
        validation.validate_nbf = true;
        let needed = ["exp", "iss", "aud", "sub"].map(str::to_owned);
        validation.required_spec_claims = HashSet::from(needed);
        let claims: Map<String, Value> = decode(token, &key, &validation).map_err(wrong)?.claims;
        if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err(refused("the token of the provider is of another login"));
        }
        let shared = claims
            .get("aud")
            .and_then(Value::as_array)
            .is_some_and(|all| all.len() > 1);
        let party = claims.get("azp").and_then(Value::as_str);
        if (shared && party.is_none()) || party.is_some_and(|party| party != self.oidc.client_id) {
            return Err(refused("the token of the provider is for another client"));
        }
        Ok(claims)
    }

    fn read(&self, claims: &Map<String, Value>) -> Result<Person, Problem> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let subject = text("sub").filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| refused("the provider does not say who it was"))?;
        // What people can choose themselves is no name to be held to.
        let verified = claims.get("email_verified") == Some(&Value::Bool(true));
        let name = match (
            text("email").filter(|_| verified),
            text("preferred_username"),
        ) {
            (Some(email), _) => email.to_owned(),
            (None, Some(chosen)) if chosen != subject => format!("{chosen} ({subject})"),
            _ => subject.to_owned(),
        };
        let groups = match claims.get(&self.oidc.groups_claim) {
            Some(Value::Array(all)) => all
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        };
        let name = name.chars().filter(|c| !c.is_control()).take(200).collect();
        Ok(Person { name, groups })
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Problem> {
        let _turn = self.calls.acquire().await;
        let asked = async {
            let mut response = request.send().await.map_err(|error| error.to_string())?;
            let status = response.status();
            let mut bytes = Vec::new();
            while let Some(part) = response.chunk().await.map_err(|error| error.to_string())? {
                bytes.extend_from_slice(&part);
                if bytes.len() > LARGEST {
                    return Err("its answer is too large".to_owned());
                }
            }
            if status.is_success() {
                return Ok(bytes);
            }
            Err(format!("it answered {status}"))
        };
        let bytes = asked.await.map_err(|why| {
            tracing::warn!(why, "the provider of logins could not be asked");
            unavailable("the provider of logins did not do its part; the log says why")
        })?;
        serde_json::from_slice(&bytes).map_err(|error| {
            tracing::warn!(%error, "the provider of logins gave an answer that cannot be read");
            unavailable("the provider of logins gave an answer that cannot be read")
        })
    }
}

/// A provider of logins in one line, as sessions have it.
#[must_use]
pub fn provider_name(issuer: &str, client: &str) -> String {
    format!("{} {client}", issuer.trim_end_matches('/'))
}

fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}
