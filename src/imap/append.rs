//! Messages are stored: one, or several in one flight (RFC 3501 section 6.3.11, 3502, 4315).

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::mem;

use super::code::ImapCode;
use super::error::{AnswerTo, Error};
use super::internal_date::InternalDate;
use super::literal::{Literal, MUCH};
use super::mailbox_name::MailboxName;
use super::response::{Condition, ImapResponse, StatusResponse, Tag};
use super::session::ImapSession;
use crate::mail::wire_form::{MeasuredMessage, MessageMeasure, push_with_crlf};
use crate::pace::Paced;

/// The most messages without an answer. Answers are short, so the server can always send them.
const IN_FLIGHT: usize = 16;

/// A message that is to be stored.
#[derive(Debug)]
pub struct OutgoingMessage<R> {
    /// Its measure.
    pub measure: MessageMeasure,
    /// The time that readers show as its arrival; by default that of APPEND.
    pub internal_date: Option<InternalDate>,
    /// Its octets, with LF as line end.
    pub message: R,
}

/// A message that the server has stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Appended {
    /// The message's place, if the server names it (UIDPLUS).
    pub uid: Option<MessageUid>,
    /// The server's answer.
    pub answer: StatusResponse,
}

/// The lasting identity of a message in its mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MessageUid {
    /// The UIDVALIDITY of the mailbox.
    pub uid_validity: u32,
    /// The UID of the message.
    pub uid: u32,
}

/// The fate of a message of a flight.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// The server has stored it.
    Stored(Appended),
    /// The server has refused it.
    Refused(StatusResponse),
    /// It was sent as a whole, and nothing says what became of it.
    InDoubt,
    /// The server does not have it. It is not the reason for that.
    NotStored,
}

/// The fates of all messages of a flight.
#[derive(Debug)]
pub struct AppendFlight {
    /// The fate of each message, in their order.
    pub fates: Vec<Fate>,
    /// The reason why the flight ended early. If the session can go on, the server has refused all
    /// messages for one that it does not name: each should be sent alone.
    pub error: Option<Error>,
}

/// A message without an answer.
struct PendingAppend {
    tag: Tag,
    /// Its place in the flight.
    at: usize,
    octets: u64,
}

impl<S: Read + Write + Paced> ImapSession<S> {
    /// Stores a message.
    ///
    /// # Errors
    /// The server refuses the message, it cannot be read, or the session fails.
    /// [`Error::is_in_doubt`] says if the server may have it nevertheless.
    pub fn append<R: Read>(
        &mut self,
        mailbox: &MailboxName,
        message: OutgoingMessage<R>,
    ) -> Result<Appended, Error> {
        let tag = self.next_tag();
        self.put(tag, &format!("{tag} APPEND {mailbox}"), message)?;
        self.end_append()?;
        let answer = self.answer(AnswerTo::Message, tag, drop);
        let answer = answer.map_err(Error::after_message)?;
        Ok(Appended::of(1, &answer).remove(0))
    }

    /// Stores several messages in one flight. With MULTIAPPEND the server takes all or none.
    pub fn append_all<R: Read>(
        &mut self,
        mailbox: &MailboxName,
        messages: Vec<OutgoingMessage<R>>,
    ) -> AppendFlight {
        let mut fates = vec![Fate::NotStored; messages.len()];
        let takes_all = self.capabilities.multi_append() && self.capabilities.literal_plus();
        let sent = match takes_all && messages.len() > 1 {
            true => self.append_together(mailbox, messages, &mut fates),
            false => self.append_pipelined(mailbox, messages, &mut fates),
        };
        let error = sent.err();
        AppendFlight { fates, error }
    }

    /// Stores all messages by one command.
    fn append_together<R: Read>(
        &mut self,
        mailbox: &MailboxName,
        messages: Vec<OutgoingMessage<R>>,
        fates: &mut [Fate],
    ) -> Result<(), Error> {
        let tag = self.next_tag();
        let mut head = format!("{tag} APPEND {mailbox}");
        for message in messages {
            self.put(tag, &mem::take(&mut head), message)?;
        }
        fates.fill(Fate::InDoubt);
        self.end_append()?;
        let answer = match self.answer(AnswerTo::Message, tag, drop) {
            Err(refused @ Error::Refused { .. }) => {
                fates.fill(Fate::NotStored);
                return Err(refused);
            }
            answer => answer.map_err(Error::after_message)?,
        };
        let stored = Appended::of(fates.len(), &answer);
        for (fate, appended) in fates.iter_mut().zip(stored) {
            *fate = Fate::Stored(appended);
        }
        Ok(())
    }

