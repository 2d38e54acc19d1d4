//! The responses of a server (RFC 3501 section 7), each as a whole but for the octets of a message.
//! Pure.

use std::fmt;

use super::capabilities::ImapCapabilities;
use super::code::ImapCode;
use super::syntax::{ImapValue, Literals, Scanner};
use crate::text::ServerText;

/// A response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ImapResponse {
    /// The end of the command that has this tag.
    Tagged(Tag, StatusResponse),
    /// A status that belongs to no command, the greeting for example.
    Untagged(StatusResponse),
    /// The server waits for the rest of the command. The text of AUTHENTICATE is a challenge.
    Continue(Vec<u8>),
    /// The capabilities from now on.
    Capability(ImapCapabilities),
    /// The state of a mailbox.
    Status(MailboxStatus),
    /// The hierarchy delimiter of a mailbox name, if it has one.
    List(Option<char>),
    /// The number of messages in the selected mailbox.
    Exists(u32),
    /// Data about a message.
    Fetch(MessageData),
    /// A response that nobody needs.
    Other,
}

/// The tag of a command, which is unique in its session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tag(pub(super) u32);

impl Tag {
    fn parse(octets: &[u8]) -> Option<Self> {
        let mut scanner = Scanner::new(octets, Literals::Kept);
        let number = scanner.take(b"A").then(|| scanner.number())??;
        // Nothing but the very octets that were sent.
        let tag = Self(number);
        (tag.to_string().as_bytes() == octets).then_some(tag)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A{}", self.0)
    }
}

/// A status response: a condition, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusResponse {
    /// The condition.
    pub condition: Condition,
    /// The code, if the server has named one.
    pub code: Option<ImapCode>,
    /// Everything after the condition, for the user.
    text: ServerText,
}

/// The condition in a status response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// The command was carried out.
    Ok,
    /// The command failed.
    No,
    /// The server did not understand the command.
    Bad,
    /// The connection is logged in already.
    PreAuth,
    /// The server closes the connection.
    Bye,
}

impl Condition {
    const ALL: [Self; 5] = [Self::Ok, Self::No, Self::Bad, Self::PreAuth, Self::Bye];

    /// Its name in the protocol.
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::PreAuth => "PREAUTH",
            Self::Bye => "BYE",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        let has_name = |condition: &Self| condition.name().as_bytes().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(has_name)
    }
}

impl StatusResponse {
    /// Reads what follows the condition.
    fn parse(condition: Condition, rest: &[u8]) -> Option<Self> {
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let code = rest
            .strip_prefix(b"[")
            .and_then(|code| Some(&code[..code.iter().position(|octet| *octet == b']')?]));
        Some(Self {
            condition,
            code: match code {
                Some(code) => Some(ImapCode::parse(code)?),
                None => None,
            },
            text: ServerText::new(rest),
        })
    }

    /// Returns its condition and code without its text, which may differ for each message.
    pub fn kind(&self) -> String {
        let condition = self.condition.name();
        let is_code = self.code.is_some();
        let text = self.text.as_octets();
        // The name of the code as the server has spelt it, without its arguments.
        let ends = |octet: &u8| matches!(octet, b' ' | b']');
        let end = text.iter().position(ends).filter(|_| is_code);
        match end {
            Some(end) => format!("{condition} {}]", ServerText::new(&text[..end])),
            None => condition.to_owned(),
        }
    }
}

impl fmt::Display for StatusResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.condition.name(), self.text)
    }
}

/// The state of a mailbox, as far as the server has reported it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MailboxStatus {
    /// The number of messages.
    pub messages: Option<u32>,
    /// UIDs mean the same as long as this number does not change.
    pub uid_validity: Option<u32>,
    /// The UID of the next message is at least this.
    pub uid_next: Option<u32>,
    /// The longest message that the mailbox takes, in octets (RFC 7889).
    pub append_limit: Option<u64>,
}

impl MailboxStatus {
    /// Reads the items of STATUS.
    fn parse(mut scanner: Scanner<'_>) -> Option<Self> {
        let mut status = Self::default();
        if !scanner.take(b"(") {
            return None;
        }
        loop {
            scanner.blanks();
            if scanner.take(b")") {
                return Some(status);
            }
            let name = scanner.atom()?.to_ascii_uppercase();
            scanner.blanks();
            let ImapValue::Atom(value) = scanner.value()? else {
                continue;
            };
            let mut value = Scanner::new(value, Literals::Kept);
            match &*name {
                b"MESSAGES" => status.messages = value.number(),
                b"UIDVALIDITY" => status.uid_validity = value.number(),
                b"UIDNEXT" => status.uid_next = value.number(),
                // NIL if there is no limit.
                b"APPENDLIMIT" => status.append_limit = value.number(),
                _ => {}
            }
        }
    }
}

/// Data about a message, as far as FETCH has reported it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MessageData {
    /// Its UID.
    pub uid: Option<u32>,
    /// Its size in octets.
    pub size: Option<u64>,
    /// The octets of BODY\[…\].
    pub body: Option<BodyData>,
}

