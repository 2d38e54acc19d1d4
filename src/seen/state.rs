//! The states of a message as they are stored.

use crate::mail::known::State;
use crate::moment::Moment;

/// A state from its columns. A delivery without a time lies ahead: it is never over.
pub(super) fn state(number: u8, delivered: Option<i64>, next_try: i64) -> State {
    match number {
        1 => State::Staged,
        2 => State::Delivered(Moment(delivered.unwrap_or(i64::MAX))),
        3 => State::Gone,
        4 => State::Failed(Moment(next_try)),
        _ => State::Seen,
    }
}
