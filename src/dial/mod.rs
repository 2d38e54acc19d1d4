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
pub(crate) use error::{Error, Record};

use auth::{Exposure, Offer};

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

/// What happens between an address and a session, for whoever looks on.
#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    /// What the server announced before the login; after STLS, if that was used.
    Announced(&'a [ServerText]),
    /// How to log in, of what the server offers; `None`: that is not needed.
    Chosen(Option<Mechanism>),
    /// The connection is encrypted, and the server has proved who it is as far as that was wanted.
    Encrypted(&'a tls::TlsStream),
    /// The server greeted.
    Greeted(&'a ServerText),
    /// On the way to the server.
    Net(net::Step<'a>),
    /// The server did not prove who it is: the error follows.
    Untrusted(&'a tls::Untrusted),
}

/// Finds out whether a server is there that encrypts and proves its name. Nobody logs in.
///
/// # Errors
/// As those of [`Call::make`] before the login.
pub(crate) fn knock(options: &Options, interrupt: &Interrupt) -> Result<(), Error> {
    let call = Call {
        options,
        connectors: &tls::Connectors::default(),
        secret: &Secret::needless(),
        trace: &|| None,
        interrupt,
        watcher: &|_| {},
    };
    call.open(&SessionHints::default()).map(drop)
}

/// Whom to call, and as whom.
pub(crate) struct Call<'a> {
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
    /// What is told each step.
    pub watcher: &'a dyn Fn(Step<'_>),
}

/// Whether a login is to be bound to the connection where it can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Binding {
    /// The server does not understand ours.
    Refused,
    /// It is.
    Wanted,
}

impl Call<'_> {
    /// Connects and logs in. A server that breaks off or falls silent where what is remembered of it
    /// was relied on, or where more than a login came in one flight, or because it was asked for
    /// capabilities (fetchmail's FAQ knows some), is called once more without that; so is one that
    /// offers to bind the login and does not understand how.
    ///
    /// # Errors
    /// No connection, no TLS, or no login. The password was not sent before the server had proved
    /// who it is, unless `security` is `none`.
    pub(crate) fn make(&self, opening: &SessionHints) -> Result<Transaction<Stream>, Error> {
        let opening = &self.over_this_channel(opening);
        match self.attempt(opening, self.binding(opening)) {
            Err(error) if error.is_unbound() && self.may_go_unbound(opening) => {
                self.attempt(opening, Binding::Refused)
            }
            attempted => attempted,
        }
    }

    /// The same, without what is too old or was said where somebody could change it.
    fn over_this_channel(&self, opening: &SessionHints) -> SessionHints {
        let channel = match self.options.security {
            Security::None => Channel::Clear,
            Security::StartTls | Security::Tls => Channel::Encrypted,
        };
        let mut opening = SessionHints {
            channel,
            ..opening.clone()
        };
        let now = Moment::now();
        opening.acquaintance = opening
            .acquaintance
            .filter(|known| known.is_good(channel, now));
        opening
    }

    /// Whether a login is worth binding: not where the last one was bare although the server, as it
    /// is remembered, offered more.
    fn binding(&self, opening: &SessionHints) -> Binding {
        let offered = match &opening.acquaintance {
            Some(ServerProfile::Announced { before_login, .. }) => before_login,
            _ => return Binding::Wanted,
        };
        let bound = opening.login.and_then(Mechanism::bound);
        match bound.is_some_and(|bound| offered.offers(bound.name())) {
            true => Binding::Refused,
            false => Binding::Wanted,
        }
    }

    /// Whether a login may be bare that was to be bound. Who stands between can have it so; where
    /// one was bound before, only the user can.
    fn may_go_unbound(&self, opening: &SessionHints) -> bool {
        self.options.auth != Auth::Auto || !opening.login.is_some_and(Mechanism::is_bound)
    }

    fn attempt(&self, opening: &SessionHints, bind: Binding) -> Result<Transaction<Stream>, Error> {
        match self.log_in(opening, bind) {
            Err(error) if opening.relied_on_memory() && error.is_surprise() => {
                // One that hangs up may have had its own reasons.
                if error.is_lost_step() && opening.haste.was_used() {
                    opening.haste.reject();
                }
                let from_scratch = SessionHints {
                    acquaintance: None,
                    pace: opening.pace.min(Pipelining::AfterLogin),
                    ..opening.clone()
                };
                self.log_in(&from_scratch, bind)
            }
            // Without them only USER is left: where there was more before, it may be the line, and
            // whoever cut it.
            Err(Error::Capabilities { .. }) if !opening.login.is_some_and(Mechanism::is_sasl) => {
                let mute = SessionHints {
                    acquaintance: Some(ServerProfile::Mute),
                    ..opening.clone()
                };
                self.log_in(&mute, bind)
            }
            attempted => attempted,
        }
    }

    fn log_in(&self, opening: &SessionHints, bind: Binding) -> Result<Transaction<Stream>, Error> {
        let (mut session, end_point) = self.open(opening)?;
        let end_point = end_point.filter(|_| bind == Binding::Wanted);
        let capabilities = session
            .capabilities()
            .map_err(|source| self.failed_at_capabilities(source))?
            .clone();
        (self.watcher)(Step::Announced(session.announced()));
        let offer = Offer {
            capabilities: &capabilities,
            exposure: self.exposure(),
            can_bind: end_point.is_some(),
            before: opening.login,
        };
        let user = &self.options.user;
        let chosen = offer
            .choose(self.options.auth)
            .map_err(|source| Error::NoWay {
                user: user.clone(),
                source,
            })?;
        (self.watcher)(Step::Chosen(chosen));
        let credentials = Credentials {
            user,
            secret: self.secret,
            host: self.options.net.endpoint.host(),
            binding: end_point.as_deref(),
        };
        match chosen {
            Some(mechanism) => session.login(mechanism, &credentials),
            None => session.login_needless(),
        }
        .map_err(|source| Error::Login {
            user: user.clone(),
            mechanism: chosen,
            record: match opening.login == chosen {
                true => Record::Good,
                false => Record::None,
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
        opening: &SessionHints,
    ) -> Result<(Authorization<Stream>, Option<Vec<u8>>), Error> {
        let options = self.options;
        if options.security == Security::None {
            let stream = Stream::Plain(self.connect(self.watcher)?);
            return Ok((self.greet(stream, opening, (self.trace)())?, None));
        }
        let connector = self
            .connectors
            .prepare(&options.tls, options.net.endpoint.host())
            .map_err(net::Error::from)?;
        let (socket, trace) = self.reach(opening, (self.trace)(), self.watcher)?;
        let stream = connector
            .connect(socket, options.net.connect_timeout)
            .map_err(|error| self.looked_into(error, &connector, opening))?;
        (self.watcher)(Step::Encrypted(&stream));
        let binding = stream.end_point();
        let stream = Stream::Tls(Box::new(stream));
        let session = match options.security {
            Security::StartTls => Authorization::resume(stream, opening, trace),
            _ => self.greet(stream, opening, trace)?,
        };
        Ok((session, binding))
    }

    fn connect(&self, watcher: &dyn Fn(Step<'_>)) -> Result<net::Socket, Error> {
        let watcher = |step: net::Step<'_>| watcher(Step::Net(step));
        Ok(net::connect(&self.options.net, self.interrupt, &watcher)?)
    }

    fn greet(
        &self,
        stream: Stream,
        opening: &SessionHints,
        trace: Option<Trace>,
    ) -> Result<Authorization<Stream>, Error> {
        let session =
            Authorization::open(stream, opening, trace).map_err(|source| self.failed(source))?;
        session
            .greeting()
            .inspect(|said| (self.watcher)(Step::Greeted(said)));
        Ok(session)
    }

    /// Connects, up to where TLS begins: STLS, whether or not it is announced, and without a way
    /// back: whoever can hide the announcement can read what would follow (security.md 2.3).
    fn reach(
        &self,
        opening: &SessionHints,
        trace: Option<Trace>,
        watcher: &dyn Fn(Step<'_>),
    ) -> Result<(net::Socket, Option<Trace>), Error> {
        let socket = self.connect(watcher)?;
        if self.options.security != Security::StartTls {
            return Ok((socket, trace));
        }
        let session =
            Authorization::open(socket, opening, trace).map_err(|source| self.failed(source))?;
        session
            .greeting()
            .inspect(|said| watcher(Step::Greeted(said)));
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
        opening: &SessionHints,
    ) -> Error {
        match error {
            tls::Error::Untrusted(mut untrusted) if untrusted.certificate.is_none() => {
                let reached = self.reach(opening, None, &|_| {});
                untrusted.certificate = reached.ok().and_then(|(socket, _)| {
                    connector.look(socket, self.options.net.connect_timeout)
                });
                (self.watcher)(Step::Untrusted(&untrusted));
                net::Error::Tls(untrusted.into()).into()
            }
            tls::Error::Untrusted(untrusted) => {
                (self.watcher)(Step::Untrusted(&untrusted));
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
