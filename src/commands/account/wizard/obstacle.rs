//! What keeps an account from being used, and what may help.

use crate::commands::account::discovery::ProbeError;
use crate::dial;
use crate::net::{self, tls};

/// The kind of an obstacle on the way to a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Obstacle {
    /// Nobody vouches for the certificate. This pin would.
    Unknown { pin: String },
    /// The certificate is for another server.
    Name,
    /// The server speaks no TLS where TLS should begin.
    NoTls,
    /// Another one.
    Other,
}

impl Obstacle {
    pub(super) fn of(error: &ProbeError) -> Self {
        let ProbeError::Dial(error) = error else {
            return Self::Other;
        };
        match error {
            dial::Error::Net(net::Error::Tls(error)) => match error {
                tls::Error::Untrusted(untrusted) => Self::of_certificate(untrusted),
                error if error.is_not_tls() => Self::NoTls,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }

    fn of_certificate(untrusted: &tls::Untrusted) -> Self {
        match (&untrusted.fault, &untrusted.certificate) {
            (tls::CertificateFault::Issuer(_), Some(certificate)) => Self::Unknown {
                pin: tls::Pin::of(certificate).to_string(),
            },
            (tls::CertificateFault::Name, _) => Self::Name,
            _ => Self::Other,
        }
    }

    /// Returns true if the server has begun TLS, and its certificate is the obstacle.
    pub(super) fn is_of_certificate(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Name)
    }
}
