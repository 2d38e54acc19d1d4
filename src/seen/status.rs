//! The state of each account as its last runs left it, as `mailpull status` shows it.

use std::collections::HashMap;

use rusqlite::Row;

use super::database::{Database, statements};
use super::state::{FAILED, STAGED};
use super::{Error, StateFolder};
use crate::mail::clock::ClockRecord;
use crate::mail::known::MAX_FAILURES;
use crate::mail::status::{AccountStatus, Totals};
use crate::moment::Moment;

/// Returns the state of each account in the database, by its name.
///
/// # Errors
/// The database cannot be read.
pub(crate) fn account_statuses(
    folder: &StateFolder,
) -> Result<HashMap<String, AccountStatus>, Error> {
    let mut statuses = HashMap::new();
    Database::open(folder)?.for_each(&STATUSES, [], status, |(name, status)| {
        statuses.insert(name, status);
        Ok::<_, Error>(())
    })?;
    Ok(statuses)
}

fn status(row: &Row<'_>) -> rusqlite::Result<(String, AccountStatus)> {
    let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let run: Option<Moment> = row.get(1)?;
    let exit: Option<u8> = row.get(2)?;
    let problem: Option<String> = row.get(4)?;
    let problem_at: Option<Moment> = row.get(5)?;
    let status = AccountStatus {
        last_run: run.zip(exit),
        last_success: row.get(3)?,
        problem: problem_at.zip(problem),
        failures: number(6)?,
        server_profile: row.get(7)?,
        logged_in: row.get(8)?,
        clock: ClockRecord {
            last: row.get(9)?,
            behind: row.get(10)?,
        },
        on_server: row.get::<_, Option<i64>>(11)?.map(i64::cast_unsigned),
        totals: Totals {
            runs: number(12)?,
            failed_runs: number(13)?,
            delivered: number(14)?,
            octets: number(15)?,
            deleted: number(16)?,
        },
        staged: number(17)?,
        set_aside: number(18)?,
    };
    Ok((row.get(0)?, status))
}

statements! {
    /// The partial indexes answer both counts, so that it does not depend on the number of messages.
    STATUSES =
        "SELECT name, last_run, last_status, last_success, problem, problem_at, failures, acquaintance,
             logged_in, coalesce(clock, last_run), clock_behind, on_server, total_runs, total_failed,
             total_delivered, total_octets, total_deleted,
             (SELECT count(*) FROM seen s WHERE s.account = a.id AND s.state = {STAGED}),
             (SELECT count(*) FROM seen s WHERE s.account = a.id AND s.attempts > 0
                  AND s.attempts >= {MAX_FAILURES} AND s.state IN ({STAGED}, {FAILED}))
             + (SELECT count(*) FROM seen s INDEXED BY seen_staged
                    JOIN delivery d USING (account, unique_id, copy)
                WHERE s.account = a.id AND s.state = {STAGED} AND EXISTS
                    (SELECT 1 FROM handover h WHERE h.delivery = d.id AND h.taken IS NULL
                         AND h.attempts >= {MAX_FAILURES}))
             + (SELECT count(*) FROM failure f
                WHERE f.account = a.id AND f.step = 3 AND f.attempts >= {MAX_FAILURES})
         FROM account a";
}
