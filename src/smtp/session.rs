//! A session: greeting, LHLO, STARTTLS, and one transaction for each message.

use std::io::{Read, Write};
use std::mem;

use super::address::EnvelopeAddress;
use super::error::{Error, ReplyTo};
use super::extensions::Extensions;
use super::message::{Transfer, WireForm};
use super::reply::Reply;
use super::wire::SmtpWire;
use crate::mail::wire_form::{CHUNK, MeasuredMessage, MessageMeasure};
use crate::pace::Paced;
use crate::trace::Trace;

/// A message of at most this length is sent together with its envelope. A longer one waits until
/// the server has accepted the recipient.
const EARLY: u64 = CHUNK as u64;

/// The name by which mailpull introduces itself. The server writes it into the Received line of
/// the message; the name of this machine would tell nothing more.
const CLIENT_NAME: &str = "localhost";

/// The sender and the recipient of a message.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The sender, whom the server may tell about problems.
    pub sender: EnvelopeAddress,
    /// The recipient.
    pub recipient: EnvelopeAddress,
}

/// A session in which messages can be handed over.
pub struct LmtpSession<S> {
    wire: SmtpWire<S>,
    extensions: Extensions,
    /// True if the last transaction may still be open.
    needs_reset: bool,
    is_usable: bool,
}

impl<S: Read + Write + Paced> LmtpSession<S> {
    /// Begins a session on a new connection: reads the greeting and sends LHLO.
    ///
    /// # Errors
    /// The server refuses the client, does not speak LMTP, or the connection fails.
    pub fn open(stream: S, trace: Option<Trace>) -> Result<Self, Error> {
        let mut session = Self::new(stream, trace);
        session.expect(ReplyTo::Connection)?;
        session.introduce()
    }

