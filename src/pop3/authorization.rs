//! The AUTHORIZATION state (RFC 1939 section 4): from the greeting to the login. A command that is
//! not allowed in this state cannot be sent, because its method does not exist here.

use std::io::{Read, Write};

use super::Error;
use super::apop;
use super::capabilities::Capabilities;
use super::command::Command;
use super::error::OPEN_SESSION;
use super::reply::Status;
use super::server_habits::ServerHabits;
use super::server_profile::{CapaUse, ServerProfile};
use super::session_hints::SessionHints;
use super::transaction::Transaction;
use super::wire::Wire;
use crate::hidden;
use crate::limits;
use crate::moment::Moment;
use crate::pace::Paced;
use crate::sasl::Credentials;
use crate::sasl::Mechanism;
use crate::text::ServerText;
use crate::trace::Trace;

/// A session in the AUTHORIZATION state: the server has greeted and waits for a login.
pub struct Authorization<S> {
    pub(super) wire: Wire<S>,
    /// The text of the greeting; `None` after STLS.
    greeting: Option<ServerText>,
    hints: SessionHints,
    pub(super) capabilities: Capabilities,
    /// The lines from which the capabilities were read.
    announced: Vec<ServerText>,
    /// The number of replies up to the capabilities.
    answered: usize,
}

impl<S: Read + Write + Paced> Authorization<S> {
    /// Reads the greeting of a new connection.
    ///
    /// # Errors
    /// The connection fails, the greeting is not POP3, or the server refuses the session.
    pub fn open(stream: S, hints: &SessionHints, trace: Option<Trace>) -> Result<Self, Error> {
        let mut session = Self::resume(stream, hints, trace);
        match session.wire.greeting()? {
            Status::Positive(greeting) => {
                session.greeting = Some(greeting);
                Ok(session)
            }
            status => Err(Error::unexpected(OPEN_SESSION, status)),
        }
    }

    /// Continues over the TLS connection that STLS made, and remembers nothing that was said
    /// before: anybody could have changed it. There is no second greeting (RFC 2595 section 4), and
    /// therefore no APOP.
    pub fn resume(stream: S, hints: &SessionHints, trace: Option<Trace>) -> Self {
        let pace = stream.pace();
        Self {
            wire: Wire::new(stream, trace, hints.pipelining_log.clone()).paced_by(pace),
            greeting: None,
            hints: hints.clone(),
            capabilities: Capabilities::default(),
            announced: Vec::new(),
            answered: 0,
        }
    }
}

impl<S: Read + Write> Authorization<S> {
    /// The text of the greeting; `None` after STLS.
    pub fn greeting(&self) -> Option<&ServerText> {
        self.greeting.as_ref()
    }

    /// The capabilities in the server's words, if it was asked for them.
    pub fn announced(&self) -> &[ServerText] {
        &self.announced
    }

    /// Asks for the capabilities, unless the profile of the server is good enough to log in and
    /// list in one flight. A server that refuses CAPA has no capabilities.
    ///
    /// # Errors
    /// The connection fails or the answer breaks a limit.
    pub fn capabilities(&mut self) -> Result<&Capabilities, Error> {
        self.capabilities = match (self.hints.remembered(), self.hints.capa()) {
            (Some(remembered), _) => remembered.clone(),
            (None, CapaUse::Never) => Capabilities::default(),
            (None, CapaUse::Always | CapaUse::BeforeLogin) => self
                .wire
                .send(&[Command::Capa])
                .and_then(|()| read_capabilities(&mut self.wire, &mut self.announced))
                .map_err(|source| Error::at_capa(CapaUse::Never, source))?,
        };
        self.answered = self.wire.answered();
        Ok(&self.capabilities)
    }

    /// Sends STLS and returns the bare connection for the handshake. STLS is sent even if the
    /// server did not announce it: an attacker who can remove the announcement could otherwise read
    /// the password.
    ///
    /// # Errors
    /// The server refuses, or sent octets after its answer. No secret was sent.
    pub fn stls(mut self) -> Result<(S, Option<Trace>), Error> {
        self.wire.send(&[Command::Stls])?;
        match self.wire.reply()? {
            // Octets that came with the answer are not protected by TLS. If they were kept, they
            // would be read as replies to what is sent inside TLS (CVE-2021-22947).
            Status::Positive(_) if self.wire.has_buffered() => Err(Error::Injected),
            Status::Positive(_) => Ok(self.wire.into_stream()),
            status => Err(Error::unexpected("STLS", status)),
        }
    }

