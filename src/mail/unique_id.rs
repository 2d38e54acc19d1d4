//! The name that a server gives to a message (RFC 1939, section 7).

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use crate::digest::Digest;
use crate::limits;
use crate::mail::maildrop::MessageNumber;
use crate::text::ServerText;

/// The name that a server gives to a message for as long as it holds it. Octets, which never become a
/// path (CVE-2018-14362).
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UniqueId(Box<[u8]>);

/// The beginning of a name that is made up from a message number, if the server has no unique-ids.
const MADE_UP: &str = "message ";
/// The beginning of a name that is made up from a message's content.
const OF_CONTENT: &str = "sha256:";

impl UniqueId {
    /// Returns `None` unless these are 1 to [`limits::UNIQUE_ID`] octets without CR, LF and NUL.
    pub fn new(octets: &[u8]) -> Option<Self> {
        Self::is_valid(octets).then(|| Self(octets.into()))
    }

    /// Returns true if these octets can be a unique-id.
    pub fn is_valid(octets: &[u8]) -> bool {
        (1..=limits::UNIQUE_ID).contains(&octets.len())
            && !octets
                .iter()
                .any(|octet| matches!(octet, b'\r' | b'\n' | 0))
    }

    /// The range of the names that [`Self::of_content`] makes, without its end.
    pub const RANGE_OF_CONTENT: (&[u8], &[u8]) = (OF_CONTENT.as_bytes(), b"sha256;");

    /// Returns the name of a message without a unique-id: the digest of its content in hexadecimal.
    pub fn of_content(digest: &Digest) -> Self {
        let name = format!("{OF_CONTENT}{}", digest.hex(32));
        Self(name.into_bytes().into())
    }

    /// Returns the name of a message without a unique-id in a listing.
    pub(super) fn of_number(number: MessageNumber, size: Option<u64>) -> Self {
        let size = size.map_or_else(String::new, |size| format!(" of {size} octets"));
        Self(format!("{MADE_UP}{number}{size}").into_bytes().into())
    }

    /// Takes octets that were found valid.
    pub(super) fn of_checked(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// Returns true if these octets are a name that mailpull made up.
    pub fn is_made_up(octets: &[u8]) -> bool {
        octets.starts_with(MADE_UP.as_bytes()) || octets.starts_with(OF_CONTENT.as_bytes())
    }

    /// Returns it as the user types it for `seen forget`: escaped and, unlike in other texts, with secrets.
    pub fn typed(&self) -> String {
        ServerText::new(&self.0).with_secrets().to_string()
    }

    /// Returns true if a user means it by this word, in the octets of the server or as mailpull shows
    /// it.
    pub(crate) fn is_meant_by(&self, word: &OsStr) -> bool {
        *self.0 == *word.as_bytes() || word.to_str() == Some(&self.typed())
    }

    /// Returns the octets as the server sent them.
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UniqueId({self})")
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ServerText::new(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_id_is_1_to_1024_octets_without_line_ends() {
        for bad in [&b""[..], b"a\rb", b"a\nb", b"a\0b", &[b'x'; 1025]] {
            assert_eq!(UniqueId::new(bad), None);
        }
        for good in [&b"../../etc"[..], b"a b", b"\xff\x01", &[b'x'; 1024]] {
            assert!(UniqueId::new(good).is_some());
        }
    }
}
