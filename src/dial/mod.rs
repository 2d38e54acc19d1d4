//! From an address to a logged-in session: connect, greeting, STLS, capabilities, login.
//! Knows nothing of messages; "TLS unless told otherwise" is decided here only.

use crate::moment::Moment;
use crate::net::{self, Stream, tls};
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;
use crate::pop3::{
    self, Authorization, Channel, Credentials, Pipelining, ServerProfile, SessionHints, Trace,
    Transaction,
};
use crate::text::ServerText;

pub(crate) mod auth;
mod error;

pub(crate) use crate::pop3::Mechanism;
pub(crate) use auth::Auth;
pub(crate) use error::{Error, LoginHistory};

use auth::{Exposure, LoginOffer};

/// How to reach a maildrop and log in.
#[derive(Clone, Debug)]
pub struct DialOptions {
    /// Where the server is, and how long to wait for it.
    pub net: net::ConnectOptions,
    /// How the connection is protected.
    pub security: Security,
    /// Whom to trust.
    pub tls: tls::TlsOptions,
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

/// What happens between an address and a session, for whoever looks on.
#[derive(Clone, Copy)]
pub(crate) enum DialStep<'a> {
    /// What the server announced before the login; after STLS, if that was used.
    Announced(&'a [ServerText]),
    /// How to log in, of what the server offers; `None`: that is not needed.
    Chosen(Option<Mechanism>),
    /// The connection is encrypted, and the server has proved who it is as far as that was wanted.
    Encrypted(&'a tls::TlsStream),
    /// The server greeted.
    Greeted(&'a ServerText),
    /// On the way to the server.
    Net(net::ConnectStep<'a>),
    /// The server did not prove who it is: the error follows.
    Untrusted(&'a tls::Untrusted),
}

/// Finds out whether a server is there that encrypts and proves its name. Nobody logs in.
///
/// # Errors
/// As those of [`Dialer::dial`] before the login.
pub(crate) fn probe(options: &DialOptions, interrupt: &Interrupt) -> Result<(), Error> {
    let dialer = Dialer {
        options,
        connectors: &tls::Connectors::default(),
        secret: &Secret::needless(),
        trace: &|| None,
        interrupt,
        watcher: &|_| {},
    };
    dialer.open(&SessionHints::default()).map(drop)
}

/// Whom to call, and as whom.
pub(crate) struct Dialer<'a> {
    /// How.
    pub options: &'a DialOptions,
    /// What encrypts, prepared for those who were called before.
    pub connectors: &'a tls::Connectors,
    /// What proves who we are: a password, or an access token where the mechanism takes one;
    /// nothing where none is needed.
    pub secret: &'a Secret,
    /// What sees the conversations, without secrets; one for each connection.
    pub trace: &'a dyn Fn() -> Option<Trace>,
    /// Whether the run shall end.
    pub interrupt: &'a Interrupt,
    /// What is told each step.
    pub watcher: &'a dyn Fn(DialStep<'_>),
}

/// Whether a login is to be bound to the connection where it can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Binding {
    /// The server does not understand ours.
    Refused,
    /// It is.
    Wanted,
}

impl Dialer<'_> {
    /// Connects and logs in. A server that breaks off or falls silent where what is remembered of it
    /// was relied on, or where more than a login came in one flight, or because it was asked for
    /// capabilities (fetchmail's FAQ knows some), is called once more without that; so is one that
    /// offers to bind the login and does not understand how.
    ///
    /// # Errors
    /// No connection, no TLS, or no login. The password was not sent before the server had proved
    /// who it is, unless `security` is `none`.
    pub(crate) fn dial(&self, hints: &SessionHints) -> Result<Transaction<Stream>, Error> {
        let hints = &self.over_this_channel(hints);
        match self.attempt(hints, self.binding(hints)) {
            Err(error) if error.is_unbound() && self.may_go_unbound(hints) => {
                self.attempt(hints, Binding::Refused)
            }
            attempted => attempted,
        }
    }

    /// The same, without what is too old or was said where somebody could change it.
    fn over_this_channel(&self, hints: &SessionHints) -> SessionHints {
        let channel = match self.options.security {
            Security::None => Channel::Clear,
            Security::StartTls | Security::Tls => Channel::Encrypted,
        };
        let mut hints = SessionHints {
            channel,
            ..hints.clone()
        };
        let now = Moment::now();
        hints.profile = hints.profile.filter(|known| known.is_usable(channel, now));
        hints
    }

    /// Whether a login is worth binding: not where the last one was bare although the server, as it
    /// is remembered, offered more.
    fn binding(&self, hints: &SessionHints) -> Binding {
        let offered = match &hints.profile {
            Some(ServerProfile::Announced { before_login, .. }) => before_login,
            _ => return Binding::Wanted,
        };
        let bound = hints.login.and_then(Mechanism::bound);
        match bound.is_some_and(|bound| offered.offers(bound.name())) {
            true => Binding::Refused,
            false => Binding::Wanted,
        }
    }

    /// Whether a login may be bare that was to be bound. Who stands between can have it so; where
    /// one was bound before, only the user can.
    fn may_go_unbound(&self, hints: &SessionHints) -> bool {
        self.options.auth != Auth::Auto || !hints.login.is_some_and(Mechanism::is_bound)
    }

    fn attempt(&self, hints: &SessionHints, bind: Binding) -> Result<Transaction<Stream>, Error> {
        match self.log_in(hints, bind) {
            Err(error) if hints.relied_on_memory() && error.contradicts_memory() => {
                // One that hangs up may have had its own reasons.
                if error.is_out_of_step_or_silent() && hints.pipelining_log.was_used() {
                    hints.pipelining_log.reject();
                }
                let from_scratch = SessionHints {
                    profile: None,
                    pipelining: hints.pipelining.min(Pipelining::AfterLogin),
                    ..hints.clone()
                };
                self.log_in(&from_scratch, bind)
            }
            // Without them only USER is left: where there was more before, it may be the line, and
            // whoever cut it.
            Err(Error::Capabilities { .. }) if !hints.login.is_some_and(Mechanism::is_sasl) => {
                let without_capa = SessionHints {
                    profile: Some(ServerProfile::CapaUnsupported),
                    ..hints.clone()
                };
                self.log_in(&without_capa, bind)
            }
            attempted => attempted,
        }
    }

    fn log_in(&self, hints: &SessionHints, bind: Binding) -> Result<Transaction<Stream>, Error> {
        let (mut session, end_point) = self.open(hints)?;
        let end_point = end_point.filter(|_| bind == Binding::Wanted);
        let capabilities = session
            .capabilities()
            .map_err(|source| self.failed_at_capabilities(source))?
            .clone();
        (self.watcher)(DialStep::Announced(session.announced()));
        let offer = LoginOffer {
            capabilities: &capabilities,
            exposure: self.exposure(),
            can_bind: end_point.is_some(),
            before: hints.login,
        };
        let user = &self.options.user;
        let chosen = offer
            .choose(self.options.auth)
            .map_err(|source| Error::NoMechanism {
                user: user.clone(),
                source,
            })?;
        (self.watcher)(DialStep::Chosen(chosen));
        let credentials = Credentials {
            user,
            secret: self.secret,
            host: self.options.net.endpoint.host(),
            binding: end_point.as_deref(),
        };
        match chosen {
            Some(mechanism) => session.login(mechanism, &credentials),
            None => session.skip_login(),
        }
        .map_err(|source| Error::Login {
            user: user.clone(),
            mechanism: chosen,
            history: match hints.login == chosen {
                true => LoginHistory::Worked,
                false => LoginHistory::Unknown,
            },
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
    fn open(
        &self,
        hints: &SessionHints,
    ) -> Result<(Authorization<Stream>, Option<Vec<u8>>), Error> {
        let options = self.options;
        if options.security == Security::None {
            let stream = Stream::Plain(self.connect(self.watcher)?);
            return Ok((self.greet(stream, hints, (self.trace)())?, None));
        }
        let connector = self
            .connectors
            .prepare(&options.tls, options.net.endpoint.host())
            .map_err(net::Error::from)?;
        let (socket, trace) = self.reach(hints, (self.trace)(), self.watcher)?;
        let stream = connector
            .connect(socket, options.net.connect_timeout)
            .map_err(|error| self.with_certificate(error, &connector, hints))?;
        (self.watcher)(DialStep::Encrypted(&stream));
        let binding = stream.end_point();
        let stream = Stream::Tls(Box::new(stream));
        let session = match options.security {
            Security::StartTls => Authorization::resume(stream, hints, trace),
            _ => self.greet(stream, hints, trace)?,
        };
        Ok((session, binding))
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
    ) -> Result<Authorization<Stream>, Error> {
        let session =
            Authorization::open(stream, hints, trace).map_err(|source| self.failed(source))?;
        session
            .greeting()
            .inspect(|said| (self.watcher)(DialStep::Greeted(said)));
        Ok(session)
    }

    /// Connects, up to where TLS begins: STLS, whether or not it is announced, and without a way
    /// back: whoever can hide the announcement can read what would follow (security.md 2.3).
    fn reach(
        &self,
        hints: &SessionHints,
        trace: Option<Trace>,
        watcher: &dyn Fn(DialStep<'_>),
    ) -> Result<(net::Socket, Option<Trace>), Error> {
        let socket = self.connect(watcher)?;
        if self.options.security != Security::StartTls {
            return Ok((socket, trace));
        }
        let session =
            Authorization::open(socket, hints, trace).map_err(|source| self.failed(source))?;
        session
            .greeting()
            .inspect(|said| watcher(DialStep::Greeted(said)));
        session.stls().map_err(|source| Error::StartTls {
            endpoint: self.options.net.endpoint.clone(),
            source,
        })
    }

    /// Completes the error about a certificate that the library refused without showing it, by a
    /// connection on which nothing is sent. What it fails by is not told: it is the first that counts.
    fn with_certificate(
        &self,
        error: tls::Error,
        connector: &tls::Connector,
        hints: &SessionHints,
    ) -> Error {
        match error {
            tls::Error::Untrusted(mut untrusted) if untrusted.certificate.is_none() => {
                let reached = self.reach(hints, None, &|_| {});
                untrusted.certificate = reached.ok().and_then(|(socket, _)| {
                    connector.look(socket, self.options.net.connect_timeout)
                });
                (self.watcher)(DialStep::Untrusted(&untrusted));
                net::Error::Tls(untrusted.into()).into()
            }
            tls::Error::Untrusted(untrusted) => {
                (self.watcher)(DialStep::Untrusted(&untrusted));
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