    /// Logs in.
    ///
    /// # Errors
    /// The connection fails, the server refuses or lacks what the mechanism needs, or it does not
    /// prove that it knows the password although the mechanism demands that.
    pub fn login(
        mut self,
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
    ) -> Result<Transaction<S>, Error> {
        let authenticated = match mechanism {
            Mechanism::Apop => self.authenticate_apop(credentials),
            Mechanism::User => self.authenticate_user(credentials),
            sasl => self.authenticate_sasl(sasl, credentials),
        };
        authenticated.map_err(|error| match error.is_closed() && self.was_capa_refused() {
            true => Error::at_capa(CapaUse::Never, error),
            false => error,
        })?;
        Ok(self.into_transaction()?.by(Some(mechanism)))
    }

    /// Returns true if a refusal of CAPA is the last reply of the server: it may close the connection after it.
    fn was_capa_refused(&self) -> bool {
        let was_asked = self.hints.remembered().is_none() && self.hints.capa() != CapaUse::Never;
        was_asked && !self.capabilities.are_known && self.wire.answered() == self.answered
    }

    /// Continues without a login: the program that carries the connection has already proved who
    /// the user is.
    ///
    /// # Errors
    /// The connection fails or the answer to CAPA breaks a limit.
    pub fn skip_login(mut self) -> Result<Transaction<S>, Error> {
        if self.pipelines_login() {
            self.send_with_listing(Vec::new())?;
        }
        self.into_transaction()
    }

    fn authenticate_user(&mut self, credentials: &Credentials<'_>) -> Result<(), Error> {
        let user = Command::User(credentials.user);
        let password = Command::Pass(credentials.secret);
        let needs_utf8 = self.needs_utf8(credentials);
        if self.pipelines_login() {
            let before = needs_utf8.then_some(Command::Utf8);
            self.send_with_listing(before.into_iter().chain([user, password]).collect())?;
            if needs_utf8 {
                self.read_utf8_reply()?;
            }
            self.expect_positive("the user")?;
        } else {
            if needs_utf8 {
                self.enable_utf8()?;
            }
            self.wire.send(&[user])?;
            self.expect_positive("the user")?;
            self.wire.send(&[password])?;
        }
        self.expect_positive("the password")
    }

    fn authenticate_apop(&mut self, credentials: &Credentials<'_>) -> Result<(), Error> {
        let Some(greeting) = &self.greeting else {
            return Err(Error::Lacks(
                "APOP after STLS: the greeting came before TLS and cannot be trusted",
            ));
        };
        let timestamp = apop::timestamp(greeting.as_octets())
            .ok_or(Error::Lacks("APOP: its greeting has no timestamp"))?;
        let digest = apop::digest(timestamp, credentials.secret);
        let (user, digest) = (credentials.user, digest.as_str());
        hidden::hide(digest.as_bytes());
        if self.needs_utf8(credentials) {
            self.enable_utf8()?;
        }
        self.send_with_listing(vec![Command::Apop { user, digest }])?;
        self.expect_positive("the login (APOP)")
    }

    /// Returns true if UTF8 (RFC 6856) must be sent before this user or password. SASL carries both
    /// in UTF-8 anyway. UTF8 is sent only if it is necessary, because it also allows the server to
    /// change the messages, and mailpull delivers them as they are.
    fn needs_utf8(&self, credentials: &Credentials<'_>) -> bool {
        let is_ascii = credentials.user.is_ascii() && credentials.secret.expose().is_ascii();
        self.capabilities.utf8_user && !is_ascii
    }

    fn enable_utf8(&mut self) -> Result<(), Error> {
        self.wire.send(&[Command::Utf8])?;
        self.read_utf8_reply()
    }

    /// Reads the answer to UTF8. A refusal is no error: the server may accept the name anyway.
    fn read_utf8_reply(&mut self) -> Result<(), Error> {
        match self.wire.reply()? {
            Status::Negative(_) | Status::Positive(_) => Ok(()),
            status @ Status::Continue(_) => Err(Error::unexpected("UTF8", status)),
        }
    }

    /// Returns true if the listing is asked for in the same flight as the login.
    fn pipelines_login(&self) -> bool {
        self.hints.pipelines_login(&self.capabilities)
    }

    /// Sends the last command of a login. If the login is pipelined, the commands that begin the
    /// TRANSACTION state are sent in the same flight.
    pub(super) fn send_with_listing(
        &mut self,
        mut commands: Vec<Command<'_>>,
    ) -> Result<(), Error> {
        if self.pipelines_login() {
            if self.hints.profile.is_none() {
                commands.push(Command::Capa);
            }
            commands.push(Command::Uidl);
            commands.push(self.hints.sizes.command());
        }
        self.wire.send(&commands)
    }

