//! AUTHORIZATION: from the greeting to the login. What may not be sent in this state cannot be
//! written down.
//! Knows no mechanism's insides, and not which one is the right one.

use std::io::{Read, Write};

use super::Error;
use super::acquaintance::{Acquaintance, Opening};
use super::auth;
use super::capabilities::Capabilities;
use super::command::Command;
use super::reply::Status;
use super::transaction::{Sizes, Transaction};
use super::wire::{Trace, Wire};
use crate::limits;
use crate::secret::Secret;
use crate::text::ServerText;

/// AUTHORIZATION: the server has greeted and waits for a login.
pub struct Authorization<S> {
    wire: Wire<S>,
    /// Unless it was said before STLS.
    greeting: Option<ServerText>,
    opening: Opening,
    capabilities: Capabilities,
    /// The lines that they were read from.
    announced: Vec<ServerText>,
}

impl<S: Read + Write> Authorization<S> {
    /// Reads the greeting of a new connection.
    ///
    /// # Errors
    /// The connection fails, the greeting is no POP3, or the server sends us away.
    pub fn open(stream: S, opening: &Opening, trace: Option<Trace>) -> Result<Self, Error> {
        let mut wire = Wire::new(stream, trace, opening.haste.clone());
        match wire.greeting()? {
            Status::Positive(greeting) => Ok(Self {
                wire,
                greeting: Some(greeting),
                opening: opening.clone(),
                capabilities: Capabilities::default(),
                announced: Vec::new(),
            }),
            status => Err(Error::unexpected("to open a session", status)),
        }
    }

    /// Goes on over the connection that STLS made, remembering nothing that was said before.
    /// There is no second greeting (RFC 2595 section 4), and so no APOP.
    pub fn resume(stream: S, opening: &Opening, trace: Option<Trace>) -> Self {
        Self {
            wire: Wire::new(stream, trace, opening.haste.clone()),
            greeting: None,
            opening: opening.clone(),
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
        self.capabilities = match &self.opening.acquaintance {
            Some(Acquaintance::Announced { before_login, .. }) if self.opening.lists_at_once() => {
                before_login.clone()
            }
            Some(Acquaintance::Mute) => Capabilities::default(),
            _ => {
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

    /// Logs in with USER and PASS.
    ///
    /// # Errors
    /// The connection fails or the server refuses.
    pub fn login_user(mut self, user: &str, password: &Secret) -> Result<Transaction<S>, Error> {
        self.wire.hide(password.expose());
        let (user, password) = (Command::User(user), Command::Pass(password));
        if self.opening.lists_at_once() {
            self.send_and_list(vec![user, password])?;
            self.expect_positive("the user")?;
        } else {
            self.wire.send(&[user])?;
            self.expect_positive("the user")?;
            self.wire.send(&[password])?;
        }
        self.expect_positive("the password")?;
        self.into_transaction()
    }

    /// Logs in with SASL PLAIN, in one line where that is short enough.
    ///
    /// # Errors
    /// The connection fails or the server refuses.
    pub fn login_plain(mut self, user: &str, password: &Secret) -> Result<Transaction<S>, Error> {
        const NAME: &str = "the login (AUTH PLAIN)";
        let response = auth::plain(user, password);
        self.wire.hide(password.expose());
        self.wire.hide(&response);
        let mechanism = "PLAIN";
        let fits = "AUTH PLAIN \r\n".len() + response.len() <= limits::COMMAND_LINE;
        let initial = fits.then_some(response.as_slice());
        if fits {
            self.send_and_list(vec![Command::Auth { mechanism, initial }])?;
        } else {
            self.opening.acquaintance = None;
            self.wire.send(&[Command::Auth { mechanism, initial }])?;
            match self.wire.reply()? {
                Status::Continue(_) => self.wire.send(&[Command::Response(&response)])?,
                status => return Err(Error::unexpected(NAME, status)),
            }
        }
        self.expect_positive(NAME)?;
        self.into_transaction()
    }

    /// Logs in with APOP.
    ///
    /// # Errors
    /// The greeting has no timestamp, the connection fails, or the server refuses.
    pub fn login_apop(mut self, user: &str, password: &Secret) -> Result<Transaction<S>, Error> {
        let Some(greeting) = &self.greeting else {
            return Err(Error::Lacks(
                "APOP behind STLS: what it greeted with cannot be trusted",
            ));
        };
        let timestamp = auth::timestamp(greeting.as_octets())
            .ok_or(Error::Lacks("APOP: its greeting has no timestamp"))?;
        let digest = auth::apop(timestamp, password);
        let digest = digest.as_str();
        self.wire.hide(password.expose());
        self.wire.hide(digest.as_bytes());
        self.send_and_list(vec![Command::Apop { user, digest }])?;
        self.expect_positive("the login (APOP)")?;
        self.into_transaction()
    }

    /// Sends what ends a login, and the listing's commands with it where the opening says so.
    fn send_and_list(&mut self, mut commands: Vec<Command<'_>>) -> Result<(), Error> {
        if self.opening.lists_at_once() {
            commands.push(Command::Uidl);
            if self.opening.sizes == Sizes::Needed {
                commands.push(Command::List);
            }
        }
        self.wire.send(&commands)
    }

    fn expect_positive(&mut self, name: &'static str) -> Result<(), Error> {
        match self.wire.reply()? {
            Status::Positive(_) => Ok(()),
            status => Err(self.why_refused(Error::unexpected(name, status))?),
        }
    }

    /// Finds out whether a login was refused because what is remembered of the server is no longer
    /// true. What was sent behind the login is refused, too.
    fn why_refused(&mut self, refused: Error) -> Result<Error, Error> {
        let Error::Refused { refusal, .. } = &refused else {
            return Ok(refused);
        };
        while self.wire.unanswered_octets() > 0 {
            match self.wire.reply() {
                Ok(Status::Negative(_)) => {}
                Ok(_) => return Err(Error::Desynchronised("the login".into())),
                // It has said what it had to say.
                Err(_) => return Ok(refused),
            }
        }
        let is_of_login = refusal.is_transient() || refusal.is_of_login();
        if is_of_login || !self.opening.lists_at_once() {
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

    /// Asks for the capabilities again, since servers announce more here (Gmail: PIPELINING).
    fn into_transaction(mut self) -> Result<Transaction<S>, Error> {
        let pace = self.opening.pace;
        let lists_at_once = self.opening.lists_at_once();
        match self.opening.acquaintance.take() {
            Some(known) if lists_at_once => {
                let listing = Some(self.opening.sizes);
                Ok(Transaction::new(self.wire, known, pace).expecting(listing))
            }
            Some(Acquaintance::Mute) => Ok(Transaction::new(self.wire, Acquaintance::Mute, pace)),
            _ => {
                self.wire.send(&[Command::Capa])?;
                let mut announced = Vec::new();
                let learned = Acquaintance::Announced {
                    after_login: read_capabilities(&mut self.wire, &mut announced)?,
                    before_login: self.capabilities,
                };
                Ok(Transaction::new(self.wire, learned, pace).having_announced(announced))
            }
        }
    }
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
            let mut lines = 0;
            wire.lines(limits::CAPABILITY_OCTETS, |line| {
                lines += 1;
                if lines > limits::CAPABILITY_LINES {
                    return Err(Error::TooLong("a list of capabilities"));
                }
                capabilities.add(line);
                announced.push(ServerText::new(line));
                Ok(())
            })?;
            Ok(capabilities)
        }
        Status::Negative(_) => Ok(capabilities),
        status => Err(Error::unexpected("CAPA", status)),
    }
}
