//! A secret that prints nothing and is wiped when dropped.
//! Does not know where it came from or what it opens.

use std::fmt;

use zeroize::Zeroizing;

/// A password. It has no `Display`, its `Debug` shows nothing, and dropping it wipes it.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a value cannot be sent as a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// It would end the command line that carries it (CVE-2025-15367).
    #[error("contains a line break or a NUL")]
    Unsendable,
}

impl Secret {
    /// Takes a password.
    ///
    /// # Errors
    /// An empty one, and one with CR, LF or NUL, which would inject commands; it is wiped.
    pub fn new(octets: Vec<u8>) -> Result<Self, Unusable> {
        let octets = Zeroizing::new(octets);
        if octets.is_empty() {
            return Err(Unusable::Empty);
        }
        if octets
            .iter()
            .any(|octet| matches!(octet, b'\r' | b'\n' | 0))
        {
            return Err(Unusable::Unsendable);
        }
        Ok(Self(octets))
    }

    /// Nothing, for a login that needs no secret.
    pub fn needless() -> Self {
        Self(Zeroizing::default())
    }

    /// The octets, for the one who sends them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Keeps the memory of this process out of core dumps, and from other processes of its user, where
/// the system can do that (prctl(2), PR_SET_DUMPABLE). Programs that it runs are not concerned.
pub fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Where that is refused it is as private as the user's files.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new(b"hunter2".to_vec()).expect("it is usable");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn what_would_inject_a_command_is_no_secret() {
        for bad in [&b"a\rb"[..], b"a\nb", b"a\0b"] {
            assert_eq!(Secret::new(bad.to_vec()).err(), Some(Unusable::Unsendable));
        }
        assert_eq!(Secret::new(Vec::new()).err(), Some(Unusable::Empty));
    }
}
