//! The names of mailboxes, as IMAP spells them: modified UTF-7 (RFC 3501 section 5.1.3). Pure.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// The name of a mailbox, in quotes as it is sent. It can neither end its command nor add to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MailboxName(String);

impl MailboxName {
    /// Takes a name with `/` between the levels of the hierarchy, which the server separates by
    /// `delimiter`. Returns `None` if the name is empty or has control characters, or if the server
    /// has no levels or uses its delimiter as a letter of the name.
    pub fn new(name: &str, delimiter: Option<char>) -> Option<Self> {
        const LEVELS: char = '/';
        if name.is_empty() || name.contains(char::is_control) {
            return None;
        }
        let has_levels = name.contains(LEVELS);
        let name = match delimiter {
            None if has_levels => return None,
            Some(other) if other != LEVELS && name.contains(other) => return None,
            Some(other) => name.replace(LEVELS, other.encode_utf8(&mut [0; 4])),
            None => name.to_owned(),
        };
        Some(Self(quoted(&modified_utf7(&name))))
    }

    /// Returns the inbox, which every user has.
    pub fn inbox() -> Self {
        Self(quoted("INBOX"))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Encodes a name. Printable ASCII stays, and `&` begins anything else, in UTF-16 and base64.
fn modified_utf7(name: &str) -> String {
    const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let mut encoded = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let ends = |c: char| is_plain(c) != is_plain(first);
        let (run, next) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        rest = next;
        if is_plain(first) {
            encoded += &run.replace('&', "&-");
        } else {
            let utf16: Vec<u8> = run.encode_utf16().flat_map(u16::to_be_bytes).collect();
            encoded += &format!("&{}-", BASE64.encode(utf16));
        }
    }
    encoded
}

fn is_plain(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic()
}

/// Returns ASCII text as a quoted string (RFC 3501 section 9).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, delimiter: char) -> Option<String> {
        MailboxName::new(text, Some(delimiter)).map(|name| name.to_string())
    }

    #[test]
    fn names_are_sent_in_modified_utf7() {
        for (text, sent) in [
            ("INBOX", "INBOX"),
            ("a b", "a b"),
            ("Q&A", "Q&-A"),
            ("&", "&-"),
            ("Entwürfe", "Entw&APw-rfe"),
            // The example of RFC 3501.
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"),
            ("é&é", "&AOk-&-&AOk-"),
            ("say \"hi\"", "say \\\"hi\\\""),
            ("(*%", "(*%"),
        ] {
            assert_eq!(name(text, '/'), Some(format!("\"{sent}\"")), "{text}");
        }
        assert_eq!(MailboxName::inbox().to_string(), "\"INBOX\"");
    }

    #[test]
    fn levels_are_separated_as_the_server_does() {
        assert_eq!(name("a/b/c", '.').as_deref(), Some("\"a.b.c\""));
        assert_eq!(name("a/b", '\\').as_deref(), Some("\"a\\\\b\""));
        assert_eq!(name("v1.0/b", '.'), None);
        assert_eq!(name("v1.0/b", '/').as_deref(), Some("\"v1.0/b\""));
        let flat = |text| MailboxName::new(text, None).map(|name| name.to_string());
        assert_eq!(flat("a.b").as_deref(), Some("\"a.b\""));
        assert_eq!(flat("a/b"), None);
    }

    #[test]
    fn a_name_cannot_change_its_command() {
        for bad in ["", "a\r\nA9 LOGOUT", "a\0", "a\n", "\u{85}", "\u{7f}"] {
            assert_eq!(name(bad, '/'), None, "{bad:?}");
        }
    }
}
