//! SHA-256, by which messages are compared. This is the only module that uses sha2.

use std::fmt;

use sha2::Digest as _;

use crate::hex;

/// A SHA-256 digest.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Computes the digest of octets.
    pub fn of(octets: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(octets);
        hasher.finish()
    }

    /// Returns its first eight octets as a number. Two digests may begin alike.
    pub fn beginning(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Returns its first octets as lower-case hexadecimal digits.
    pub fn hex(&self, octets: usize) -> String {
        hex::encode(&self.0[..octets])
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex(self.0.len()))
    }
}

/// Computes a digest piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// Adds octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// Returns the digest of all octets that were added.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha_256() {
        assert_eq!(Digest::of(b"abc").hex(8), "ba7816bf8f01cfea");
    }
}
