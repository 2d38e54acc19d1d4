//! TLS over a connection: the only door to native-tls.
//! Knows nothing of POP3 or of passwords.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, io};

use native_tls::{Certificate, HandshakeError, Protocol, TlsConnector};

use super::socket::Socket;
use crate::exit::Exit;
use crate::interrupt::{Broken, is_interrupt};

/// An encrypted connection to a server that proved its name.
pub type TlsStream = native_tls::TlsStream<Socket>;

/// Whom to trust.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// PEM certificates that replace the system's roots.
    pub ca_file: Option<PathBuf>,
}

/// Why there is no encrypted connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of trusted certificates cannot be used.
    #[error("cannot use the certificates in {}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The connection failed before it was encrypted.
    #[error("the TLS handshake with {name} failed: {source}")]
    Io {
        /// The server.
        name: String,
        /// What the connection said.
        source: io::Error,
    },
    /// The server and we have no common ground.
    #[error(
        "the TLS handshake with {name} failed: {why}; a server that begins without TLS needs \
         security = \"starttls\""
    )]
    Refused {
        /// The server.
        name: String,
        /// What the TLS library said.
        why: String,
    },
    /// The server did not prove who it is. Nothing was sent to it.
    #[error(
        "the certificate of {name} is not trusted: {why}; if it is your own server, name its CA \
         in tls-ca-file"
    )]
    Untrusted {
        /// The server.
        name: String,
        /// What the verification said.
        why: String,
    },
}

impl Error {
    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::CaFile { .. } => Exit::Configuration,
            Self::Io { .. } => Exit::Temporary,
            Self::Refused { .. } | Self::Untrusted { .. } => Exit::Protocol,
        }
    }

    /// Whether a signal caused it.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_interrupt(source))
    }
}

/// Encrypts a connection once the server has proved to be `name`. TLS 1.2 at least, SNI always.
///
/// # Errors
/// The certificate is not trusted or not for this name, the handshake failed, or it took longer
/// than `timeout`. Not one octet of ours but the handshake has been sent.
pub fn connect(
    mut socket: Socket,
    name: &str,
    options: &Options,
    timeout: Duration,
) -> Result<TlsStream, Error> {
    let connector = connector(options)?;
    socket.begin_handshake(Instant::now() + timeout);
    let mut stream = connector
        .connect(name, socket)
        .map_err(|error| refused(name, error))?;
    stream.get_mut().end_handshake();
    Ok(stream)
}

fn connector(options: &Options) -> Result<TlsConnector, Error> {
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    if let Some(path) = &options.ca_file {
        let unusable = |why: String| Error::CaFile {
            path: path.clone(),
            why,
        };
        let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let roots =
            Certificate::stack_from_pem(&pem).map_err(|error| unusable(error.to_string()))?;
        if roots.is_empty() {
            return Err(unusable("there is no PEM certificate in it".into()));
        }
        builder.disable_built_in_roots(true);
        for root in roots {
            builder.add_root_certificate(root);
        }
    }
    builder.build().map_err(|error| Error::Refused {
        name: "the TLS library".into(),
        why: error.to_string(),
    })
}

fn refused(name: &str, error: HandshakeError<Socket>) -> Error {
    let name = name.to_owned();
    match error {
        HandshakeError::WouldBlock(_) => Error::Io {
            name,
            source: io::ErrorKind::TimedOut.into(),
        },
        HandshakeError::Failure(error) => {
            if let Some(source) = io_source(&error) {
                return Error::Io { name, source };
            }
            let text = error.to_string();
            // The library appends the result of the verification in brackets when it failed.
            match text
                .strip_suffix(')')
                .and_then(|text| text.rsplit_once('('))
            {
                Some((_, why)) => Error::Untrusted {
                    name,
                    why: why.to_owned(),
                },
                None => Error::Refused {
                    name,
                    why: reason(&text).to_owned(),
                },
            }
        }
    }
}

/// What OpenSSL means by `error:CODE:library:function:reason:file:line:`.
fn reason(text: &str) -> &str {
    match text.split(':').collect::<Vec<_>>()[..] {
        ["error", _, _, _, reason, ..] => reason,
        _ => text,
    }
}

/// The error of the connection below the TLS library's, if that is what it was.
fn io_source(error: &native_tls::Error) -> Option<io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(if is_interrupt(io) {
                io::Error::other(Broken::Interrupted)
            } else {
                io.kind().into()
            });
        }
        cause = error.source();
    }
    None
}
