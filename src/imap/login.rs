//! The login, by LOGIN (RFC 3501 section 6.2.3) or by SASL (section 6.2.2, RFC 4959). No secret
//! gets into the trace.

use std::io::{Read, Write};

use zeroize::Zeroizing;

use super::error::{AnswerTo, Error};
use super::literal::Literal;
use super::response::{Condition, StatusResponse, Tag};
use super::session::{CommandStep, ImapSession};
use crate::hidden;
use crate::os::secret::Secret;
use crate::pace::Paced;
use crate::sasl::{self, Credentials, Exchange, ExchangeFault, Mechanism, Response, SaslService};
use crate::text::ServerText;

/// The longest line with an initial response, in octets. RFC 2683 section 3.2.1.5 asks servers to
/// take lines of 8,000.
const INITIAL_LINE: usize = 8_000;

impl<S: Read + Write + Paced> ImapSession<S> {
    /// Logs in by LOGIN, which sends the password itself.
    ///
    /// # Errors
    /// The server does not take LOGIN here, refuses the password, or the session fails.
    pub fn login(&mut self, user: &str, password: &Secret) -> Result<(), Error> {
        let to = AnswerTo::Login;
        if self.capabilities.login_disabled() {
            return Err(Error::LoginDisabled);
        }
        if user.contains(['\r', '\n', '\0']) {
            return Err(Error::UnsendableUser);
        }
        self.forget_announced();
        let tag = self.next_tag();
        let shown = ServerText::from(user);
        self.wire.show(&format_args!("{tag} LOGIN {shown} ****"));
        self.wire.secret(format!("{tag} LOGIN ").as_bytes());
        self.string(user.as_bytes(), tag)?;
        self.wire.secret(b" ");
        self.string(password.expose(), tag)?;
        self.wire.secret(b"\r\n");
        self.send(to)?;
        let code = self.answer(to, tag, drop)?.code;
        self.learn(code)
    }

    /// Adds a string to LOGIN: in quotes, or as a literal if it is not ASCII.
    fn string(&mut self, octets: &[u8], tag: Tag) -> Result<(), Error> {
        if octets.is_ascii() {
            self.wire.secret(&quoted(octets));
            return Ok(());
        }
        let literal = Literal::new(&self.capabilities, octets.len() as u64);
        self.wire.secret(format!("{literal}\r\n").as_bytes());
        if literal.is_awaited {
            self.send(AnswerTo::Login)?;
            self.go_on(AnswerTo::Login, tag)?;
        }
        self.wire.secret(octets);
        Ok(())
    }

    /// Logs in by a SASL mechanism.
    ///
    /// # Errors
    /// The mechanism has no form for the credentials, the server refuses them, or the session
    /// fails.
    pub fn authenticate(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
    ) -> Result<(), Error> {
        let wrong = |fault| Error::in_exchange(mechanism, fault);
        let service = SaslService {
            name: "imap",
            may_bind: self.capabilities.may_bind(),
        };
        let mut exchange = Exchange::begin(mechanism, credentials, service).map_err(wrong)?;
        let mut first = exchange.first().map_err(wrong)?;
        self.forget_announced();
        let tag = self.begin_exchange(mechanism, &mut first)?;
        let code = self
            .run_exchange(mechanism, &mut exchange, first, tag)?
            .code;
        self.learn(code)
    }

    /// Sends AUTHENTICATE, with the initial response if the server takes one. Otherwise it is left.
    fn begin_exchange(
        &mut self,
        mechanism: Mechanism,
        first: &mut Option<Response>,
    ) -> Result<Tag, Error> {
        let tag = self.next_tag();
        let name = mechanism.name();
        let fits = |response: &Response| response.len() + name.len() + 32 <= INITIAL_LINE;
        match first.take_if(|first| self.capabilities.sasl_ir() && fits(first)) {
            Some(response) => {
                self.wire
                    .show(&format_args!("{tag} AUTHENTICATE {name} ****"));
                self.wire
                    .secret(format!("{tag} AUTHENTICATE {name} ").as_bytes());
                // An empty one is sent as "=" (RFC 4959 section 3).
                self.respond(if response.is_empty() { b"=" } else { &response })?;
            }
            None => {
                self.wire.line(format_args!("{tag} AUTHENTICATE {name}"));
                self.send(AnswerTo::Login)?;
            }
        }
        Ok(tag)
    }

