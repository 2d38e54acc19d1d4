//! Octets and digests as they stand in the lines of `seen export`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::hex;

/// Octets that are mostly text: written as a string if they are UTF-8, and as `{"hex": "…"}` if not.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct TextOrHex(pub Vec<u8>);

impl std::fmt::Debug for TextOrHex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Other { hex: String },
}

impl Serialize for TextOrHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Written::Other {
                hex: hex::encode(&self.0),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TextOrHex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text.into_bytes(),
            Written::Other { hex } => hex::decode(&hex).ok_or_else(|| D::Error::custom(NO_HEX))?,
        }))
    }
}

/// A SHA-256 digest, written as hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HexDigest(pub Digest);

impl Serialize for HexDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0.0))
    }
}

impl<'de> Deserialize<'de> for HexDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets = hex::decode(&String::deserialize(deserializer)?);
        let digest = octets.and_then(|octets| octets.try_into().ok());
        digest
            .map(|octets| Self(Digest(octets)))
            .ok_or_else(|| D::Error::custom(NO_HEX))
    }
}

const NO_HEX: &str = "not the right number of hexadecimal digits";
