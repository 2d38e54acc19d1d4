//! TLS over a connection: the only door to native-tls.
//! Knows nothing of POP3 or of passwords.

use std::error::Error as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use native_tls::{HandshakeError, Protocol, TlsConnector, TlsConnectorBuilder};

use super::socket::Socket;
use crate::os::signals::{WaitError, is_interrupt};

mod certificate;
mod error;
mod hello;
mod identity;
mod pin;
mod records;

pub(crate) use certificate::{Certificate, Time};
use error::reason;
pub(crate) use error::{Alert, CertificateFault, Error, Untrusted};
pub(crate) use hello::Negotiated;
pub(crate) use identity::Files;
pub(crate) use pin::Pin;
use records::Records;

/// An encrypted connection to a server that proved its name.
#[derive(Debug)]
pub struct TlsStream(native_tls::TlsStream<Records>);

impl TlsStream {
    /// What the server chose for it.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.0.get_ref().negotiated()
    }

    /// The certificate that the server showed. The library keeps those above it to itself.
    pub fn certificate(&self) -> Option<Certificate> {
        let certificate = self.0.peer_certificate().ok()??;
        Certificate::read(&certificate.to_der().ok()?)
    }

    /// What both ends know of this connection and nobody between them can have on both sides: the
    /// hash of the server's certificate (`tls-server-end-point`, RFC 5929 section 4), where its
    /// signature has one.
    pub fn end_point(&self) -> Option<Vec<u8>> {
        self.0.tls_server_end_point().ok().flatten()
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(Alert::from_io)
    }
}

impl Write for TlsStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets).map_err(Alert::from_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(Alert::from_io)
    }
}

/// How a server proves who it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsOptions {
    /// What proves who we are, to a server that asks for it.
    pub identity: Option<Files>,
    /// The oldest version that will do.
    pub minimum: Version,
    /// The name that the server has to prove and is asked for (SNI), if it is not its own.
    pub name: Option<String>,
    /// What is believed.
    pub proof: Proof,
}

/// What is believed of a server that says who it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Proof {
    /// The name in a certificate for which an authority vouches: one in this PEM file, or without
    /// it one of the system's.
    Authority(Option<PathBuf>),
    /// Anything. Whoever can redirect the connection can read it.
    Nothing,
    /// The name in a certificate that the user knows by one of these. Who vouches for it, until
    /// when and for what does not matter then: the user's word is newer and nearer, and if it did
    /// matter, those whose own server has an old certificate would check nothing at all.
    Pins(Vec<Pin>),
}

impl Default for Proof {
    fn default() -> Self {
        Self::Authority(None)
    }
}

/// A version of TLS. What is older than 1.2 is broken (RFC 8996).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// What encrypts connections, prepared once for all servers with the same options: the library
/// reads each of the system's some hundred and forty authorities twice, which takes longer than a
/// session.
#[derive(Default)]
pub(crate) struct Connectors(Mutex<Vec<(TlsOptions, TlsConnector)>>);

/// How many are kept: each holds the authorities, and a thousand accounts may have as many pins.
const CONNECTORS: usize = 8;

impl Connectors {
    /// Prepares for a server that has to prove to be `host`, unless another name was said. It is
    /// always told which name is wanted (SNI), where that is no address.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub(crate) fn prepare(&self, options: &TlsOptions, host: &str) -> Result<Connector, Error> {
        Ok(Connector {
            library: self.library(options)?,
            name: options.name.as_deref().unwrap_or(host).to_owned(),
            options: options.clone(),
        })
    }

    fn library(&self, options: &TlsOptions) -> Result<TlsConnector, Error> {
        // Whoever wants the same waits for it meanwhile.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, library)) = kept.iter().find(|(known, _)| known == options) {
            return Ok(library.clone());
        }
        let library = library(options)?;
        if kept.len() == CONNECTORS {
            kept.remove(0);
        }
        kept.push((options.clone(), library.clone()));
        Ok(library)
    }
}

/// What encrypts connections to one server: its files are read, nothing is connected.
pub(crate) struct Connector {
    library: TlsConnector,
    name: String,
    options: TlsOptions,
}

impl Connector {
    /// Encrypts a connection once the server has proved who it is.
    ///
    /// # Errors
    /// The certificate is not trusted or not for this name, the handshake failed, or it took longer
    /// than `timeout`. Not one octet of ours but the handshake has been sent.
    pub(crate) fn connect(&self, socket: Socket, timeout: Duration) -> Result<TlsStream, Error> {
        let stream = self
            .handshake(&self.library, socket, timeout)
            .map_err(|error| self.refused(error))?;
        let certificate = stream.certificate();
        match self.fault(certificate.as_ref()) {
            None => Ok(stream),
            Some(fault) => Err(self.untrusted(fault, certificate)),
        }
    }