    /// Begins a session anew after the TLS handshake. Nothing said before it counts.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub fn resume(stream: S, trace: Option<Trace>) -> Result<Self, Error> {
        Self::new(stream, trace).introduce()
    }

    fn new(stream: S, trace: Option<Trace>) -> Self {
        Self {
            wire: SmtpWire::new(stream, trace),
            extensions: Extensions::default(),
            needs_reset: false,
            is_usable: true,
        }
    }

    fn introduce(mut self) -> Result<Self, Error> {
        let reply = self.carry_out(ReplyTo::Lhlo, &format!("LHLO {CLIENT_NAME}"))?;
        self.extensions = Extensions::of(&reply);
        Ok(self)
    }

    /// Asks for TLS, whether or not it is announced, and returns the connection for the handshake.
    ///
    /// # Errors
    /// The server refuses, or somebody has added octets to its answer.
    pub fn start_tls(mut self) -> Result<(S, Option<Trace>), Error> {
        self.carry_out(ReplyTo::StartTls, "STARTTLS")?;
        self.wire.into_stream()
    }

    /// Returns the extensions that the server has announced.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Returns the connection, to ask whether something has arrived.
    pub fn stream(&self) -> &S {
        self.wire.stream()
    }

    /// Returns true if another message can be handed over.
    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Asks if the server would take a message with this envelope. Delivers nothing.
    ///
    /// # Errors
    /// The server refuses the envelope, or the session fails.
    pub fn check(&mut self, envelope: &Envelope) -> Result<(), Error> {
        self.require_quiet()?;
        let mut commands = self.opening(envelope, MessageMeasure::default());
        commands.push((ReplyTo::Rset, "RSET".to_owned()));
        self.ask(&commands)
    }

    /// Hands a message over. It is read with LF as line end, and must have this measure. Returns
    /// the server's answer once it has taken the message.
    ///
    /// # Errors
    /// The server refuses the message or its envelope, the message cannot be read, or the session
    /// fails. [`Error::is_in_doubt`] says if the server may have the message nevertheless.
    pub fn hand_over(
        &mut self,
        envelope: &Envelope,
        measure: MessageMeasure,
        message: &mut impl Read,
    ) -> Result<Reply, Error> {
        self.require_quiet()?;
        let commands = self.opening(envelope, measure);
        let Extensions {
            chunking,
            pipelining,
            ..
        } = self.extensions;
        if chunking && pipelining && measure.octets <= EARLY {
            self.add(&commands);
            self.transfer(Transfer::Bdat, measure, message)?;
            let refusal = match self.answers(&commands) {
                Ok(()) => None,
                Err(refusal) if self.is_usable => Some(refusal),
                Err(error) => return Err(error.after_message()),
            };
            // BDAT has an answer of its own, also after a refused recipient.
            let answer = self.answer_to_message();
            return refusal.map_or(answer, Err);
        }
        self.ask(&commands)?;
        let transfer = match chunking {
            true => Transfer::Bdat,
            // It is not sent ahead: if the recipient is refused, no server waits for a message.
            false => {
                self.carry_out(ReplyTo::Data, "DATA")?;
                Transfer::Data
            }
        };
        self.transfer(transfer, measure, message)?;
        self.answer_to_message()
    }

    /// Ends the session in good order. Nothing depends on the server's answer.
    pub fn quit(mut self) {
        self.wire.command("QUIT");
        // If the server no longer listens, the session is over anyway.
        let _ = self.wire.send(ReplyTo::Connection);
    }

    /// Returns the commands that begin a transaction.
    fn opening(&mut self, envelope: &Envelope, measure: MessageMeasure) -> Vec<(ReplyTo, String)> {
        let mut commands = Vec::with_capacity(4);
        if mem::take(&mut self.needs_reset) {
            commands.push((ReplyTo::Rset, "RSET".to_owned()));
        }
        let mut mail = format!("MAIL FROM:<{}>", envelope.sender);
        if self.extensions.size && measure.octets > 0 {
            mail += &format!(" SIZE={}", measure.octets);
        }
        if self.extensions.eight_bit_mime && measure.is_8bit {
            mail += " BODY=8BITMIME";
        }
        commands.push((ReplyTo::Mail, mail));
        let rcpt = format!("RCPT TO:<{}>", envelope.recipient);
        commands.push((ReplyTo::Rcpt, rcpt));
        commands
    }

    /// Carries commands out, in one flight if the server allows that. Otherwise nothing is sent
    /// after a refusal.
    fn ask(&mut self, commands: &[(ReplyTo, String)]) -> Result<(), Error> {
        if !self.extensions.pipelining {
            for (to, command) in commands {
                self.carry_out(*to, command)?;
            }
            return Ok(());
        }
        self.add(commands);
        self.send(ReplyTo::Mail)?;
        self.answers(commands)
    }

    fn carry_out(&mut self, to: ReplyTo, command: &str) -> Result<Reply, Error> {
        self.wire.command(command);
        self.send(to)?;
        self.expect(to)
    }

    fn add(&mut self, commands: &[(ReplyTo, String)]) {
        for (_, command) in commands {
            self.wire.command(command);
        }
    }

    /// Reads the answers to commands. The first refusal counts.
    fn answers(&mut self, commands: &[(ReplyTo, String)]) -> Result<(), Error> {
        let mut answered = Ok(());
        for (to, _) in commands {
            let answer = self.expect(*to).map(drop);
            answered = answered.and(answer);
            if !self.is_usable {
                break;
            }
        }
        answered
    }

    fn answer_to_message(&mut self) -> Result<Reply, Error> {
        self.expect(ReplyTo::Message).map_err(Error::after_message)
    }

    /// Reads a reply that must be positive.
    fn expect(&mut self, to: ReplyTo) -> Result<Reply, Error> {
        const GO_ON: u16 = 354;
        let reply = self.wire.reply(to);
        let reply = reply.inspect_err(|_| self.is_usable = false)?;
        let is_expected = match to {
            ReplyTo::Data => reply.code() == GO_ON,
            _ => reply.is_positive(),
        };
        if is_expected {
            return Ok(reply);
        }
        self.needs_reset = true;
        self.is_usable &= reply.leaves_session_open() && to != ReplyTo::Rset;
        Err(Error::Refused { to, reply })
    }

    fn require_quiet(&mut self) -> Result<(), Error> {
        let quiet = self.wire.require_quiet();
        quiet.inspect_err(|_| self.is_usable = false)
    }

    fn send(&mut self, to: ReplyTo) -> Result<(), Error> {
        let sent = self.wire.send(to);
        sent.inspect_err(|_| self.is_usable = false)
    }

    /// Sends a message. If it cannot be read to its end, the server does not get its end either,
    /// and the session cannot go on.
    fn transfer(
        &mut self,
        transfer: Transfer,
        measure: MessageMeasure,
        message: &mut impl Read,
    ) -> Result<(), Error> {
        // Until the end of the message nothing else can be sent.
        self.is_usable = false;
        if transfer == Transfer::Bdat {
            self.wire
                .command(format_args!("BDAT {} LAST", measure.octets));
        }
        let mut form = WireForm::new(transfer);
        let mut message = MeasuredMessage::new(message, measure);
        loop {
            let octets = message.next_piece().map_err(Error::Message)?;
            if octets.is_empty() {
                break;
            }
            // Only what is followed by more is sent: the last octet completes the message.
            self.wire.send_if_much(ReplyTo::Message)?;
            form.push(octets, self.wire.out());
        }
        form.finish(self.wire.out());
        self.wire.send(ReplyTo::Message)?;
        self.is_usable = true;
        Ok(())
    }
}
