//! Connects to the IMAP server and logs in.

use super::{Error, ImapOptions};
use crate::dial::Security;
use crate::exit::Failure;
use crate::imap::ImapSession;
use crate::net::tls::Connectors;
use crate::net::{ConnectStep, Stream};
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;
use crate::sasl::{Credentials, Mechanism};
use crate::targets::connection::Connection;
use crate::trace::Trace;

/// The mechanisms of which the server learns no password, the strongest first.
const HIDING: [Mechanism; 2] = [Mechanism::ScramSha256, Mechanism::ScramSha1];

/// Connects to an IMAP server.
pub(crate) struct ImapDialer<'a> {
    /// The server, the user and the folder.
    pub options: &'a ImapOptions,
    /// The TLS connectors, shared with other accounts.
    pub connectors: &'a Connectors,
    /// Obtains the password. It is called once there is a message for the server.
    pub secret: Box<dyn Fn() -> Result<Secret, Failure> + Send + Sync + 'a>,
    /// Makes the trace of a conversation, without secrets; one for each connection.
    pub trace: Box<dyn Fn() -> Option<Trace> + Send + Sync + 'a>,
    /// Ends every wait if the run should end.
    pub interrupt: Interrupt,
}

impl ImapDialer<'_> {
    /// Connects and logs in; `watcher` is called at each step. The password is not sent before the server has
    /// proved its name, unless `security` is `none`.
    ///
    /// # Errors
    /// There is no password, no connection, no TLS or no login.
    pub(crate) fn open(
        &self,
        watcher: &dyn Fn(ConnectStep<'_>),
    ) -> Result<ImapSession<Stream>, Error> {
        let options = self.options;
        let secret = (self.secret)().map_err(Error::Secret)?;
        let connection = Connection {
            options: &options.dial,
            connectors: self.connectors,
            interrupt: &self.interrupt,
        };
        let mut trace = (self.trace)();
        let stream = connection.open(watcher, |socket| {
            let session = ImapSession::open(socket, trace.take());
            let started = session.and_then(ImapSession::start_tls);
            let (socket, traced) = started.map_err(|source| Error::session(options, source))?;
            trace = traced;
            Ok::<_, Error>(socket)
        })?;
        let session = match options.dial.security {
            Security::StartTls => ImapSession::resume(stream, trace),
            Security::None | Security::Tls => ImapSession::open(stream, trace),
        };
        let mut session = session.map_err(|source| Error::session(options, source))?;
        self.log_in(&mut session, &secret)?;
        Ok(session)
    }

    fn log_in(&self, session: &mut ImapSession<Stream>, secret: &Secret) -> Result<(), Error> {
        let options = self.options;
        if session.is_preauthenticated() {
            // A server that listens to this user alone needs no password.
            return match options.dial.net.stays_here() {
                true => Ok(()),
                false => Err(Error::PreAuthenticated(options.to_string())),
            };
        }
        let is_private = options.dial.security != Security::None || options.dial.net.stays_here();
        let capabilities = session.capabilities();
        let hiding = HIDING
            .into_iter()
            .find(|mechanism| capabilities.has_mechanism(mechanism.name()));
        let mechanism = match hiding {
            Some(mechanism) => Some(mechanism),
            None if !is_private => return Err(Error::Readable(options.to_string())),
            None => Some(Mechanism::Plain).filter(|plain| capabilities.has_mechanism(plain.name())),
        };
        let user = options.dial.user.as_str();
        let logged_in = match mechanism {
            None => session.login(user, secret),
            Some(mechanism) => {
                let credentials = Credentials {
                    user,
                    secret,
                    host: options.dial.net.endpoint.host(),
                    binding: None,
                };
                session.authenticate(mechanism, &credentials)
            }
        };
        logged_in.map_err(|source| Error::session(options, source))
    }
}