/// The octets of a message, or of a part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BodyData {
    /// A short one, which came in the response.
    Short(Vec<u8>),
    /// This many octets, which came as a literal.
    Streamed(u64),
}

impl MessageData {
    /// Reads the items of FETCH.
    fn parse(mut scanner: Scanner<'_>) -> Option<Self> {
        let mut read = Self::default();
        if !scanner.take(b"(") {
            return None;
        }
        loop {
            scanner.blanks();
            if scanner.take(b")") {
                return Some(read);
            }
            let name = scanner.item()?.to_ascii_uppercase();
            scanner.blanks();
            let value = scanner.value()?;
            match (&*name, value) {
                (b"UID", ImapValue::Atom(value)) => read.uid = number(value),
                (b"RFC822.SIZE", ImapValue::Atom(value)) => read.size = number(value),
                (name, value) if name.starts_with(b"BODY[") => read.body = BodyData::of(value),
                _ => {}
            }
        }
    }
}

impl BodyData {
    /// Returns `None` for NIL: the server does not have it.
    fn of(value: ImapValue<'_>) -> Option<Self> {
        match value {
            ImapValue::String(octets) => Some(Self::Short(octets.into_owned())),
            ImapValue::Streamed(octets) => Some(Self::Streamed(octets)),
            ImapValue::Atom(_) | ImapValue::List => None,
        }
    }
}

fn number<N: std::str::FromStr>(octets: &[u8]) -> Option<N> {
    Scanner::new(octets, Literals::Kept).number()
}

impl ImapResponse {
    /// Returns which literals belong to a response that begins with these octets; `None` if nobody
    /// has asked for any.
    pub(super) fn literals(begin: &[u8]) -> Option<Literals> {
        let mut scanner = Scanner::new(begin, Literals::Kept);
        if !scanner.take(b"* ") {
            return None;
        }
        let word = scanner.atom()?.to_ascii_uppercase();
        match &*word {
            b"STATUS" | b"LIST" => Some(Literals::Kept),
            digits if digits.iter().all(u8::is_ascii_digit) => {
                scanner.blanks();
                let is_fetch = scanner.atom()?.eq_ignore_ascii_case(b"FETCH");
                is_fetch.then_some(Literals::Streamed)
            }
            _ => None,
        }
    }

    /// Returns true if a response that begins with these octets ends in the text of its status, in
    /// which nothing announces a literal.
    pub(super) fn is_text(begin: &[u8]) -> bool {
        let mut words = begin.splitn(3, |octet| *octet == b' ');
        match (words.next(), words.next()) {
            (Some(b"*"), Some(word)) => Condition::named(word).is_some(),
            // A tag, or a plus.
            _ => true,
        }
    }

    /// Reads a response, given without its last line end. Returns `None` if the octets are not a
    /// response or exceed a limit.
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        if octets == b"+" {
            return Some(Self::Continue(Vec::new()));
        }
        if let Some(text) = octets.strip_prefix(b"+ ") {
            return Some(Self::Continue(text.to_vec()));
        }
        let literals = Self::literals(octets).unwrap_or(Literals::Kept);
        let mut scanner = Scanner::new(octets, literals);
        let first = scanner.atom()?;
        scanner.blanks();
        let word = scanner.atom()?;
        if first != b"*" {
            let tag = Tag::parse(first)?;
            let condition = Condition::named(word)?;
            let is_end = matches!(condition, Condition::Ok | Condition::No | Condition::Bad);
            let status = StatusResponse::parse(condition, scanner.rest())?;
            return is_end.then_some(Self::Tagged(tag, status));
        }
        if let Some(condition) = Condition::named(word) {
            return StatusResponse::parse(condition, scanner.rest()).map(Self::Untagged);
        }
        Self::parse_data(word, scanner)
    }

    /// Reads data after their first word.
    fn parse_data(word: &[u8], mut scanner: Scanner<'_>) -> Option<Self> {
        match &*word.to_ascii_uppercase() {
            b"CAPABILITY" => ImapCapabilities::parse(scanner.rest()).map(Self::Capability),
            b"STATUS" => {
                scanner.blanks();
                scanner.name()?;
                scanner.blanks();
                MailboxStatus::parse(scanner).map(Self::Status)
            }
            b"LIST" => {
                scanner.blanks();
                scanner.value()?;
                scanner.blanks();
                delimiter(&scanner.value()?).map(Self::List)
            }
            digits if digits.iter().all(u8::is_ascii_digit) => {
                scanner.blanks();
                let kind = scanner.atom()?.to_ascii_uppercase();
                scanner.blanks();
                match &*kind {
                    b"EXISTS" => number(digits).map(Self::Exists),
                    b"FETCH" => MessageData::parse(scanner).map(Self::Fetch),
                    _ => Some(Self::Other),
                }
            }
            _ => Some(Self::Other),
        }
    }
}

