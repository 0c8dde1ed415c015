//! The courier of an engine: which way a message goes, with which secrets, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::source::{Callbacks, Given, Heartbeat, Receiver, Way};
use noctule_core::word::{Findings, Letter, Message, Recipient, Undelivered, compose};
use noctule_executor::secrecy::ExposeSecret;
use noctule_executor::{SecretRef, async_trait};
use noctule_runtime::{Courier, Surroundings};
use noctule_store::Store;
use reqwest::Client;

use crate::document::document;
use crate::error::NotifyError;
use crate::finding::find;
use crate::webhook::{self, Posted};
use crate::{mail, slack, target};

/// A delivery takes no longer.
const LIMIT: Duration = Duration::from_secs(15);

/// What a project says of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// `[notify.*]`.
    pub receivers: BTreeMap<String, Receiver>,
    /// `[engine.callbacks]`.
    pub callbacks: Option<Callbacks>,
    /// `[engine.heartbeat]`.
    pub heartbeat: Option<Heartbeat>,
    /// The address of the pages.
    pub public_url: Option<String>,
}

/// Brings messages to their receivers.
pub struct Post {
    settings: Settings,
    store: Store,
    /// For secrets and logs.
    around: Surroundings,
    client: Client,
    /// Reaches public addresses alone.
    guarded: Client,
}

impl Post {
    /// A courier over a store.
    ///
    /// # Errors
    /// No client can be made.
    pub fn new(
        settings: Settings,
        store: Store,
        around: Surroundings,
    ) -> Result<Self, NotifyError> {
        Ok(Self {
            settings,
            store,
            around,
            client: webhook::client(false, LIMIT)?,
            guarded: webhook::client(true, LIMIT)?,
        })
    }

    /// Brings a message, with what is known of its run.
    ///
    /// # Errors
    /// It was not taken, or nobody can tell.
    pub async fn bring(
        &self,
        message: &Message,
        next_tick: Option<DateTime<Utc>>,
    ) -> Result<(), NotifyError> {
        let found = find(&self.store, &self.around, message).await;
        let letter = compose(
            message,
            &Findings {
                run: found.run.as_ref().map(|(run, dag)| (run, dag)),
                good: found.good.as_ref(),
                next_tick,
                public_url: self.settings.public_url.as_deref(),
                log: &found.log,
            },
        );
        match &message.to {
            Recipient::Receiver { name } => {
                let receiver = self.settings.receivers.get(name);
                let missing = || NotifyError::NoReceiver(name.clone());
                self.tell(receiver.ok_or_else(missing)?, message, &letter)
                    .await
            }
            Recipient::Callback { url } => self.call_back(url, message, &letter).await,
        }
    }

    async fn tell(
        &self,
        receiver: &Receiver,
        message: &Message,
        letter: &Letter,
    ) -> Result<(), NotifyError> {
        let id = &message.id.0;
        match &receiver.way {
            Way::Webhook {
                url,
                signing_secret,
            } => {
                let secret = match signing_secret {
                    Some(name) => Some(self.secret(name).await?),
                    None => None,
                };
                let posted = Posted {
                    url: self.address(url).await?,
                    id,
                    body: document(message, letter).to_string().into_bytes(),
                    signed: secret.as_deref().map(|secret| (secret, now())),
                };
                webhook::post(&self.client, posted).await
            }
            Way::Slack { url } => {
                let posted = Posted {
                    url: self.address(url).await?,
                    id,
                    body: slack::blocks(letter).to_string().into_bytes(),
                    signed: None,
                };
                webhook::post(&self.client, posted).await
            }
            Way::Email { to, from, smtp } => {
                let password = match &smtp.password {
                    Some(name) => Some(self.secret(name).await?),
                    None => None,
                };
                mail::send(smtp, password, mail::mail(id, from, to, letter)?, LIMIT).await
            }
        }
    }

    async fn call_back(
        &self,
        url: &str,
        message: &Message,
        letter: &Letter,
    ) -> Result<(), NotifyError> {
        let none = || NotifyError::Address("callbacks are not configured any more".to_owned());
        let callbacks = self.settings.callbacks.as_ref().ok_or_else(none)?;
        let secret = self.secret(&callbacks.signing_secret).await?;
        let posted = Posted {
            url: target::read(url, callbacks.private_targets).map_err(NotifyError::Address)?,
            id: &message.id.0,
            body: document(message, letter).to_string().into_bytes(),
            signed: Some((&secret, now())),
        };
        let client = if callbacks.private_targets {
            &self.client
        } else {
            &self.guarded
        };
        webhook::post(client, posted).await
    }

    /// The address that a receiver of the project has; the project may name any.
    async fn address(&self, given: &Given) -> Result<reqwest::Url, NotifyError> {
        let text = match given {
            Given::Plain(text) => text.clone(),
            Given::Secret(name) => self.secret(name).await?,
        };
        target::read(text.trim(), true).map_err(NotifyError::Address)
    }

    async fn secret(&self, name: &str) -> Result<String, NotifyError> {
        let context = self.around.context("", None);
        let reference = SecretRef {
            secret: name.to_owned(),
        };
        let value = context.secrets.resolve(&reference).await;
        let value = value.map_err(|error| NotifyError::secret(&error))?;
        Ok(value.expose_secret().to_owned())
    }

    async fn ping(&self, heartbeat: &Heartbeat) -> Result<(), NotifyError> {
        let url = self.address(&heartbeat.url).await?;
        let failed = |error| NotifyError::Unreached(webhook::plain(error));
        let answer = self.client.get(url).send().await.map_err(failed)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(NotifyError::Busy {
                status: status.as_u16(),
                after: None,
            }),
        }
    }
}

fn now() -> i64 {
    Utc::now().timestamp()
}

#[async_trait]
impl Courier for Post {
    fn gather(&self, receiver: &str) -> Option<Duration> {
        let receiver = self.settings.receivers.get(receiver)?;
        Some(receiver.gather)
    }

    fn takes_callback(&self, url: &str) -> Result<(), String> {
        let Some(callbacks) = &self.settings.callbacks else {
            return Err(
                "callbacks are signed, and the project has no [engine.callbacks] with a `signing_secret`"
                    .to_owned(),
            );
        };
        let url = target::read(url, callbacks.private_targets)?;
        if !callbacks.private_targets && target::is_this_machine(&url) {
            return Err("it leads to this machine".to_owned());
        }
        Ok(())
    }

    async fn deliver(
        &self,
        message: &Message,
        next_tick: Option<DateTime<Utc>>,
    ) -> Result<(), Undelivered> {
        // Looking and sending have limits of their own; this one is for what they cannot see, such as a vault.
        let bringing = self.bring(message, next_tick);
        match tokio::time::timeout(LIMIT * 3, bringing).await {
            Ok(brought) => brought.map_err(NotifyError::undelivered),
            Err(_) => Err(NotifyError::Unreached("it took too long".to_owned()).undelivered()),
        }
    }

    fn heartbeat(&self) -> Option<Duration> {
        Some(self.settings.heartbeat.as_ref()?.every)
    }

    async fn beat(&self) {
        if let Some(heartbeat) = &self.settings.heartbeat
            && let Err(error) = self.ping(heartbeat).await
        {
            tracing::warn!(%error, "the heartbeat was not heard");
        }
    }
}
