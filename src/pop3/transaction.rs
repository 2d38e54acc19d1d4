//! The TRANSACTION state (RFC 1939 section 5): from the login to QUIT. A command that is not
//! allowed in this state cannot be sent, because its method does not exist here.

use std::io::{Read, Write};

use super::Error;
use super::command::Command;
use super::listing_line::{self, Garbled};
use super::pipeline::{Ask, Pipeline, Window};
use super::refusal::Refusal;
use super::reply::Status;
use super::server_habits::ServerHabits;
use super::server_profile::ServerProfile;
use super::session_hints::{Pipelining, Sizes};
use super::submission::{self, SubmissionError};
use super::wire::Wire;
use crate::limits;
use crate::mail::deletable::Deletable;
use crate::mail::maildrop::Listing;
use crate::mail::memory::MemoryPart;
use crate::mail::total::MaildropTotal;
use crate::sasl::Mechanism;
use crate::text::ServerText;

/// A session in the TRANSACTION state. If it is dropped, the connection is closed without QUIT, and
/// the server deletes nothing.
pub struct Transaction<S> {
    wire: Wire<S>,
    profile: ServerProfile,
    /// The habits of the server that contradict its profile.
    habits: ServerHabits,
    /// The capabilities after the login, in the server's words.
    announced: Vec<ServerText>,
    /// The mechanism of the login; `None` if no login was needed.
    login: Option<Mechanism>,
    /// True if commands are pipelined.
    pipelining: bool,
    /// The listing that was asked for in the flight of the login.
    listing: Option<Sizes>,
    /// The memory for the next listing.
    memory: MemoryPart,
    /// True if DELE was sent.
    has_marked: bool,
}

/// The decision to ask for more messages, or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GoOn {
    /// No, for now.
    No,
    /// Yes.
    Yes,
}

/// The end of a session that broke among deletions.
#[derive(Debug)]
pub struct BrokenDeletion<'r> {
    /// The message whose answer was awaited.
    pub awaited: Option<&'r Deletable>,
    /// The reason.
    pub source: Error,
}

/// The answer to QUIT.
#[derive(Debug)]
pub enum QuitReply {
    /// The server has deleted what was marked.
    Committed,
    /// QUIT was refused, or no answer came: the next listing shows what was deleted.
    Unknown(Error),
}

impl<S: Read + Write> Transaction<S> {
    pub(super) fn new(wire: Wire<S>, profile: ServerProfile, pipelining: Pipelining) -> Self {
        Self {
            pipelining: pipelining != Pipelining::Never && profile.announces_pipelining(),
            wire,
            profile,
            habits: ServerHabits::default(),
            announced: Vec::new(),
            login: None,
            listing: None,
            memory: MemoryPart::default(),
            has_marked: false,
        }
    }

    /// Sets what the server announced.
    pub(super) fn having_announced(self, announced: Vec<ServerText>) -> Self {
        Self { announced, ..self }
    }

    /// Sets the habits of the server.
    pub(super) fn with_habits(self, habits: ServerHabits) -> Self {
        Self { habits, ..self }
    }

    /// Sets the listings that are on their way.
    pub(super) fn expecting(self, listing: Option<Sizes>) -> Self {
        Self { listing, ..self }
    }

    /// Sets the mechanism of the login.
    pub(super) fn by(self, login: Option<Mechanism>) -> Self {
        Self { login, ..self }
    }

    /// Sets the memory for the next listing.
    pub fn set_memory(&mut self, memory: MemoryPart) {
        self.memory = memory;
    }

    /// The mechanism of the login; `None` if no login was needed.
    pub fn login(&self) -> Option<Mechanism> {
        self.login
    }

    /// The profile of the server after this session.
    pub fn profile(&self) -> &ServerProfile {
        &self.profile
    }

    /// The habits of the server that contradict its profile.
    pub fn habits(&self) -> ServerHabits {
        self.habits
    }

    /// Returns true if the server may refuse another login of this run (LOGIN-DELAY, RFC 2449 section 6.5).
    pub fn limits_logins(&self) -> bool {
        self.profile.login_delay().is_some() && !self.habits.allows_logins
    }

