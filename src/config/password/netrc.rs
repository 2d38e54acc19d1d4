//! `.netrc`: machines, logins and passwords, in the format that ftp(1) and curl(1) read.

use zeroize::Zeroizing;

/// A mistake in a `.netrc`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

/// Finds the password of the first entry for a machine, or of `default`, whose login is the user's
/// or absent. Entries without a password are skipped.
///
/// The file belongs to all programs that read it, so a mistake in an entry of another machine or login, or a word
/// that another program knows, is skipped. In an entry of ours it may be half of a password.
///
/// # Errors
/// In an entry for this login, or before the first one, a word is unknown, a value is missing, or a quote is not
/// closed.
pub(super) fn find(
    octets: &[u8],
    host: &str,
    user: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, Malformed> {
    let mut words = Words { octets, at: 0 };
    let mut entry = NetrcEntry::default();
    let mut is_in_entry = false;
    loop {
        let keyword = match words.keyword() {
            Ok(None) => return entry.password_for(user),
            Ok(Some(keyword)) => keyword,
            Err(mistake) if is_in_entry => {
                entry.mistake.get_or_insert(mistake);
                continue;
            }
            Err(mistake) => return Err(mistake),
        };
        let is_next = matches!(&**keyword, b"machine" | b"default");
        is_in_entry |= is_next;
        if is_next && let Some(password) = entry.password_for(user)? {
            return Ok(Some(password));
        }
        match entry.read(&keyword, &mut words, host) {
            Ok(()) => {}
            Err(mistake) if is_in_entry => {
                entry.mistake.get_or_insert(mistake);
            }
            // It may be a mistyped "machine".
            Err(mistake) => return Err(mistake),
        }
    }
}

#[derive(Default)]
struct NetrcEntry {
    matches: bool,
    login: Option<Zeroizing<Vec<u8>>>,
    password: Option<Zeroizing<Vec<u8>>>,
    /// The first mistake in it.
    mistake: Option<Malformed>,
}

impl NetrcEntry {
    fn new(matches: bool) -> Self {
        Self {
            matches,
            ..Self::default()
        }
    }

    /// Reads what follows a keyword. A keyword that begins an entry replaces this one.
    fn read(&mut self, keyword: &[u8], words: &mut Words<'_>, host: &str) -> Result<(), Malformed> {
        match keyword {
            b"machine" => {
                *self = Self::default();
                self.matches = words.value()?.eq_ignore_ascii_case(host.as_bytes());
            }
            b"default" => *self = Self::new(true),
            b"login" => self.login = Some(words.value()?),
            b"password" => self.password = Some(words.value()?),
            b"account" => drop(words.value()?),
            b"macdef" => words.skip_macro(),
            _ => return Err(words.malformed("unknown word (a value with blanks needs quotes)")),
        }
        Ok(())
    }

    /// Returns its password, if it is an entry for this user.
    fn password_for(&mut self, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Malformed> {
        let is_theirs = |login: &Zeroizing<Vec<u8>>| **login == user.as_bytes();
        if !self.matches || !self.login.as_ref().is_none_or(is_theirs) {
            return Ok(None);
        }
        match self.mistake.take() {
            Some(mistake) => Err(mistake),
            None => Ok(self.password.take()),
        }
    }
}

struct Words<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Words<'_> {
    /// Returns the next word that is not part of a comment.
    fn keyword(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, Malformed> {
        self.skip_blanks();
        while self.peek() == Some(b'#') {
            self.skip_line();
            self.skip_blanks();
        }
        match self.peek() {
            Some(_) => self.word().map(Some),
            None => Ok(None),
        }
    }

    /// Returns the word after a keyword.
    fn value(&mut self) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        self.skip_blanks();
        match self.peek() {
            Some(_) => self.word(),
            None => Err(self.malformed("the value is missing")),
        }
    }

    fn word(&mut self) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let rest = &self.octets[self.at..];
        // The word may be a password. A vector with room for the rest of the line never leaves a
        // copy of it behind.
        let room = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let mut word = Zeroizing::new(Vec::with_capacity(room));
        let is_quoted = self.peek() == Some(b'"');
        self.at += usize::from(is_quoted);
        while let Some(octet) = self.peek() {
            match octet {
                b'"' if is_quoted => {
                    self.at += 1;
                    return Ok(word);
                }
                b'\n' if is_quoted => break,
                octet if !is_quoted && octet.is_ascii_whitespace() => return Ok(word),
                b'\\' if is_quoted => {
                    self.at += 1;
                    word.extend(self.peek().map(unescape));
                }
                octet => word.push(octet),
            }
            self.at += 1;
        }
        if is_quoted {
            Err(self.malformed("the quote is not closed"))
        } else {
            Ok(word)
        }
    }

    /// Skips a macro, which ends at an empty line.
    fn skip_macro(&mut self) {
        self.skip_line();
        while self.peek().is_some() {
            let start = self.at;
            self.skip_line();
            if self.octets[start..self.at].trim_ascii().is_empty() {
                return;
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.octets[self.at..];
        self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|octet| octet.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    fn malformed(&self, problem: &'static str) -> Malformed {
        let read = &self.octets[..self.at.min(self.octets.len())];
        Malformed {
            line: 1 + memchr::memchr_iter(b'\n', read).count(),
            problem,
        }
    }
}

fn unescape(octet: u8) -> u8 {
    match octet {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        octet => octet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_text(text: &str) -> Result<Option<String>, Malformed> {
        let found = find(text.as_bytes(), "pop.example.com", "me")?;
        Ok(found.map(|octets| String::from_utf8(octets.to_vec()).expect("the password is UTF-8")))
    }

    #[test]
    fn the_first_entry_of_machine_and_user_has_the_password() {
        for (text, password) in [
            ("", None),
            ("machine pop.example.com login me password x", Some("x")),
            (
                "machine POP.EXAMPLE.COM\n\tlogin me\n\tpassword x\n",
                Some("x"),
            ),
            ("machine pop.example.com password x", Some("x")),
            ("machine pop.example.com password x login me", Some("x")),
            ("machine pop.example.com login you password x", None),
            ("machine other login me password x", None),
            ("machine pop.example.com login me", None),
            (
                "machine other password y default login me password x",
                Some("x"),
            ),
            ("default password x", Some("x")),
            ("password y login me", None),
            (
                "machine pop.example.com password x\nmachine pop.example.com password y",
                Some("x"),
            ),
            (
                "machine pop.example.com login you password x\nmachine pop.example.com login me password y",
                Some("y"),
            ),
            (
                "machine pop.example.com password \"a b\\\"\\\\c\"",
                Some("a b\"\\c"),
            ),
            ("machine pop.example.com password #1\"x", Some("#1\"x")),
            ("# machine pop.example.com password x\n", None),
            (
                "machine pop.example.com # mine\r\nlogin me\r\npassword x\r\n",
                Some("x"),
            ),
            ("machine pop.example.com account a password x", Some("x")),
            (
                "machine machine password y machine pop.example.com password x",
                Some("x"),
            ),
            (
                "macdef init\ncd /pub\nmachine pop.example.com password y\n\nmachine pop.example.com password x",
                Some("x"),
            ),
            ("macdef init\nmachine pop.example.com password x", None),
            // Words and mistakes in entries of others.
            (
                "machine other login me password y protocol pop3 port 110\nmachine pop.example.com password x",
                Some("x"),
            ),
            (
                "machine pop.example.com protocol imap login you password y machine pop.example.com password x",
                Some("x"),
            ),
            (
                "machine other password \"y\nmachine pop.example.com password x",
                Some("x"),
            ),
            (
                "default login anonymous password y method http machine pop.example.com password x",
                Some("x"),
            ),
            (
                "machine pop.example.com password x machine other port",
                Some("x"),
            ),
            ("machine other\nlogin", None),
            ("machine", None),
        ] {
            assert_eq!(find_text(text), Ok(password.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn a_mistake_in_a_netrc_is_refused_with_its_line() {
        for (text, line) in [
            ("\n\npasswort x", 3),
            ("machine pop.example.com login me password x port 110", 1),
            ("machine pop.example.com login", 1),
            ("machine pop.example.com passwort x", 1),
            ("machine pop.example.com password a b", 1),
            ("machine pop.example.com\npassword \"x", 2),
            ("machine pop.example.com\npassword \"x\ny\"", 2),
            ("machine pop.example.com password \"x\\", 1),
        ] {
            assert_eq!(
                find_text(text).map_err(|error| error.line),
                Err(line),
                "{text}"
            );
        }
    }
}
