//! Addresses: which ones may be written, how paths join their base, and which hosts a service may lead us to.

use std::net::IpAddr;

use reqwest::Url;

use noctule_executor::Problem;

/// Reads an absolute address.
pub(crate) fn absolute(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`url` is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`url` is `{}:`, not http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`url` holds a user or a password".to_owned());
    }
    Ok(url)
}

pub(crate) fn problem(message: String) -> Problem {
    let credentials = message.contains("password");
    let problem = Problem::at(["url"], message);
    if credentials {
        return problem.help("Use `auth`, or a header with `{ secret = \"NAME\" }`.");
    }
    problem
}

/// Whether a text is a path below the base of a connection.
pub(crate) fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//")
}

/// A path below a base: `https://x/api` and `/v1` give `https://x/api/v1`.
pub(crate) fn below(base: &str, path: &str) -> Result<Url, String> {
    let base = absolute(base).map_err(|error| error.replace("`url`", "`base_url`"))?;
    let joined = absolute(&format!("{}{path}", base.as_str().trim_end_matches('/')))?;
    if joined.origin() != base.origin() {
        return Err("`url` leaves the `base_url` of its connection".to_owned());
    }
    Ok(joined)
}

/// `https://host:port`.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// An address as messages show it: without its query, which may hold a key.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", origin(url), url.path())
}

/// Whether a service may lead us to this address: not into private networks, the machine itself or its metadata.
pub(crate) fn is_public(address: IpAddr) -> bool {
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
            // 2002::/16, 2001::/32 and 64:ff9b::/96 carry an IPv4 address that is not looked into.
            let tunnelled = v6.segments()[0] == 0x2002 || v6.segments()[..2] == [0x2001, 0];
            global && !tunnelled
        }
    }
}

/// Whether the host is written as an address that a service may not lead us to. Names are judged when resolved.
pub(crate) fn is_private_literal(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().is_ok_and(|address| !is_public(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_hide_something_are_refused() {
        for text in [
            "ftp://x/",
            "file:///etc/passwd",
            "https://user@x/",
            "https://user:pw@x/",
            "x/y",
            "data:,x",
        ] {
            assert!(absolute(text).is_err(), "{text}");
        }
        let error = absolute("https://user:s3cr3t@x/").unwrap_err();
        assert!(!error.contains("s3cr3t"));
    }

    #[test]
    fn a_path_stays_below_its_base() {
        let joined = |base, path| below(base, path).map(|url| url.to_string());
        assert_eq!(
            joined("https://x/api/", "/v1?a=1"),
            Ok("https://x/api/v1?a=1".to_owned())
        );
        assert_eq!(joined("https://x", "/v1"), Ok("https://x/v1".to_owned()));
        assert!(!is_path("//evil.example/"));
        assert!(joined("https://x", "@evil.example/").is_err());
    }

    #[test]
    fn private_addresses_are_known_in_every_spelling() {
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://169.254.169.254/",
            "http://10.0.0.8/",
            "http://100.64.0.1/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://0.0.0.0/",
        ] {
            assert!(is_private_literal(&absolute(text).unwrap()), "{text}");
        }
        for text in [
            "http://8.8.8.8/",
            "http://[2606:4700::1111]/",
            "http://example.com/",
        ] {
            assert!(!is_private_literal(&absolute(text).unwrap()), "{text}");
        }
    }
}
