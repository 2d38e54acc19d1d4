//! The grammar that all responses share (RFC 3501 section 9): atoms, strings, numbers and lists.
//! Pure.

use std::borrow::Cow;

/// The deepest list in a list that is read. Nobody asks for what nests deeply (BODYSTRUCTURE).
const DEEPEST: usize = 64;

/// A value in a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ImapValue<'a> {
    /// An atom, also a number or NIL.
    Atom(&'a [u8]),
    /// A quoted string or a literal that was kept.
    String(Cow<'a, [u8]>),
    /// A literal of this length that was not kept.
    Streamed(u64),
    /// A list, whose items nobody needs.
    List,
}

/// The literals in a response that is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Literals {
    /// The octets of each follow it.
    Kept,
    /// Their octets went to somebody else.
    Streamed,
}

/// Reads a response from its beginning to its end.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
    literals: Literals,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(octets: &'a [u8], literals: Literals) -> Self {
        Self {
            rest: octets,
            literals,
        }
    }

    /// Returns the rest, which is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes these octets if they are next.
    pub(super) fn take(&mut self, octets: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(octets);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes all blanks that are next. Some servers send more than one, or one before an end.
    pub(super) fn blanks(&mut self) {
        while self.take(b" ") {}
    }

    /// Takes an atom: everything up to a blank or a bracket.
    pub(super) fn atom(&mut self) -> Option<&'a [u8]> {
        let ends = |octet: &u8| matches!(octet, b' ' | b'(' | b')' | b'"' | b'{' | 0..=31 | 127);
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        self.split(end)
    }

    /// Takes the name of a datum of a message: an atom, and the brackets of BODY\[…\].
    pub(super) fn item(&mut self) -> Option<&'a [u8]> {
        let begun = self.rest;
        let ends = |octet: &u8| matches!(octet, b' ' | b'(' | b')' | b'"' | b'{' | b'[');
        let end = begun.iter().position(ends).unwrap_or(begun.len());
        let end = match begun.get(end) {
            Some(b'[') => begun.iter().position(|octet| *octet == b']')? + 1,
            _ => end,
        };
        self.split(end)
    }

    fn split(&mut self, end: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        (end > 0).then_some(taken)
    }

    /// Takes a number.
    pub(super) fn number<N: std::str::FromStr>(&mut self) -> Option<N> {
        let is_digit = |octet: &u8| octet.is_ascii_digit();
        let digits = self.rest.iter().take_while(|octet| is_digit(octet)).count();
        str::from_utf8(self.split(digits)?).ok()?.parse().ok()
    }

    /// Takes a value.
    pub(super) fn value(&mut self) -> Option<ImapValue<'a>> {
        match self.rest.first()? {
            b'"' => self.quoted().map(ImapValue::String),
            b'{' => self.literal(),
            b'(' => self.list(DEEPEST).then_some(ImapValue::List),
            _ => self.atom().map(ImapValue::Atom),
        }
    }

    /// Takes a name: an atom or a string.
    pub(super) fn name(&mut self) -> Option<Cow<'a, [u8]>> {
        match self.value()? {
            ImapValue::Atom(atom) => Some(Cow::Borrowed(atom)),
            ImapValue::String(string) => Some(string),
            ImapValue::Streamed(_) | ImapValue::List => None,
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let begun = self.rest.strip_prefix(b"\"")?;
        let mut text = Cow::Borrowed(&begun[..0]);
        let mut at = 0;
        loop {
            match begun.get(at)? {
                b'"' => break,
                b'\\' => {
                    text.to_mut().push(*begun.get(at + 1)?);
                    at += 2;
                }
                octet => {
                    match &mut text {
                        Cow::Borrowed(text) => *text = &begun[..at + 1],
                        Cow::Owned(text) => text.push(*octet),
                    }
                    at += 1;
                }
            }
        }
        self.rest = &begun[at + 1..];
        Some(text)
    }

    fn literal(&mut self) -> Option<ImapValue<'a>> {
        if !self.take(b"{") {
            return None;
        }
        let octets: u64 = self.number()?;
        if !self.take(b"}\r\n") {
            return None;
        }
        if self.literals == Literals::Streamed {
            return Some(ImapValue::Streamed(octets));
        }
        let octets = usize::try_from(octets).ok()?;
        let (literal, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(ImapValue::String(Cow::Borrowed(literal)))
    }

    /// Takes a list without looking at its items.
    fn list(&mut self, deepest: usize) -> bool {
        if deepest == 0 || !self.take(b"(") {
            return false;
        }
        loop {
            self.blanks();
            let is_taken = match self.rest.first() {
                Some(b')') => break,
                Some(b'(') => self.list(deepest - 1),
                Some(_) => self.value().is_some(),
                None => false,
            };
            if !is_taken {
                return false;
            }
        }
        self.take(b")")
    }
}

