//! A login by SASL (RFC 5034): sends the AUTH command and the responses of an [`Exchange`], and
//! works around servers that handle an initial response in their own way.

use std::io::{Read, Write};

use super::Error;
use super::authorization::Authorization;
use super::command::Command;
use super::refusal::Refusal;
use super::reply::Status;
use crate::hidden;
use crate::limits;
use crate::sasl::Mechanism;
use crate::sasl::{self, Credentials, Exchange, ExchangeFault, Response, SaslService};
use crate::text::ServerText;

impl<S: Read + Write> Authorization<S> {
    /// Logs in by a SASL mechanism. If the login is pipelined, the last response takes the commands
    /// of the listing with it.
    pub(super) fn authenticate_sasl(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
    ) -> Result<(), Error> {
        let wrong = |fault| Error::in_exchange(mechanism, fault);
        let service = SaslService {
            name: "pop",
            may_bind: self.capabilities.may_bind(),
        };
        let mut exchange = Exchange::begin(mechanism, credentials, service).map_err(wrong)?;
        let first = exchange.first().map_err(wrong)?;
        self.run_exchange(mechanism, &mut exchange, first)
            .map_err(|error| match error {
                // The login process of Dovecot 2.4.1 dies of a binding that it does not know.
                error if mechanism.is_bound() && exchange.has_only_begun() && error.is_closed() => {
                    Error::UnboundByClosing { mechanism }
                }
                // The server has not seen any proof yet, so the password cannot be what it refuses.
                Error::Refused { refusal, .. } | Error::RefusedAt { refusal, .. }
                    if mechanism.is_scram()
                        && exchange.has_only_begun()
                        && !refusal.is_of_server() =>
                {
                    match mechanism.is_bound() {
                        true => Error::Unbound { mechanism, refusal },
                        false => Error::RefusedUnproven { mechanism, refusal },
                    }
                }
                error => error,
            })
    }

    fn run_exchange(
        &mut self,
        mechanism: Mechanism,
        exchange: &mut Exchange,
        first: Option<Response>,
    ) -> Result<(), Error> {
        let mut unsent = self.begin_exchange(mechanism, first.clone(), exchange)?;
        // What the server may have ignored or refused only because it came in the line of AUTH.
        let mut initial = first.filter(|_| unsent.is_none());
        loop {
            let is_all_sent = exchange.is_over() && unsent.is_none();
            let challenge = match self.wire.reply()? {
                Status::Continue(challenge) => challenge,
                // Exchange and others begin their prompts like this.
                Status::Positive(_) if mechanism.ignores_prompts() && !is_all_sent => Vec::new(),
                Status::Positive(_) => return check_end(mechanism, is_all_sent),
                Status::Negative(refusal) => {
                    let is_of_form = may_be_of_form(mechanism, &refusal);
                    let initial = initial.take().filter(|_| is_of_form);
                    let refused = Error::unexpected(login_by(mechanism), Status::Negative(refusal));
                    if initial.is_none() || !self.retry_without_response(mechanism)? {
                        return Err(self.explain_refusal(refused)?);
                    }
                    unsent = initial;
                    continue;
                }
            };
            let asks_again = challenge.is_empty() || mechanism.ignores_prompts();
            let ignored = initial.take().filter(|_| asks_again);
            let answered = match (unsent.take(), ignored) {
                // This challenge only asks for the first response, whatever it says.
                (Some(first), _) => Ok(first),
                (None, Some(first)) => match self.wire.awaited() {
                    None => Ok(first),
                    // The next command was taken for the response: what it does now is unknown.
                    Some(_) => return Err(Error::OutOfStep(login_by(mechanism))),
                },
                (None, None) => exchange.answer(&challenge),
            };
            match answered {
                Ok(response) => {
                    hide_response(&response);
                    self.send_response(Command::Response(&response), exchange)?;
                }
                Err(fault) => return Err(self.cancel(mechanism, fault)?),
            }
        }
    }