/// Reads the delimiter in LIST: one character, or NIL.
fn delimiter(value: &ImapValue<'_>) -> Option<Option<char>> {
    match value {
        ImapValue::Atom(atom) if atom.eq_ignore_ascii_case(b"NIL") => Some(None),
        ImapValue::String(text) => {
            let mut chars = str::from_utf8(text).ok()?.chars();
            let delimiter = chars.next()?;
            chars.next().is_none().then_some(Some(delimiter))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(text: &str) -> ImapResponse {
        ImapResponse::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a response"))
    }

    #[test]
    fn a_status_has_a_condition_a_code_and_a_text() {
        let ImapResponse::Tagged(tag, status) = response("A12 no [overquota] Quota exceeded")
        else {
            panic!("it is tagged");
        };
        assert_eq!((tag, status.condition), (Tag(12), Condition::No));
        assert_eq!(status.code, Some(ImapCode::OverQuota));
        assert_eq!(status.to_string(), "NO [overquota] Quota exceeded");
        assert_eq!(status.kind(), "NO [overquota]");
        for (text, condition, kind) in [
            ("* OK ready", Condition::Ok, "OK"),
            ("* PREAUTH", Condition::PreAuth, "PREAUTH"),
            (
                "* bye [UNAVAILABLE x y] later",
                Condition::Bye,
                "BYE [UNAVAILABLE]",
            ),
            ("* BAD [no end", Condition::Bad, "BAD"),
            ("* OK  []", Condition::Ok, "OK"),
        ] {
            let ImapResponse::Untagged(status) = response(text) else {
                panic!("{text} is untagged");
            };
            assert_eq!((status.condition, &*status.kind()), (condition, kind));
        }
    }

    #[test]
    fn data_are_read_and_what_nobody_needs_is_skipped() {
        let status = MailboxStatus {
            messages: Some(3),
            uid_validity: Some(7),
            uid_next: Some(9),
            append_limit: None,
        };
        let delimiter = |text| ImapResponse::List(Some(text));
        for (text, read) in [
            (
                "* STATUS INBOX (MESSAGES 3 UIDVALIDITY 7 UIDNEXT 9)",
                ImapResponse::Status(status),
            ),
            (
                "* status \"a (b\" ( uidnext 9 X (1 2) UIDVALIDITY 7 APPENDLIMIT NIL MESSAGES 3 )",
                ImapResponse::Status(status),
            ),
            (
                "* STATUS {4}\r\na\r\nb (UIDNEXT 9 MESSAGES 3 UIDVALIDITY 7)",
                ImapResponse::Status(status),
            ),
            ("* LIST (\\Noselect) \"/\" \"\"", delimiter('/')),
            ("* LIST () \"\\\\\" \"\"", delimiter('\\')),
            ("* LIST (\\Noselect) NIL INBOX", ImapResponse::List(None)),
            ("* 23 EXISTS", ImapResponse::Exists(23)),
            ("* 23 RECENT", ImapResponse::Other),
            ("* 23 EXPUNGE", ImapResponse::Other),
            ("* FLAGS (\\Seen $x)", ImapResponse::Other),
            ("* ENABLED", ImapResponse::Other),
            ("+", ImapResponse::Continue(Vec::new())),
            ("+ ", ImapResponse::Continue(Vec::new())),
            ("+ bWU= ", ImapResponse::Continue(b"bWU= ".to_vec())),
        ] {
            assert_eq!(response(text), read, "{text}");
        }
    }

    #[test]
    fn the_data_of_a_message_come_in_any_order() {
        let short = |text: &[u8]| Some(BodyData::Short(text.to_vec()));
        for (text, uid, size, body) in [
            ("(UID 5 RFC822.SIZE 300)", Some(5), Some(300), None),
            (
                "(rfc822.size 300 FLAGS (\\Seen) uid 5)",
                Some(5),
                Some(300),
                None,
            ),
            (
                "(BODY[] {12}\r\n UID 5)",
                Some(5),
                None,
                Some(BodyData::Streamed(12)),
            ),
            ("(UID 5 BODY[HEADER] \"a\")", Some(5), None, short(b"a")),
            ("(UID 5 BODY[] NIL)", Some(5), None, None),
            ("(FLAGS ())", None, None, None),
            ("(BODY (\"text\" \"plain\" NIL) UID 5)", Some(5), None, None),
        ] {
            let read = response(&format!("* 1 FETCH {text}"));
            assert_eq!(
                read,
                ImapResponse::Fetch(MessageData { uid, size, body }),
                "{text}"
            );
        }
    }

    #[test]
    fn garbage_is_no_response() {
        for text in [
            "",
            "*",
            "* ",
            "A1",
            "A1 HELLO",
            "A1 BYE",
            "A01 OK",
            "a1 OK",
            "B1 OK",
            "A-1 OK",
            "A99999999999 OK",
            "+OK POP3 ready",
            "220 mx ESMTP",
            "* STATUS INBOX",
            "* STATUS INBOX (UIDNEXT",
            "* LIST () \"ab\" x",
            "* LIST",
            "* 1 FETCH UID 5",
            "* 1 FETCH (UID 5",
            "* 1 FETCH (UID)",
            "* 99999999999 EXISTS",
        ] {
            assert_eq!(ImapResponse::parse(text.as_bytes()), None, "{text}");
        }
    }
}
