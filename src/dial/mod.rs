//! From an address to a logged-in session: connect, greeting, STLS, TLS, capabilities, login. This
//! is the only module that decides what may be sent without TLS.

use crate::net::{self, Stream, tls};
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;
use crate::pop3::{self, Authorization, SessionHints, Transaction};
use crate::text::ServerText;
use crate::trace::Trace;

pub(crate) mod auth;
mod error;
mod login;
#[cfg(test)]
mod tests;

pub(crate) use crate::pop3::Mechanism;
pub(crate) use auth::Auth;
pub(crate) use error::{Error, LoginHistory};

use login::{GreetedSession, LoginAttempts};

/// The options to reach a mailbox and to log in.
#[derive(Clone, Debug)]
pub struct DialOptions {
    /// The server's address, the route to it and the timeouts.
    pub(crate) net: net::ConnectOptions,
    /// The protection of the connection.
    pub security: Security,
    /// True if cleartext may go to anybody (`allow-cleartext`).
    pub allows_cleartext: bool,
    /// The way in which the server proves its name.
    pub tls: tls::TlsOptions,
    /// The user's name, sent as it is.
    pub user: String,
    /// The way to log in.
    pub auth: Auth,
}

/// The protection of a connection. There is no opportunistic mode: other clients sent passwords
/// without TLS that way (fetchmail-SA-2006-02, CVE-2021-22946).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Security {
    /// Not protected.
    None,
    /// STLS (RFC 2595) before anything else; if it is refused, the session ends.
    StartTls,
    /// TLS from the first octet (RFC 8314).
    #[default]
    Tls,
}