    /// Sends AUTH with the initial response if there is one and the line has room for it. Returns
    /// an initial response that the line has no room for.
    fn begin_exchange(
        &mut self,
        mechanism: Mechanism,
        first: Option<Response>,
        exchange: &Exchange,
    ) -> Result<Option<Response>, Error> {
        let name = mechanism.name();
        // RFC 5034 section 4: an empty initial response is sent as "=".
        let line = first.as_ref().map(|first| match &first[..] {
            b"" => b"=",
            first => first,
        });
        let room = limits::COMMAND_LINE - "AUTH  \r\n".len() - name.len();
        let Some(line) = line.filter(|line| line.len() <= room) else {
            self.send_bare_auth(mechanism)?;
            return Ok(first);
        };
        hide_response(line);
        let command = Command::Auth {
            mechanism: name,
            initial: Some(line),
        };
        self.send_response(command, exchange)?;
        Ok(None)
    }

    fn send_bare_auth(&mut self, mechanism: Mechanism) -> Result<(), Error> {
        self.wire.send(&[Command::Auth {
            mechanism: mechanism.name(),
            initial: None,
        }])
    }

    /// Sends AUTH again without an initial response; returns false if the server has closed the
    /// connection.
    fn retry_without_response(&mut self, mechanism: Mechanism) -> Result<bool, Error> {
        match self.drain_replies() {
            Err(error @ Error::OutOfStep(_)) => return Err(error),
            Err(_) => return Ok(false),
            Ok(()) => {}
        }
        Ok(self.send_bare_auth(mechanism).is_ok())
    }

    /// Sends a response; if it is the last one, the commands of the listing go with it.
    fn send_response(&mut self, command: Command<'_>, exchange: &Exchange) -> Result<(), Error> {
        if exchange.is_over() {
            self.send_with_listing(vec![command])
        } else {
            self.wire.send(&[command])
        }
    }

    /// Ends an exchange that cannot continue, and returns the reason.
    fn cancel(&mut self, mechanism: Mechanism, fault: ExchangeFault) -> Result<Error, Error> {
        let said = match fault {
            ExchangeFault::Refused(said) => ServerText::new(&said),
            fault => {
                // RFC 5034 section 4: "*" cancels. The answer cannot add anything to the fault.
                let _ = self
                    .wire
                    .send(&[Command::Response(b"*")])
                    .and_then(|()| self.wire.reply());
                return Ok(Error::in_exchange(mechanism, fault));
            }
        };
        // If commands of the listing are already sent, the server took the first of them for the
        // acknowledgement.
        if self.wire.unanswered_octets() == 0 {
            let acknowledgement = sasl::acknowledgement(mechanism);
            self.wire.send(&[Command::Response(acknowledgement)])?;
        }
        match self.wire.reply()? {
            Status::Negative(refusal) => Ok(Error::RefusedAt {
                mechanism,
                said,
                refusal,
            }),
            _ => Ok(Error::OutOfStep(login_by(mechanism))),
        }
    }
}

/// Accepts a positive reply only if the exchange has come to its end. Otherwise an impostor could
/// skip the step in which the server proves that it knows the password.
fn check_end(mechanism: Mechanism, is_all_sent: bool) -> Result<(), Error> {
    if is_all_sent {
        Ok(())
    } else if mechanism.proves_server() {
        Err(Error::in_exchange(mechanism, ExchangeFault::Unproven))
    } else {
        Err(Error::OutOfStep(login_by(mechanism)))
    }
}

/// Returns true if a server may have refused an initial response because of its form. RFC 1734 has no initial
/// response, and some servers have less room for it than RFC 5034 demands. Office 365 refuses an XOAUTH2
/// token in the line of AUTH without saying why, and accepts it on a line of its own.
fn may_be_of_form(mechanism: Mechanism, refusal: &Refusal) -> bool {
    refusal.code.is_none() && (mechanism.takes_token() || refusal.is_of_command())
}

fn login_by(mechanism: Mechanism) -> String {
    format!("the login (AUTH {mechanism})")
}

/// Hides a response, because the server may repeat it. One of up to three octets has no room for a secret.
fn hide_response(response: &[u8]) {
    if response.len() > 3 {
        hidden::hide(response);
    }
}
