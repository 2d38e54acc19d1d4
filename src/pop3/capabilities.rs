//! What a server says it can do (RFC 2449).
//! Pure; what is not announced here may work all the same.

use std::fmt;
use std::time::Duration;

use super::mechanism::Mechanism;
use crate::limits;

/// The capabilities that mailpull acts on. Before CAPA was answered, none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// Whether the server told them at all.
    pub are_known: bool,
    /// For how many days it keeps messages (RFC 2449 section 6.7), where it deletes them at all.
    pub expire: Option<u32>,
    /// How long a client has to wait between two logins (section 6.5).
    pub login_delay: Option<Duration>,
    /// Commands may be sent before the last reply came.
    pub pipelining: bool,
    /// Messages have unique-ids. Some servers have them and do not say so.
    pub uidl: bool,
    /// The SASL mechanisms, in upper case.
    pub sasl: Vec<String>,
    /// After UTF8, user and password may be in any script (RFC 6856 section 2.1).
    pub utf8_user: bool,
}

/// The capabilities as they are remembered: in one line, `-` where the server told none.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.are_known {
            return f.write_str(UNKNOWN);
        }
        let told = [
            self.pipelining.then(|| "PIPELINING".to_owned()),
            self.uidl.then(|| "UIDL".to_owned()),
            (!self.sasl.is_empty()).then(|| format!("SASL {}", self.sasl.join(" "))),
            self.expire.map(|days| format!("EXPIRE {days}")),
            self.login_delay
                .map(|delay| format!("LOGIN-DELAY {}", delay.as_secs())),
            self.utf8_user.then(|| "UTF8 USER".to_owned()),
        ];
        let told: Vec<_> = told.into_iter().flatten().collect();
        f.write_str(&told.join(","))
    }
}

const UNKNOWN: &str = "-";

impl Capabilities {
    /// Those of a server that answers CAPA, before its first line is read.
    pub fn announced() -> Self {
        Self {
            are_known: true,
            ..Self::default()
        }
    }

    /// Whether a login may be bound to the connection in any way, as far as that is known.
    pub(super) fn may_bind(&self) -> bool {
        let mut bound = Mechanism::ALL.iter().filter(|known| known.is_bound());
        !self.are_known || bound.any(|known| self.offers(known.name()))
    }

    /// Reads what was remembered.
    pub fn parse(line: &str) -> Self {
        if line == UNKNOWN {
            return Self::default();
        }
        let mut capabilities = Self::announced();
        for told in line.split(',') {
            capabilities.add(told.as_bytes());
        }
        capabilities
    }

    /// Takes one line of the answer. Unknown capabilities are ignored, as RFC 2449 demands; case
    /// does not matter (fetchmail 6.4.22).
    pub fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("EXPIRE") => self.expire = of_everybody(words).and_then(|days| days.parse().ok()),
            Some("LOGIN-DELAY") => {
                let seconds = of_everybody(words).and_then(|seconds| seconds.parse().ok());
                self.login_delay = seconds
                    .map(Duration::from_secs)
                    .filter(|delay| !delay.is_zero())
                    .map(|delay| delay.min(limits::LOGIN_DELAY));
            }
            Some("PIPELINING") => self.pipelining = true,
            Some("UIDL") => self.uidl = true,
            Some("SASL") => self
                .sasl
                .extend(words.filter(is_mechanism).map(str::to_owned)),
            Some("UTF8") => self.utf8_user = words.any(|word| word == "USER"),
            _ => {}
        }
    }

    /// Whether a SASL mechanism is offered.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.sasl.iter().any(|offered| offered == mechanism)
    }
}

/// A value, unless another one may hold for the user who will log in: that is told after the login.
fn of_everybody<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let value = words.next()?;
    (words.next() != Some("USER")).then_some(value)
}

/// Whether a word can be a mechanism's name (RFC 4422 section 3.1).
fn is_mechanism(word: &&str) -> bool {
    let is_part = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    word.len() <= 20 && word.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_in_any_case_and_unknown_ones_ignored() {
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
        assert!(capabilities.pipelining);
        assert!(capabilities.offers("PLAIN") && !capabilities.offers("CRAM-MD5"));
    }

    #[test]
    fn times_are_believed_where_they_hold_for_this_user_and_within_reason() {
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
            ("LOGIN-DELAY 99999999999", None, Some(86_400)),
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
