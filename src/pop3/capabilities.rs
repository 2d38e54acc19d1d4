//! The capabilities that a server announces (RFC 2449). Pure. Something that is not announced may
//! work anyway.

use std::fmt;
use std::time::Duration;

use crate::limits;
use crate::sasl::Mechanism;

/// The capabilities that mailpull uses. The default is a server that has not announced any.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// True if the server has answered CAPA.
    pub are_known: bool,
    /// The number of days after which the server deletes messages (EXPIRE, RFC 2449 section 6.7).
    pub expire: Option<u32>,
    /// The time that a client must wait between two logins (LOGIN-DELAY, section 6.5).
    pub login_delay: Option<Duration>,
    /// True if commands may be sent before earlier ones are answered (section 6.6).
    pub pipelining: bool,
    /// True if headers can be asked for (TOP).
    pub top: bool,
    /// True if UIDL is announced. Some servers have it without announcing it.
    pub uidl: bool,
    /// The SASL mechanisms, in upper case.
    pub sasl: Vec<String>,
    /// True if user and password may be in UTF-8 after the command UTF8 (RFC 6856 section 2.1).
    pub utf8_user: bool,
}

/// The form in which capabilities are stored: one line, `-` if CAPA was not answered.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.are_known {
            return f.write_str(UNKNOWN);
        }
        let announced = [
            self.pipelining.then(|| "PIPELINING".to_owned()),
            self.top.then(|| "TOP".to_owned()),
            self.uidl.then(|| "UIDL".to_owned()),
            (!self.sasl.is_empty()).then(|| format!("SASL {}", self.sasl.join(" "))),
            self.expire.map(|days| format!("EXPIRE {days}")),
            self.login_delay
                .map(|delay| format!("LOGIN-DELAY {}", delay.as_secs())),
            self.utf8_user.then(|| "UTF8 USER".to_owned()),
        ];
        let announced: Vec<_> = announced.into_iter().flatten().collect();
        f.write_str(&announced.join(","))
    }
}

const UNKNOWN: &str = "-";

impl Capabilities {
    /// Returns the capabilities of a server that has answered CAPA, before its first line is read.
    pub fn announced() -> Self {
        Self {
            are_known: true,
            ..Self::default()
        }
    }

    /// Returns true if the server may know a way to bind a login to the connection.
    pub(super) fn may_bind(&self) -> bool {
        let mut bound = Mechanism::ALL.iter().filter(|known| known.is_bound());
        !self.are_known || bound.any(|known| self.offers(known.name()))
    }

    /// Reads the stored form.
    pub fn parse(line: &str) -> Self {
        if line == UNKNOWN {
            return Self::default();
        }
        let mut capabilities = Self::announced();
        for announced in line.split(',') {
            capabilities.add(announced.as_bytes());
        }
        capabilities
    }

    /// Adds one line of the answer to CAPA. Unknown capabilities are ignored, as RFC 2449 demands.
    /// Some servers announce in lower case.
    pub fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("EXPIRE") => self.expire = for_everybody(words).and_then(|days| days.parse().ok()),
            Some("LOGIN-DELAY") => {
                let seconds = for_everybody(words).and_then(|seconds| seconds.parse().ok());
                self.login_delay = seconds
                    .map(Duration::from_secs)
                    .filter(|delay| !delay.is_zero())
                    .map(|delay| delay.min(limits::LOGIN_DELAY));
            }
            Some("PIPELINING") => self.pipelining = true,
            Some("TOP") => self.top = true,
            Some("UIDL") => self.uidl = true,
            Some("SASL") => self
                .sasl
                .extend(words.filter(is_mechanism).map(str::to_owned)),
            Some("UTF8") => self.utf8_user = words.any(|word| word == "USER"),
            _ => {}
        }
    }

    /// Returns true if a SASL mechanism is offered.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.sasl.iter().any(|offered| offered == mechanism)
    }
}

/// Returns a value unless USER follows it: then the value for this user is announced only after the
/// login (RFC 2449 section 6.5).
fn for_everybody<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let value = words.next()?;
    (words.next() != Some("USER")).then_some(value)
}

/// Returns true if a word can be the name of a mechanism (RFC 4422 section 3.1).
fn is_mechanism(word: &&str) -> bool {
    let is_part = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    word.len() <= 20 && word.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_unknown_capabilities_are_ignored() {
        let mut capabilities = Capabilities::default();
        for line in [
            &b"TOP"[..],
            b"uidl",
            b"Sasl plain LOGIN",
            b"X-\xff y",
            b"",
            b"PIPELINING",
        ] {
            capabilities.add(line);
        }
        assert!(capabilities.pipelining && capabilities.top && capabilities.uidl);
        assert!(capabilities.offers("PLAIN") && !capabilities.offers("CRAM-MD5"));
    }

    #[test]
    fn times_are_used_if_they_are_for_everybody_and_bounded() {
        for (line, expire, delay) in [
            ("EXPIRE 60", Some(60), None),
            ("EXPIRE 0", Some(0), None),
            ("EXPIRE NEVER", None, None),
            ("EXPIRE 5 USER", None, None),
            ("EXPIRE 99999999999", None, None),
            ("LOGIN-DELAY 900", None, Some(900)),
            ("login-delay 900 user", None, None),
            ("LOGIN-DELAY 0", None, None),
            ("LOGIN-DELAY -5", None, None),
            ("LOGIN-DELAY 99999999999", None, Some(3600)),
            ("LOGIN-DELAY", None, None),
        ] {
            let mut capabilities = Capabilities::announced();
            capabilities.add(line.as_bytes());
            assert_eq!(capabilities.expire, expire, "{line}");
            let delay = delay.map(Duration::from_secs);
            assert_eq!(capabilities.login_delay, delay, "{line}");
        }
    }
}
