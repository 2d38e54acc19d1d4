//! TLS over a connection. This is the only module that uses native-tls.

use std::error::Error as _;
use std::io;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use native_tls::{HandshakeError, Protocol, TlsConnector, TlsConnectorBuilder};

use super::socket::Socket;
use crate::os::secret_file::{CheckedFile, FileError};
use crate::os::signals::{WaitError, is_interrupt};
use crate::pace::{Pace, Paced};

mod certificate;
mod error;
mod hello;
mod identity;
mod pin;
mod reasons;
mod records;

pub(crate) use certificate::{Certificate, Time};
use error::reason;
pub(crate) use error::{Alert, CertificateFault, Error, Untrusted};
pub(crate) use hello::Negotiated;
pub(crate) use identity::Files;
pub(crate) use pin::Pin;
use records::Records;

/// An encrypted connection. The server has proved its name as the account's [`Proof`] requires.
#[derive(Debug)]
pub(crate) struct TlsStream(native_tls::TlsStream<Records>);

impl TlsStream {
    /// Returns the version and the cipher suite.
    pub(crate) fn negotiated(&self) -> Option<Negotiated> {
        self.0.get_ref().negotiated()
    }

    /// Returns true if nothing has arrived, not even the end of the connection.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.get_ref().is_quiet()
    }

    /// Sets one deadline for all that follows.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.0.get_mut().socket().set_deadline(deadline);
    }

    /// Returns the certificate that the server showed. The library does not show those above it.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        let certificate = self.0.peer_certificate().ok()??;
        Certificate::read(&certificate.to_der().ok()?)
    }

    /// Returns the value to which a login can be bound: the hash of the server's certificate
    /// (`tls-server-end-point`, RFC 5929 section 4). An attacker in the middle shows another
    /// certificate. Returns `None` if the signature algorithm of the certificate has no hash.
    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        self.0.tls_server_end_point().ok().flatten()
    }
}

impl Paced for TlsStream {
    fn pace(&self) -> Pace {
        self.0.get_ref().pace()
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

/// The settings of an account for TLS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsOptions {
    /// The client certificate, for a server that requires one.
    pub identity: Option<Files>,
    /// The oldest version that is allowed.
    pub minimum: Version,
    /// The name that the server must prove, which is also sent to it (SNI). If `None`, it is the
    /// host's name.
    pub name: Option<String>,
    /// The proof that the server must give of its name.
    pub proof: Proof,
}

/// The proof that a server must give of its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Proof {
    /// A certificate with the name, signed by an authority: one in this PEM file or, if `None`, one
    /// that the system trusts.
    Authority(Option<PathBuf>),
    /// No proof. Anybody who can redirect the connection can read it.
    Nothing,
    /// A certificate with the name that matches one of these pins. Its signature, dates and purpose
    /// are not checked, because the user has confirmed it. If they were checked, the owners of
    /// servers with an expired certificate would switch off all checks.
    Pins(Vec<Pin>),
}

impl Default for Proof {
    fn default() -> Self {
        Self::Authority(None)
    }
}

/// A version of TLS. Older versions are insecure (RFC 8996).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The TLS connectors, prepared once for all servers with the same options. The library reads each
/// of the system's authorities twice, about 140 of them, which takes longer than a whole session.
#[derive(Default)]
pub(crate) struct Connectors(Mutex<Vec<(TlsOptions, TlsConnector)>>);

/// The most connectors that are kept. Each holds all authorities, and a thousand accounts can have
/// a thousand pins.
const CONNECTORS: usize = 8;

impl Connectors {
    /// Prepares a connector for a server that must prove to be `host`, unless the options have
    /// another name. The name is always sent to the server (SNI) unless it is an address: Google
    /// refuses TLS 1.3 without SNI.
    ///
    /// # Errors
    /// A file cannot be used.
    pub(crate) fn prepare(&self, options: &TlsOptions, host: &str) -> Result<Connector, Error> {
        Ok(Connector {
            library: self.library(options)?,
            name: options.name.as_deref().unwrap_or(host).to_owned(),
            options: options.clone(),
        })
    }

    /// Forgets all connectors, so that files are read again.
    pub(crate) fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn library(&self, options: &TlsOptions) -> Result<TlsConnector, Error> {
        // The lock is held meanwhile, so that other threads wait for this connector instead of
        // making their own.
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

/// A connector for one server. Its files are read already.
pub(crate) struct Connector {
    library: TlsConnector,
    name: String,
    options: TlsOptions,
}

impl Connector {
    /// Begins TLS, and checks that the server proves its name.
    ///
    /// # Errors
    /// The certificate is not trusted or not for this name, the handshake failed, or it took longer
    /// than `timeout`. Nothing but the handshake was sent.
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

    /// Returns what is wrong with a certificate that the library has accepted.
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
        // OpenSSL accepts the common name if there is no other name. RFC 9525 does not. With pins,
        // OpenSSL checks no name at all.
        (!certificate.is_for(&self.name)).then_some(CertificateFault::Name)
    }

    /// Returns the certificate that a server shows, without any check, and sends nothing: an error
    /// can then show the certificate that was refused. The library does not show a certificate that
    /// it refuses.
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
        // The library appends the result of a failed verification in brackets.
        let verification = text
            .strip_suffix(')')
            .and_then(|text| text.rsplit_once('('));
        match verification {
            Some((_, verification)) => self.untrusted(CertificateFault::of(verification), None),
            None => Error::Refused {
                name,
                why: reason(&text).to_owned(),
                minimum: self.options.minimum,
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
        // The library checks either both name and signatures, or neither. So `Connector::fault`
        // checks the pin and the name after the handshake.
        Proof::Nothing | Proof::Pins(_) => {
            builder.danger_accept_invalid_certs(true);
        }
    }
    if let Some(files) = &options.identity {
        builder.identity(files.identity()?);
    }
    built(&builder).map_err(|error| match (&options.identity, error) {
        // Only here does the library compare the key with the certificate.
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
        minimum: Version::default(),
    })
}

fn roots(path: &Path) -> Result<Vec<native_tls::Certificate>, Error> {
    let unusable = |why: String| Error::CaFile {
        path: path.to_owned(),
        why,
    };
    let pem = CheckedFile::read(path).map_err(|error| match error {
        FileError::Exposed(exposed) => exposed.into(),
        FileError::System(source) => unusable(source.to_string()),
    })?;
    // Whoever can add a certificate can pose as the server.
    pem.require_ours()?;
    pem.require_unwritable()?;
    let roots = native_tls::Certificate::stack_from_pem(pem.octets());
    let roots = roots.map_err(|error| unusable(error.to_string()))?;
    if roots.is_empty() {
        return Err(unusable("there is no PEM certificate in it".into()));
    }
    Ok(roots)
}

/// Returns the error of the connection that caused an error of the library, if any did.
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
