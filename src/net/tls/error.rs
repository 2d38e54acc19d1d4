//! The errors of TLS, and what the user can do about them.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::Version;
use super::certificate::{Certificate, Time};
use super::pin::Pin;
use super::reasons;
use crate::exit::Exit;
use crate::os::secret_file::Exposed;
use crate::os::signals::is_interrupt;

/// The reason why there is no encrypted connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file of trusted certificates cannot be used.
    #[error("cannot use the certificates in {}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// The problem.
        why: String,
    },
    /// Others can read the key of the client certificate.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The client certificate or its key cannot be used.
    #[error("cannot use the client certificate in {}: {why}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// The problem.
        why: String,
        /// The hint.
        hint: Option<&'static str>,
    },
    /// The connection failed during the handshake.
    #[error("the TLS handshake with {name} failed: {source}")]
    Io {
        /// The server.
        name: String,
        /// The error of the connection.
        source: io::Error,
    },
    /// The server refuses the handshake, or has no version or cipher suite that mailpull allows.
    #[error("the TLS handshake with {name} failed: {}", explained(why, *minimum))]
    Refused {
        /// The server.
        name: String,
        /// The TLS library's reason.
        why: String,
        /// The oldest version that was allowed.
        minimum: Version,
    },
    /// The server did not prove its name. Nothing was sent to it.
    #[error(transparent)]
    Untrusted(#[from] Box<Untrusted>),
}

impl Error {
    /// Returns the hint: what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed(source) => source.hint(),
            Self::Identity { hint, .. } => hint.map(str::to_owned),
            Self::Refused { why, minimum, .. } => {
                reasons::explain(why, *minimum).map(|explained| explained.hint.to_owned())
            }
            Self::Untrusted(source) => Some(source.hint()),
            Self::CaFile { .. } | Self::Io { .. } => None,
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::CaFile { .. } | Self::Exposed(_) | Self::Identity { .. } => Exit::Configuration,
            Self::Io { .. } => Exit::Temporary,
            Self::Refused { .. } | Self::Untrusted(_) => Exit::Protocol,
        }
    }

    /// Returns true if the server does not speak TLS.
    pub(crate) fn is_not_tls(&self) -> bool {
        matches!(self, Self::Refused { why, .. } if reasons::is_not_tls(why))
    }

    /// Returns true if a signal caused it.
    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_interrupt(source))
    }
}

/// Returns a reason of the TLS library in our words, with its own in brackets.
fn explained(why: &str, minimum: Version) -> String {
    match reasons::explain(why, minimum).and_then(|explained| explained.sentence) {
        Some(sentence) => format!("{sentence} ({why})"),
        None => why.to_owned(),
    }
}

/// An error of the TLS library on an encrypted connection. Often it is an alert of the server: in
/// TLS 1.3 a server judges the client certificate only after the handshake.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Alert(pub String);

impl Alert {
    /// Converts an error of the library into an alert; any other error stays as it is.
    pub(super) fn from_io(error: io::Error) -> io::Error {
        match error.to_string() {
            text if text.starts_with("error:") => {
                io::Error::new(error.kind(), Self(reason(&text).to_owned()))
            }
            _ => error,
        }
    }

    /// Returns the alert in an error of a connection, if it carries one.
    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Returns the reason in an OpenSSL error, `error:CODE:library:function:reason:file:line:`.
pub(super) fn reason(text: &str) -> &str {
    match text.split(':').collect::<Vec<_>>()[..] {
        ["error", _, _, _, reason, ..] => reason,
        _ => text,
    }
}

/// A server that did not prove its name.
#[derive(Debug)]
pub(crate) struct Untrusted {
    /// The name that it should have proved.
    pub name: String,
    /// The problem.
    pub fault: CertificateFault,
    /// The certificate that it showed, if that is known.
    pub certificate: Option<Certificate>,
}

/// The problem with a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CertificateFault {
    /// It, or a certificate above it, has expired.
    Expired,
    /// No trusted authority has signed it; the TLS library's reason.
    Issuer(String),
    /// It is for another name, or has no name.
    Name,
    /// It, or a certificate above it, is not valid yet.
    NotYetValid,
    /// Another reason of the TLS library.
    Other(String),
    /// It is not among the pins.
    Pin,
    /// It is not made for servers.
    Purpose,
    /// It cannot be read.
    Unreadable,
}

impl CertificateFault {
    /// Reads the result of OpenSSL's verification. OpenSSL 3.0 changed the spelling of
    /// "self-signed".
    pub(super) fn of(verification: &str) -> Self {
        let text = verification.to_ascii_lowercase();
        match text.as_str() {
            "certificate has expired" => Self::Expired,
            "certificate is not yet valid" => Self::NotYetValid,
            "hostname mismatch" | "ip address mismatch" => Self::Name,
            "unsuitable certificate purpose" | "unsupported certificate purpose" => Self::Purpose,
            "unable to get issuer certificate"
            | "unable to get local issuer certificate"
            | "unable to verify the first certificate" => Self::Issuer(text),
            _ if text.starts_with("self-signed cert") || text.starts_with("self signed cert") => {
                Self::Issuer(text)
            }
            _ => Self::Other(verification.to_owned()),
        }
    }
}

