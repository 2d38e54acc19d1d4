//! Sessions over an in-memory stream that plays a script.

use std::sync::{Arc, Mutex, PoisonError};

use super::sasl::Credentials;
use super::wire::{Direction, Trace};
use crate::mail::maildrop::MessageNumber;
use crate::os::secret::Secret;

mod authorization;
mod pipeline;
mod sasl_login;
pub(crate) mod script;
mod transaction;
mod wire;

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
