//! Addresses that somebody else chose: none leads into a private network, however it is written or resolved.
//!
//! A name is resolved once, to public addresses alone, and the connection goes to just those.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The longest address.
const LONGEST: usize = 2_000;

/// Reads an address over which somebody is to be called.
///
/// # Errors
/// It is none, hides a password, or leads into a private network and may not.
pub(crate) fn read(text: &str, private: bool) -> Result<Url, String> {
    if text.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    let url = Url::parse(text).map_err(|error| format!("this is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("only http and https are spoken".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user or a password".to_owned());
    }
    if !private && is_private_literal(&url) {
        return Err("it leads into a private network".to_owned());
    }
    Ok(url)
}

fn is_private_literal(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().is_ok_and(|address| !is_public(address))
}

/// Whether the host is this machine by its usual name: said at once, though resolving it would tell, too.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost") || host.ends_with(".localhost")
}

/// Whether an address is one of the open net.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmarks = a == 198 && (18..20).contains(&b);
            let reserved = a == 0 || a >= 224 || (a, b) == (192, 0) || shared || benchmarks;
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || reserved)
        }
        IpAddr::V6(v6) => {
            let global = (v6.segments()[0] & 0xe000) == 0x2000;
            // These carry an IPv4 address that is not looked into.
            let tunnelled = v6.segments()[0] == 0x2002 || v6.segments()[..2] == [0x2001, 0];
            global && !tunnelled
        }
    }
}

/// A resolver that knows no private network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0))
                .await?
                .filter(|address| is_public(address.ip()))
                .collect();
            if found.is_empty() {
                return Err("the name leads into a private network".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_of_a_stranger_leads_into_a_private_network_however_it_is_written() {
        for text in [
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:169.254.169.254]/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0251.0376.0251.0376/",
            "http://127.1/",
            "http://10.0.0.1/",
            "http://192.168.1.1/",
            "http://[::1]/",
            "http://[fd00::1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://0.0.0.0/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://user:pw@example.com/",
            "not an address",
        ] {
            assert!(read(text, false).is_err(), "{text}");
        }
        for text in [
            "https://example.com/x?y=1",
            "http://8.8.8.8/",
            "https://[2606:4700::1]/",
        ] {
            assert!(read(text, false).is_ok(), "{text}");
        }
        assert!(read("http://127.0.0.1:1/", true).is_ok());
        for text in [
            "http://localhost:7878/",
            "http://LOCALHOST./",
            "http://a.localhost/",
        ] {
            assert!(
                is_this_machine(&Url::parse(text).expect("an address")),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_into_a_private_network_is_not_connected_to() {
        let name: Name = "localhost".parse().expect("a name");
        assert!(PublicOnly.resolve(name).await.is_err());
    }
}
