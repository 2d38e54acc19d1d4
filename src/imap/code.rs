//! The codes by which a server explains an answer (RFC 3501 section 7.1, 4315, 5530, 7889). Pure.

use std::ops::RangeInclusive;

use super::capabilities::ImapCapabilities;
use super::syntax::{Literals, Scanner};
use crate::limits;
use crate::text::ServerText;

/// A response code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ImapCode {
    /// ALREADYEXISTS: the mailbox exists.
    AlreadyExists,
    /// APPENDUID (RFC 4315 section 3): the appended messages.
    AppendUid(AppendUids),
    /// AUTHENTICATIONFAILED: the server refuses the credentials, and does not say which.
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED: the user may not act for that user.
    AuthorizationFailed,
    /// CANNOT: the server can never do this.
    Cannot,
    /// CAPABILITY: the capabilities from now on.
    Capability(ImapCapabilities),
    /// CONTACTADMIN: the user should ask the administrator.
    ContactAdmin,
    /// EXPIRED: the credentials are no longer valid.
    Expired,
    /// INUSE: something else uses the mailbox.
    InUse,
    /// LIMIT: a limit of the server is reached.
    Limit,
    /// NONEXISTENT: there is no such mailbox.
    NonExistent,
    /// NOPERM: the user may not do this.
    NoPerm,
    /// OVERQUOTA: there is no room for the message.
    OverQuota,
    /// PRIVACYREQUIRED: the server wants encryption first.
    PrivacyRequired,
    /// SERVERBUG: the server has a fault.
    ServerBug,
    /// TOOBIG (RFC 4469, 7889): the server never takes a message of this size.
    TooBig,
    /// TRYCREATE: there is no such mailbox, and CREATE may help.
    TryCreate,
    /// UIDNEXT: the UID of the next message is at least this.
    UidNext(u32),
    /// UIDNOTSTICKY (RFC 4315 section 3): UIDs do not last.
    UidNotSticky,
    /// UIDVALIDITY: UIDs mean the same as long as this number does not change.
    UidValidity(u32),
    /// UNAVAILABLE: a part of the server does not answer.
    Unavailable,
    /// Any other code, with its arguments.
    Other(ServerText),
}

impl ImapCode {
    /// Reads the octets between the brackets. Returns `None` if they exceed a limit.
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let other = || Self::Other(ServerText::new(octets));
        let (name, arguments) = match octets.iter().position(|octet| *octet == b' ') {
            Some(blank) => (&octets[..blank], &octets[blank + 1..]),
            None => (octets, &b""[..]),
        };
        let number = |code: fn(u32) -> Self| whole_number(arguments).map_or_else(other, code);
        Some(match &*name.to_ascii_uppercase() {
            b"ALREADYEXISTS" => Self::AlreadyExists,
            b"APPENDUID" => AppendUids::parse(arguments).map_or_else(other, Self::AppendUid),
            b"AUTHENTICATIONFAILED" => Self::AuthenticationFailed,
            b"AUTHORIZATIONFAILED" => Self::AuthorizationFailed,
            b"CANNOT" => Self::Cannot,
            b"CAPABILITY" => Self::Capability(ImapCapabilities::parse(arguments)?),
            b"CONTACTADMIN" => Self::ContactAdmin,
            b"EXPIRED" => Self::Expired,
            b"INUSE" => Self::InUse,
            b"LIMIT" => Self::Limit,
            b"NONEXISTENT" => Self::NonExistent,
            b"NOPERM" => Self::NoPerm,
            b"OVERQUOTA" => Self::OverQuota,
            b"PRIVACYREQUIRED" => Self::PrivacyRequired,
            b"SERVERBUG" => Self::ServerBug,
            b"TOOBIG" => Self::TooBig,
            b"TRYCREATE" => Self::TryCreate,
            b"UIDNEXT" => number(Self::UidNext),
            b"UIDNOTSTICKY" => Self::UidNotSticky,
            b"UIDVALIDITY" => number(Self::UidValidity),
            b"UNAVAILABLE" => Self::Unavailable,
            _ => other(),
        })
    }
}

