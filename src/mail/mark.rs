//! The two marks in the names of an account's files. By the account's tag a new database recognises
//! delivered files. By the account's mark a run recognises the files that it may remove.

use std::fmt;

use crate::hex;

/// A random number that the database draws for an account. No other database has it, so a file whose
/// name has this mark was made by this database for this account.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mark(pub [u8; 16]);

impl Mark {
    /// Reads a mark from its hexadecimal digits.
    pub fn read(digits: &str) -> Option<Self> {
        hex::decode(digits)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// The marks in the names of an account's files.
#[derive(Clone, Debug, Default)]
pub struct FileMarks {
    /// The account's mark.
    pub own: Mark,
    /// The account's tag: eight hexadecimal digits, made from its name.
    pub tag: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_from_its_digits() {
        let mark = Mark([0xaf; 16]);
        assert_eq!(Mark::read(&mark.to_string()), Some(mark));
        for digits in ["", "af", "0123456789abcdef", &"xy".repeat(16)] {
            assert_eq!(Mark::read(digits), None, "{digits}");
        }
    }
}