/// Returns the length of the literal that a line announces at its end, without its line end.
pub(super) fn announced_literal(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"}")?;
    let begin = line.iter().rposition(|octet| *octet == b'{')?;
    let mut scanner = Scanner::new(&line[begin + 1..], Literals::Kept);
    let octets = scanner.number()?;
    scanner.rest().is_empty().then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &[u8], literals: Literals) -> (Option<ImapValue<'_>>, &[u8]) {
        let mut scanner = Scanner::new(text, literals);
        (scanner.value(), scanner.rest())
    }

    fn string(octets: &[u8]) -> Option<ImapValue<'_>> {
        Some(ImapValue::String(Cow::Borrowed(octets)))
    }

    #[test]
    fn values_end_where_the_next_one_begins() {
        let cases: [(&[u8], Option<ImapValue<'_>>, &[u8]); 14] = [
            (b"NIL x", Some(ImapValue::Atom(b"NIL")), b" x"),
            (b"12)", Some(ImapValue::Atom(b"12")), b")"),
            (b"\\Seen", Some(ImapValue::Atom(b"\\Seen")), b""),
            (b"\"\" x", string(b""), b" x"),
            (b"\"a b\" x", string(b"a b"), b" x"),
            (b"\"a\\\"\\\\b\"", string(b"a\"\\b"), b""),
            (b"\"a", None, b"\"a"),
            (b"\"a\\", None, b"\"a\\"),
            (b"{3}\r\na)bc", string(b"a)b"), b"c"),
            (b"{0}\r\n)", string(b""), b")"),
            (
                b"(a (b \"c)\") {1}\r\n( () ) x",
                Some(ImapValue::List),
                b" x",
            ),
            (b"()", Some(ImapValue::List), b""),
            (b"", None, b""),
            (b")", None, b")"),
        ];
        for (text, expected, rest) in cases {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(value(text, Literals::Kept), (expected, rest), "{shown}");
        }
        for text in [&b"(a"[..], b"{4}\r\nabc", b"{x}\r\n", b"{1}", b"((a)"] {
            assert_eq!(value(text, Literals::Kept).0, None);
        }
    }

    #[test]
    fn a_streamed_literal_has_no_octets_here() {
        let read = value(b"{300}\r\n UID 5)", Literals::Streamed);
        assert_eq!(read, (Some(ImapValue::Streamed(300)), &b" UID 5)"[..]));
    }

    #[test]
    fn a_list_cannot_exhaust_the_stack() {
        let deep = [b'('; 60_000];
        assert_eq!(value(&deep, Literals::Kept).0, None);
    }

    #[test]
    fn a_literal_is_announced_at_the_end_of_a_line() {
        for (line, octets) in [
            (&b"* 1 FETCH (BODY[] {12}"[..], Some(12)),
            (b"{0}", Some(0)),
            (b"* OK {12} x", None),
            (b"{}", None),
            (b"{12+}", None),
            (b"{-1}", None),
            (b"{99999999999999999999}", None),
            (b"12}", None),
            (b"", None),
        ] {
            assert_eq!(announced_literal(line), octets);
        }
    }
}
