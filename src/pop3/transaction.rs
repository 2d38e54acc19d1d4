//! TRANSACTION: logged in, up to QUIT. What may not be sent in this state cannot be written down.
//! Knows nothing of what is worth fetching.

use std::io::{Read, Write};

use super::Error;
use super::command::Command;
use super::mechanism::Mechanism;
use super::pipeline::{Ask, Pipeline, Window};
use super::reply::{self, Garbled, Refusal, Status};
use super::server_profile::ServerProfile;
use super::session_hints::{Pipelining, Sizes};
use super::wire::Wire;
use crate::limits;
use crate::mail::custody::Recorded;
use crate::mail::maildrop::Listing;
use crate::text::ServerText;

/// TRANSACTION: logged in. Dropping it closes the connection without UPDATE, so that the server
/// deletes nothing.
pub struct Transaction<S> {
    wire: Wire<S>,
    profile: ServerProfile,
    /// What the server announced after the login, in its words.
    announced: Vec<ServerText>,
    /// How it was logged in; `None`: that was not needed.
    login: Option<Mechanism>,
    /// Whether commands are sent ahead of replies.
    pipelining: bool,
    /// What was asked for behind the login.
    listing: Option<Sizes>,
}

/// How QUIT was answered.
#[derive(Debug)]
pub enum QuitReply {
    /// The server committed: what was marked deleted is gone.
    Committed,
    /// Refused, or no answer came: the next listing decides.
    Unknown(Error),
}

impl<S: Read + Write> Transaction<S> {
    pub(super) fn new(wire: Wire<S>, profile: ServerProfile, pipelining: Pipelining) -> Self {
        Self {
            pipelining: pipelining != Pipelining::Never && profile.announces_pipelining(),
            wire,
            profile,
            announced: Vec::new(),
            login: None,
            listing: None,
        }
    }

    /// The same, with what the server announced.
    pub(super) fn having_announced(self, announced: Vec<ServerText>) -> Self {
        Self { announced, ..self }
    }

    /// The same, with listings on their way.
    pub(super) fn expecting(self, listing: Option<Sizes>) -> Self {
        Self { listing, ..self }
    }

    /// The same, logged in by this.
    pub(super) fn by(self, login: Option<Mechanism>) -> Self {
        Self { login, ..self }
    }

    /// How it was logged in; `None`: that was not needed.
    pub fn login(&self) -> Option<Mechanism> {
        self.login
    }

    /// What is worth remembering of the server.
    pub fn profile(&self) -> &ServerProfile {
        &self.profile
    }

    /// The capabilities in the server's words, if it was asked for them after the login.
    pub fn announced(&self) -> &[ServerText] {
        &self.announced
    }

    /// Whether the server says that it has unique-ids, whatever it answers to UIDL.
    pub fn announces_uidl(&self) -> bool {
        self.profile.announces_uidl()
    }

    /// Whether commands are sent ahead of replies.
    pub fn is_pipelining(&self) -> bool {
        self.pipelining
    }

    /// Lists the maildrop by unique-id, with the sizes if they are asked for; both in one flight
    /// where the server allows it.
    ///
    /// # Errors
    /// The server refuses UIDL, or an answer cannot be believed: then nothing of it is used.
    pub fn list(&mut self, sizes: Sizes) -> Result<Listing, Error> {
        let asked = match self.listing.take() {
            Some(asked) => asked,
            None => self.ask_for_listing(sizes)?,
        };
        let mut listing = match self.read_unique_ids() {
            Err(Error::NoUniqueIds) if asked == Sizes::Needed => {
                // The other answer is on its way.
                self.read_sizes(&mut Listing::default())?;
                return Err(Error::NoUniqueIds);
            }
            listing => listing?,
        };
        match (asked, sizes) {
            (Sizes::Needed, _) => self.read_sizes(&mut listing)?,
            (Sizes::Unneeded, Sizes::Needed) => self.add_sizes(&mut listing)?,
            (Sizes::Unneeded, Sizes::Unneeded) => {}
        }
        Ok(listing)
    }

