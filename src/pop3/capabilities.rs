//! What a server says it can do (RFC 2449).
//! Pure; what is not announced here may work all the same.

use std::fmt;

/// The capabilities that mailpull acts on. Before CAPA was answered, none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// Whether the server told them at all.
    pub are_known: bool,
    /// Commands may be sent before the last reply came.
    pub pipelining: bool,
    /// Messages have unique-ids. Some servers have them and do not say so.
    pub uidl: bool,
    /// The SASL mechanisms, in upper case.
    pub sasl: Vec<String>,
}

/// The capabilities as they are remembered: in one line, `-` where the server told none.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.are_known {
            return f.write_str(UNKNOWN);
        }
        let pipelining = self.pipelining.then_some("PIPELINING");
        let sasl = (!self.sasl.is_empty()).then(|| format!("SASL {}", self.sasl.join(" ")));
        let uidl = self.uidl.then_some("UIDL");
        let told = pipelining.into_iter().chain(uidl).chain(sasl.as_deref());
        let told: Vec<_> = told.collect();
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
            Some("PIPELINING") => self.pipelining = true,
            Some("UIDL") => self.uidl = true,
            Some("SASL") => self
                .sasl
                .extend(words.filter(is_mechanism).map(str::to_owned)),
            _ => {}
        }
    }

    /// Whether a SASL mechanism is offered.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.sasl.iter().any(|offered| offered == mechanism)
    }
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
}
