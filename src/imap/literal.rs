//! The announcement of a literal (RFC 3501 section 4.3, 7888). Pure.

use std::fmt;

use super::capabilities::ImapCapabilities;

/// The longest literal that may follow at once with LITERAL- (RFC 7888 section 5).
const SHORT: u64 = 4096;
/// The longest literal that follows at once. For a longer one the server is asked first: if the
/// mailbox is full, the octets are not sent in vain.
pub(super) const MUCH: u64 = 1 << 20;

/// A literal that is about to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Literal {
    /// Its length.
    octets: u64,
    /// True if it must wait until the server asks for it.
    pub(super) is_awaited: bool,
}

impl Literal {
    /// Decides if a literal of this length must wait.
    pub(super) fn new(capabilities: &ImapCapabilities, octets: u64) -> Self {
        let at_once = match (capabilities.literal_plus(), capabilities.literal_minus()) {
            (true, _) => Some(MUCH),
            (false, true) => Some(SHORT),
            (false, false) => None,
        };
        let is_awaited = at_once.is_none_or(|longest| octets > longest);
        Self { octets, is_awaited }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_awaited { "" } else { "+" };
        write!(f, "{{{}{sign}}}", self.octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_waits_unless_the_server_takes_it_at_once() {
        for (announced, octets, shown) in [
            ("", 0, "{0}"),
            ("LITERAL-", 4096, "{4096+}"),
            ("LITERAL-", 4097, "{4097}"),
            ("LITERAL+", 4097, "{4097+}"),
            ("LITERAL+", 1 << 20, "{1048576+}"),
            ("LITERAL+", (1 << 20) + 1, "{1048577}"),
            ("IMAP4rev2", 4096, "{4096+}"),
            ("IMAP4rev2", 4097, "{4097}"),
        ] {
            let capabilities = ImapCapabilities::parse(announced.as_bytes());
            let capabilities = capabilities.expect("they are not too many");
            assert_eq!(Literal::new(&capabilities, octets).to_string(), shown);
        }
    }
}
