//! What a server knows of access besides the store: the token it was started with, the provider people log in by, which
//! uses of tokens were noted, and how many who showed nothing good were told of in the log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use noctule_store::SecretHash;

use crate::error::WebError;
use crate::login::{Oidc, Provider};

/// Refusals told in the log one by one, of each minute; the rest are counted. An attacker fills no disk.
const TOLD: u32 = 10;
/// That minute.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Who may come in, besides those whom the store knows.
#[derive(Debug, Default)]
pub struct Access {
    /// The token of `engine.bootstrap_token`: an administrator's.
    pub bootstrap: Option<SecretHash>,
    /// Also this machine shows a token, or is nobody: `engine.trust_loopback = false`.
    pub distrusts_loopback: bool,
    pub(crate) provider: Option<Provider>,
    state: State,
}

/// What changes while it serves.
#[derive(Debug, Default)]
struct State {
    noted: Mutex<HashMap<String, DateTime<Utc>>>,
    refusals: Mutex<Refusals>,
}

#[derive(Debug, Default)]
struct Refusals {
    since: DateTime<Utc>,
    told: u32,
    untold: u64,
}

/// What is said of a refusal.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    This,
    /// This one, and so many more before it that were not told.
    AndMore(u64),
}

impl Refusals {
    fn count(&mut self, now: DateTime<Utc>) -> Said {
        let mut more = 0;
        if now - self.since >= WINDOW {
            more = self.untold;
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        if self.told >= TOLD {
            self.untold += 1;
            return Said::Nothing;
        }
        self.told += 1;
        match more {
            0 => Said::This,
            more => Said::AndMore(more),
        }
    }
}

impl Access {
    /// The same, and people log in by this provider.
    ///
    /// # Errors
    /// No client can be made for it.
    pub fn with_oidc(mut self, oidc: Oidc) -> Result<Self, WebError> {
        self.provider = Some(Provider::new(oidc).map_err(WebError::Client)?);
        Ok(self)
    }

    /// Whether this machine needs no token.
    pub(crate) fn trusts_loopback(&self) -> bool {
        !self.distrusts_loopback
    }

    /// Whether the use of a token is to be noted now; of several who ask, one is told so.
    pub(crate) fn notes(&self, token: &str, now: DateTime<Utc>, every: TimeDelta) -> bool {
        let mut noted = self
            .state
            .noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        noted.retain(|_, at| now - *at < every);
        match noted.get(token) {
            Some(_) => false,
            None => noted.insert(token.to_owned(), now).is_none(),
        }
    }

    /// Tells the log that somebody was refused, unless it was told of many already.
    pub(crate) fn refused(&self, now: DateTime<Utc>, from: Option<IpAddr>, why: &str) {
        let refusals = &self.state.refusals;
        let said = {
            let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.count(now)
        };
        let from = from.map_or_else(|| "somewhere".to_owned(), |from| from.to_string());
        match said {
            Said::Nothing => {}
            Said::This => tracing::warn!(%from, why, "a request was refused"),
            Said::AndMore(more) => {
                tracing::warn!(%from, why, more, "a request was refused, and more before it");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    #[test]
    fn many_refusals_are_counted_and_few_are_told() {
        let mut refusals = Refusals::default();
        let told = (0..10_000).filter(|_| refusals.count(second(0)) != Said::Nothing);
        assert_eq!(told.count(), 10);
        assert_eq!(refusals.count(second(59)), Said::Nothing);
        assert_eq!(refusals.count(second(60)), Said::AndMore(9_991));
        assert_eq!(refusals.count(second(61)), Said::This);
    }

    #[test]
    fn the_use_of_a_token_is_noted_once_in_a_while() {
        let access = Access::default();
        let hour = TimeDelta::hours(1);
        assert!(access.notes("a", second(0), hour));
        assert!(!access.notes("a", second(3_599), hour));
        assert!(access.notes("b", second(3_599), hour));
        assert!(access.notes("a", second(3_600), hour));
    }
}
