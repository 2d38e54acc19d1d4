//! A session: greeting, STARTTLS, capabilities, and the questions about mailboxes.

use std::io::{Read, Write};

use super::capabilities::ImapCapabilities;
use super::code::ImapCode;
use super::decoder::{Decoded, MalformedResponse};
use super::error::{AnswerTo, Error};
use super::mailbox_name::MailboxName;
use super::response::{Condition, ImapResponse, MailboxStatus, StatusResponse, Tag};
use super::wire::ImapWire;
use crate::limits;
use crate::pace::Paced;
use crate::trace::Trace;

/// The server's reaction to a command.
pub(super) enum CommandStep {
    /// It waits for the rest of the command. The text may be a challenge.
    Continue(Vec<u8>),
    /// The command has ended.
    Ended(StatusResponse),
}

/// A session with an IMAP server.
pub struct ImapSession<S> {
    pub(super) wire: ImapWire<S>,
    pub(super) capabilities: ImapCapabilities,
    /// Capabilities that came as data and do not count yet.
    announced: Option<ImapCapabilities>,
    /// The tag of the last command.
    last_tag: Tag,
    is_preauthenticated: bool,
    pub(super) is_usable: bool,
}

impl<S: Read + Write + Paced> ImapSession<S> {
    /// Begins a session on a new connection: reads the greeting and learns the capabilities.
    ///
    /// # Errors
    /// The server refuses the client, does not speak IMAP, or the connection fails.
    pub fn open(stream: S, trace: Option<Trace>) -> Result<Self, Error> {
        let mut session = Self::new(stream, trace);
        let to = AnswerTo::Connection;
        let ImapResponse::Untagged(greeting) = session.response(to)? else {
            return Err(Error::OutOfStep(to));
        };
        session.is_preauthenticated = match greeting.condition {
            Condition::Ok => false,
            Condition::PreAuth => true,
            _ => {
                let answer = greeting;
                return Err(Error::Refused { to, answer });
            }
        };
        session.learn(greeting.code)?;
        Ok(session)
    }