    /// The capabilities in the server's words, if it was asked for them after the login.
    pub fn announced(&self) -> &[ServerText] {
        &self.announced
    }

    /// Returns true if the server announces UIDL, before or after the login, even if it refuses the command.
    pub fn announces_uidl(&self) -> bool {
        self.profile.announces_uidl()
    }

    /// Lists the maildrop by unique-id, with the size of each message if they are needed. If the
    /// server pipelines, both listings are asked for in one flight, or the sum of all sizes (STAT)
    /// if the single ones are not needed. Without pipelining that sum would be one more round trip:
    /// see [`Self::add_total`].
    ///
    /// # Errors
    /// The server refuses UIDL, or an answer is invalid: then nothing of it is used.
    pub fn list(&mut self, sizes: Sizes) -> Result<Listing, Error> {
        let asked = match self.listing.take() {
            None => self.ask_for_listing(sizes)?,
            asked => asked,
        };
        let mut listing = match self.read_unique_ids()? {
            Ok(listing) => listing,
            Err(refusal) => {
                // The other answer must be read to stay in step.
                let mut other = Listing::default();
                let counted = self.read_asked(asked, &mut other)?;
                return self.list_nothing(refusal, other, counted);
            }
        };
        let mut counted = self.read_asked(asked, &mut listing)?;
        if sizes == Sizes::Each && asked != Some(Sizes::Each) {
            self.wire.send(&[Command::List])?;
            counted = self.read_sizes(&mut listing)?;
        }
        if counted > 0 && listing.is_empty() && listing.nameless().is_empty() {
            // An empty listing would look as if all mail were gone, without a word.
            return Err(Error::BadListing {
                command: UIDL,
                why: format!("it lists no message, and the server counts {counted}"),
            });
        }
        Ok(listing)
    }

    /// Returns an empty listing if the server refused UIDL because there is no message: some do. It was
    /// counted otherwise how many there are.
    fn list_nothing(
        &mut self,
        refusal: Refusal,
        mut listing: Listing,
        counted: u64,
    ) -> Result<Listing, Error> {
        let command = UIDL;
        if refusal.is_of_server() {
            return Err(Error::ListingRefused { command, refusal });
        }
        if refusal.is_of_command() && !self.announces_uidl() {
            return Err(Error::NoUniqueIds(refusal));
        }
        if counted == 0 {
            self.add_total(&mut listing)?;
        }
        match listing.total() {
            MaildropTotal::Known { messages: 0, .. } if counted == 0 => Ok(listing),
            _ if self.announces_uidl() || !refusal.may_be_of_command() => {
                Err(Error::ListingRefused { command, refusal })
            }
            _ => Err(Error::NoUniqueIds(refusal)),
        }
    }

    /// Reads the answer to the command that was sent together with UIDL. Returns the number of messages
    /// in that answer.
    fn read_asked(&mut self, asked: Option<Sizes>, listing: &mut Listing) -> Result<u64, Error> {
        match asked {
            Some(Sizes::Each) => self.read_sizes(listing),
            Some(Sizes::Total) => {
                self.read_total(listing)?;
                Ok(match listing.total() {
                    MaildropTotal::Known { messages, .. } => messages,
                    MaildropTotal::NotAsked | MaildropTotal::Unknown => 0,
                })
            }
            None => Ok(0),
        }
    }

