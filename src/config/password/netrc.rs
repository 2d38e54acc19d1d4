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
/// # Errors
/// A word is unknown, a name or a value is missing, or a quote is not closed.
pub(super) fn find(
    octets: &[u8],
    host: &str,
    user: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, Malformed> {
    let mut words = Words { octets, at: 0 };
    let mut entry = NetrcEntry::default();
    while let Some(keyword) = words.keyword()? {
        match &**keyword {
            b"machine" => {
                if let Some(password) = entry.password_for(user) {
                    return Ok(Some(password));
                }
                let name = words.value()?;
                entry = NetrcEntry::new(name.eq_ignore_ascii_case(host.as_bytes()));
            }
            b"default" => {
                if let Some(password) = entry.password_for(user) {
                    return Ok(Some(password));
                }
                entry = NetrcEntry::new(true);
            }
            b"login" => entry.login = Some(words.value()?),
            b"password" => entry.password = Some(words.value()?),
            b"account" => drop(words.value()?),
            b"macdef" => words.skip_macro(),
            _ => return Err(words.malformed("unknown word (a value with blanks needs quotes)")),
        }
    }
    Ok(entry.password_for(user))
}

#[derive(Default)]
struct NetrcEntry {
    matches: bool,
    login: Option<Zeroizing<Vec<u8>>>,
    password: Option<Zeroizing<Vec<u8>>>,
}

impl NetrcEntry {
    fn new(matches: bool) -> Self {
        Self {
            matches,
            ..Self::default()
        }
    }

    fn password_for(&mut self, user: &str) -> Option<Zeroizing<Vec<u8>>> {
        let is_theirs = |login: &Zeroizing<Vec<u8>>| **login == user.as_bytes();
        if self.matches && self.login.as_ref().is_none_or(is_theirs) {
            self.password.take()
        } else {
            None
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
        ] {
            assert_eq!(find_text(text), Ok(password.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn a_mistake_in_a_netrc_is_refused_with_its_line() {
        for (text, line) in [
            ("machine", 1),
            ("machine other\nlogin", 2),
            ("\n\npasswort x", 3),
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
