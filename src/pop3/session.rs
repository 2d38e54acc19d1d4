//! The states of RFC 1939 as types: what may not be sent in a state cannot be written down.
//! Knows nothing of what is worth fetching.

use std::io::{Read, Write};

use super::Error;
use super::auth;
use super::capabilities::Capabilities;
use super::command::Command;
use super::pipeline::{Ask, Pipeline, Window};
use super::reply::{self, Garbled, Refusal, Status};
use super::wire::{Trace, Wire};
use crate::custody::Recorded;
use crate::limits;
use crate::maildrop::Listing;
use crate::secret::Secret;
use crate::text::ServerText;

/// AUTHORIZATION: the server has greeted and waits for a login.
pub struct Authorization<S> {
    wire: Wire<S>,
    /// Unless it was said before STLS.
    greeting: Option<ServerText>,
    capabilities: Capabilities,
}

/// TRANSACTION: logged in. Dropping it closes the connection without UPDATE, so that the server
/// deletes nothing.
pub struct Transaction<S> {
    wire: Wire<S>,
    capabilities: Capabilities,
}

/// How QUIT was answered.
#[derive(Debug)]
pub enum Farewell {
    /// The server committed: what was marked deleted is gone.
    Committed,
    /// Refused, or no answer came: the next listing decides.
    Unknown(Error),
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
            status => Err(unexpected("to open a session", status)),
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
            status => Err(unexpected("STLS", status)),
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
            expect_positive(&mut self.wire, name)?;
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
                status => return Err(unexpected(NAME, status)),
            }
        }
        expect_positive(&mut self.wire, NAME)?;
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
        expect_positive(&mut self.wire, "the login (APOP)")?;
        self.into_transaction()
    }

    /// Asks for the capabilities again, since servers announce more here (Gmail: PIPELINING).
    fn into_transaction(mut self) -> Result<Transaction<S>, Error> {
        self.wire.send(&[Command::Capa])?;
        let capabilities = read_capabilities(&mut self.wire)?;
        Ok(Transaction {
            wire: self.wire,
            capabilities,
        })
    }
}

impl<S: Read + Write> Transaction<S> {
    /// Lists the maildrop by unique-id, with the sizes if they are asked for; both in one flight
    /// where the server allows it.
    ///
    /// # Errors
    /// The server refuses UIDL, or an answer cannot be believed: then nothing of it is used.
    pub fn list(&mut self, sizes: Sizes) -> Result<Listing, Error> {
        match sizes {
            Sizes::Needless => {
                self.wire.send(&[Command::Uidl])?;
                self.read_unique_ids()
            }
            Sizes::Needed if self.capabilities.pipelining => {
                self.wire.send(&[Command::Uidl, Command::List])?;
                let mut listing = self.read_unique_ids()?;
                self.read_sizes(&mut listing)?;
                Ok(listing)
            }
            Sizes::Needed => {
                self.wire.send(&[Command::Uidl])?;
                let mut listing = self.read_unique_ids()?;
                self.add_sizes(&mut listing)?;
                Ok(listing)
            }
        }
    }

    /// Asks for the sizes and notes them in the listing of this session.
    ///
    /// # Errors
    /// The answer cannot be believed. A server that refuses leaves the sizes unknown.
    pub fn add_sizes(&mut self, listing: &mut Listing) -> Result<(), Error> {
        self.wire.send(&[Command::List])?;
        self.read_sizes(listing)
    }

    fn read_unique_ids(&mut self) -> Result<Listing, Error> {
        const UIDL: &str = "UIDL";
        match self.wire.reply()? {
            Status::Positive(_) => {}
            Status::Negative(refusal) if !refusal.is_transient() => {
                return Err(Error::Lacks(
                    "UIDL, by which new messages are told from old ones",
                ));
            }
            status => return Err(unexpected(UIDL, status)),
        }
        let mut listing = Listing::default();
        self.wire.lines(limits::LISTING_OCTETS, |line| {
            let (number, unique_id) =
                reply::unique_id_line(line).map_err(|Garbled| garbled(UIDL, line))?;
            listing
                .push(number, unique_id)
                .map_err(|why| Error::bad_listing(UIDL, why))
        })?;
        listing
            .finish()
            .map_err(|why| Error::bad_listing(UIDL, why))
    }