    /// Lists the maildrop of a server without unique-ids, by number and size.
    ///
    /// # Errors
    /// The server refuses LIST, or its answer is invalid.
    pub fn list_unnamed(&mut self) -> Result<Listing, Error> {
        self.wire.send(&[Command::List])?;
        match self.wire.reply()? {
            Status::Positive(_) => {}
            Status::Negative(refusal) => {
                let command = LIST;
                return Err(Error::ListingRefused { command, refusal });
            }
            status @ Status::Continue(_) => return Err(Error::unexpected(LIST, status)),
        }
        let mut listing = Listing::without_unique_ids(std::mem::take(&mut self.memory));
        let mut sizes = Vec::new();
        self.wire.lines(limits::LISTING_OCTETS, |line| {
            let scanned = listing_line::scan_line(line).map_err(|Garbled| garbled(LIST, line))?;
            let Some((number, size)) = scanned else {
                return Ok(());
            };
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

    /// Asks for the listing, and in the same flight for the sizes if the server pipelines. Returns the
    /// sizes that were asked for.
    fn ask_for_listing(&mut self, sizes: Sizes) -> Result<Option<Sizes>, Error> {
        if self.pipelining {
            self.wire.send(&[Command::Uidl, sizes.command()])?;
            return Ok(Some(sizes));
        }
        self.wire.send(&[Command::Uidl])?;
        Ok(None)
    }

    /// Asks for the sum of all sizes and adds it to a listing of this session, unless it was asked for
    /// together with the listing.
    ///
    /// # Errors
    /// The connection fails. If the server refuses STAT, the sum stays unknown.
    pub fn add_total(&mut self, listing: &mut Listing) -> Result<(), Error> {
        if listing.total() != MaildropTotal::NotAsked {
            return Ok(());
        }
        self.wire.send(&[Command::Stat])?;
        self.read_total(listing)
    }

    fn read_total(&mut self, listing: &mut Listing) -> Result<(), Error> {
        listing.set_total(match self.wire.reply()? {
            Status::Positive(text) => listing_line::total(text.as_octets()),
            Status::Negative(_) => MaildropTotal::Unknown,
            status @ Status::Continue(_) => return Err(Error::unexpected("STAT", status)),
        });
        Ok(())
    }

    /// Asks for the sizes and adds them to a listing of this session.
    ///
    /// # Errors
    /// The answer is invalid. If the server refuses LIST, the sizes stay unknown.
    pub fn add_sizes(&mut self, listing: &mut Listing) -> Result<(), Error> {
        self.wire.send(&[Command::List])?;
        self.read_sizes(listing).map(drop)
    }

    /// Reads the answer to UIDL, which may be a refusal.
    fn read_unique_ids(&mut self) -> Result<Result<Listing, Refusal>, Error> {
        match self.wire.reply()? {
            Status::Positive(_) => {}
            Status::Negative(refusal) => return Ok(Err(refusal)),
            status @ Status::Continue(_) => return Err(Error::unexpected(UIDL, status)),
        }
        let mut listing = Listing::within(std::mem::take(&mut self.memory));
        self.wire.lines(limits::LISTING_OCTETS, |line| {
            let named =
                listing_line::unique_id_line(line).map_err(|Garbled| garbled(UIDL, line))?;
            match named {
                Some((number, unique_id)) => listing
                    .push(number, unique_id)
                    .map_err(|why| Error::bad_listing(UIDL, why)),
                None => Ok(()),
            }
        })?;
        listing
            .finish()
            .map(Ok)
            .map_err(|why| Error::bad_listing(UIDL, why))
    }

    /// Reads the sizes. A line that cannot be read costs the size of its message. Returns the number of
    /// messages.
    fn read_sizes(&mut self, listing: &mut Listing) -> Result<u64, Error> {
        if let Status::Negative(_) = self.wire.reply()? {
            return Ok(0);
        }
        let mut lines = 0;
        let mut messages = 0;
        self.wire.lines(limits::LISTING_OCTETS, |line| {
            lines += 1;
            if lines > limits::LISTING_LINES {
                return Err(Error::TooLong("a listing"));
            }
            if let Ok(Some((number, size))) = listing_line::scan_line(line) {
                messages += 1;
                if let Some(size) = size {
                    listing.set_size(number, size);
                }
            }
            Ok(())
        })?;
        Ok(messages)
    }

    /// Begins to retrieve messages or headers, pipelined if the server allows that.
    pub fn retrieve<I: Iterator<Item: Ask>>(&mut self, messages: I) -> Pipeline<'_, S, I> {
        Pipeline::new(&mut self.wire, self.pipelining, messages)
    }

    /// Hands a message to the server, which sends it to the recipients in its header (XTND XMIT).
    ///
    /// # Errors
    /// The server does not take it, or the session fails. After [`SubmissionError::Unknown`] the message may
    /// have been sent.
    pub fn submit(&mut self, message: &mut impl Read) -> Result<(), SubmissionError> {
        let offered = self.wire.send(&[Command::XtndXmit]);
        let status = offered.and_then(|()| self.wire.reply());
        match status.map_err(SubmissionError::NotSent)? {
            Status::Positive(_) => {}
            Status::Negative(refusal) => return Err(SubmissionError::NotTaken(refusal)),
            status @ Status::Continue(_) => {
                let error = Error::unexpected("XTND XMIT", status);
                return Err(SubmissionError::NotSent(error));
            }
        }
        submission::send_all(&mut self.wire, message)?;
        let ended = self.wire.end_message();
        let status = ended.and_then(|()| self.wire.reply());
        match status.map_err(SubmissionError::Unknown)? {
            Status::Positive(_) => Ok(()),
            Status::Negative(refusal) => Err(SubmissionError::Refused(refusal)),
            status @ Status::Continue(_) => {
                let error = Error::unexpected("the message", status);
                Err(SubmissionError::Unknown(error))
            }
        }
    }

    /// Sends NOOP, so that the server does not end the session while mailpull is busy elsewhere.
    ///
    /// # Errors
    /// The connection fails.
    pub fn keep_awake(&mut self) -> Result<(), Error> {
        self.wire.keep_awake()
    }

    /// Returns true if RETR, TOP or DELE was sent before an earlier command was answered.
    pub fn has_pipelined(&self) -> bool {
        self.wire.has_pipelined()
    }

    /// Sends each further command only after the one before it is answered.
    pub fn stop_pipelining(&mut self) {
        self.pipelining = false;
    }

    /// Marks messages as deleted (custody step 7); the server deletes them at QUIT. Each answer is
    /// passed to `each`.
    ///
    /// # Errors
    /// The connection fails. Without QUIT, what was marked stays on the server.
    pub fn delete<'r>(
        &mut self,
        deletable: &'r [Deletable],
        mut each: impl FnMut(&'r Deletable, Result<(), Refusal>) -> GoOn,
    ) -> Result<(), BrokenDeletion<'r>> {
        self.has_marked |= !deletable.is_empty();
        let mut window = Window::new(self.pipelining, deletable.iter());
        loop {
            let (message, status) = match window.next(&mut self.wire) {
                Ok(None) => return Ok(()),
                Ok(Some(answered)) => answered,
                Err(source) => {
                    let awaited = window.awaited().copied();
                    return Err(BrokenDeletion { awaited, source });
                }
            };
            let go_on = match status {
                Status::Positive(_) => each(message, Ok(())),
                Status::Negative(refusal) => each(message, Err(refusal)),
                Status::Continue(_) => {
                    let source = Error::unexpected("DELE", status);
                    let awaited = None;
                    return Err(BrokenDeletion { awaited, source });
                }
            };
            window.pause(go_on == GoOn::No);
        }
    }

    /// Ends a session in which nothing was retrieved and nothing marked. The answer decides
    /// nothing, so it is not waited for.
    ///
    /// # Errors
    /// The connection fails, or the server has sent something although nothing was asked.
    pub fn leave(mut self) -> Result<(), Error> {
        self.wire.send(&[Command::Quit])
    }

    /// Closes the session without QUIT, so that the server keeps what was retrieved. NOOP shows first if the
    /// replies still belonged to their commands.
    ///
    /// # Errors
    /// They did not, or the connection fails.
    pub fn close(mut self) -> Result<(), Error> {
        self.wire.keep_awake()?;
        match self.wire.has_unsolicited() {
            true => Err(Error::Unsolicited("the end of the session".into())),
            false => Ok(()),
        }
    }

    /// Ends the session. Only a positive answer means that the server has deleted what was marked. If nothing
    /// was marked, the answer is not waited for as long as others. After pipelined commands, octets that follow the answer show that it answered another command.
    pub fn quit(mut self) -> QuitReply {
        if !self.has_marked {
            self.wire.limit_silence(limits::UNNEEDED_REPLY_TIMEOUT);
        }
        let answer = self
            .wire
            .send(&[Command::Quit])
            .and_then(|()| self.wire.expect_positive("QUIT"));
        match answer {
            Ok(()) if self.wire.has_pipelined() && self.wire.has_unsolicited() => {
                QuitReply::Unknown(Error::Unsolicited("the end of the session".into()))
            }
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
