//! Servers that misbehave as real ones do. Each is the server of all runs of a trial.

use std::fmt;

use crate::support::mail::TestMessage;
use crate::support::model_server::{HangUp, ModelServer};
use crate::trial::{MESSAGES, letters};

/// A misbehaviour of the server. Messages are counted from 0.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ServerFault {
    /// It cannot open the file of a message in the first run: it announces the size and sends nothing.
    EmptyMessage(usize),
    /// It closes the connection when several commands arrive together, although it announces PIPELINING.
    NoPipelining,
    /// QUIT fails in the first run, so that nothing is deleted. Then every message gets a new unique-id.
    NewUniqueIds,
    /// It refuses RETR of a message and closes the connection.
    RefusedMessage(usize),
    /// The next messages get the unique-ids of those that were deleted.
    ReusedUniqueIds,
    /// QUIT fails in the first run, so that nothing is deleted. Then the server adds a header line to the
    /// messages that were read.
    StatusLine,
}

impl fmt::Display for ServerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server: {self:?}")
    }
}

impl ServerFault {
    /// Returns the fault with each message that it may concern.
    pub(crate) fn for_each_message(fault: fn(usize) -> Self) -> Vec<Self> {
        (0..MESSAGES).map(fault).collect()
    }

    /// Prepares the server for the first run. A message that nobody can fetch is taken from `sent`.
    pub(crate) fn begin(self, server: &ModelServer, sent: &mut Vec<TestMessage>) {
        match self {
            Self::EmptyMessage(n) => {
                let unique_id = sent[n].unique_id.clone();
                server.change(|behaviour| behaviour.empty = vec![unique_id]);
            }
            Self::NoPipelining => {
                server.change(|behaviour| behaviour.hang_ups = vec![HangUp::AtFlight("")]);
            }
            Self::RefusedMessage(n) => {
                let unique_id = sent.remove(n).unique_id;
                server.change(|behaviour| {
                    behaviour.refused = vec![unique_id];
                    behaviour.hang_ups = vec![HangUp::AfterRefusal];
                });
            }
            Self::NewUniqueIds | Self::StatusLine => {
                server.change(|behaviour| behaviour.refuses_update = true);
            }
            Self::ReusedUniqueIds => {}
        }
    }

    /// Changes the server after the first run, and `sent` if there are other messages then.
    pub(crate) fn go_on(self, server: &ModelServer, sent: &mut Vec<TestMessage>) {
        match self {
            Self::EmptyMessage(_) => server.change(|behaviour| behaviour.empty.clear()),
            Self::NoPipelining | Self::RefusedMessage(_) => {}
            Self::NewUniqueIds => {
                server.change(|behaviour| behaviour.refuses_update = false);
                for message in &mut *sent {
                    message.unique_id.extend_from_slice(b"-anew");
                }
                server.replace(sent.clone());
            }
            Self::ReusedUniqueIds => {
                let next: Vec<_> = sent
                    .iter()
                    .zip(letters(MESSAGES))
                    .map(|(old, new)| TestMessage::new(old.unique_id.clone(), new.octets))
                    .collect();
                // These unique-ids belong to the new messages now.
                for message in &mut *sent {
                    message.unique_id.extend_from_slice(b"-old");
                }
                server.replace(next.clone());
                sent.extend(next);
            }
            Self::StatusLine => server.change(|behaviour| {
                behaviour.refuses_update = false;
                behaviour.adds_status = true;
            }),
        }
    }
}
