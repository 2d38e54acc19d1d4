//! What proves who we are: the digests and encodings of logins.
//! Pure; the only door to md-5 and base64. Sends nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The response of SASL PLAIN (RFC 4616) in base64: no authorization identity, user, password.
pub(super) fn plain(user: &str, password: &Secret) -> Zeroizing<Vec<u8>> {
    let message = Zeroizing::new([b"\0", user.as_bytes(), b"\0", password.expose()].concat());
    Zeroizing::new(STANDARD.encode(&*message).into_bytes())
}

/// The digest of APOP (RFC 1939 section 7): MD5 over timestamp and password, in hexadecimal.
pub(super) fn apop(timestamp: &[u8], password: &Secret) -> Zeroizing<String> {
    let mut hasher = Md5::new();
    hasher.update(timestamp);
    hasher.update(password.expose());
    let digest = hasher.finalize();
    Zeroizing::new(digest.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// The timestamp in a greeting: a msg-id of printable ASCII, `<local@domain>`. Anything else could
/// be chosen so that its digest gives the password away (CVE-2007-1558).
pub fn timestamp(greeting: &[u8]) -> Option<&[u8]> {
    let start = greeting.iter().position(|&octet| octet == b'<')?;
    let length = greeting[start..].iter().position(|&octet| octet == b'>')? + 1;
    let timestamp = &greeting[start..start + length];
    let inside = &timestamp[1..length - 1];
    let (local, domain) = inside.split_at(inside.iter().position(|&octet| octet == b'@')?);
    let domain = &domain[1..];
    let is_word = |part: &[u8]| {
        !part.is_empty()
            && part
                .iter()
                .all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'@'))
    };
    (is_word(local) && is_word(domain)).then_some(timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(password: &str) -> Secret {
        Secret::new(password.into()).expect("it is usable")
    }

    #[test]
    fn apop_is_the_example_of_rfc_1939() {
        let timestamp = timestamp(b"POP3 server ready <1896.697170952@dbc.mtview.ca.us>");
        assert_eq!(
            *apop(timestamp.expect("there is one"), &secret("tanstaaf")),
            "c4c9334bac560ecc979e58001b3e22fb"
        );
    }

    #[test]
    fn plain_is_the_example_of_rfc_4616() {
        let response = plain("tim", &secret("tanstaaftanstaaf"));
        assert_eq!(&**response, b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    }

    #[test]
    fn only_a_msg_id_is_a_timestamp() {
        for bad in [
            &b"no timestamp"[..],
            b"<>",
            b"<a>",
            b"<@b>",
            b"<a@>",
            b"<a b@c>",
            b"<a@b@c>",
            b"<a\x80@b>",
            b"<<a@b>",
            b"<a@b",
        ] {
            assert_eq!(timestamp(bad), None, "{bad:?}");
        }
        assert_eq!(timestamp(b"hi <1.2@h> there <x@y>"), Some(&b"<1.2@h>"[..]));
    }
}
