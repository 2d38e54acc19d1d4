//! What a server says it can do (RFC 2449).
//! Pure; what is not announced here may work all the same.

/// The capabilities that mailpull acts on. Before CAPA was answered, none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// Whether the server told them at all.
    pub are_known: bool,
    /// Commands may be sent before the last reply came.
    pub pipelining: bool,
    /// The SASL mechanisms, in upper case.
    pub sasl: Vec<String>,
}

impl Capabilities {
    /// Takes one line of the answer. Unknown capabilities are ignored, as RFC 2449 demands; case
    /// does not matter (fetchmail 6.4.22).
    pub fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("PIPELINING") => self.pipelining = true,
            Some("SASL") => self.sasl.extend(words.map(str::to_owned)),
            _ => {}
        }
    }

    /// Whether a SASL mechanism is offered.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.sasl.iter().any(|offered| offered == mechanism)
    }
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
