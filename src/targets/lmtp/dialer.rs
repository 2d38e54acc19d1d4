//! Connects to the mail server, up to the point where it takes messages.

use std::time::Duration;

use super::{Error, LmtpOptions};
use crate::net::tls::{Connectors, TlsOptions};
use crate::net::{self, ConnectOptions, ConnectStep, Route, Socket, Stream};
use crate::os::signals::Interrupt;
use crate::smtp::{Envelope, EnvelopeAddress, LmtpSession};
use crate::trace::Trace;

/// The time that each address of the server has to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time that the server may be silent. It may need that for the last octet of a message:
/// RFC 5321 section 4.5.3.2 says 10 minutes.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);

const FOREIGN_LISTENER: &str =
    "Start your own server there, or set allow-cleartext = true if that user may have the mail";

/// Connects to an account's mail server.
pub(crate) struct LmtpDialer<'a> {
    /// The server and the recipient.
    pub options: &'a LmtpOptions,
    /// The TLS connectors, shared with other accounts.
    pub connectors: &'a Connectors,
    /// Makes the trace of a conversation, one for each connection.
    pub trace: Box<dyn Fn() -> Option<Trace> + Send + Sync + 'a>,
    /// Ends every wait if the run should end.
    pub interrupt: Interrupt,
}

impl LmtpDialer<'_> {
    /// Connects and introduces itself; `watcher` is called at each step. With TLS nothing but
    /// STARTTLS is sent before the server has proved its name.
    ///
    /// # Errors
    /// There is no connection, no TLS, or the server does not speak LMTP.
    pub(crate) fn open(
        &self,
        watcher: &dyn Fn(ConnectStep<'_>),
    ) -> Result<LmtpSession<Stream>, Error> {
        let options = self.options;
        let trace = (self.trace)();
        if !options.is_encrypted {
            let socket = self.connect(watcher)?;
            if !options.allows_cleartext {
                net::require_own_listener(&socket, &options.endpoint, FOREIGN_LISTENER)?;
            }
            return LmtpSession::open(Stream::Plain(socket), trace)
                .map_err(|source| Error::session(options, source));
        }
        let host = options.endpoint.host();
        let connector = self
            .connectors
            .prepare(&TlsOptions::default(), host)
            .map_err(net::Error::from)?;
        let (socket, trace) = LmtpSession::open(self.connect(watcher)?, trace)
            .and_then(LmtpSession::start_tls)
            .map_err(|source| Error::session(options, source))?;
        let stream = connector
            .connect(socket, CONNECT_TIMEOUT)
            .map_err(net::Error::from)?;
        LmtpSession::resume(Stream::Tls(Box::new(stream)), trace)
            .map_err(|source| Error::session(options, source))
    }

    /// Asks the server if it would take messages for the recipient. Delivers nothing.
    ///
    /// # Errors
    /// It would not, or the session fails.
    pub(crate) fn check(&self, session: &mut LmtpSession<Stream>) -> Result<(), Error> {
        let envelope = Envelope {
            sender: EnvelopeAddress::nobody(),
            recipient: self.options.recipient.clone(),
        };
        let checked = session.check(&envelope);
        checked.map_err(|source| Error::session(self.options, source))
    }

    fn connect(&self, watcher: &dyn Fn(ConnectStep<'_>)) -> Result<Socket, Error> {
        let options = ConnectOptions {
            endpoint: self.options.endpoint.clone(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            route: Route::Direct(None),
        };
        Ok(net::connect(&options, &self.interrupt, watcher)?)
    }
}
