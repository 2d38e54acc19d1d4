//! APOP (RFC 1939 section 7): the timestamp of a greeting, and the digest over it. Pure.

use md5::{Digest as _, Md5};

use crate::hex;
use crate::os::secret::Secret;

/// Returns the digest: MD5 over timestamp and password, in hexadecimal.
pub(super) fn digest(timestamp: &[u8], password: &Secret) -> String {
    let mut hasher = Md5::new();
    hasher.update(timestamp);
    hasher.update(password.expose());
    hex::encode(&hasher.finalize())
}

/// Returns the timestamp in a greeting: a msg-id of printable ASCII, `<local@domain>`. A server
/// that is free to choose other octets can find out the password from several digests
/// (CVE-2007-1558).
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
        Secret::new(password.into()).expect("the password has no line break")
    }

    #[test]
    fn the_digest_is_the_example_of_rfc_1939() {
        let timestamp = timestamp(b"POP3 server ready <1896.697170952@dbc.mtview.ca.us>");
        assert_eq!(
            digest(
                timestamp.expect("the greeting has a timestamp"),
                &secret("tanstaaf")
            ),
            "c4c9334bac560ecc979e58001b3e22fb"
        );
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
