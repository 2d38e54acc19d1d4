//! The version and the cipher suite of a connection, read from the ServerHello. It is not
//! encrypted, but the end of the handshake authenticates it. The TLS library does not report these
//! values.

use std::fmt;

/// The number of octets at the beginning of a connection that contain the ServerHello.
pub(super) const HEAD: usize = 1024;

/// The version and the cipher suite of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Negotiated {
    version: u16,
    suite: u16,
}

impl Negotiated {
    /// Reads the first octets that a server sent (RFC 8446 section 4.1.3, RFC 5246 section
    /// 7.4.1.3); `None` if they are not a ServerHello.
    pub(super) fn read(mut octets: &[u8]) -> Option<Self> {
        let rest = &mut octets;
        let handshake = number::<1>(rest)?;
        rest.split_off(..4)?;
        let server_hello = number::<1>(rest)?;
        if (handshake, server_hello) != (22, 2) {
            return None;
        }
        rest.split_off(..3)?;
        let version = number::<2>(rest)?;
        rest.split_off(..RANDOM)?;
        let session = number::<1>(rest)?;
        rest.split_off(..usize::from(session))?;
        let suite = number::<2>(rest)?;
        rest.split_off(..1)?;
        Some(Self {
            // TLS 1.3 writes 1.2 into the old field, for the sake of middleboxes that refuse what
            // they do not know, and the real version into an extension.
            version: extension(rest, SUPPORTED_VERSIONS).unwrap_or(version),
            suite,
        })
    }

    /// Returns the version in words.
    pub(crate) fn version(&self) -> impl fmt::Display {
        match self.version {
            0x0303 => "TLS 1.2".to_owned(),
            0x0304 => "TLS 1.3".to_owned(),
            other => format!("TLS version {other:#06x}"),
        }
    }

    /// Returns the registered name of the cipher suite.
    pub(crate) fn suite(&self) -> impl fmt::Display {
        let named = SUITES.iter().find(|(number, _)| *number == self.suite);
        named.map_or_else(
            || format!("cipher suite {:#06x}", self.suite),
            |(_, name)| (*name).to_owned(),
        )
    }
}

/// Returns the number in an extension, if the extension is there.
fn extension(rest: &mut &[u8], wanted: u16) -> Option<u16> {
    number::<2>(rest)?;
    loop {
        let kind = number::<2>(rest)?;
        let length = number::<2>(rest)?;
        let mut content = rest.split_off(..usize::from(length))?;
        if kind == wanted {
            return number::<2>(&mut content);
        }
    }
}

fn number<const N: usize>(rest: &mut &[u8]) -> Option<u16> {
    let octets = rest.split_off(..N)?;
    Some(
        octets
            .iter()
            .fold(0, |sum, octet| sum << 8 | u16::from(*octet)),
    )
}

const RANDOM: usize = 32;
const SUPPORTED_VERSIONS: u16 = 43;

/// The suites that OpenSSL offers by default, with the names of IANA.
const SUITES: &[(u16, &str)] = &[
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a ServerHello with this suite and these extensions; their length comes first.
    fn hello(suite: u16, extensions: &[u8]) -> Vec<u8> {
        [
            &[22, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3][..],
            &[7; RANDOM],
            &[2, 8, 9],
            &suite.to_be_bytes(),
            &[0],
            extensions,
        ]
        .concat()
    }

    #[test]
    fn version_and_suite_are_read_from_a_hello() {
        let tls13 = [0, 12, 0, 51, 0, 2, 1, 1, 0, 43, 0, 2, 3, 4];
        for (hello, version, suite) in [
            (hello(0x1302, &tls13), "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
            (
                hello(0xc02f, &[0, 4, 0xff, 1, 0, 0]),
                "TLS 1.2",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            ),
            (hello(0xfefe, &[]), "TLS 1.2", "cipher suite 0xfefe"),
        ] {
            let negotiated = Negotiated::read(&hello).expect("the hello is valid");
            assert_eq!(negotiated.version().to_string(), version);
            assert_eq!(negotiated.suite().to_string(), suite);
        }
    }

    #[test]
    fn anything_but_a_hello_is_rejected() {
        let whole = hello(0x1302, &[]);
        for end in 0..whole.len() {
            assert_eq!(Negotiated::read(&whole[..end]), None, "{end}");
        }
        assert_eq!(
            Negotiated::read(b"+OK POP3 ready, and more than that"),
            None
        );
        assert_eq!(Negotiated::read(&[0x15; HEAD]), None);
    }
}
