//! An account's runs: the end of the last one, and the facts that it left for the next one.

use std::time::Duration;

use rusqlite::params;

use super::causes::TIDY_FAILED;
use super::database::{Queries, statements};
use super::freshness::{RecognitionEnd, end_doubt, sign};
use super::state::STAGED;
use super::{Error, Ledger};
use crate::exit::Exit;
use crate::mail::known::RulesMark;
use crate::mail::maildrop::AccountKey;
use crate::moment::Moment;

/// The ends of an account's runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs<'a>(pub(super) &'a Ledger);

/// The end of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunEnd {
    /// The run's exit status.
    pub exit: Exit,
    /// The policy that the run followed, unless the user still has to confirm it.
    pub keep: Option<String>,
    /// The policy of the configuration, for an account that has none recorded yet.
    pub configured_keep: Option<String>,
    /// The rules that the run followed, unless the user still has to confirm them.
    pub rules: Option<RulesMark>,
    /// True if the session ended without QUIT; `None` if there was no session.
    pub was_cut_off: Option<bool>,
    /// The run's share in the recognition of messages that were delivered before.
    pub recognition: RecognitionEnd,
    /// True if the run may have failed because the server profile was out of date.
    pub was_surprised: bool,
    /// The number of messages that the run left on the server, if it has seen them all.
    pub on_server: Option<u64>,
    /// The number of messages delivered.
    pub delivered: u64,
    /// Their octets.
    pub octets: u64,
    /// The number of messages deleted from the server.
    pub deleted: u64,
}

/// The facts that earlier runs left for this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastRun {
    /// The policy of the last run.
    pub keep: Option<String>,
    /// The rules of the last run.
    pub rules: Option<RulesMark>,
    /// True if the last session ended without QUIT.
    pub was_cut_off: bool,
    /// The number of runs in a row that failed.
    pub failures: u64,
    /// The server profile: the capabilities that sessions have seen.
    pub server_profile: Option<String>,
    /// The mechanism of the last login.
    pub login: Option<String>,
    /// The time of that login.
    pub logged_in: Option<Moment>,
    /// True if the server mixed up its replies to pipelined commands not long ago.
    pub has_lost_step: bool,
    /// The number of the flight of commands that a server closed the connection on, if no session
    /// without pipelining has followed; else 0.
    pub doubted_flight: u8,
    /// The number of the flight that broke sessions which then worked without pipelining.
    pub broken_flight: u8,
    /// The number of sessions in a row that broke while renamed messages were being recognised.
    pub recognitions: u32,
    /// The octets of memory that the last listing needed.
    pub listing_memory: u64,
    /// The time at which the last run began.
    pub visited: Option<Moment>,
}

impl RunEnd {
    /// Returns the end of a run that had no session.
    pub(crate) fn without_session(exit: Exit) -> Self {
        Self {
            exit,
            keep: None,
            configured_keep: None,
            rules: None,
            was_cut_off: None,
            recognition: RecognitionEnd::Unfinished,
            was_surprised: false,
            on_server: None,
            delivered: 0,
            octets: 0,
            deleted: 0,
        }
    }
}

