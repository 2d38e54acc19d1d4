//! From an address to a logged-in session: connect, greeting, STLS, capabilities, login.
//! Knows nothing of messages; "TLS unless told otherwise" is decided here only.

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::net::{self, Stream, tls};
use crate::pop3::{self, Acquaintance, Authorization, Credentials, Opening, Trace, Transaction};
use crate::secret::Secret;

pub mod choice;

pub use crate::pop3::Mechanism;
pub use choice::{Auth, NoWay};

use choice::{Exposure, Offer};

/// How to reach a maildrop and log in.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the server is, and how long to wait for it.
    pub net: net::Options,
    /// How the connection is protected.
    pub security: Security,
    /// Whom to trust.
    pub tls: tls::Options,
    /// The user's name, sent as it is.
    pub user: String,
    /// How to log in.
    pub auth: Auth,
}

/// How the connection is protected. There is no opportunistic mode (SA-2006-02, CVE-2021-22946).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Security {
    /// Not at all.
    None,
    /// STLS (RFC 2595) before anything else; refused or missing, it ends the session.
    StartTls,
    /// TLS from the first octet (RFC 8314).
    #[default]
    Tls,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server breaks off where it is asked for its capabilities.
    #[error("connecting to {endpoint}: {source}")]
    Capabilities {
        /// The server.
        endpoint: net::Endpoint,
        /// What happened.
        source: pop3::Error,
    },
    /// The server refused the login.
    #[error("logging in as {user}: {source}{}", self.advice())]
    Login {
        /// The user.
        user: String,
        /// What the server said.
        source: pop3::Error,
    },
    /// The server has no way to log in that is wanted.
    #[error("logging in as {user}: {source}")]
    NoWay {
        /// The user.
        user: String,
        /// Why.
        source: NoWay,
    },
    /// There is no connection.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// The session failed before the login.
    #[error("connecting to {endpoint}: {source}")]
    Session {
        /// The server.
        endpoint: net::Endpoint,
        /// Why it failed.
        source: pop3::Error,
    },
    /// The server does not encrypt.
    #[error(
        "asking {endpoint} for TLS: {source}; nothing secret was sent. If the server offers TLS \
         on port 995, set security = \"tls\""
    )]
    StartTls {
        /// The server.
        endpoint: net::Endpoint,
        /// Why it failed.
        source: pop3::Error,
    },
}

impl Error {
    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Login { source, .. } => match source.refusal() {
                Some(refusal) if !refusal.is_transient() => Exit::LoginRefused,
                _ => source.exit(),
            },
            Self::NoWay { .. } => Exit::Unavailable,
            Self::Net(source) => source.exit(),
            Self::Capabilities { source, .. } | Self::Session { source, .. } => source.exit(),
            // Refusing to encrypt is never something to wait for: it may be an attack.
            Self::StartTls { source, .. } => match source {
                pop3::Error::Refused { .. } => Exit::Protocol,
                source => source.exit(),
            },
        }
    }

    /// Whether a signal caused it.
    pub fn is_interrupt(&self) -> bool {
        match self {
            Self::Net(source) => source.is_interrupt(),
            Self::NoWay { .. } => false,
            Self::Capabilities { source, .. }
            | Self::Login { source, .. }
            | Self::Session { source, .. }
            | Self::StartTls { source, .. } => source.is_interrupt(),
        }
    }

    /// Whether the server did not answer a login as one that it is known to understand.
    fn is_surprise(&self) -> bool {
        let Self::Login { source, .. } = self else {
            return false;
        };
        matches!(source, pop3::Error::Changed | pop3::Error::Closed(_)) || source.is_out_of_step()
    }

    fn advice(&self) -> &'static str {
        match self.exit() {
            Exit::LoginRefused => {
                "; check user and password, and whether the provider wants POP3 switched on or an \
                 app password"
            }
            _ => "",
        }
    }
}

/// Whom to call, and as whom.
pub struct Call<'a> {
    /// How.
    pub options: &'a Options,
    /// What encrypts, prepared for those who were called before.
    pub connectors: &'a tls::Connectors,
    /// What proves who we are: a password, or an access token where the mechanism takes one;
    /// nothing where none is needed.
    pub secret: &'a Secret,
    /// What sees the conversations, without secrets; one for each connection.
    pub trace: &'a dyn Fn() -> Option<Trace>,
    /// Whether the run shall end.
    pub interrupt: &'a Interrupt,
}

