//! AUTHORIZATION: from the greeting to the login. What may not be sent in this state cannot be
//! written down.
//! Knows no mechanism's insides, and not which one is the right one.

use std::io::{Read, Write};

use super::Error;
use super::apop;
use super::capabilities::Capabilities;
use super::command::Command;
use super::mechanism::Mechanism;
use super::reply::Status;
use super::sasl::{self, Credentials, Exchange, ExchangeFault, Response};
use super::server_profile::ServerProfile;
use super::session_hints::{SessionHints, Sizes};
use super::transaction::Transaction;
use super::wire::{Trace, Wire};
use crate::limits;
use crate::moment::Moment;
use crate::text::ServerText;

/// AUTHORIZATION: the server has greeted and waits for a login.
pub struct Authorization<S> {
    wire: Wire<S>,
    /// Unless it was said before STLS.
    greeting: Option<ServerText>,
    hints: SessionHints,
    capabilities: Capabilities,
    /// The lines that they were read from.
    announced: Vec<ServerText>,
}

impl<S: Read + Write> Authorization<S> {
    /// Reads the greeting of a new connection.
    ///
    /// # Errors
    /// The connection fails, the greeting is no POP3, or the server sends us away.
    pub fn open(stream: S, hints: &SessionHints, trace: Option<Trace>) -> Result<Self, Error> {
        let mut wire = Wire::new(stream, trace, hints.pipelining_log.clone());
        match wire.greeting()? {
            Status::Positive(greeting) => Ok(Self {
                wire,
                greeting: Some(greeting),
                hints: hints.clone(),
                capabilities: Capabilities::default(),
                announced: Vec::new(),
            }),
            status => Err(Error::unexpected("to open a session", status)),
        }
    }

    /// Goes on over the connection that STLS made, remembering nothing that was said before.
    /// There is no second greeting (RFC 2595 section 4), and so no APOP.
    pub fn resume(stream: S, hints: &SessionHints, trace: Option<Trace>) -> Self {
        Self {
            wire: Wire::new(stream, trace, hints.pipelining_log.clone()),
            greeting: None,
            hints: hints.clone(),
            capabilities: Capabilities::default(),
            announced: Vec::new(),
        }
    }

    /// What the server greeted with, unless that was before STLS.
    pub fn greeting(&self) -> Option<&ServerText> {
        self.greeting.as_ref()
    }

    /// The capabilities in the server's words, if it was asked for them.
    pub fn announced(&self) -> &[ServerText] {
        &self.announced
    }

    /// Asks for the capabilities, unless they are remembered well enough to log in and list in one
    /// flight. A server that knows no CAPA has none.
    ///
    /// # Errors
    /// The connection fails or the answer breaks a limit.
    pub fn capabilities(&mut self) -> Result<&Capabilities, Error> {
        self.capabilities = match (self.hints.remembered(), &self.hints.profile) {
            (Some(remembered), _) => remembered.clone(),
            (None, Some(ServerProfile::CapaUnsupported)) => Capabilities::default(),
            (None, _) => {
                self.wire.send(&[Command::Capa])?;
                read_capabilities(&mut self.wire, &mut self.announced)?
            }
        };
        Ok(&self.capabilities)
    }

    /// Asks for TLS and gives the bare connection back for the handshake. It is asked for whether
    /// or not it was announced: whoever can hide an announcement can read a password.
    ///
    /// # Errors
    /// The server refuses, or sent octets behind its answer. Nothing secret was sent.
    pub fn stls(mut self) -> Result<(S, Option<Trace>), Error> {
        self.wire.send(&[Command::Stls])?;
        match self.wire.reply()? {
            Status::Positive(_) if self.wire.has_buffered() => Err(Error::Injected),
            Status::Positive(_) => Ok(self.wire.into_stream()),
            status => Err(Error::unexpected("STLS", status)),
        }
    }

