//! AUTHORIZATION: from the greeting to the login. What may not be sent in this state cannot be
//! written down.
//! Knows no mechanism's insides, and not which one is the right one.

use std::io::{Read, Write};

use super::Error;
use super::auth;
use super::capabilities::Capabilities;
use super::command::Command;
use super::reply::Status;
use super::transaction::Transaction;
use super::wire::{Trace, Wire};
use crate::limits;
use crate::secret::Secret;
use crate::text::ServerText;

/// AUTHORIZATION: the server has greeted and waits for a login.
pub struct Authorization<S> {
    wire: Wire<S>,
    /// Unless it was said before STLS.
    greeting: Option<ServerText>,
    capabilities: Capabilities,
}

impl<S: Read + Write> Authorization<S> {
    /// Reads the greeting of a new connection.
    ///
    /// # Errors
    /// The connection fails, the greeting is no POP3, or the server sends us away.
    pub fn open(stream: S, trace: Option<Trace>) -> Result<Self, Error> {
        let mut wire = Wire::new(stream, trace);
        match wire.greeting()? {
            Status::Positive(greeting) => Ok(Self {
                wire,
                greeting: Some(greeting),
                capabilities: Capabilities::default(),
            }),
            status => Err(Error::unexpected("to open a session", status)),
        }
    }

    /// Goes on over the connection that STLS made, remembering nothing that was said before.
    /// There is no second greeting (RFC 2595 section 4), and so no APOP.
    pub fn resume(stream: S, trace: Option<Trace>) -> Self {
        Self {
            wire: Wire::new(stream, trace),
            greeting: None,
            capabilities: Capabilities::default(),
        }
    }

    /// Asks for the capabilities. A server that knows no CAPA has none.
    ///
    /// # Errors
    /// The connection fails or the answer breaks a limit.
    pub fn capabilities(&mut self) -> Result<&Capabilities, Error> {
        self.wire.send(&[Command::Capa])?;
        self.capabilities = read_capabilities(&mut self.wire)?;
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
        for command in [Command::User(user), Command::Pass(password)] {
            let name = match command {
                Command::Pass(_) => "the password",
                _ => "the user",
            };
            self.wire.send(&[command])?;
            self.wire.expect_positive(name)?;
        }
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
        self.wire.send(&[Command::Auth { mechanism, initial }])?;
        if !fits {
            match self.wire.reply()? {
                Status::Continue(_) => self.wire.send(&[Command::Response(&response)])?,
                status => return Err(Error::unexpected(NAME, status)),
            }
        }
        self.wire.expect_positive(NAME)?;
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
        self.wire.send(&[Command::Apop { user, digest }])?;
        self.wire.expect_positive("the login (APOP)")?;
        self.into_transaction()
    }

    /// Asks for the capabilities again, since servers announce more here (Gmail: PIPELINING).
    fn into_transaction(mut self) -> Result<Transaction<S>, Error> {
        self.wire.send(&[Command::Capa])?;
        let capabilities = read_capabilities(&mut self.wire)?;
        Ok(Transaction::new(self.wire, capabilities))
    }
}

fn read_capabilities<S: Read + Write>(wire: &mut Wire<S>) -> Result<Capabilities, Error> {
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
                Ok(())
            })?;
            Ok(capabilities)
        }
        Status::Negative(_) => Ok(capabilities),
        status => Err(Error::unexpected("CAPA", status)),
    }
}
