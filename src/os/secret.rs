//! A secret that is never printed and is wiped when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

use crate::hidden;

/// A password. It has no `Display`, its `Debug` shows nothing, and dropping it wipes it. No text from a server
/// is shown with it.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// The reason why a value cannot be sent as a password; the sentence goes on after the name of the
/// value.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// It has no octets.
    #[error("is empty")]
    Empty,
    /// It would end the command that carries it, so that its rest is another command
    /// (CVE-2025-15367).
    #[error("contains a line break or a NUL")]
    Unsendable,
}

impl Secret {
    /// Takes a password. If it cannot be used it is wiped.
    ///
    /// # Errors
    /// It is empty, or contains CR, LF or NUL, which would inject commands.
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
        hidden::hide(&octets);
        Ok(Self(octets))
    }

    /// Returns an empty secret, for a login that needs none.
    pub fn unneeded() -> Self {
        Self(Zeroizing::default())
    }

    /// Returns the octets, which are to be sent and not to be shown.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Keeps the memory of this process out of core dumps, and away from other processes of its user
/// (prctl(2), PR_SET_DUMPABLE; only on Linux). The programs that it runs are not affected.
pub fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // If that is refused, the memory is as private as the user's files.
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
    fn debug_output_does_not_show_a_secret() {
        let secret = Secret::new(b"hunter2".to_vec()).expect("the password is valid");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_password_that_would_inject_a_command_is_refused() {
        for bad in [&b"a\rb"[..], b"a\nb", b"a\0b"] {
            assert_eq!(Secret::new(bad.to_vec()).err(), Some(Unusable::Unsendable));
        }
        assert_eq!(Secret::new(Vec::new()).err(), Some(Unusable::Empty));
    }
}
