//! What the browser of a login keeps until it comes back: a cookie that no page can read, of this login alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use noctule_store::{AccessSecret, SecretHash, SecretKind};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// The longest way back.
const LONGEST: usize = 2_000;

/// A login under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Comes back from the provider: the answer belongs to this browser.
    pub(super) state: String,
    /// Comes back inside what the provider signs: the answer belongs to this login.
    pub(super) nonce: String,
    /// Shown when the code is exchanged: the code is of no use to whoever sees it on its way.
    pub(super) verifier: String,
    /// Where the person wanted to go.
    pub(super) next: String,
}

impl Ticket {
    pub(super) fn new(next: Option<&str>) -> Result<Self, Problem> {
        let random = || -> Result<String, Problem> {
            let secret = AccessSecret::new(SecretKind::Login)?;
            Ok(secret.expose().to_owned())
        };
        Ok(Self {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            next: next.map_or_else(|| "/".to_owned(), own),
        })
    }

    /// `S256` of the verifier.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }

    pub(super) fn is_answered_by(&self, state: &str) -> bool {
        // By their hashes, whose comparison tells nothing of them.
        SecretHash::of(&self.state) == SecretHash::of(state)
    }

    pub(super) fn written(&self) -> String {
        let Self {
            state,
            nonce,
            verifier,
            next,
        } = self;
        format!(
            "{state}.{nonce}.{verifier}.{}",
            URL_SAFE_NO_PAD.encode(next)
        )
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let [state, nonce, verifier, next] = parts.as_slice() else {
            return None;
        };
        let secret = |text: &str| {
            let read = AccessSecret::read(SecretKind::Login, text)?;
            Some(read.expose().to_owned())
        };
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some(Self {
            state: secret(state)?,
            nonce: secret(nonce)?,
            verifier: secret(verifier)?,
            next: own(&next),
        })
    }
}

/// A way inside this server; anything else leads to its first page.
fn own(next: &str) -> String {
    let inside = next.starts_with('/') && !next.starts_with("//") && next.len() <= LONGEST;
    // Browsers read a backslash as a slash, and drop what they do not like to see.
    let plain = next
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if inside && plain {
        next.to_owned()
    } else {
        "/".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_was_written_and_two_are_never_the_same() {
        let ticket = Ticket::new(Some("/runs/1?x=y#z")).unwrap();
        assert_eq!(Ticket::read(&ticket.written()), Some(ticket.clone()));
        let other = Ticket::new(None).unwrap();
        assert!(ticket.is_answered_by(&ticket.state) && !ticket.is_answered_by(&other.state));
        let parts = [&ticket.state, &ticket.nonce, &ticket.verifier];
        assert!(parts[0] != parts[1] && parts[1] != parts[2]);
        for text in ["", "a.b.c.d", &ticket.state, &ticket.written()[1..]] {
            assert_eq!(Ticket::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_login_leads_nowhere_but_into_this_server() {
        for (next, to) in [
            ("/runs/1?x=y", "/runs/1?x=y"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nset-cookie: x=y", "/"),
            ("/a b", "/"),
            ("", "/"),
        ] {
            assert_eq!(Ticket::new(Some(next)).unwrap().next, to, "{next:?}");
        }
    }

    #[test]
    fn the_challenge_is_the_one_of_the_standard() {
        // RFC 7636, appendix B.
        let ticket = Ticket {
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
            ..Ticket::new(None).unwrap()
        };
        assert_eq!(
            ticket.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
