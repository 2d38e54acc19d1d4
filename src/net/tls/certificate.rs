//! A server's certificate: names, dates, digests. The TLS library checks the signatures. This is
//! the only module that uses x509-parser.

use std::fmt;
use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use crate::digest::Digest;
use crate::text::ServerText;

/// The parts of a server's certificate that mailpull uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    whole: Digest,
    key: Digest,
    subject: ServerText,
    issuer: ServerText,
    names: Vec<Name>,
    begin: ASN1Time,
    end: ASN1Time,
}

/// A name in a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Name {
    Dns(String),
    Ip(IpAddr),
}

/// The relation of now to the validity of a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Time {
    /// The certificate has expired.
    After,
    /// The certificate is not valid yet.
    Before,
    /// The certificate is valid now.
    Within,
}

impl Certificate {
    /// Reads a certificate in DER; `None` if it is anything else.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = match certificate.subject_alternative_name() {
            Ok(Some(names)) => names.value.general_names.iter().filter_map(name).collect(),
            Ok(None) => Vec::new(),
            // There are two lists of names, or one is invalid: the names are ambiguous.
            Err(_) => return None,
        };
        Some(Self {
            whole: Digest::of(der),
            key: Digest::of(certificate.public_key().raw),
            subject: ServerText::from(&*certificate.subject().to_string()),
            issuer: ServerText::from(&*certificate.issuer().to_string()),
            names,
            begin: certificate.validity().not_before,
            end: certificate.validity().not_after,
        })
    }

    /// Returns the SHA-256 of the whole certificate.
    pub fn digest(&self) -> Digest {
        self.whole
    }

    /// Returns the SHA-256 of the public key with its algorithm (SubjectPublicKeyInfo).
    pub fn key_digest(&self) -> Digest {
        self.key
    }

    /// Returns the subject, for people. [`Self::is_for`] checks only the names.
    pub fn subject(&self) -> &ServerText {
        &self.subject
    }

    /// Returns the issuer that the certificate states.
    pub fn issuer(&self) -> &ServerText {
        &self.issuer
    }

    /// Returns true if it is for the server with this name or address. Only the subjectAltName
    /// counts, never the common name of the subject. A `*` counts only if it is the whole first label
    /// (RFC 9525 section 6.3).
    pub fn is_for(&self, name: &str) -> bool {
        let address: Option<IpAddr> = name.parse().ok();
        self.names.iter().any(|own| match (own, address) {
            (Name::Ip(own), Some(address)) => *own == address,
            (Name::Dns(own), None) => covers(own, name),
            (Name::Dns(_), Some(_)) | (Name::Ip(_), None) => false,
        })
    }

    /// Returns true if it has any name.
    pub fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Returns the names, escaped. Of many names, it returns the first few.
    pub fn names(&self) -> impl fmt::Display {
        let shown: Vec<_> = self.names.iter().take(SHOWN).map(Name::to_string).collect();
        match self.names.len().saturating_sub(SHOWN) {
            0 if shown.is_empty() => "no name".to_owned(),
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }

    /// Compares the validity with the clock of this machine.
    pub fn time(&self) -> Time {
        let now = ASN1Time::now();
        match now {
            now if now < self.begin => Time::Before,
            now if now > self.end => Time::After,
            _ => Time::Within,
        }
    }

    /// Returns the first day on which it is valid, as YYYY-MM-DD.
    pub fn first_day(&self) -> impl fmt::Display {
        self.begin.to_datetime().date()
    }

    /// Returns the last day on which it is valid, as YYYY-MM-DD.
    pub fn last_day(&self) -> impl fmt::Display {
        self.end.to_datetime().date()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => ServerText::from(&**name).fmt(f),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

fn name(written: &GeneralName<'_>) -> Option<Name> {
    match written {
        GeneralName::DNSName(name) => Some(Name::Dns((*name).to_owned())),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*octets).map(IpAddr::from);
            Some(Name::Ip(v4.or(v6).ok()?))
        }
        _ => None,
    }
}

fn covers(own: &str, name: &str) -> bool {
    let Some(parent) = own.strip_prefix("*.") else {
        return own.eq_ignore_ascii_case(name);
    };
    // A wildcard for a whole top-level domain is never legitimate.
    parent.contains('.')
        && name
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(parent))
}

/// The largest number of names that are shown.
const SHOWN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Certificate {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("the names are valid");
        Certificate::read(made.cert.der()).expect("rcgen makes valid certificates")
    }

    #[test]
    fn a_certificate_is_for_its_own_names_only() {
        for (own, name, is_for) in [
            ("pop.example.com", "pop.example.com", true),
            ("pop.example.com", "POP.Example.COM", true),
            ("pop.example.com", "example.com", false),
            ("pop.example.com", "a.pop.example.com", false),
            ("pop.example.com", "pop.example.com.evil.example", false),
            ("*.example.com", "pop.example.com", true),
            ("*.EXAMPLE.com", "pop.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.com", "example.com", false),
            ("*", "localhost", false),
            ("p*.example.com", "pop.example.com", false),
            ("*p.example.com", "pop.example.com", false),
            ("pop.*.com", "pop.example.com", false),
            ("*.*.com", "pop.example.com", false),
            ("*.0.0.1", "127.0.0.1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:DB8:0::1", true),
        ] {
            assert_eq!(of(&[own]).is_for(name), is_for, "{own} {name}");
        }
    }

    #[test]
    fn any_of_several_names_is_enough() {
        let certificate = of(&["a.example", "192.0.2.1", "b.example"]);
        for name in ["a.example", "b.example", "192.0.2.1"] {
            assert!(certificate.is_for(name), "{name}");
        }
        assert!(!certificate.is_for("c.example"));
        let shown = certificate.names().to_string();
        assert_eq!(shown, "a.example, 192.0.2.1, b.example");
    }

    #[test]
    fn a_common_name_alone_is_not_enough() {
        let certificate = of(&[]);
        assert!(!certificate.has_names());
        assert!(!certificate.is_for("rcgen self signed cert"));
        assert!(!certificate.is_for(""));
    }

    #[test]
    fn only_a_few_of_many_names_are_shown() {
        let names: Vec<_> = (0..100).map(|n| format!("n{n}.example")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let shown = of(&names).names().to_string();
        assert!(shown.ends_with("n5.example and 94 more"), "{shown}");
    }

    #[test]
    fn anything_but_a_certificate_is_rejected() {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("the name is valid");
        let der = made.cert.der();
        assert!(Certificate::read(der).is_some());
        for end in 0..der.len() {
            assert_eq!(Certificate::read(&der[..end]), None, "{end}");
        }
    }
}
