//! The connection to a mail server that takes messages, up to the point where it is encrypted.

use crate::dial::{DialOptions, Security};
use crate::net::tls::Connectors;
use crate::net::{self, ConnectStep, Socket, Stream};
use crate::os::signals::Interrupt;

const FOREIGN_LISTENER: &str =
    "Use TLS, or set allow-cleartext = true if that user may have the mail";

/// Connects to a mail server.
pub(super) struct Connection<'a> {
    /// The server, the route, and the way in which it proves its name.
    pub options: &'a DialOptions,
    /// The TLS connectors, shared with other accounts.
    pub connectors: &'a Connectors,
    /// Ends every wait if the run should end.
    pub interrupt: &'a Interrupt,
}

impl Connection<'_> {
    /// Connects, and encrypts the connection if the options say so; `watcher` is called at each step.
    /// `start_tls` asks the server for TLS. With TLS it is the only thing that is sent before the server has
    /// proved its name.
    ///
    /// # Errors
    /// There is no connection or no TLS, or `start_tls` fails.
    pub(super) fn open<E: From<net::Error>>(
        &self,
        watcher: &dyn Fn(ConnectStep<'_>),
        start_tls: impl FnOnce(Socket) -> Result<Socket, E>,
    ) -> Result<Stream, E> {
        let Self {
            options, interrupt, ..
        } = self;
        let connector = match options.security {
            Security::None => {
                let socket = net::connect(&options.net, interrupt, watcher)?;
                if !options.allows_cleartext {
                    let endpoint = &options.net.endpoint;
                    net::require_own_listener(&socket, endpoint, FOREIGN_LISTENER)?;
                }
                return Ok(Stream::Plain(socket));
            }
            // The files that TLS needs are read first: if they are missing, nothing is connected.
            Security::StartTls | Security::Tls => self
                .connectors
                .prepare(&options.tls, options.net.endpoint.host())
                .map_err(net::Error::from)?,
        };
        let mut socket = net::connect(&options.net, interrupt, watcher)?;
        if options.security == Security::StartTls {
            socket = start_tls(socket)?;
        }
        let stream = connector
            .connect(socket, options.net.connect_timeout)
            .map_err(net::Error::from)?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}
