//! What somebody shows to be known: 256 random bits, of which the store keeps a hash.
//!
//! One round of SHA-256 is enough: nobody can try 2^256 secrets, so there is nothing for a slow hash to slow down, as there
//! is with a password that people choose. A secret is looked up by its hash: what the time of a look-up tells is about the
//! hash, which whoever asks cannot steer.
//!
//! Never: prints a secret but by `expose`.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;

use crate::error::StoreError;

/// Random bytes of a secret.
const BYTES: usize = 32;
/// Hexadecimal digits of the check sum.
const CHECK: usize = 8;

/// What a secret is for; each has a beginning by which people and scanners know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// A token of a person or a program.
    Token,
    /// A session of a browser.
    Session,
    /// A login under way; the store never hears of it.
    Login,
}

/// A secret as it is shown, once.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessSecret(String);

/// The hash of a secret: what the store knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretHash(pub(crate) String);

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Token => "nct_",
            Self::Session => "ncs_",
            Self::Login => "ncl_",
        }
    }
}

impl AccessSecret {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(kind: SecretKind) -> Result<Self, StoreError> {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes)
            .map_err(|_| StoreError::Refused("the system gives no random bytes".to_owned()))?;
        let body = format!("{}{}", kind.prefix(), hex(&bytes));
        Ok(Self(format!("{body}{}", check(&body))))
    }

    /// A secret of ours as it was shown; none: it is none, or was copied wrongly. Garbage is told without the store.
    #[must_use]
    pub fn read(kind: SecretKind, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(kind.prefix())?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 2 * BYTES + CHECK || !digits.bytes().all(is_digit) {
            return None;
        }
        let (body, sum) = text.split_at(text.len() - CHECK);
        (check(body) == sum).then(|| Self(text.to_owned()))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the store knows of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for AccessSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessSecret(…)")
    }
}

impl SecretHash {
    /// The hash of a text that is shown, whoever made it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(hex(digest(&SHA256, text.as_bytes()).as_ref()))
    }

    /// A short name of it, for lists: it gives nothing away.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.chars().take(12).collect()
    }
}

fn check(body: &str) -> String {
    let mut sum = hex(digest(&SHA256, body.as_bytes()).as_ref());
    sum.truncate(CHECK);
    sum
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_shown_and_in_no_other_way() {
        let secret = AccessSecret::new(SecretKind::Token).expect("random bytes");
        let text = secret.expose();
        assert!(text.starts_with("nct_") && text.len() == 4 + 64 + 8);
        let again = AccessSecret::read(SecretKind::Token, text).expect("ours");
        assert_eq!(again.hash(), secret.hash());
        let mut flipped = text.to_owned();
        let last = if text.ends_with('0') { "1" } else { "0" };
        flipped.replace_range(text.len() - 1.., last);
        for wrong in [
            &flipped,
            &text[..text.len() - 1],
            &text.to_uppercase(),
            &format!("{text}0"),
            &format!(" {text}"),
            &text.replacen("nct_", "ncs_", 1),
            "nct_",
            "",
        ] {
            assert_eq!(
                AccessSecret::read(SecretKind::Token, wrong),
                None,
                "{wrong}"
            );
        }
        assert_eq!(AccessSecret::read(SecretKind::Session, text), None);
    }

    #[test]
    fn no_two_secrets_are_the_same_and_none_is_printed() {
        let one = AccessSecret::new(SecretKind::Session).expect("random bytes");
        let other = AccessSecret::new(SecretKind::Session).expect("random bytes");
        assert_ne!(one.hash(), other.hash());
        assert!(!format!("{one:?}").contains(&one.expose()[4..]));
        assert!(!one.expose().contains(&one.hash().0));
    }
}
