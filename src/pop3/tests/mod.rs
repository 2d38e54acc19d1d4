//! Sessions over an in-memory stream that plays a script.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::capabilities::Capabilities;
use super::server_profile::{CapaUse, Channel, ServerProfile};
use super::session_hints::SessionHints;
use super::transaction::Transaction;
use super::wire::Wire;
use crate::mail::maildrop::MessageNumber;
use crate::moment::Moment;
use crate::os::secret::Secret;
use crate::sasl::Credentials;
use crate::trace::{Direction, Trace};

use script::ScriptedServer;

mod authorization;
mod pipeline;
mod refusal;
mod sasl_login;
pub(crate) mod script;
mod submission;
mod transaction;
mod wire;

/// Opens a session in the TRANSACTION state with a server that plays a script.
pub(crate) fn session(pipelining: bool, script: &str) -> Transaction<ScriptedServer> {
    hinted_session(&SessionHints::default(), pipelining, script)
}

/// Opens a session with hints of earlier ones.
pub(crate) fn hinted_session(
    hints: &SessionHints,
    pipelining: bool,
    script: &str,
) -> Transaction<ScriptedServer> {
    let announced = Capabilities {
        pipelining,
        // The server has TOP if the script has.
        top: script.contains("C: TOP "),
        ..Capabilities::announced()
    };
    session_with(hints, announced, ScriptedServer::new(script))
}

/// Opens a session with a server that has TOP, also if the script has not.
pub(crate) fn session_with_top(hints: &SessionHints, script: &str) -> Transaction<ScriptedServer> {
    let announced = Capabilities {
        pipelining: true,
        top: true,
        ..Capabilities::announced()
    };
    session_with(hints, announced, ScriptedServer::new(script))
}

/// Opens a session in the TRANSACTION state with any server.
pub(crate) fn session_over<S: Read + Write>(pipelining: bool, server: S) -> Transaction<S> {
    let announced = Capabilities {
        pipelining,
        ..Capabilities::announced()
    };
    session_with(&SessionHints::default(), announced, server)
}

fn session_with<S: Read + Write>(
    hints: &SessionHints,
    after_login: Capabilities,
    server: S,
) -> Transaction<S> {
    let wire = Wire::new(server, None, hints.pipelining_log.clone());
    let profile = ServerProfile {
        before_login: Capabilities::announced(),
        after_login,
        channel: Channel::Encrypted,
        when: Moment(0),
        capa: CapaUse::Always,
    };
    Transaction::new(wire, profile, hints.pipelining)
}

fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).expect("the number is in range")
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.into()).expect("the secret has no line break")
}

fn credentials<'a>(user: &'a str, secret: &'a Secret) -> Credentials<'a> {
    Credentials {
        user,
        secret,
        host: "pop.example.com",
        binding: None,
    }
}

/// The lines that a session showed to its trace.
#[derive(Clone, Default)]
struct TraceLines(Arc<Mutex<Vec<String>>>);

impl TraceLines {
    fn trace(&self) -> Trace {
        let lines = self.0.clone();
        Box::new(move |direction, line| {
            let who = match direction {
                Direction::Client => 'C',
                Direction::Server => 'S',
            };
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(format!("{who}: {line}"));
        })
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.join("\n")
    }
}
