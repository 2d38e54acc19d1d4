//! Retrieving messages with several commands on their way (PIPELINING, RFC 2449 section 6.6).

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::iter::Peekable;

use super::Error;
use super::command::Command;
use super::refusal::Refusal;
use super::reply::{Status, announced_size};
use super::unstuff::ResponseSize;
use super::wire::Wire;
use crate::mail::deletable::Deletable;
use crate::mail::maildrop::Message;

/// The most octets of commands that may wait for their replies. They must fit into the socket
/// buffers of any server. Otherwise both ends could block: the server because nobody reads its
/// replies, mailpull because nobody reads its commands.
const WINDOW: usize = 8 * 1024 - LONGEST_COMMAND;
/// The longest command that begins just below the limit and ends above it: `RETR 2147483647` with
/// its line end.
const LONGEST_COMMAND: usize = 17;
/// The most octets of messages that are asked for ahead, if sizes are known. A run that ends early
/// has then not made the server send more than this in vain.
const OCTETS_AHEAD: u64 = 16 << 20;

/// Something that can be asked for before earlier commands are answered.
pub trait Ask {
    /// The command that asks for it.
    fn command(&self) -> Command<'static>;

    /// The number of octets that the server will send for it; 0 if that is unknown.
    fn octets(&self) -> u64;

    /// The size by which a whole response is recognised.
    fn expected(&self) -> ExpectedSize;

    /// The commands that may be unanswered together with this one.
    fn company(&self) -> Company {
        Company::Any
    }
}

/// The commands that may be unanswered together with another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Company {
    /// As many as the window allows.
    Any,
    /// None: if the session breaks, no other command may be the cause.
    None,
}

/// The size by which a whole response is recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExpectedSize {
    /// It needs none.
    Any,
    /// The size that LIST said, or else the one that the reply names.
    Listed(Option<u64>),
}

impl Ask for Message {
    fn command(&self) -> Command<'static> {
        Command::Retr(self.number)
    }

    fn octets(&self) -> u64 {
        self.size.unwrap_or(0)
    }

    fn expected(&self) -> ExpectedSize {
        ExpectedSize::Listed(self.size)
    }
}

/// A request for a message.
#[derive(Clone, Debug)]
pub struct Request {
    /// The message.
    pub message: Message,
    /// The commands that may be unanswered together with it.
    pub company: Company,
}

impl Ask for Request {
    fn command(&self) -> Command<'static> {
        self.message.command()
    }

    fn octets(&self) -> u64 {
        self.message.octets()
    }

    fn expected(&self) -> ExpectedSize {
        self.message.expected()
    }

    fn company(&self) -> Company {
        self.company
    }
}

/// The header of a message, asked for by TOP.
#[derive(Clone, Debug)]
pub struct HeaderOf(pub Message);

impl Ask for HeaderOf {
    fn command(&self) -> Command<'static> {
        Command::Top(self.0.number, 0)
    }

    fn octets(&self) -> u64 {
        0
    }

    fn expected(&self) -> ExpectedSize {
        ExpectedSize::Any
    }
}

/// The beginning of a message, asked for by TOP: its header and some lines.
#[derive(Clone, Debug)]
pub struct BeginningOf {
    /// The message.
    pub message: Message,
    /// The number of lines of its body.
    pub lines: u32,
}

impl Ask for BeginningOf {
    fn command(&self) -> Command<'static> {
        Command::Top(self.message.number, self.lines)
    }

    fn octets(&self) -> u64 {
        0
    }

    fn expected(&self) -> ExpectedSize {
        ExpectedSize::Any
    }
}

impl Ask for &Deletable {
    fn command(&self) -> Command<'static> {
        Command::Dele(self.number())
    }

    fn octets(&self) -> u64 {
        0
    }

    fn expected(&self) -> ExpectedSize {
        ExpectedSize::Any
    }
}

/// Sends commands ahead of their replies, as many as the window allows. Without PIPELINING that is
/// one command.
pub(super) struct Window<I: Iterator> {
    limit: usize,
    is_paused: bool,
    waiting: Peekable<I>,
    asked: VecDeque<I::Item>,
    octets_ahead: u64,
    has_asked_ahead: bool,
}

impl<T: Ask, I: Iterator<Item = T>> Window<I> {
    pub(super) fn new(pipelining: bool, waiting: I) -> Self {
        Self {
            limit: if pipelining { WINDOW } else { 1 },
            is_paused: false,
            waiting: waiting.peekable(),
            asked: VecDeque::new(),
            octets_ahead: 0,
            has_asked_ahead: false,
        }
    }

    /// Returns what the next reply is about.
    pub(super) fn awaited(&self) -> Option<&T> {
        self.asked.front()
    }

    /// Sends no more commands, or sends them again.
    pub(super) fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Sends as many commands as the window allows and reads the next status line; `None` once
    /// everything is answered.
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
            self.octets_ahead -= octets_of(&answered);
            (answered, status)
        }))
    }

    /// Sends more commands in one write once half of the window is answered. A write for each reply
    /// would be a packet for each command.
    fn refill<S: Read + Write>(&mut self, wire: &mut Wire<S>) -> Result<(), Error> {
        let mut unanswered = wire.unanswered_octets();
        let goes_alone = |next: &T| next.company() == Company::None;
        if self.is_paused || unanswered > self.limit / 2 {
            return Ok(());
        }
        let mut flight = Vec::new();
        while unanswered < self.limit && self.octets_ahead < OCTETS_AHEAD {
            // One that goes alone waits until everything before it is answered, and nothing is sent
            // after it until it is answered itself.
            let may_go = |next: &T| unanswered == 0 || !goes_alone(next);
            if self.asked.back().is_some_and(goes_alone) {
                break;
            }
            let Some(next) = self.waiting.next_if(may_go) else {
                break;
            };
            let command = next.command();
            unanswered += command.to_string().len() + "\r\n".len();
            self.octets_ahead += octets_of(&next);
            flight.push(command);
            self.asked.push_back(next);
        }
        if flight.is_empty() {
            return Ok(());
        }
        self.has_asked_ahead |= self.asked.len() > 1;
        wire.send(&flight)
    }
}