impl Runs<'_> {
    /// Returns how the last run ended, and what it left for this one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn last(self) -> Result<LastRun, Error> {
        let last = self.0.read(|queries| {
            queries.first(&LAST, [self.0.key()], |row| {
                let lost_step: Option<Moment> = row.get(4)?;
                Ok(LastRun {
                    keep: row.get(0)?,
                    rules: row.get(12)?,
                    was_cut_off: row.get(1)?,
                    failures: row.get::<_, i64>(2)?.cast_unsigned(),
                    server_profile: row.get(3)?,
                    has_lost_step: lost_step.is_some_and(|lost| self.is_in_pause(lost)),
                    recognitions: row.get(5)?,
                    login: row.get(6)?,
                    logged_in: row.get(7)?,
                    doubted_flight: row.get(8)?,
                    broken_flight: row.get(9)?,
                    listing_memory: row.get::<_, i64>(10)?.cast_unsigned(),
                    visited: row.get(11)?,
                })
            })
        })?;
        let last = last.unwrap_or_default();
        if self.0.former_place().is_none() {
            return Ok(last);
        }
        // The account is fetched from another server now, and these facts are about the old one.
        Ok(LastRun {
            server_profile: None,
            has_lost_step: false,
            doubted_flight: 0,
            login: None,
            ..last
        })
    }

    /// Returns true if the server mixed up its replies at `lost_step`, and the pause in pipelining
    /// after that is not over. After a change of the clock the pause goes on, because the time that
    /// has passed is unknown.
    fn is_in_pause(self, lost_step: Moment) -> bool {
        let clock = &self.0.clock;
        !clock.is_plausible() || lost_step > clock.now().before(PIPELINING_PAUSE)
    }

    /// Counts that renamed messages are about to be recognised. If the run ends well, the number is
    /// set to 0 again; if sessions break again and again, it says so.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_recognition(self) -> Result<(), Error> {
        self.0.write(|queries| {
            queries.execute(&COUNT_RECOGNITION, [self.0.key()])?;
            Ok(())
        })
    }

    /// Notes that headers were read to the end, after this many sessions that broke at it.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_recognised(self, broken: u32) -> Result<(), Error> {
        self.0.write(|queries| {
            queries.execute(&END_RECOGNITION, params![self.0.key(), broken])?;
            Ok(())
        })
    }

    /// Notes that the server mixed up its replies to pipelined commands.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_lost_step(self) -> Result<(), Error> {
        self.0.write(|queries| {
            queries.execute(&NOTE_LOST_STEP, params![self.0.key(), Moment::now()])?;
            Ok(())
        })
    }

    /// Notes that a server closed the connection on a flight of commands.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn doubt_pipelining(self, flight: u8) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            queries.execute(&DOUBT_PIPELINING, params![key, flight])?;
            Ok(())
        })
    }

    /// Notes that a session worked without pipelining after a flight of commands had broken the one
    /// before it. Returns the number of times in a row.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn confirm_doubt(self, flight: u8) -> Result<u32, Error> {
        let key = self.0.key();
        self.0
            .write(|queries| queries.value(&CONFIRM_DOUBT, params![key, flight]))
    }

    /// Notes that pipelining is not what breaks the sessions.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn trust_pipelining(self) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            queries.execute(&TRUST_PIPELINING, [key])?;
            Ok(())
        })
    }

    /// Returns true if a run of the account was ever good.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_succeeded(self) -> Result<bool, Error> {
        self.0
            .read(|queries| queries.exists(&HAS_SUCCEEDED, [self.0.key()]))
    }

    /// Records the error that the user was told of.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_problem(self, problem: &str) -> Result<(), Error> {
        let values = params![self.0.key(), problem, Moment::now()];
        self.0
            .write(|queries| queries.execute(&NOTE_PROBLEM, values))?;
        Ok(())
    }

    /// Records how a run ended, also for the account's doubt. After a run that ended well, messages that
    /// have been missing for very long are forgotten.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn end(self, end: &RunEnd) -> Result<(), Error> {
        let account = &self.0.account;
        // A change of the clock is recorded only together with the restart of all ages.
        let clock = self.0.clock.is_plausible().then(|| self.0.clock.record());
        let clock = clock.unwrap_or_default();
        self.0.freshness().sign_again(|generation| {
            self.0.write(|queries| {
                queries.execute(
                    &END,
                    params![
                        account.key,
                        Moment::now(),
                        end.exit.code(),
                        end.keep,
                        end.was_cut_off,
                        account.server,
                        account.user,
                        end.was_surprised,
                        account.server_profile,
                        end.configured_keep,
                        account.login,
                        account.logged_in,
                        clock.last,
                        clock.behind,
                        account.listing_memory.map(u64::cast_signed),
                        end.on_server.map(u64::cast_signed),
                        end.delivered.cast_signed(),
                        end.octets.cast_signed(),
                        end.deleted.cast_signed(),
                        self.0.clock.now(),
                        end.rules,
                    ],
                )?;
                if let Some(generation) = generation {
                    sign(queries, account.key, generation)?;
                }
                queries.execute(&TIDY_FAILED, [account.key])?;
                end_doubt(queries, account.key, end.recognition)?;
                if end.was_cut_off == Some(false) {
                    forget_missing(queries, account.key, self.0.clock.now())?;
                }
                Ok(())
            })
        })
    }
}