impl std::error::Error for Untrusted {}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate of {} is not trusted: ", self.name)?;
        self.write_fault(f)?;
        if let Some(certificate) = &self.certificate {
            write!(f, " (it is for {})", certificate.names())?;
        }
        Ok(())
    }
}

impl Untrusted {
    fn write_fault(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.certificate.as_ref();
        let dated = shown.map(|certificate| (certificate.time(), certificate));
        match (&self.fault, dated) {
            (CertificateFault::Expired, Some((Time::After, it))) => {
                write!(f, "it expired on {}", it.last_day())
            }
            (CertificateFault::NotYetValid, Some((Time::Before, it))) => {
                write!(f, "it is not valid before {}", it.first_day())
            }
            (CertificateFault::Expired, _) => {
                f.write_str("it, or a certificate above it, has expired")
            }
            (CertificateFault::NotYetValid, _) => {
                f.write_str("it, or a certificate above it, is not valid yet")
            }
            (CertificateFault::Issuer(why), _) => f.write_str(match why.as_str() {
                "self-signed certificate" | "self signed certificate" => "it is self-signed",
                why if why.contains("certificate chain") => {
                    "the self-signed certificate at the end of its chain is unknown"
                }
                _ => "it is signed by an unknown authority",
            }),
            (CertificateFault::Name, Some((_, it))) if !it.has_names() => f.write_str(
                "it has no subjectAltName, and a common name alone does not count (RFC 9525)",
            ),
            (CertificateFault::Name, _) => f.write_str("it is for another name"),
            (CertificateFault::Other(why), _) => f.write_str(why),
            (CertificateFault::Pin, Some((_, it))) => write!(
                f,
                "neither it ({}) nor its key ({}) is in tls-pin",
                Pin::of(it),
                Pin::of_key(it)
            ),
            (CertificateFault::Pin, None) => f.write_str("it is not in tls-pin"),
            (CertificateFault::Purpose, _) => f.write_str("it is not made for a server"),
            (CertificateFault::Unreadable, _) => f.write_str("it cannot be read"),
        }
    }

    /// Returns the hint: what the user can do about it.
    fn hint(&self) -> String {
        match (&self.fault, &self.certificate) {
            (CertificateFault::Expired | CertificateFault::NotYetValid, _) => {
                "Ask the operator of the server to renew it, or set the clock of this machine"
                    .to_owned()
            }
            (CertificateFault::Issuer(_), Some(it)) => format!(
                "If the server is yours, name its CA in tls-ca-file, or compare the fingerprint and \
                 pin it: tls-pin = \"{}\"",
                Pin::of(it)
            ),
            (CertificateFault::Issuer(_), None) => {
                "If the server is yours, name its CA in tls-ca-file".to_owned()
            }
            (CertificateFault::Pin, _) => {
                "Add one of the two fingerprints if the operator of the server confirms it"
                    .to_owned()
            }
            (CertificateFault::Name, _) => {
                "Check \"server\"; if it is right, set tls-name to a name of the certificate"
                    .to_owned()
            }
            (
                CertificateFault::Other(_)
                | CertificateFault::Purpose
                | CertificateFault::Unreadable,
                _,
            ) => "Ask the operator of the server for another certificate".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_openssl_are_understood() {
        for (text, fault) in [
            ("certificate has expired", CertificateFault::Expired),
            (
                "certificate is not yet valid",
                CertificateFault::NotYetValid,
            ),
            ("Hostname mismatch", CertificateFault::Name),
            ("IP address mismatch", CertificateFault::Name),
            ("unsuitable certificate purpose", CertificateFault::Purpose),
            (
                "EE certificate key too weak",
                CertificateFault::Other("EE certificate key too weak".into()),
            ),
        ] {
            assert_eq!(CertificateFault::of(text), fault);
        }
        for text in [
            "self-signed certificate",
            "self signed certificate in certificate chain",
            "unable to get local issuer certificate",
        ] {
            assert_eq!(
                CertificateFault::of(text),
                CertificateFault::Issuer(text.into())
            );
        }
    }

    #[test]
    fn an_untrusted_certificate_has_a_fault_and_a_hint() {
        for (fault, text, hint) in [
            (
                CertificateFault::of("self-signed certificate"),
                "it is self-signed",
                "tls-ca-file",
            ),
            (
                CertificateFault::of("self signed certificate in certificate chain"),
                "the self-signed certificate at the end of its chain is unknown",
                "tls-ca-file",
            ),
            (
                CertificateFault::of("unable to get local issuer certificate"),
                "it is signed by an unknown authority",
                "tls-ca-file",
            ),
            (
                CertificateFault::Expired,
                "above it, has expired",
                "the clock",
            ),
            (CertificateFault::Name, "for another name", "tls-name"),
            (CertificateFault::Pin, "not in tls-pin", "fingerprints"),
            (CertificateFault::Purpose, "for a server", "operator"),
        ] {
            let untrusted = Untrusted {
                name: "pop.example.com".to_owned(),
                fault,
                certificate: None,
            };
            let shown = untrusted.to_string();
            assert!(shown.ends_with(text), "{shown}");
            assert!(untrusted.hint().contains(hint), "{}", untrusted.hint());
        }
    }
}