    fn expect_positive(&mut self, name: &'static str) -> Result<(), Error> {
        match self.wire.reply()? {
            Status::Positive(_) => Ok(()),
            status => Err(self.explain_refusal(Error::unexpected(name, status))?),
        }
    }

    /// Returns [`Error::Changed`] instead of a refusal if the server no longer announces what its
    /// profile says: then the login may have been refused because it relied on the profile.
    pub(super) fn explain_refusal(&mut self, refused: Error) -> Result<Error, Error> {
        let Error::Refused { refusal, .. } = &refused else {
            return Ok(refused);
        };
        match self.drain_replies() {
            Err(Error::OutOfStep(why)) => return Err(Error::OutOfStep(why)),
            // The connection has ended, but the refusal was complete before that.
            Err(_) => return Ok(refused),
            Ok(()) => {}
        }
        let is_of_login = refusal.is_of_server() || refusal.is_of_login();
        if is_of_login || self.hints.remembered().is_none() {
            return Ok(refused);
        }
        self.wire.send(&[Command::Capa])?;
        let announced = read_capabilities(&mut self.wire, &mut Vec::new())?;
        Ok(if announced == self.capabilities {
            refused
        } else {
            Error::Changed
        })
    }

    /// Reads the replies to the commands that were sent after a refused login in the same flight.
    /// The server is still in the AUTHORIZATION state, so it refuses all of them except CAPA.
    pub(super) fn drain_replies(&mut self) -> Result<(), Error> {
        while let Some(awaited) = self.wire.awaited() {
            if awaited == Command::Capa.to_string() {
                read_capabilities(&mut self.wire, &mut Vec::new())?;
            } else if !matches!(self.wire.reply()?, Status::Negative(_)) {
                return Err(Error::OutOfStep("the login".into()));
            }
        }
        Ok(())
    }

    /// Enters the TRANSACTION state. CAPA is repeated there, because some servers announce more
    /// after the login (Gmail: PIPELINING, TOP and UIDL).
    fn into_transaction(mut self) -> Result<Transaction<S>, Error> {
        let pipelining = self.hints.pipelining;
        let is_pipelined = self.pipelines_login();
        let listing = is_pipelined.then_some(self.hints.sizes);
        let mut announced = Vec::new();
        let capa = self.hints.capa();
        let profile = match self.hints.profile.take() {
            Some(known) if is_pipelined || capa == CapaUse::Never => known,
            known => ServerProfile {
                after_login: match capa {
                    CapaUse::Always => self
                        .ask_again(is_pipelined, &mut announced)
                        .map_err(|source| Error::at_capa(CapaUse::BeforeLogin, source))?,
                    CapaUse::BeforeLogin | CapaUse::Never => Capabilities::default(),
                },
                before_login: self.capabilities,
                channel: self.hints.channel,
                when: match (capa, known) {
                    (CapaUse::BeforeLogin, Some(known)) => known.when,
                    _ => Moment::now(),
                },
                capa,
            },
        };
        Ok(Transaction::new(self.wire, profile, pipelining)
            .expecting(listing)
            .with_habits(ServerHabits::of(self.greeting.as_ref()))
            .having_announced(announced))
    }

    /// Asks for the capabilities after the login, unless that was done in the flight of the login. Some
    /// servers refuse CAPA there and close the connection. The next command would be the listing, where
    /// nobody could tell, so NOOP shows it.
    fn ask_again(
        &mut self,
        is_asked: bool,
        announced: &mut Vec<ServerText>,
    ) -> Result<Capabilities, Error> {
        if !is_asked {
            self.wire.send(&[Command::Capa])?;
        }
        let capabilities = read_capabilities(&mut self.wire, announced)?;
        if !is_asked && self.capabilities.are_known && !capabilities.are_known {
            self.wire.keep_awake()?;
        }
        Ok(capabilities)
    }
}

/// Reads the answer to CAPA and appends its lines to `announced`.
fn read_capabilities<S: Read + Write>(
    wire: &mut Wire<S>,
    announced: &mut Vec<ServerText>,
) -> Result<Capabilities, Error> {
    let mut capabilities = Capabilities::default();
    match wire.reply()? {
        Status::Positive(_) => {
            capabilities.are_known = true;
            let mut said = Vec::new();
            wire.lines(limits::CAPABILITY_OCTETS, |line| {
                if said.len() == limits::CAPABILITY_LINES {
                    return Err(Error::TooLong("a list of capabilities"));
                }
                capabilities.add(line);
                said.push(line.to_vec());
                Ok(())
            })?;
            announced.extend(said.iter().map(|line| ServerText::new(line)));
            Ok(capabilities)
        }
        Status::Negative(_) => Ok(capabilities),
        status => Err(Error::unexpected("CAPA", status)),
    }
}
