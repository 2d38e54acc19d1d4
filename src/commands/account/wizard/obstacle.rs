//! The obstacles that keep an account from being used, and the answers to them.

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
    /// The name has no address.
    NoAddress,
    /// Nobody answers at this port.
    NoAnswer,
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
            dial::Error::Net(net::Error::Resolve { .. }) => Self::NoAddress,
            dial::Error::Net(net::Error::Connect { .. }) => Self::NoAnswer,
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

    /// Returns true if it is in the way whether TLS is begun from the first octet or by STLS.
    pub(super) fn lasts(&self, has_port: bool) -> bool {
        match self {
            // A server that has shown a certificate would not greet without TLS.
            Self::Unknown { .. } | Self::Name | Self::NoAddress => true,
            Self::NoAnswer => has_port,
            Self::NoTls | Self::Other => false,
        }
    }
}