/// A step between an address and a session, for those who watch.
#[derive(Clone, Copy)]
pub(crate) enum DialStep<'a> {
    /// The server's announcement before the login; after STLS, if that was used.
    Announced(&'a [ServerText]),
    /// The mechanism that was chosen; `None` if no login is needed.
    Chosen(Option<Mechanism>),
    /// The connection is encrypted, and the server has proved its name as far as that was required.
    Encrypted(&'a tls::TlsStream),
    /// The server greeted.
    Greeted(&'a ServerText),
    /// A step on the way to the server.
    Net(net::ConnectStep<'a>),
    /// The server did not prove its name: the error follows.
    Untrusted(&'a tls::Untrusted),
}

/// Checks that a server answers, encrypts and proves its name. It does not log in.
///
/// # Errors
/// As those of [`Dialer::dial`] before the login.
pub(crate) fn probe(options: &DialOptions, interrupt: &Interrupt) -> Result<(), Error> {
    let dialer = Dialer {
        options,
        connectors: &tls::Connectors::default(),
        secret: &Secret::unneeded(),
        trace: &|| None,
        interrupt,
        watcher: &|_| {},
    };
    dialer.open(&SessionHints::default()).map(drop)
}

const FOREIGN_LISTENER: &str =
    "Use TLS, or set allow-cleartext = true if that user may have the password";

/// Connects to one account's server.
pub(crate) struct Dialer<'a> {
    /// The server and the user.
    pub options: &'a DialOptions,
    /// The TLS connectors, shared with other accounts.
    pub connectors: &'a tls::Connectors,
    /// The password, or an access token if the mechanism takes one; empty if no secret is needed.
    pub secret: &'a Secret,
    /// Makes the trace of a conversation, without secrets; one for each connection.
    pub trace: &'a dyn Fn() -> Option<Trace>,
    /// Ends every wait if the run should end.
    pub interrupt: &'a Interrupt,
    /// Is called at each step.
    pub watcher: &'a dyn Fn(DialStep<'_>),
}

impl Dialer<'_> {
    /// Connects and logs in.
    ///
    /// # Errors
    /// There is no connection, no TLS, or no login. The password was not sent before the server had
    /// proved its name, unless `security` is `none`.
    pub(crate) fn dial(&self, hints: &SessionHints) -> Result<Transaction<Stream>, Error> {
        let login = LoginAttempts {
            options: self.options,
            secret: self.secret,
            watcher: self.watcher,
            open: |hints: &SessionHints| self.open(hints),
        };
        login.log_in(hints)
    }

    /// Connects, up to the greeting. The files that TLS needs are read first, so that nothing is
    /// connected if they are missing.
    fn open(&self, hints: &SessionHints) -> Result<GreetedSession<Stream>, Error> {
        let options = self.options;
        if options.security == Security::None {
            let socket = self.connect(self.watcher)?;
            if !options.allows_cleartext {
                net::require_own_listener(&socket, &options.net.endpoint, FOREIGN_LISTENER)?;
            }
            return Ok(GreetedSession {
                session: self.greet(
                    Stream::Plain(socket),
                    hints,
                    (self.trace)(),
                    Error::at_clear_greeting,
                )?,
                end_point: None,
            });
        }
        let connector = self
            .connectors
            .prepare(&options.tls, options.net.endpoint.host())
            .map_err(net::Error::from)?;
        let (socket, trace) = self.reach(hints, (self.trace)(), self.watcher)?;
        let stream = connector
            .connect(socket, options.net.connect_timeout)
            .map_err(|error| match options.security {
                Security::StartTls if error.is_not_tls() => Error::StartTls {
                    endpoint: options.net.endpoint.clone(),
                    source: pop3::Error::InClear,
                },
                _ => self.with_certificate(error, &connector, hints),
            })?;
        (self.watcher)(DialStep::Encrypted(&stream));
        let end_point = stream.end_point();
        let stream = Stream::Tls(Box::new(stream));
        let session = if options.security == Security::StartTls {
            Authorization::resume(stream, hints, trace)
        } else {
            self.greet(stream, hints, trace, Error::in_session)?
        };
        Ok(GreetedSession { session, end_point })
    }

    fn connect(&self, watcher: &dyn Fn(DialStep<'_>)) -> Result<net::Socket, Error> {
        let watcher = |step: net::ConnectStep<'_>| watcher(DialStep::Net(step));
        Ok(net::connect(&self.options.net, self.interrupt, &watcher)?)
    }

    fn greet(
        &self,
        stream: Stream,
        hints: &SessionHints,
        trace: Option<Trace>,
        error: impl Fn(&net::Endpoint, pop3::Error) -> Error,
    ) -> Result<Authorization<Stream>, Error> {
        let session = Authorization::open(stream, hints, trace)
            .map_err(|source| error(&self.options.net.endpoint, source))?;
        session
            .greeting()
            .inspect(|said| (self.watcher)(DialStep::Greeted(said)));
        Ok(session)
    }

    /// Connects, up to the point where TLS begins. STLS is sent whether or not it is announced, and
    /// there is no way back to cleartext: an attacker who removes the announcement could otherwise
    /// read everything that follows.
    fn reach(
        &self,
        hints: &SessionHints,
        trace: Option<Trace>,
        watcher: &dyn Fn(DialStep<'_>),
    ) -> Result<(net::Socket, Option<Trace>), Error> {
        let endpoint = &self.options.net.endpoint;
        let socket = self.connect(watcher)?;
        if self.options.security != Security::StartTls {
            return Ok((socket, trace));
        }
        let session = Authorization::open(socket, hints, trace)
            .map_err(|source| Error::at_clear_greeting(endpoint, source))?;
        session
            .greeting()
            .inspect(|said| watcher(DialStep::Greeted(said)));
        session.stls().map_err(|source| Error::StartTls {
            endpoint: endpoint.clone(),
            source,
        })
    }

    /// Adds the certificate to an error about one. OpenSSL does not show a certificate that it
    /// refuses, so a second connection reads it, on which nothing is sent. If that fails, the first
    /// error is reported as it is.
    fn with_certificate(
        &self,
        error: tls::Error,
        connector: &tls::Connector,
        hints: &SessionHints,
    ) -> Error {
        let tls::Error::Untrusted(mut untrusted) = error else {
            return net::Error::from(error).into();
        };
        if untrusted.certificate.is_none() {
            let reached = self.reach(hints, None, &|_| {});
            untrusted.certificate = reached
                .ok()
                .and_then(|(socket, _)| connector.look(socket, self.options.net.connect_timeout));
        }
        (self.watcher)(DialStep::Untrusted(&untrusted));
        net::Error::Tls(untrusted.into()).into()
    }
}