    /// Logs in.
    ///
    /// # Errors
    /// The connection fails, the server refuses or cannot do what the mechanism needs, or it does
    /// not prove who it is where the mechanism demands that.
    pub fn login(
        mut self,
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
    ) -> Result<Transaction<S>, Error> {
        self.wire.hide(credentials.secret.expose());
        match mechanism {
            Mechanism::Apop => self.authenticate_apop(credentials)?,
            Mechanism::User => self.authenticate_user(credentials)?,
            sasl => self.authenticate_sasl(sasl, credentials)?,
        }
        Ok(self.into_transaction()?.by(Some(mechanism)))
    }

    /// Goes on where no login is needed: what carries the connection has proved who we are.
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
        let enables_utf8 = self.needs_utf8(credentials);
        if self.pipelines_login() {
            let before = enables_utf8.then_some(Command::Utf8);
            self.send_with_listing(before.into_iter().chain([user, password]).collect())?;
            if enables_utf8 {
                self.read_utf8_reply()?;
            }
            self.expect_positive("the user")?;
        } else {
            if enables_utf8 {
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
                "APOP behind STLS: what it greeted with cannot be trusted",
            ));
        };
        let timestamp = apop::timestamp(greeting.as_octets())
            .ok_or(Error::Lacks("APOP: its greeting has no timestamp"))?;
        let digest = apop::digest(timestamp, credentials.secret);
        let (user, digest) = (credentials.user, digest.as_str());
        self.wire.hide(digest.as_bytes());
        if self.needs_utf8(credentials) {
            self.enable_utf8()?;
        }
        self.send_with_listing(vec![Command::Apop { user, digest }])?;
        self.expect_positive("the login (APOP)")
    }

    /// Whether the server has to be told that names and passwords may be in any script. SASL has
    /// them in UTF-8 anyway. Nobody else is told, as servers change the messages, too, for those who
    /// understand it, and we take these as they are.
    fn needs_utf8(&self, credentials: &Credentials<'_>) -> bool {
        let is_ascii = credentials.user.is_ascii() && credentials.secret.expose().is_ascii();
        self.capabilities.utf8_user && !is_ascii
    }

    fn enable_utf8(&mut self) -> Result<(), Error> {
        self.wire.send(&[Command::Utf8])?;
        self.read_utf8_reply()
    }

    /// A server that refuses it may take the name all the same.
    fn read_utf8_reply(&mut self) -> Result<(), Error> {
        match self.wire.reply()? {
            Status::Negative(_) | Status::Positive(_) => Ok(()),
            status @ Status::Continue(_) => Err(Error::unexpected("UTF8", status)),
        }
    }

    /// Leads a SASL exchange (RFC 5034). What is said last takes the listing's commands with it.
    fn authenticate_sasl(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
    ) -> Result<(), Error> {
        let wrong = |fault| Error::in_exchange(mechanism, fault);
        let may_bind = self.capabilities.may_bind();
        let mut exchange = Exchange::begin(mechanism, credentials, may_bind).map_err(wrong)?;
        let first = exchange.first().map_err(wrong)?;
        self.run_exchange(mechanism, &mut exchange, first)
            .map_err(|error| match error {
                Error::Refused { refusal, .. } | Error::RefusedAt { refusal, .. }
                    if mechanism.is_bound()
                        && exchange.has_only_begun()
                        && !refusal.is_transient() =>
                {
                    Error::Unbound { mechanism, refusal }
                }
                error => error,
            })
    }

    fn run_exchange(
        &mut self,
        mechanism: Mechanism,
        exchange: &mut Exchange,
        first: Option<Response>,
    ) -> Result<(), Error> {
        // A token, since there are servers that refuse it in this line and take it in its own
        // (quirks.md 4).
        let mut spare = first.clone().filter(|_| mechanism.takes_token());
        // PLAIN's, since there are servers that hear nothing in this line (quirks.md 49).
        let mut unheard = first.clone().filter(|_| mechanism == Mechanism::Plain);
        let mut unsaid = self.begin_exchange(mechanism, first, exchange)?;
        loop {
            let challenge = match self.wire.reply()? {
                Status::Continue(challenge) => challenge,
                Status::Positive(_) => return end(mechanism, exchange, unsaid.is_none()),
                Status::Negative(refusal) => {
                    spare = spare.filter(|_| unsaid.is_none() && refusal.code.is_none());
                    let refused = Error::unexpected(login_by(mechanism), Status::Negative(refusal));
                    if spare.is_none() || !self.retry_without_response(mechanism)? {
                        return Err(self.explain_refusal(refused)?);
                    }
                    unsaid = spare.take();
                    continue;
                }
            };
            spare = None;
            let answered = match (unsaid.take(), unheard.take()) {
                // What it says here means nothing, but it has to be a challenge.
                (Some(first), _) => sasl::decoded(&challenge).map(|_| first),
                (None, Some(first)) if challenge.is_empty() => match self.wire.awaited() {
                    None => Ok(first),
                    Some(_) => return Err(Error::OutOfStep(login_by(mechanism))),
                },
                (None, _) => exchange.answer(&challenge),
            };
            match answered {
                Ok(response) => {
                    self.wire.hide(&response);
                    self.send_response(Command::Response(&response), exchange)?;
                }
                Err(fault) => return Err(self.cancel(mechanism, fault)?),
            }
        }
    }

    /// Begins an exchange, with the first response where there is one and the line has room for it;
    /// what it has no room for is given back.
    fn begin_exchange(
        &mut self,
        mechanism: Mechanism,
        first: Option<Response>,
        exchange: &Exchange,
    ) -> Result<Option<Response>, Error> {
        let name = mechanism.name();
        let line = first.as_ref().map(|first| match &first[..] {
            b"" => b"=",
            first => first,
        });
        let room = limits::COMMAND_LINE - "AUTH  \r\n".len() - name.len();
        let Some(line) = line.filter(|line| line.len() <= room) else {
            let command = Command::Auth {
                mechanism: name,
                initial: None,
            };
            self.wire.send(&[command])?;
            return Ok(first);
        };
        self.wire.hide(line);
        let command = Command::Auth {
            mechanism: name,
            initial: Some(line),
        };
        self.send_response(command, exchange)?;
        Ok(None)
    }

    /// Asks for the mechanism with nothing behind it; not where the server has gone. What was sent
    /// behind the first try is refused, too.
    fn retry_without_response(&mut self, mechanism: Mechanism) -> Result<bool, Error> {
        match self.drain_replies() {
            Err(error @ Error::OutOfStep(_)) => return Err(error),
            Err(_) => return Ok(false),
            Ok(()) => {}
        }
        let command = Command::Auth {
            mechanism: mechanism.name(),
            initial: None,
        };
        Ok(self.wire.send(&[command]).is_ok())
    }

    /// Says something in an exchange; if it is the last thing, the listing's commands go with it.
    fn send_response(&mut self, command: Command<'_>, exchange: &Exchange) -> Result<(), Error> {
        match exchange.is_over() {
            true => self.send_with_listing(vec![command]),
            false => self.wire.send(&[command]),
        }
    }

    /// Ends an exchange that cannot go on, and says why it could not.
    fn cancel(&mut self, mechanism: Mechanism, fault: ExchangeFault) -> Result<Error, Error> {
        let told = match fault {
            ExchangeFault::Refused(told) => ServerText::new(&self.wire.mask(&told)),
            fault => {
                // The answer to a cancellation says nothing new.
                let _ = self
                    .wire
                    .send(&[Command::Response(b"*")])
                    .and_then(|()| self.wire.reply());
                return Ok(Error::in_exchange(mechanism, fault));
            }
        };
        // Where the listing's commands are behind, the first of them was taken for this.
        if self.wire.unanswered_octets() == 0 {
            let acknowledgement = sasl::acknowledgement(mechanism);
            self.wire.send(&[Command::Response(acknowledgement)])?;
        }
        match self.wire.reply()? {
            Status::Negative(refusal) => Ok(Error::RefusedAt {
                mechanism,
                told,
                refusal,
            }),
            _ => Ok(Error::OutOfStep(login_by(mechanism))),
        }
    }

    /// Whether the listing is asked for in the flight of the login.
    fn pipelines_login(&self) -> bool {
        self.hints.pipelines_login(&self.capabilities)
    }

    /// Sends what ends a login, and in the same flight, where that may be, whatever the session
    /// begins with.
    fn send_with_listing(&mut self, mut commands: Vec<Command<'_>>) -> Result<(), Error> {
        if self.pipelines_login() {
            if self.hints.profile.is_none() {
                commands.push(Command::Capa);
            }
            commands.push(Command::Uidl);
            if self.hints.sizes == Sizes::Needed {
                commands.push(Command::List);
            }
        }
        self.wire.send(&commands)
    }

    fn expect_positive(&mut self, name: &'static str) -> Result<(), Error> {
        match self.wire.reply()? {
            Status::Positive(_) => Ok(()),
            status => Err(self.explain_refusal(Error::unexpected(name, status))?),
        }
    }

    /// Finds out whether a login was refused because what is remembered of the server is no longer
    /// true.
    fn explain_refusal(&mut self, refused: Error) -> Result<Error, Error> {
        let Error::Refused { refusal, .. } = &refused else {
            return Ok(refused);
        };
        match self.drain_replies() {
            Err(Error::OutOfStep(why)) => return Err(Error::OutOfStep(why)),
            // It has said what it had to say.
            Err(_) => return Ok(refused),
            Ok(()) => {}
        }
        let is_of_login = refusal.is_transient() || refusal.is_of_login();
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

    /// Reads the answers to what was sent behind a login that was refused: it is refused, too, but
    /// for CAPA.
    fn drain_replies(&mut self) -> Result<(), Error> {
        while let Some(awaited) = self.wire.awaited() {
            if awaited == Command::Capa.to_string() {
                read_capabilities(&mut self.wire, &mut Vec::new())?;
            } else if !matches!(self.wire.reply()?, Status::Negative(_)) {
                return Err(Error::OutOfStep("the login".into()));
            }
        }
        Ok(())
    }

    /// Learns the capabilities again, since servers announce more here (Gmail: PIPELINING).
    fn into_transaction(mut self) -> Result<Transaction<S>, Error> {
        let pipelining = self.hints.pipelining;
        let pipelines_login = self.pipelines_login();
        let listing = pipelines_login.then_some(self.hints.sizes);
        let mut announced = Vec::new();
        let profile = match self.hints.profile.take() {
            Some(known) if pipelines_login => known,
            Some(ServerProfile::CapaUnsupported) => ServerProfile::CapaUnsupported,
            _ => {
                if !pipelines_login {
                    self.wire.send(&[Command::Capa])?;
                }
                ServerProfile::Announced {
                    after_login: read_capabilities(&mut self.wire, &mut announced)?,
                    before_login: self.capabilities,
                    channel: self.hints.channel,
                    when: Moment::now(),
                }
            }
        };
        Ok(Transaction::new(self.wire, profile, pipelining)
            .expecting(listing)
            .having_announced(announced))
    }
}

/// Takes the server's word for the end of an exchange, if that has come to its end.
fn end(mechanism: Mechanism, exchange: &Exchange, all_is_said: bool) -> Result<(), Error> {
    match exchange.is_over() && all_is_said {
        true => Ok(()),
        false if mechanism.proves_server() => {
            Err(Error::in_exchange(mechanism, ExchangeFault::Unproven))
        }
        false => Err(Error::OutOfStep(login_by(mechanism))),
    }
}

fn login_by(mechanism: Mechanism) -> String {
    format!("the login (AUTH {mechanism})")
}

/// Reads the answer to CAPA, and gives its lines to `announced`.
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
            announced.extend(said.iter().map(|line| ServerText::new(&wire.mask(line))));
            Ok(capabilities)
        }
        Status::Negative(_) => Ok(capabilities),
        status => Err(Error::unexpected("CAPA", status)),
    }
}
