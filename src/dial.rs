//! From an address to a logged-in session: connect, greeting, STLS, capabilities, login.
//! Knows nothing of messages; "TLS unless told otherwise" is decided here only.

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::net::{self, Stream, tls};
use crate::pop3::{self, Authorization, Trace, Transaction};
use crate::secret::Secret;

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

/// How to log in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Auth {
    /// APOP (RFC 1939 section 7): MD5, weak, only when named.
    Apop,
    /// SASL PLAIN where it is offered, else USER and PASS.
    #[default]
    Auto,
    /// SASL PLAIN (RFC 5034, RFC 4616).
    Plain,
    /// USER and PASS.
    User,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused the login.
    #[error("logging in as {user}: {source}{}", self.advice())]
    Login {
        /// The user.
        user: String,
        /// What the server said.
        source: pop3::Error,
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
            Self::Login { source, .. } => match source {
                pop3::Error::Refused { refusal, .. } if !refusal.is_transient() => {
                    Exit::LoginRefused
                }
                source => source.exit(),
            },
            Self::Net(source) => source.exit(),
            Self::Session { source, .. } => source.exit(),
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
            Self::Login { source, .. }
            | Self::Session { source, .. }
            | Self::StartTls { source, .. } => source.is_interrupt(),
        }
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

/// Connects and logs in. `trace` sees the conversation, without secrets.
///
/// # Errors
/// No connection, no TLS, or no login. The password was not sent before the server had proved who
/// it is, unless `security` is `none`.
pub fn dial(
    options: &Options,
    password: &Secret,
    trace: Option<Trace>,
    interrupt: &Interrupt,
) -> Result<Transaction<Stream>, Error> {
    let failed = |source| Error::Session {
        endpoint: options.net.endpoint.clone(),
        source,
    };
    let socket = net::connect(&options.net, interrupt)?;
    let mut session = match options.security {
        Security::None => Authorization::open(Stream::Plain(socket), trace).map_err(failed)?,
        Security::Tls => Authorization::open(encrypt(socket, options)?, trace).map_err(failed)?,
        Security::StartTls => start_tls(socket, options, trace)?,
    };
    let capabilities = session.capabilities().map_err(failed)?;
    let offers_plain = capabilities.offers("PLAIN");
    let lacks_plain = capabilities.are_known && !offers_plain;
    let user = &options.user;
    match options.auth {
        Auth::Apop => session.login_apop(user, password),
        Auth::Plain if lacks_plain => Err(pop3::Error::Lacks("SASL PLAIN")),
        Auth::Plain => session.login_plain(user, password),
        Auth::Auto if offers_plain => session.login_plain(user, password),
        Auth::Auto | Auth::User => session.login_user(user, password),
    }
    .map_err(|source| Error::Login {
        user: user.clone(),
        source,
    })
}

fn encrypt(socket: net::Socket, options: &Options) -> Result<Stream, Error> {
    let name = options.net.endpoint.host();
    let stream = tls::connect(socket, name, &options.tls, options.net.connect_timeout)
        .map_err(net::Error::from)?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// STLS, whether or not it is announced, and without a way back: whoever can hide the announcement
/// can read what would follow (security.md 2.3).
fn start_tls(
    socket: net::Socket,
    options: &Options,
    trace: Option<Trace>,
) -> Result<Authorization<Stream>, Error> {
    let endpoint = || options.net.endpoint.clone();
    let session = Authorization::open(socket, trace).map_err(|source| Error::Session {
        endpoint: endpoint(),
        source,
    })?;
    let (socket, trace) = session.stls().map_err(|source| Error::StartTls {
        endpoint: endpoint(),
        source,
    })?;
    Ok(Authorization::resume(encrypt(socket, options)?, trace))
}