    /// Begins a session anew after the TLS handshake. Nothing said before it counts.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub fn resume(stream: S, trace: Option<Trace>) -> Result<Self, Error> {
        let mut session = Self::new(stream, trace);
        session.learn(None)?;
        Ok(session)
    }

    fn new(stream: S, trace: Option<Trace>) -> Self {
        Self {
            wire: ImapWire::new(stream, trace),
            capabilities: ImapCapabilities::default(),
            announced: None,
            last_tag: Tag::default(),
            is_preauthenticated: false,
            is_usable: true,
        }
    }

    /// Learns the capabilities from a code or from the data before it, or asks for them.
    pub(super) fn learn(&mut self, code: Option<ImapCode>) -> Result<(), Error> {
        self.capabilities = match (code, self.announced.take()) {
            (Some(ImapCode::Capability(announced)), _) | (_, Some(announced)) => announced,
            (_, None) => {
                let to = AnswerTo::Capability;
                self.carry_out(to, "CAPABILITY", drop)?;
                let what = "the capabilities";
                self.announced.take().ok_or(Error::Missing { to, what })?
            }
        };
        match self.capabilities.is_imap4() {
            true => Ok(()),
            false => Err(Error::TooOld),
        }
    }

    /// Forgets capabilities that came before a login and do not count after it.
    pub(super) fn forget_announced(&mut self) {
        self.announced = None;
    }

    /// Asks for TLS, whether or not it is announced, and returns the connection for the handshake.
    ///
    /// # Errors
    /// The server refuses or has skipped the login, or somebody has added octets to its answer.
    pub fn start_tls(mut self) -> Result<(S, Option<Trace>), Error> {
        if self.is_preauthenticated {
            return Err(Error::PreAuthenticated);
        }
        self.carry_out(AnswerTo::StartTls, "STARTTLS", drop)?;
        self.wire.into_stream()
    }

    /// Returns true if the server has skipped the login (PREAUTH). Over a network, somebody in
    /// between may do so to prevent TLS.
    pub fn is_preauthenticated(&self) -> bool {
        self.is_preauthenticated
    }

    /// Returns the capabilities that the server has announced last.
    pub fn capabilities(&self) -> &ImapCapabilities {
        &self.capabilities
    }

    /// Returns the connection, to ask whether something has arrived.
    pub fn stream(&self) -> &S {
        self.wire.stream()
    }

    /// Returns true if the session can go on.
    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Returns the character between the levels of mailbox names; `None` if there are no levels
    /// (RFC 3501 section 6.3.8).
    ///
    /// # Errors
    /// The session fails.
    pub fn delimiter(&mut self) -> Result<Option<char>, Error> {
        let to = AnswerTo::List;
        let mut delimiter = None;
        self.carry_out(to, "LIST \"\" \"\"", |response| {
            if let ImapResponse::List(read) = response {
                delimiter = Some(read);
            }
        })?;
        let what = "the hierarchy delimiter";
        delimiter.ok_or(Error::Missing { to, what })
    }

    /// Asks for the state of a mailbox, which is not selected for it (RFC 3501 section 6.3.10).
    ///
    /// # Errors
    /// There is no such mailbox, or the session fails.
    pub fn status(&mut self, mailbox: &MailboxName) -> Result<MailboxStatus, Error> {
        let limit = match self.capabilities.has_limits_of_mailboxes() {
            true => " APPENDLIMIT",
            false => "",
        };
        let to = AnswerTo::Status;
        let command = format!("STATUS {mailbox} (MESSAGES UIDNEXT UIDVALIDITY{limit})");
        let mut status = None;
        self.carry_out(to, &command, |response| {
            if let ImapResponse::Status(read) = response {
                status = Some(read);
            }
        })?;
        let what = "the state of the mailbox";
        let status = status.ok_or(Error::Missing { to, what })?;
        let limits = [status.append_limit, self.capabilities.append_limit()];
        Ok(MailboxStatus {
            append_limit: limits.into_iter().flatten().min(),
            ..status
        })
    }

    /// Creates a mailbox (RFC 3501 section 6.3.3). If another client was faster, that is as good.
    ///
    /// # Errors
    /// The server refuses, or the session fails.
    pub fn create(&mut self, mailbox: &MailboxName) -> Result<(), Error> {
        match self.carry_out(AnswerTo::Create, &format!("CREATE {mailbox}"), drop) {
            Err(Error::Refused { answer, .. }) if answer.code == Some(ImapCode::AlreadyExists) => {
                Ok(())
            }
            created => created.map(drop),
        }
    }

    /// Subscribes to a mailbox, so that mail readers show it (RFC 3501 section 6.3.6).
    ///
    /// # Errors
    /// The server refuses, or the session fails.
    pub fn subscribe(&mut self, mailbox: &MailboxName) -> Result<(), Error> {
        let command = format!("SUBSCRIBE {mailbox}");
        self.carry_out(AnswerTo::Subscribe, &command, drop)
            .map(drop)
    }

    /// Ends the session in good order. Nothing depends on the server's answer.
    pub fn logout(mut self) {
        // In the middle of a message LOGOUT would become a part of it.
        if self.is_usable {
            self.begin("LOGOUT");
            // If the server no longer listens, the session is over anyway.
            let _ = self.wire.send(AnswerTo::Logout);
        }
    }

    /// Carries a command out; `each` takes the data of the answer.
    pub(super) fn carry_out(
        &mut self,
        to: AnswerTo,
        command: &str,
        each: impl FnMut(ImapResponse),
    ) -> Result<StatusResponse, Error> {
        let tag = self.begin(command);
        self.send(to)?;
        self.answer(to, tag, each)
    }

    /// Adds a command to what is sent next. Returns its tag.
    pub(super) fn begin(&mut self, command: &str) -> Tag {
        let tag = self.next_tag();
        self.wire.line(format_args!("{tag} {command}"));
        tag
    }

    pub(super) fn next_tag(&mut self) -> Tag {
        self.last_tag = Tag(self.last_tag.0.wrapping_add(1));
        self.last_tag
    }

    pub(super) fn send(&mut self, to: AnswerTo) -> Result<(), Error> {
        let sent = self.wire.send(to);
        sent.inspect_err(|_| self.is_usable = false)
    }

    /// Reads up to the end of a command, which must have been carried out.
    pub(super) fn answer(
        &mut self,
        to: AnswerTo,
        tag: Tag,
        each: impl FnMut(ImapResponse),
    ) -> Result<StatusResponse, Error> {
        match self.step(to, tag, each)? {
            CommandStep::Ended(answer) if answer.condition == Condition::Ok => Ok(answer),
            CommandStep::Ended(answer) => Err(Error::Refused { to, answer }),
            CommandStep::Continue(_) => Err(self.out_of_step(to)),
        }
    }

    /// Waits until the server asks for the rest of a command.
    pub(super) fn go_on(&mut self, to: AnswerTo, tag: Tag) -> Result<(), Error> {
        match self.step(to, tag, drop)? {
            CommandStep::Continue(_) => Ok(()),
            CommandStep::Ended(answer) if answer.condition != Condition::Ok => {
                Err(Error::Refused { to, answer })
            }
            CommandStep::Ended(_) => Err(self.out_of_step(to)),
        }
    }

    /// Reads the server's reaction to a command; `each` takes the data that come before.
    pub(super) fn step(
        &mut self,
        to: AnswerTo,
        tag: Tag,
        mut each: impl FnMut(ImapResponse),
    ) -> Result<CommandStep, Error> {
        for _ in 0..limits::LISTING_LINES {
            match self.response(to)? {
                ImapResponse::Tagged(ended, answer) if ended == tag => {
                    return Ok(CommandStep::Ended(answer));
                }
                ImapResponse::Tagged(..) => return Err(self.out_of_step(to)),
                ImapResponse::Continue(text) => return Ok(CommandStep::Continue(text)),
                ImapResponse::Capability(words) => self.announced = Some(words),
                data => each(data),
            }
        }
        Err(self.malformed(to, MalformedResponse::TooLong))
    }

    /// Reads a response in which no octets of a message are expected.
    pub(super) fn response(&mut self, to: AnswerTo) -> Result<ImapResponse, Error> {
        match self.decoded(to)? {
            Decoded::Response(response) => Ok(response),
            Decoded::Message(octets) => {
                Err(self.malformed(to, MalformedResponse::UnaskedLiteral(octets)))
            }
        }
    }

    /// Reads a response, or its beginning before the octets of a message.
    pub(super) fn decoded(&mut self, to: AnswerTo) -> Result<Decoded, Error> {
        let decoded = self.wire.read(to);
        match decoded.inspect_err(|_| self.is_usable = false)? {
            Decoded::Response(ImapResponse::Untagged(answer))
                if answer.condition == Condition::Bye && to != AnswerTo::Connection =>
            {
                self.is_usable = false;
                Err(Error::Bye { to, answer })
            }
            decoded => Ok(decoded),
        }
    }

    /// Ends the session, whose responses no longer match the commands.
    pub(super) fn out_of_step(&mut self, to: AnswerTo) -> Error {
        self.is_usable = false;
        Error::OutOfStep(to)
    }

    /// Ends the session for something that is no response.
    pub(super) fn malformed(&mut self, to: AnswerTo, source: MalformedResponse) -> Error {
        self.is_usable = false;
        Error::Malformed { to, source }
    }
}