    fn read_sizes(&mut self, listing: &mut Listing) -> Result<(), Error> {
        if let Status::Negative(_) = self.wire.reply()? {
            return Ok(());
        }
        let mut lines = 0;
        self.wire.lines(limits::LISTING_OCTETS, |line| {
            lines += 1;
            if lines > limits::LISTING_LINES {
                return Err(Error::TooLong("a listing"));
            }
            let (number, size) = reply::scan_line(line).map_err(|Garbled| garbled("LIST", line))?;
            if let Some(size) = size {
                listing.set_size(number, size);
            }
            Ok(())
        })
    }

    /// Begins to retrieve messages or headers, as many at once as the server allows.
    pub fn retrieve<I: Iterator<Item: Ask>>(&mut self, messages: I) -> Pipeline<'_, S, I> {
        Pipeline::new(&mut self.wire, self.capabilities.pipelining, messages)
    }

    /// Says something, so that the server does not log us out while we are busy elsewhere.
    ///
    /// # Errors
    /// The connection fails.
    pub fn keep_awake(&mut self) -> Result<(), Error> {
        keep_awake(&mut self.wire)
    }

    /// Marks messages deleted; the server acts on it only at QUIT. Each answer is given to `each`.
    ///
    /// # Errors
    /// The connection fails; what was marked stays on the server.
    pub fn delete<'r>(
        &mut self,
        recorded: &'r [Recorded],
        mut each: impl FnMut(&'r Recorded, Result<(), Refusal>),
    ) -> Result<(), Error> {
        let mut window = Window::new(self.capabilities.pipelining, recorded.iter());
        while let Some((recorded, status)) = window.next(&mut self.wire)? {
            match status {
                Status::Positive(_) => each(recorded, Ok(())),
                Status::Negative(refusal) => each(recorded, Err(refusal)),
                Status::Continue(_) => return Err(unexpected("DELE", status)),
            }
        }
        Ok(())
    }

    /// Ends the session. Only a positive answer says that what was marked is gone.
    pub fn quit(mut self) -> Farewell {
        let answer = self
            .wire
            .send(&[Command::Quit])
            .and_then(|()| expect_positive(&mut self.wire, "QUIT"));
        match answer {
            Ok(()) => Farewell::Committed,
            Err(error) => Farewell::Unknown(error),
        }
    }
}

/// Whether a listing shall tell sizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sizes {
    /// They decide something.
    Needed,
    /// Nobody asks for them yet.
    Needless,
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
        status => Err(unexpected("CAPA", status)),
    }
}

fn expect_positive<S: Read + Write>(wire: &mut Wire<S>, name: &'static str) -> Result<(), Error> {
    match wire.reply()? {
        Status::Positive(_) => Ok(()),
        status => Err(unexpected(name, status)),
    }
}

/// Says NOOP. A server that refuses it has heard us all the same.
pub(super) fn keep_awake<S: Read + Write>(wire: &mut Wire<S>) -> Result<(), Error> {
    wire.send(&[Command::Noop])?;
    match wire.reply()? {
        Status::Negative(_) | Status::Positive(_) => Ok(()),
        Status::Continue(_) => Err(Error::Desynchronised("NOOP".into())),
    }
}

fn unexpected(command: &'static str, status: Status) -> Error {
    match status {
        Status::Negative(refusal) => Error::Refused { command, refusal },
        Status::Continue(_) | Status::Positive(_) => Error::Desynchronised(command.into()),
    }
}

fn garbled(command: &'static str, line: &[u8]) -> Error {
    Error::BadListing {
        command,
        why: format!("it has the line \"{}\"", ServerText::new(line)),
    }
}
