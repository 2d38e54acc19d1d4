//! The capabilities that a server announces (RFC 3501 section 7.2.1). Pure.

use crate::limits;
use crate::text::ServerText;

/// The capabilities of a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ImapCapabilities(Vec<ServerText>);

impl ImapCapabilities {
    /// Reads the words of an announcement. Returns `None` if there are too many.
    pub(super) fn parse(words: &[u8]) -> Option<Self> {
        let words = words.split(|octet| *octet == b' ');
        let words: Vec<_> = words
            .filter(|word| !word.is_empty())
            .take(limits::CAPABILITY_LINES + 1)
            .map(ServerText::new)
            .collect();
        (words.len() <= limits::CAPABILITY_LINES).then_some(Self(words))
    }

    /// Returns its words as they came.
    pub fn words(&self) -> &[ServerText] {
        &self.0
    }

    /// Returns true if this word is announced, in any case.
    fn has(&self, name: &str) -> bool {
        let is_name = |word: &ServerText| word.as_octets().eq_ignore_ascii_case(name.as_bytes());
        self.0.iter().any(is_name)
    }

    /// Returns the values of the words that begin with this name.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter_map(move |word| {
            let (begin, value) = word.as_octets().split_at_checked(name.len())?;
            begin.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }

    /// Returns true if the server speaks IMAP4rev2 (RFC 9051), which includes some extensions.
    fn is_rev2(&self) -> bool {
        self.has("IMAP4rev2")
    }

    /// Returns true if the server speaks a version of IMAP that mailpull knows.
    pub fn is_imap4(&self) -> bool {
        self.has("IMAP4rev1") || self.is_rev2()
    }

    /// STARTTLS (RFC 3501 section 6.2.1): TLS can begin.
    pub fn start_tls(&self) -> bool {
        self.has("STARTTLS")
    }

    /// LOGINDISABLED (RFC 3501 section 6.2.3): LOGIN is refused.
    pub fn login_disabled(&self) -> bool {
        self.has("LOGINDISABLED")
    }

    /// SASL-IR (RFC 4959): AUTHENTICATE may have an initial response.
    pub fn sasl_ir(&self) -> bool {
        self.has("SASL-IR") || self.is_rev2()
    }

    /// Returns true if AUTHENTICATE takes this mechanism.
    pub fn has_mechanism(&self, name: &str) -> bool {
        self.values("AUTH=")
            .any(|value| value.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Returns true if a mechanism of the server binds a login to its connection (SCRAM-…-PLUS).
    pub(super) fn may_bind(&self) -> bool {
        let is_bound = |name: &[u8]| name.to_ascii_uppercase().ends_with(b"-PLUS");
        self.values("AUTH=").any(is_bound)
    }

    /// LITERAL+ (RFC 7888): a literal of any length may follow at once.
    pub fn literal_plus(&self) -> bool {
        self.has("LITERAL+")
    }

    /// LITERAL- (RFC 7888): a literal of up to 4,096 octets may follow at once.
    pub fn literal_minus(&self) -> bool {
        self.has("LITERAL-") || self.literal_plus() || self.is_rev2()
    }

    /// MULTIAPPEND (RFC 3502): one command takes several messages, all or none.
    pub fn multi_append(&self) -> bool {
        self.has("MULTIAPPEND")
    }

    /// UIDPLUS (RFC 4315): the answer to APPEND names the message.
    pub fn uid_plus(&self) -> bool {
        self.has("UIDPLUS") || self.is_rev2()
    }

    /// UNSELECT (RFC 3691): a mailbox can be closed without deleting anything.
    pub fn unselect(&self) -> bool {
        self.has("UNSELECT") || self.is_rev2()
    }

    /// APPENDLIMIT (RFC 7889): the longest message that the server takes in any mailbox, in octets.
    pub fn append_limit(&self) -> Option<u64> {
        let numbers = self.values("APPENDLIMIT=").filter_map(number);
        numbers.min()
    }

    /// Returns true if each mailbox has a limit of its own, which STATUS reports (RFC 7889).
    pub(super) fn has_limits_of_mailboxes(&self) -> bool {
        self.has("APPENDLIMIT")
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(digits).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(words: &str) -> ImapCapabilities {
        ImapCapabilities::parse(words.as_bytes()).expect("they are not too many")
    }

    #[test]
    fn capabilities_are_words_in_any_case() {
        let read = capabilities("IMAP4REV1 literal+  AUTH=plain UIDPLUS APPENDLIMIT=1000 SASL-IR");
        assert!(read.is_imap4() && read.literal_plus() && read.literal_minus());
        assert!(read.uid_plus() && read.sasl_ir() && !read.multi_append());
        assert!(read.has_mechanism("PLAIN") && !read.has_mechanism("XOAUTH2"));
        assert_eq!(read.append_limit(), Some(1000));
        assert!(!read.has_limits_of_mailboxes() && !read.login_disabled());
        let shown: Vec<_> = read.words().iter().map(ToString::to_string).collect();
        assert_eq!(shown[2], "AUTH=plain");
    }

    #[test]
    fn a_part_of_a_word_is_no_capability() {
        let read = capabilities("XIMAP4rev1 LITERAL+X AUTH= UIDPLUS=1 APPENDLIMIT=1x APPENDLIMIT=");
        assert!(!read.is_imap4() && !read.literal_plus() && !read.uid_plus());
        assert!(!read.has_mechanism("PLAIN"));
        assert_eq!(read.append_limit(), None);
    }

    #[test]
    fn a_new_version_includes_extensions() {
        let read = capabilities("IMAP4rev2");
        assert!(read.is_imap4() && read.uid_plus() && read.sasl_ir() && read.unselect());
        assert!(read.literal_minus() && !read.literal_plus());
    }

    #[test]
    fn too_many_words_are_refused() {
        let words = "x ".repeat(limits::CAPABILITY_LINES);
        assert!(ImapCapabilities::parse(words.as_bytes()).is_some());
        let words = "x ".repeat(limits::CAPABILITY_LINES + 1);
        assert!(ImapCapabilities::parse(words.as_bytes()).is_none());
    }
}