    /// Answers challenges until the server accepts or refuses.
    fn run_exchange(
        &mut self,
        mechanism: Mechanism,
        exchange: &mut Exchange,
        mut first: Option<Response>,
        tag: Tag,
    ) -> Result<StatusResponse, Error> {
        let to = AnswerTo::Login;
        loop {
            let challenge = match self.step(to, tag, drop)? {
                CommandStep::Ended(answer) if answer.condition != Condition::Ok => {
                    return Err(Error::Refused { to, answer });
                }
                CommandStep::Ended(answer) => {
                    // Otherwise an impostor could skip the proof that it knows the password.
                    if exchange.is_over() && first.is_none() {
                        return Ok(answer);
                    }
                    let out_of_step = self.out_of_step(to);
                    return Err(match mechanism.proves_server() {
                        true => Error::in_exchange(mechanism, ExchangeFault::Unproven),
                        false => out_of_step,
                    });
                }
                CommandStep::Continue(challenge) => challenge,
            };
            let answered = match first.take() {
                // This challenge only asks for the first response, but it must be a valid one.
                Some(first) => sasl::decoded(&challenge).map(|_| first),
                None => exchange.answer(&challenge),
            };
            match answered {
                Ok(response) => {
                    self.wire.show(&"****");
                    self.respond(&response)?;
                }
                Err(fault) => return Err(self.cancel(mechanism, fault, tag)),
            }
        }
    }

    /// Sends a response, which nothing that the server says may repeat.
    fn respond(&mut self, response: &[u8]) -> Result<(), Error> {
        // One of up to three octets has no room for a secret.
        if response.len() > 3 {
            hidden::hide(response);
        }
        self.wire.secret(response);
        self.wire.secret(b"\r\n");
        self.send(AnswerTo::Login)
    }

    /// Ends an exchange that cannot continue. Returns the reason.
    fn cancel(&mut self, mechanism: Mechanism, fault: ExchangeFault, tag: Tag) -> Error {
        let to = AnswerTo::Login;
        let (line, said) = match &fault {
            // The server's reason in a challenge; its final answer comes after an acknowledgement.
            ExchangeFault::Refused(said) => (
                sasl::acknowledgement(mechanism),
                Some(ServerText::new(said)),
            ),
            // RFC 3501 section 6.2.2: "*" cancels.
            _ => (&b"*"[..], None),
        };
        self.wire.secret(line);
        self.wire.secret(b"\r\n");
        let ended = self.send(to).and_then(|()| self.step(to, tag, drop));
        match (ended, said) {
            (Ok(CommandStep::Ended(answer)), Some(said)) if answer.condition != Condition::Ok => {
                Error::RefusedAt { answer, said }
            }
            (Ok(CommandStep::Ended(answer)), None) if answer.condition != Condition::Ok => {
                Error::in_exchange(mechanism, fault)
            }
            (Err(error), Some(_)) => error,
            (_, _) => {
                self.is_usable = false;
                Error::in_exchange(mechanism, fault)
            }
        }
    }
}

/// Returns ASCII as a quoted string. Nothing leaves a copy of it in freed memory.
fn quoted(octets: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut quoted = Zeroizing::new(Vec::with_capacity(2 * octets.len() + 2));
    quoted.push(b'"');
    for octet in octets {
        if matches!(octet, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*octet);
    }
    quoted.push(b'"');
    quoted
}