/// Returns the octets that the server will send for a command, but no more than are asked for ahead: the
/// size is only what the server says, and the sum of such sizes could overflow.
fn octets_of(ask: &impl Ask) -> u64 {
    ask.octets().min(OCTETS_AHEAD)
}

/// Messages or headers that are being retrieved, in the order in which they were asked for. If it
/// is dropped before its end, replies are still on their way, and the session can only be closed.
pub struct Pipeline<'a, S, I: Iterator> {
    wire: &'a mut Wire<S>,
    window: Window<I>,
    expected: ExpectedSize,
    announced: Option<u64>,
}

/// The server's answer to RETR or TOP.
#[derive(Debug)]
pub enum Retrieved {
    /// The message follows: read it with [`Pipeline::read`] to its end.
    Body,
    /// The server refused; the others still follow.
    Refused(Refusal),
}

impl<'a, S: Read + Write, I: Iterator<Item: Ask>> Pipeline<'a, S, I> {
    pub(super) fn new(wire: &'a mut Wire<S>, pipelining: bool, messages: I) -> Self {
        Self {
            wire,
            window: Window::new(pipelining, messages),
            expected: ExpectedSize::Any,
            announced: None,
        }
    }

    /// Asks for no more messages. Those that were asked for still follow.
    pub fn stop_asking(&mut self) {
        self.window.limit = 0;
    }

    /// Asks for no more messages until [`Self::resume_asking`].
    pub fn pause_asking(&mut self) {
        self.window.is_paused = true;
    }

    /// Asks for messages again after a pause.
    pub fn resume_asking(&mut self) {
        self.window.is_paused = false;
    }

    /// Asks for each further message only after the one before it has come.
    pub fn stop_asking_ahead(&mut self) {
        self.window.limit = self.window.limit.min(1);
    }

    /// Returns true if messages were asked for before earlier ones had come.
    pub fn has_asked_ahead(&self) -> bool {
        self.window.has_asked_ahead
    }

    /// The size that the last reply has named.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The size of the last message that was read to its end.
    pub fn response_size(&self) -> ResponseSize {
        self.wire.response_size()
    }

    /// Returns what was asked for and is not answered, in order.
    pub fn unanswered(&self) -> impl Iterator<Item = &I::Item> {
        self.window.asked.iter()
    }

    /// As [`Transaction::keep_awake`], but only if no reply is on its way: otherwise the server is
    /// not waiting for a command.
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

    /// Returns true if no reply is on its way.
    pub fn is_idle(&self) -> bool {
        self.window.asked.is_empty()
    }

    /// Makes sure that no reply is left over. A reply that came twice would be taken for the answer to
    /// the first NOOP, and its second line for the answer to the second one.
    ///
    /// # Errors
    /// The connection fails, or the session is out of step.
    pub fn prove_step(&mut self) -> Result<(), Error> {
        debug_assert!(self.is_idle(), "the reply to NOOP would come after others");
        self.wire.keep_awake()?;
        self.wire.keep_awake()
    }

    /// Returns the number of messages that were not asked for.
    pub fn not_requested(self) -> usize {
        self.window.waiting.count()
    }

    /// Continues with the next message; `None` at the end. After [`crate::limits::REQUEST_TIME`] no
    /// more messages are asked for.
    ///
    /// # Errors
    /// The connection fails, or the message before was not read to its end.
    #[expect(
        clippy::should_implement_trait,
        reason = "unlike an iterator it can fail, and its items borrow from it"
    )]
    pub fn next(&mut self) -> Result<Option<(I::Item, Retrieved)>, Error> {
        if self.wire.is_late() {
            self.stop_asking();
        }
        Ok(match self.window.next(self.wire)? {
            None => None,
            Some((message, Status::Positive(text))) => {
                self.expected = message.expected();
                self.announced = announced_size(&text);
                Some((message, Retrieved::Body))
            }
            Some((message, Status::Negative(why))) => Some((message, Retrieved::Refused(why))),
            Some((_, Status::Continue(_))) => return Err(Error::OutOfStep("RETR".into())),
        })
    }

    /// The message whose reply is next.
    pub fn awaited(&self) -> Option<&I::Item> {
        self.window.asked.front()
    }

    /// Appends the next piece of the message to `out`. Returns the number of octets received, or
    /// `None` at the end.
    ///
    /// # Errors
    /// The connection failed or was closed: the message is not complete.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        let octets = self.wire.body(out)?;
        if octets.is_none() && !self.is_whole() {
            // The message may have ended too early, at a dot that was not stuffed. Its true end is still to
            // come then, and an empty line before that is a part of it.
            self.wire.forbid_dots();
            if self.wire.is_awaiting() {
                // What follows could be taken for the replies that are awaited.
                self.wire.forbid_stray();
            }
        }
        Ok(octets)
    }

    /// Returns true if the message has the size that LIST or the reply has named.
    fn is_whole(&self) -> bool {
        let size = self.wire.response_size();
        match self.expected {
            ExpectedSize::Any => true,
            ExpectedSize::Listed(listed) => {
                let mut named = listed.into_iter().chain(self.announced);
                named.any(|named| size.fits(named))
            }
        }
    }
}
