//! The five states of a message as they are stored: the only place that knows their numbers.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::record::ExportedState;
use crate::mail::known::{RulesMark, State};
use crate::moment::Moment;

/// A value of the column `state`. In the text of a statement it is written as its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StoredState {
    /// Known, but never delivered by us, and so never deleted by us.
    Seen = 0,
    /// Ours, and not yet known to be delivered.
    Staged = 1,
    /// Delivered, and recorded.
    Delivered = 2,
    /// Deleted from the server by us.
    Gone = 3,
    /// Could not be retrieved, or was left on the server by a rule.
    Failed = 4,
}

pub(super) const SEEN: StoredState = StoredState::Seen;
pub(super) const STAGED: StoredState = StoredState::Staged;
pub(super) const DELIVERED: StoredState = StoredState::Delivered;
pub(super) const GONE: StoredState = StoredState::Gone;
pub(super) const FAILED: StoredState = StoredState::Failed;

const ALL: [StoredState; 5] = [SEEN, STAGED, DELIVERED, GONE, FAILED];

impl StoredState {
    /// Returns the state with the times that the other columns of its row give.
    pub(super) fn with_times(self, delivered: Option<Moment>, next_try: Moment) -> State {
        match self {
            Self::Seen => State::Seen,
            Self::Staged => State::Staged,
            // Without a time the delivery lies ahead, so that `keep` is never over.
            Self::Delivered => State::Delivered(delivered.unwrap_or(Moment(i64::MAX))),
            Self::Gone => State::Gone,
            Self::Failed => State::Failed(next_try),
        }
    }

    /// Returns the state of a message that these rules may have left on the server.
    pub(super) fn left_by(self, rules: Option<RulesMark>, next_try: Moment) -> Option<State> {
        let until = Some(next_try).filter(|until| until.0 != 0);
        let rules = rules.filter(|_| self == Self::Failed)?;
        Some(State::Left { rules, until })
    }

    /// Returns the word of `seen export`, or `None` for a staged message: its file stays on this
    /// machine.
    pub(super) fn exported(self) -> Option<ExportedState> {
        match self {
            Self::Seen => Some(ExportedState::Seen),
            Self::Staged => None,
            Self::Delivered => Some(ExportedState::Delivered),
            Self::Gone => Some(ExportedState::Gone),
            Self::Failed => Some(ExportedState::Failed),
        }
    }
}

impl From<ExportedState> for StoredState {
    fn from(state: ExportedState) -> Self {
        match state {
            ExportedState::Seen => Self::Seen,
            ExportedState::Delivered => Self::Delivered,
            ExportedState::Gone => Self::Gone,
            ExportedState::Failed => Self::Failed,
        }
    }
}

impl fmt::Display for StoredState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self as u8).fmt(f)
    }
}

impl ToSql for StoredState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as u8))
    }
}

impl ToSql for RulesMark {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.cast_signed()))
    }
}

impl FromSql for RulesMark {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(value.as_i64()?.cast_unsigned()))
    }
}

impl FromSql for StoredState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let state = ALL.into_iter().find(|state| *state as i64 == number);
        // The table has a CHECK on the column, so no other number can be in it.
        state.ok_or(FromSqlError::OutOfRange(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_number_is_read_as_the_state_it_was_written_for() {
        let numbers = ALL.map(|state| state as u8);
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        for state in ALL {
            let number = ValueRef::Integer(state as i64);
            assert_eq!(StoredState::column_result(number), Ok(state));
        }
        assert!(StoredState::column_result(ValueRef::Integer(5)).is_err());
    }

    #[test]
    fn every_exported_state_is_imported_as_the_same() {
        for state in [SEEN, DELIVERED, GONE, FAILED] {
            assert_eq!(state.exported().map(StoredState::from), Some(state));
        }
        assert_eq!(STAGED.exported(), None);
    }

    #[test]
    fn a_delivery_without_a_time_is_never_due() {
        let state = DELIVERED.with_times(None, Moment(0));
        assert_eq!(state, State::Delivered(Moment(i64::MAX)));
    }
}
