//! Many commands before the first reply (RFC 2449 section 6.6).
//! Knows nothing of what becomes of the messages.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::iter::Peekable;

use super::Error;
use super::command::Command;
use super::reply::{Refusal, Status};
use super::wire::Wire;
use crate::mail::custody::Recorded;
use crate::mail::maildrop::Message;

/// How many octets of commands may wait for their replies. It has to fit the socket buffers of
/// any peer, or both ends could be blocked in a write.
const WINDOW: usize = 8 * 1024 - LONGEST_COMMAND;
/// What may begin just below the limit and end above it: `RETR 2147483647` and its line end.
const LONGEST_COMMAND: usize = 17;
/// How many octets of messages are asked for before they are needed, where sizes are known, so
/// that a run that ends early has not made the server send for nothing.
const OCTETS_AHEAD: u64 = 16 << 20;

/// What can be asked for ahead of its turn.
pub trait Ask {
    /// The command that asks for it.
    fn command(&self) -> Command<'static>;

    /// How many octets the server will send for it, as far as that is known.
    fn octets(&self) -> u64;
}

impl Ask for Message {
    fn command(&self) -> Command<'static> {
        Command::Retr(self.number)
    }

    fn octets(&self) -> u64 {
        self.size.unwrap_or(0)
    }
}

/// The header of a message, asked for by TOP.
#[derive(Clone, Debug)]
pub struct HeaderOf(pub Message);

impl Ask for HeaderOf {
    fn command(&self) -> Command<'static> {
        Command::Top(self.0.number)
    }

    fn octets(&self) -> u64 {
        0
    }
}

impl Ask for &Recorded {
    fn command(&self) -> Command<'static> {
        Command::Dele(self.number())
    }

    fn octets(&self) -> u64 {
        0
    }
}

/// Commands sent ahead of their replies as far as the window allows. Where the server did not
/// announce PIPELINING the window is one command.
pub(super) struct Window<I: Iterator> {
    limit: usize,
    waiting: Peekable<I>,
    asked: VecDeque<I::Item>,
    octets_ahead: u64,
}

impl<T: Ask, I: Iterator<Item = T>> Window<I> {
    pub(super) fn new(pipelining: bool, waiting: I) -> Self {
        Self {
            limit: if pipelining { WINDOW } else { 1 },
            waiting: waiting.peekable(),
            asked: VecDeque::new(),
            octets_ahead: 0,
        }
    }

    /// Reads the next status line, having sent what may be sent before it; `None` once everything
    /// is answered.
    pub(super) fn next<S: Read + Write>(
        &mut self,
        wire: &mut Wire<S>,
    ) -> Result<Option<(T, Status)>, Error> {
        self.refill(wire)?;
        if self.asked.is_empty() {
            return Ok(None);
        }
        let status = wire.reply()?;
        let answered = self.asked.pop_front();
        Ok(answered.map(|answered| {
            self.octets_ahead -= answered.octets();
            (answered, status)
        }))
    }

    /// Sends more commands in one write, once half of the window is answered.
    fn refill<S: Read + Write>(&mut self, wire: &mut Wire<S>) -> Result<(), Error> {
        let mut unanswered = wire.unanswered_octets();
        if unanswered > self.limit / 2 {
            return Ok(());
        }
        let mut flight = Vec::new();
        while unanswered < self.limit && self.octets_ahead < OCTETS_AHEAD {
            let Some(next) = self.waiting.next() else {
                break;
            };
            let command = next.command();
            unanswered += command.to_string().len() + "\r\n".len();
            self.octets_ahead += next.octets();
            flight.push(command);
            self.asked.push_back(next);
        }
        if flight.is_empty() {
            return Ok(());
        }
        wire.send(&flight)
    }
}

/// Messages or headers being retrieved, in the order they were asked for. Dropped before its end, it leaves
/// replies on the way: the session can then only be closed.
pub struct Pipeline<'a, S, I: Iterator> {
    wire: &'a mut Wire<S>,
    window: Window<I>,
}

/// What RETR led to.
#[derive(Debug)]
pub enum Retrieved {
    /// The message comes: read it with [`Pipeline::read`] to its end.
    Body,
    /// The server refused; the others still come.
    Refused(Refusal),
}

impl<'a, S: Read + Write, I: Iterator<Item: Ask>> Pipeline<'a, S, I> {
    pub(super) fn new(wire: &'a mut Wire<S>, pipelining: bool, messages: I) -> Self {
        Self {
            wire,
            window: Window::new(pipelining, messages),
        }
    }

    /// Asks for no more messages; those that were asked for still come.
    pub fn stop_asking(&mut self) {
        self.window.limit = 0;
    }

    /// The same as [`Transaction::keep_awake`], if no reply is on its way: the server is not waiting
    /// for us then.
    ///
    /// [`Transaction::keep_awake`]: super::Transaction::keep_awake
    ///
    /// # Errors
    /// The connection fails.
    pub fn keep_awake(&mut self) -> Result<(), Error> {
        if self.window.asked.is_empty() {
            return self.wire.keep_awake();
        }
        Ok(())
    }

    /// How many messages the session had no time for: they were not asked for.
    pub fn not_requested(self) -> usize {
        self.window.waiting.count()
    }

    /// Goes on to the next message; `None` once all have come, or those that were asked for before
    /// the session had lasted for [`crate::limits::REQUEST_TIME`].
    ///
    /// # Errors
    /// The connection fails, or the message before was not read to its end.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and borrows")]
    pub fn next(&mut self) -> Result<Option<(I::Item, Retrieved)>, Error> {
        if self.wire.is_late() {
            self.stop_asking();
        }
        Ok(match self.window.next(self.wire)? {
            None => None,
            Some((message, Status::Positive(_))) => Some((message, Retrieved::Body)),
            Some((message, Status::Negative(why))) => Some((message, Retrieved::Refused(why))),
            Some((_, Status::Continue(_))) => return Err(Error::OutOfStep("RETR".into())),
        })
    }

    /// The message whose reply comes next.
    pub fn awaited(&self) -> Option<&I::Item> {
        self.window.asked.front()
    }

    /// Appends the next piece of the message to `out`: how many octets came, or `None` at its end.
    ///
    /// # Errors
    /// The connection failed or was closed: the message is not complete.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        self.wire.body(out)
    }
}