impl Call<'_> {
    /// Connects and logs in. A server that breaks off where what is remembered of it was relied on,
    /// or because it was asked for capabilities (fetchmail's FAQ knows some), is called once more
    /// without that.
    ///
    /// # Errors
    /// No connection, no TLS, or no login. The password was not sent before the server had proved
    /// who it is, unless `security` is `none`.
    pub fn make(&self, opening: &Opening) -> Result<Transaction<Stream>, Error> {
        match self.attempt(opening) {
            Err(error) if opening.acquaintance.is_some() && error.is_surprise() => {
                let from_scratch = Opening {
                    acquaintance: None,
                    ..opening.clone()
                };
                self.attempt(&from_scratch)
            }
            Err(Error::Capabilities { .. }) => self.attempt(&Opening {
                acquaintance: Some(Acquaintance::Mute),
                ..opening.clone()
            }),
            attempted => attempted,
        }
    }

    fn attempt(&self, opening: &Opening) -> Result<Transaction<Stream>, Error> {
        let (mut session, binding) = self.open(opening)?;
        let capabilities = session
            .capabilities()
            .map_err(|source| self.failed_at_capabilities(source))?;
        let offer = Offer {
            capabilities,
            exposure: self.exposure(),
            can_bind: binding.is_some(),
            before: opening.login,
        };
        let user = &self.options.user;
        let chosen = offer
            .choose(self.options.auth)
            .map_err(|source| Error::NoWay {
                user: user.clone(),
                source,
            })?;
        let credentials = Credentials {
            user,
            secret: self.secret,
            host: self.options.net.endpoint.host(),
            binding: binding.as_deref(),
        };
        match chosen {
            Some(mechanism) => session.login(mechanism, &credentials),
            None => session.login_needless(),
        }
        .map_err(|source| Error::Login {
            user: user.clone(),
            source,
        })
    }

    fn exposure(&self) -> Exposure {
        match self.options.security {
            Security::None if self.options.net.stays_here() => Exposure::Here,
            Security::None => Exposure::Anyone,
            Security::StartTls | Security::Tls => Exposure::Tls,
        }
    }

    /// Connects, up to the greeting; what a login can be bound to comes with it. What TLS needs of
    /// this machine is looked for before.
    fn open(&self, opening: &Opening) -> Result<(Authorization<Stream>, Option<Vec<u8>>), Error> {
        let options = self.options;
        if options.security == Security::None {
            let stream = Stream::Plain(net::connect(&options.net, self.interrupt)?);
            return match Authorization::open(stream, opening, (self.trace)()) {
                Ok(session) => Ok((session, None)),
                Err(source) => Err(self.failed(source)),
            };
        }
        let connector = self
            .connectors
            .prepare(&options.tls, options.net.endpoint.host())
            .map_err(net::Error::from)?;
        let (socket, trace) = self.reach(opening, (self.trace)())?;
        let stream = connector
            .connect(socket, options.net.connect_timeout)
            .map_err(|error| self.looked_into(error, &connector, opening))?;
        let binding = stream.end_point();
        let stream = Stream::Tls(Box::new(stream));
        let session = match options.security {
            Security::StartTls => Authorization::resume(stream, opening, trace),
            _ => {
                Authorization::open(stream, opening, trace).map_err(|source| self.failed(source))?
            }
        };
        Ok((session, binding))
    }

    /// Connects, up to where TLS begins: STLS, whether or not it is announced, and without a way
    /// back: whoever can hide the announcement can read what would follow (security.md 2.3).
    fn reach(
        &self,
        opening: &Opening,
        trace: Option<Trace>,
    ) -> Result<(net::Socket, Option<Trace>), Error> {
        let socket = net::connect(&self.options.net, self.interrupt)?;
        if self.options.security != Security::StartTls {
            return Ok((socket, trace));
        }
        let session =
            Authorization::open(socket, opening, trace).map_err(|source| self.failed(source))?;
        session.stls().map_err(|source| Error::StartTls {
            endpoint: self.options.net.endpoint.clone(),
            source,
        })
    }

    /// Completes the error about a certificate that the library refused without showing it, by a
    /// connection on which nothing is sent. What it fails by is not told: it is the first that counts.
    fn looked_into(
        &self,
        error: tls::Error,
        connector: &tls::Connector,
        opening: &Opening,
    ) -> Error {
        match error {
            tls::Error::Untrusted(mut untrusted) if untrusted.certificate.is_none() => {
                untrusted.certificate = self.reach(opening, None).ok().and_then(|(socket, _)| {
                    connector.look(socket, self.options.net.connect_timeout)
                });
                net::Error::Tls(untrusted.into()).into()
            }
            error => net::Error::from(error).into(),
        }
    }

    fn failed(&self, source: pop3::Error) -> Error {
        if let pop3::Error::Io { source, .. } = &source
            && let Some(alert) = tls::Alert::of(source)
        {
            return net::Error::Tls(tls::Error::Refused {
                name: self.options.net.endpoint.host().to_owned(),
                why: alert.to_string(),
            })
            .into();
        }
        Error::Session {
            endpoint: self.options.net.endpoint.clone(),
            source,
        }
    }

    fn failed_at_capabilities(&self, source: pop3::Error) -> Error {
        match source {
            source @ pop3::Error::Closed(_) => Error::Capabilities {
                endpoint: self.options.net.endpoint.clone(),
                source,
            },
            source => self.failed(source),
        }
    }
}