    /// What is wrong with a certificate that the library took.
    fn fault(&self, certificate: Option<&Certificate>) -> Option<CertificateFault> {
        let pins = match &self.options.proof {
            Proof::Authority(_) => None,
            Proof::Nothing => return None,
            Proof::Pins(pins) => Some(pins),
        };
        let Some(certificate) = certificate else {
            return Some(CertificateFault::Unreadable);
        };
        if pins.is_some_and(|pins| !pins.iter().any(|pin| pin.fits(certificate))) {
            return Some(CertificateFault::Pin);
        }
        // OpenSSL takes a common name for the server's where there is no other; this does not.
        (!certificate.is_for(&self.name)).then_some(CertificateFault::Name)
    }

    /// Looks at the certificate that a server shows, whoever it is, and leaves without a word: for
    /// an error to tell what was refused. The library keeps it to itself where it refuses.
    pub(crate) fn look(&self, socket: Socket, timeout: Duration) -> Option<Certificate> {
        let mut builder = builder(self.options.minimum);
        builder.danger_accept_invalid_certs(true);
        let library = built(&builder).ok()?;
        self.handshake(&library, socket, timeout)
            .ok()?
            .certificate()
    }

    fn handshake(
        &self,
        library: &TlsConnector,
        mut socket: Socket,
        timeout: Duration,
    ) -> Result<TlsStream, HandshakeError<Records>> {
        socket.begin_handshake(Instant::now() + timeout);
        let mut stream = library.connect(&self.name, Records::new(socket))?;
        stream.get_mut().socket().end_handshake();
        Ok(TlsStream(stream))
    }

    fn untrusted(&self, fault: CertificateFault, certificate: Option<Certificate>) -> Error {
        Box::new(Untrusted {
            name: self.name.clone(),
            fault,
            certificate,
        })
        .into()
    }

    fn refused(&self, error: HandshakeError<Records>) -> Error {
        let name = self.name.clone();
        let error = match error {
            HandshakeError::WouldBlock(_) => {
                let source = io::ErrorKind::TimedOut.into();
                return Error::Io { name, source };
            }
            HandshakeError::Failure(error) => error,
        };
        if let Some(source) = io_source(&error) {
            return Error::Io { name, source };
        }
        let text = error.to_string();
        // The library appends the result of the verification in brackets when it failed.
        let verification = text
            .strip_suffix(')')
            .and_then(|text| text.rsplit_once('('));
        match verification {
            Some((_, verification)) => self.untrusted(CertificateFault::of(verification), None),
            None => Error::Refused {
                name,
                why: reason(&text).to_owned(),
            },
        }
    }
}

fn library(options: &TlsOptions) -> Result<TlsConnector, Error> {
    let mut builder = builder(options.minimum);
    match &options.proof {
        Proof::Authority(None) => {}
        Proof::Authority(Some(path)) => {
            builder.disable_built_in_roots(true);
            for root in roots(path)? {
                builder.add_root_certificate(root);
            }
        }
        // The library checks the name with the chain or not at all.
        Proof::Nothing | Proof::Pins(_) => {
            builder.danger_accept_invalid_certs(true);
        }
    }
    if let Some(files) = &options.identity {
        builder.identity(files.identity()?);
    }
    built(&builder).map_err(|error| match (&options.identity, error) {
        // The key is compared with the certificate only here.
        (Some(files), Error::Refused { why, .. }) => {
            identity::unusable(&files.certificate, reason(&why).to_owned(), None)
        }
        (_, error) => error,
    })
}

fn builder(minimum: Version) -> TlsConnectorBuilder {
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(match minimum {
        Version::Tls12 => Protocol::Tlsv12,
        Version::Tls13 => Protocol::Tlsv13,
    }));
    builder
}

fn built(builder: &TlsConnectorBuilder) -> Result<TlsConnector, Error> {
    builder.build().map_err(|error| Error::Refused {
        name: "the TLS library".into(),
        why: error.to_string(),
    })
}

fn roots(path: &Path) -> Result<Vec<native_tls::Certificate>, Error> {
    let unusable = |why: String| Error::CaFile {
        path: path.to_owned(),
        why,
    };
    let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let roots = native_tls::Certificate::stack_from_pem(&pem);
    let roots = roots.map_err(|error| unusable(error.to_string()))?;
    match roots.is_empty() {
        true => Err(unusable("there is no PEM certificate in it".into())),
        false => Ok(roots),
    }
}

/// The error of the connection below the TLS library's, if that is what it was.
fn io_source(error: &native_tls::Error) -> Option<io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(if is_interrupt(io) {
                io::Error::other(WaitError::Interrupted)
            } else {
                io.kind().into()
            });
        }
        cause = error.source();
    }
    None
}
