//! Messages that a rule has left on the server.

use rusqlite::params;

use super::database::{about, statements};
use super::state::FAILED;
use super::{Error, Ledger};
use crate::mail::known::RulesMark;
use crate::mail::maildrop::Identity;
use crate::moment::Moment;

/// An account's messages that a rule has left on the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeftMessages<'a>(pub(super) &'a Ledger);

impl LeftMessages<'_> {
    /// Notes that rules leave messages of these sizes on the server, until these are others, and at the latest until then.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note(
        self,
        messages: &[(Identity, Option<u64>)],
        rules: RulesMark,
        until: Option<Moment>,
    ) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let (key, now) = (self.0.key(), Moment::now());
        let until = until.unwrap_or_default();
        self.0.write(|queries| {
            for (identity, size) in messages {
                let values = params![size.map(u64::cast_signed), now, rules, until];
                queries.execute(&LEAVE, about(&key, identity, values))?;
            }
            Ok(())
        })
    }

    /// Forgets all that other rules have left, and what was left until now: it may be fetched.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn forget_other(self, rules: RulesMark, now: Moment) -> Result<(), Error> {
        let values = params![self.0.key(), rules, now];
        self.0
            .write(|queries| queries.execute(&FORGET_LEFT, values))?;
        Ok(())
    }
}

statements! {
    /// A message that has only failed may be left. Any other is ours.
    LEAVE =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed, left_by, next_try)
         VALUES (?1, ?2, ?3, {FAILED}, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET size = ?4, left_by = ?6, next_try = ?7, attempts = 0
             WHERE state = {FAILED}";

    FORGET_LEFT =
        "UPDATE seen SET left_by = NULL, next_try = 0
         WHERE account = ?1 AND left_by IS NOT NULL AND (left_by <> ?2 OR next_try BETWEEN 1 AND ?3)";
}