/// Returns a number that is not zero and takes all octets.
fn whole_number(octets: &[u8]) -> Option<u32> {
    let mut scanner = Scanner::new(octets, Literals::Kept);
    let number = scanner.number().filter(|number| *number > 0)?;
    scanner.blanks();
    scanner.rest().is_empty().then_some(number)
}

/// The UIDs of appended messages, in the order in which they were sent (RFC 4315 section 3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppendUids {
    /// The UIDVALIDITY of the mailbox.
    pub uid_validity: u32,
    /// The UIDs in ranges.
    ranges: Vec<RangeInclusive<u32>>,
}

impl AppendUids {
    fn parse(octets: &[u8]) -> Option<Self> {
        let mut scanner = Scanner::new(octets, Literals::Kept);
        let uid_validity = scanner.number().filter(|number| *number > 0)?;
        scanner.blanks();
        let mut ranges = Vec::new();
        loop {
            let first: u32 = scanner.number().filter(|number| *number > 0)?;
            let last = match scanner.take(b":") {
                true => scanner.number().filter(|number| *number > 0)?,
                false => first,
            };
            // 4:2 and 2:4 are the same (RFC 3501 section 9, "seq-range").
            ranges.push(first.min(last)..=first.max(last));
            if !scanner.take(b",") {
                break;
            }
            if ranges.len() >= limits::CAPABILITY_LINES {
                return None;
            }
        }
        scanner.blanks();
        scanner.rest().is_empty().then_some(Self {
            uid_validity,
            ranges,
        })
    }

    /// Returns the UID of each of `messages` messages; `None` if their number is another one.
    pub fn of_messages(&self, messages: usize) -> Option<Vec<u32>> {
        let uids: Vec<_> = self
            .ranges
            .iter()
            .cloned()
            .flatten()
            .take(messages + 1)
            .collect();
        (uids.len() == messages).then_some(uids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> ImapCode {
        ImapCode::parse(text.as_bytes()).expect("it exceeds no limit")
    }

    #[test]
    fn codes_are_read_in_any_case() {
        for (text, read) in [
            ("OVERQUOTA", ImapCode::OverQuota),
            ("tryCreate", ImapCode::TryCreate),
            ("UIDVALIDITY 17", ImapCode::UidValidity(17)),
            ("UIDNEXT 4294967295", ImapCode::UidNext(u32::MAX)),
            ("UIDNOTSTICKY", ImapCode::UidNotSticky),
        ] {
            assert_eq!(code(text), read);
        }
        assert!(
            matches!(code("CAPABILITY IMAP4rev1"), ImapCode::Capability(read) if read.is_imap4())
        );
    }

    #[test]
    fn unknown_codes_are_kept_as_text() {
        for text in [
            "",
            "X-OTHER 1 2",
            "UIDNEXT",
            "UIDNEXT 0",
            "UIDNEXT 4294967296",
            "UIDVALIDITY 1 2",
            "APPENDUID 1",
            "APPENDUID 0 1",
            "APPENDUID 1 0",
            "APPENDUID 1 2:",
            "APPENDUID 1 *",
            "APPENDUID 1 2,",
        ] {
            assert_eq!(
                code(text),
                ImapCode::Other(ServerText::from(text)),
                "{text}"
            );
        }
    }

    #[test]
    fn the_uids_of_messages_are_in_their_order() {
        for (text, messages, uids) in [
            ("APPENDUID 5 9", 1, Some(vec![9])),
            ("APPENDUID 5 3:5", 3, Some(vec![3, 4, 5])),
            ("APPENDUID 5 5:3,9,2", 5, Some(vec![3, 4, 5, 9, 2])),
            ("APPENDUID 5 3:5", 2, None),
            ("APPENDUID 5 3:5", 4, None),
            ("APPENDUID 5 1:4294967295", 2, None),
        ] {
            let ImapCode::AppendUid(read) = code(text) else {
                panic!("{text} is APPENDUID");
            };
            assert_eq!(read.uid_validity, 5);
            assert_eq!(read.of_messages(messages), uids, "{text}");
        }
    }

    #[test]
    fn too_many_ranges_are_not_kept() {
        let text = format!("APPENDUID 1 1{}", ",1".repeat(limits::CAPABILITY_LINES));
        assert!(matches!(code(&text), ImapCode::Other(_)));
    }
}