    /// Lists the maildrop of a server without unique-ids by number and size.
    ///
    /// # Errors
    /// The server refuses LIST, or its answer cannot be believed.
    pub fn list_unnamed(&mut self) -> Result<Listing, Error> {
        self.wire.send(&[Command::List])?;
        self.wire.expect_positive(LIST)?;
        let mut listing = Listing::default();
        let mut sizes = Vec::new();
        self.wire.lines(limits::LISTING_OCTETS, |line| {
            let (number, size) = reply::scan_line(line).map_err(|Garbled| garbled(LIST, line))?;
            sizes.extend(size.map(|size| (number, size)));
            listing
                .push_unnamed(number, size)
                .map_err(|why| Error::bad_listing(LIST, why))
        })?;
        let mut listing = listing
            .finish()
            .map_err(|why| Error::bad_listing(LIST, why))?;
        for (number, size) in sizes {
            listing.set_size(number, size);
        }
        Ok(listing)
    }

    /// Sends as much of it as may be sent at once, and tells what that is.
    fn ask_for_listing(&mut self, sizes: Sizes) -> Result<Sizes, Error> {
        if sizes == Sizes::Needed && self.pipelining {
            self.wire.send(&[Command::Uidl, Command::List])?;
            return Ok(Sizes::Needed);
        }
        self.wire.send(&[Command::Uidl])?;
        Ok(Sizes::Unneeded)
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
        match self.wire.reply()? {
            Status::Positive(_) => {}
            Status::Negative(refusal) if !refusal.is_transient() => {
                return Err(Error::NoUniqueIds);
            }
            status => return Err(Error::unexpected(UIDL, status)),
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
            let (number, size) = reply::scan_line(line).map_err(|Garbled| garbled(LIST, line))?;
            if let Some(size) = size {
                listing.set_size(number, size);
            }
            Ok(())
        })
    }

    /// Begins to retrieve messages or headers, as many at once as the server allows.
    pub fn retrieve<I: Iterator<Item: Ask>>(&mut self, messages: I) -> Pipeline<'_, S, I> {
        Pipeline::new(&mut self.wire, self.pipelining, messages)
    }

    /// Says something, so that the server does not log us out while we are busy elsewhere.
    ///
    /// # Errors
    /// The connection fails.
    pub fn keep_awake(&mut self) -> Result<(), Error> {
        self.wire.keep_awake()
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
        let mut window = Window::new(self.pipelining, recorded.iter());
        while let Some((recorded, status)) = window.next(&mut self.wire)? {
            match status {
                Status::Positive(_) => each(recorded, Ok(())),
                Status::Negative(refusal) => each(recorded, Err(refusal)),
                Status::Continue(_) => return Err(Error::unexpected("DELE", status)),
            }
        }
        Ok(())
    }

    /// Ends a session in which nothing was retrieved and nothing marked, without waiting for the
    /// answer, which decides nothing.
    ///
    /// # Errors
    /// The connection failed, or the server has said something that was not asked.
    pub fn leave(mut self) -> Result<(), Error> {
        self.wire.send(&[Command::Quit])
    }

    /// Ends the session. Only a positive answer says that what was marked is gone.
    pub fn quit(mut self) -> QuitReply {
        let answer = self
            .wire
            .send(&[Command::Quit])
            .and_then(|()| self.wire.expect_positive("QUIT"));
        match answer {
            Ok(()) => QuitReply::Committed,
            Err(error) => QuitReply::Unknown(error),
        }
    }
}

const LIST: &str = "LIST";
const UIDL: &str = "UIDL";

fn garbled(command: &'static str, line: &[u8]) -> Error {
    Error::BadListing {
        command,
        why: format!("it has the line \"{}\"", ServerText::new(line)),
    }
}
