//! Pins: the SHA-256 of a certificate or of its key, by which a user trusts it.

use std::fmt;
use std::str::FromStr;

use super::certificate::Certificate;
use crate::digest::Digest;
use crate::hex;

/// The SHA-256 of a certificate (DER), or of its public key (SubjectPublicKeyInfo). The second one
/// stays the same if a certificate is renewed for the same key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pin(Digest);

/// The text is not a pin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be sha256: and 64 hexadecimal digits")]
pub struct NoPin;

impl Pin {
    /// Returns the pin of a whole certificate.
    pub fn of(certificate: &Certificate) -> Self {
        Self(certificate.digest())
    }

    /// Returns the pin of a certificate's key.
    pub fn of_key(certificate: &Certificate) -> Self {
        Self(certificate.key_digest())
    }

    /// Returns true if it is the pin of the certificate or of its key.
    pub fn fits(&self, certificate: &Certificate) -> bool {
        [Self::of(certificate), Self::of_key(certificate)].contains(self)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:?}", self.0)
    }
}

impl FromStr for Pin {
    type Err = NoPin;

    /// Reads a pin. Colons may separate pairs of digits, as openssl(1) prints them.
    fn from_str(text: &str) -> Result<Self, NoPin> {
        let digits = text.strip_prefix(PREFIX).ok_or(NoPin)?;
        let octets: Option<Vec<u8>> = if digits.contains(':') {
            let pairs = digits.split(':');
            pairs.map(|pair| hex::octet(pair.as_bytes())).collect()
        } else {
            hex::decode(digits)
        };
        let digest = octets.and_then(|octets| octets.try_into().ok());
        digest.map(|octets| Self(Digest(octets))).ok_or(NoPin)
    }
}

const PREFIX: &str = "sha256:";

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_pin_has_64_digits_with_or_without_colons() {
        let pin = Pin(Digest::of(b"abc"));
        let octets = pin.0.0.map(|octet| format!("{octet:02X}"));
        for text in [
            format!("sha256:{HEX}"),
            format!("sha256:{}", HEX.to_uppercase()),
            format!("sha256:{}", octets.join(":")),
            pin.to_string(),
        ] {
            assert_eq!(text.parse(), Ok(pin), "{text}");
        }
    }

    #[test]
    fn anything_but_a_pin_is_rejected() {
        for text in [
            String::new(),
            "sha256:".to_owned(),
            HEX.to_owned(),
            format!("sha1:{HEX}"),
            format!("SHA256:{HEX}"),
            format!("sha256:{}", &HEX[1..]),
            format!("sha256:{HEX}00"),
            format!("sha256:+{}", &HEX[1..]),
            format!("sha256:{}ä", &HEX[2..]),
            format!("sha256:{}:", &HEX[..62]),
            format!("sha256: {HEX}"),
        ] {
            assert_eq!(text.parse::<Pin>(), Err(NoPin), "{text}");
        }
    }
}
