//! The clock of an account's runs: the facts that one run leaves for the next, and the restart of all
//! ages. `mail/clock.rs` judges.

use rusqlite::params;

use super::database::{Queries, statements};
use super::{Error, Ledger};
use crate::mail::clock::{Clock, ClockRecord};
use crate::mail::maildrop::AccountKey;
use crate::moment::Moment;

/// Compares the clock with the one that the account's last run left.
pub(super) fn judge(queries: &Queries<'_>, account: AccountKey) -> rusqlite::Result<Clock> {
    let record = queries.first(&CLOCK, [account], |row| {
        Ok(ClockRecord {
            last: row.get(0)?,
            behind: row.get(1)?,
        })
    })?;
    Ok(Clock::judge(record.unwrap_or_default(), Moment::now()))
}

impl Ledger {
    /// Returns the clock of this run.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts the ages anew that cannot have been counted by this clock: everything that seems to have
    /// happened at an impossible time is dated now. After a change of the clock that is everything. The
    /// same transaction records the clock, so that the change is not found again.
    ///
    /// `mailpull log` keeps the times that it has shown.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn date_anew(&self) -> Result<(), Error> {
        let (first, last) = self.clock.believed();
        let values = params![self.key(), self.clock.now(), first, last];
        self.write(|queries| {
            let ClockRecord { last, behind } = self.clock.record();
            queries.execute(&NOTE_CLOCK, params![self.key(), last, behind])?;
            for sql in [
                &DATE_DELIVERIES,
                &DATE_DELETIONS,
                &DATE_MISSING,
                &DATE_LOST_STEP,
                &DATE_RECOGNISED,
            ] {
                queries.execute(sql, values)?;
            }
            Ok(())
        })
    }
}

statements! {
    /// An account that version 0.1.0 has left knows only the end of its last run.
    CLOCK = "SELECT coalesce(clock, last_run), clock_behind FROM account WHERE id = ?1";

    NOTE_CLOCK = "UPDATE account SET clock = ?2, clock_behind = ?3 WHERE id = ?1";

    DATE_DELIVERIES =
        "UPDATE seen SET delivered = ?2 WHERE account = ?1 AND delivered NOT BETWEEN ?3 AND ?4";

    DATE_DELETIONS =
        "UPDATE seen SET gone = ?2 WHERE account = ?1 AND gone NOT BETWEEN ?3 AND ?4";

    DATE_MISSING =
        "UPDATE seen SET vanished = ?2 WHERE account = ?1 AND vanished NOT BETWEEN ?3 AND ?4";

    DATE_RECOGNISED =
        "UPDATE account SET recognised = ?2 WHERE id = ?1 AND recognised NOT BETWEEN ?3 AND ?4";

    DATE_LOST_STEP =
        "UPDATE account SET lost_step = ?2 WHERE id = ?1 AND lost_step NOT BETWEEN ?3 AND ?4";
}