    /// Stores each message by a command of its own, and does not wait for each answer.
    fn append_pipelined<R: Read>(
        &mut self,
        mailbox: &MailboxName,
        messages: Vec<OutgoingMessage<R>>,
        fates: &mut [Fate],
    ) -> Result<(), Error> {
        let mut pending = VecDeque::new();
        for (at, message) in messages.into_iter().enumerate() {
            let octets = message.measure.octets;
            while !self.has_room(&pending, octets) {
                self.take_answer(&mut pending, fates)?;
            }
            let tag = self.next_tag();
            match self.put(tag, &format!("{tag} APPEND {mailbox}"), message) {
                Ok(()) => {}
                Err(Error::Refused { answer, .. }) => {
                    fates[at] = Fate::Refused(answer);
                    continue;
                }
                Err(error) => {
                    // Those before it may be answered nevertheless.
                    while !pending.is_empty() && self.take_answer(&mut pending, fates).is_ok() {}
                    return Err(error);
                }
            }
            fates[at] = Fate::InDoubt;
            self.end_append()?;
            pending.push_back(PendingAppend { tag, at, octets });
        }
        while !pending.is_empty() {
            self.take_answer(&mut pending, fates)?;
        }
        Ok(())
    }

    /// Returns true if a message of this length can be sent before the answers to others: writing
    /// must not block while the server waits for its answers to be read.
    fn has_room(&self, pending: &VecDeque<PendingAppend>, octets: u64) -> bool {
        let unanswered: u64 = pending.iter().map(|message| message.octets).sum();
        let fits = pending.len() < IN_FLIGHT && unanswered.saturating_add(octets) <= MUCH;
        let is_awaited = Literal::new(&self.capabilities, octets).is_awaited;
        pending.is_empty() || fits && !is_awaited
    }

    /// Reads the answer to a message that was sent.
    fn take_answer(
        &mut self,
        pending: &mut VecDeque<PendingAppend>,
        fates: &mut [Fate],
    ) -> Result<(), Error> {
        let to = AnswerTo::Message;
        loop {
            match self.response(to).map_err(Error::after_message)? {
                ImapResponse::Tagged(tag, answer) => {
                    let at = pending.iter().position(|message| message.tag == tag);
                    let Some(answered) = at.and_then(|at| pending.remove(at)) else {
                        return Err(self.out_of_step(to).after_message());
                    };
                    fates[answered.at] = match answer.condition {
                        Condition::Ok => Fate::Stored(Appended::of(1, &answer).remove(0)),
                        _ => Fate::Refused(answer),
                    };
                    return Ok(());
                }
                ImapResponse::Continue(_) => return Err(self.out_of_step(to).after_message()),
                _ => {}
            }
        }
    }

    /// Sends a message after the beginning of its command, but not its last octets.
    fn put<R: Read>(
        &mut self,
        tag: Tag,
        head: &str,
        message: OutgoingMessage<R>,
    ) -> Result<(), Error> {
        let to = AnswerTo::Message;
        let literal = Literal::new(&self.capabilities, message.measure.octets);
        let date = message.internal_date.map(|date| format!(" {date}"));
        let date = date.unwrap_or_default();
        self.wire.line(format_args!("{head}{date} {literal}"));
        if literal.is_awaited {
            self.send(to)?;
            self.go_on(to, tag)?;
        }
        // Until the end of the message nothing else can be sent.
        self.is_usable = false;
        let mut message = MeasuredMessage::new(message.message, message.measure);
        loop {
            let octets = message.next_piece().map_err(Error::Message)?;
            if octets.is_empty() {
                break;
            }
            // Only what is followed by more is sent: the last octet completes the message.
            self.wire.send_if_much(to)?;
            push_with_crlf(octets, self.wire.out());
        }
        self.is_usable = true;
        Ok(())
    }

    /// Sends the last octets and the end of the command.
    fn end_append(&mut self) -> Result<(), Error> {
        self.wire.out().extend_from_slice(b"\r\n");
        self.send(AnswerTo::Message).map_err(Error::after_message)
    }
}

impl Appended {
    /// Reads the answer to this many messages.
    fn of(messages: usize, answer: &StatusResponse) -> Vec<Self> {
        let uids = match &answer.code {
            Some(ImapCode::AppendUid(uids)) => Some(uids),
            _ => None,
        };
        let uid_validity = uids.map(|uids| uids.uid_validity);
        let uids = uids.and_then(|uids| uids.of_messages(messages));
        let place = |at: usize| {
            Some(MessageUid {
                uid_validity: uid_validity?,
                uid: *uids.as_ref()?.get(at)?,
            })
        };
        let appended = (0..messages).map(|at| Self {
            uid: place(at),
            answer: answer.clone(),
        });
        appended.collect()
    }
}