fn forget_missing(queries: &Queries<'_>, key: AccountKey, now: Moment) -> rusqlite::Result<()> {
    let key = params![key, now.before(REMEMBERED_FOR)];
    // The deliveries and notices are found by the rows of the messages, so these go last.
    for sql in [
        &FORGET_MISSING_DELIVERIES,
        &FORGET_MISSING_NOTICES,
        &FORGET_MISSING,
    ] {
        queries.execute(sql, key)?;
    }
    Ok(())
}

/// The time for which a message is remembered after the server stopped listing it. Some come back:
/// from a backup, or because the server could not list them for a while.
const REMEMBERED_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// The time for which no commands are pipelined to a server that has mixed up its replies.
const PIPELINING_PAUSE: Duration = Duration::from_secs(30 * 24 * 3600);

statements! {
    LAST =
        "SELECT keep, cut_off, failures, acquaintance, lost_step, recognitions, login, logged_in,
             pipelining_doubt, pipelining_flight, listing_memory, visited, rules
         FROM account WHERE id = ?1";

    DOUBT_PIPELINING = "UPDATE account SET pipelining_doubt = ?2 WHERE id = ?1";

    CONFIRM_DOUBT =
        "UPDATE account SET pipelining_doubt = 0, pipelining_flight = ?2, pipelining_breaks =
             CASE pipelining_flight WHEN ?2 THEN pipelining_breaks + 1 ELSE 1 END
         WHERE id = ?1 RETURNING pipelining_breaks";

    TRUST_PIPELINING =
        "UPDATE account SET pipelining_doubt = 0, pipelining_flight = 0, pipelining_breaks = 0
         WHERE id = ?1";

    HAS_SUCCEEDED = "SELECT 1 FROM account WHERE id = ?1 AND last_success IS NOT NULL";

    NOTE_PROBLEM = "UPDATE account SET problem = ?2, problem_at = ?3 WHERE id = ?1";

    COUNT_RECOGNITION = "UPDATE account SET recognitions = recognitions + 1 WHERE id = ?1";

    END_RECOGNITION = "UPDATE account SET recognitions = ?2 WHERE id = ?1";

    NOTE_LOST_STEP = "UPDATE account SET lost_step = ?2 WHERE id = ?1";

    /// ?5 is 0 after a session that ended with QUIT. Only such a session proves that the server of
    /// the configuration has this mailbox.
    END =
        "UPDATE account SET server = CASE ?5 WHEN 0 THEN ?6 ELSE server END,
             user = CASE ?5 WHEN 0 THEN ?7 ELSE user END, last_run = ?2, last_status = ?3,
             keep = coalesce(?4, keep, ?10), cut_off = coalesce(?5, cut_off),
             failures = CASE ?3 WHEN 0 THEN 0 ELSE failures + 1 END,
             recognitions = CASE ?5 WHEN 0 THEN 0 ELSE recognitions END,
             acquaintance = CASE ?8 WHEN 0 THEN coalesce(?9, acquaintance) END,
             login = coalesce(?11, login), logged_in = coalesce(?12, logged_in),
             clock = coalesce(?13, clock),
             clock_behind = CASE WHEN ?13 IS NULL THEN clock_behind ELSE ?14 END,
             listing_memory = coalesce(?15, listing_memory),
             last_success = CASE ?3 WHEN 0 THEN ?2 ELSE last_success END,
             visited = ?20, on_server = coalesce(?16, on_server), total_runs = total_runs + 1,
             total_failed = total_failed + (?3 <> 0), total_delivered = total_delivered + ?17,
             total_octets = total_octets + ?18, total_deleted = total_deleted + ?19,
             rules = coalesce(?21, rules)
         WHERE id = ?1";

    FORGET_MISSING_DELIVERIES =
        "DELETE FROM delivery WHERE account = ?1 AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM seen
              WHERE account = ?1 AND vanished < ?2 AND state <> {STAGED})";

    FORGET_MISSING_NOTICES =
        "DELETE FROM notice WHERE account = ?1 AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM seen
              WHERE account = ?1 AND vanished < ?2 AND state <> {STAGED})";

    FORGET_MISSING =
        "DELETE FROM seen WHERE account = ?1 AND vanished < ?2 AND state <> {STAGED}";
}
