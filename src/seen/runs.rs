//! An account's runs: how the last one ended, and what it left to be known.

use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, params};

use super::account::AccountRow;
use super::{Error, Ledger};
use crate::exit::Exit;
use crate::moment::Moment;

/// How long a message is remembered that the server lists no more: some come back, from a backup
/// or because the server could not make a list for a while.
const REMEMBERED_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long a server that lost its step is asked for one thing at a time.
const STEP_IS_LOST_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// How an account's runs ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs<'a>(pub(super) &'a Ledger);

impl Runs<'_> {
    /// How the last run ended, and what it left to be known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn last(&self) -> Result<LastRun, Error> {
        let is_elsewhere = self.0.owner.former_place.is_some();
        let patience = Moment::now().before(STEP_IS_LOST_FOR);
        self.0.read(|connection| {
            let row = connection.query_row(
                "SELECT keep, cut_off, failures, acquaintance, lost_step, recognitions, login,
                     logged_in
                 FROM account
                 WHERE id = ?1",
                [self.0.owner.key.0],
                |row| {
                    Ok(LastRun {
                        keep: row.get(0)?,
                        was_cut_off: row.get(1)?,
                        failures: row.get::<_, i64>(2)?.cast_unsigned(),
                        acquaintance: row
                            .get(3)
                            .map(|text: Option<String>| text.filter(|_| !is_elsewhere))?,
                        has_lost_step: !is_elsewhere
                            && row
                                .get::<_, Option<i64>>(4)?
                                .is_some_and(|lost| Moment(lost) > patience),
                        recognitions: row.get(5)?,
                        login: row
                            .get(6)
                            .map(|how: Option<String>| how.filter(|_| !is_elsewhere))?,
                        logged_in: row.get::<_, Option<i64>>(7)?.map(Moment),
                    })
                },
            );
            Ok(row.optional()?.unwrap_or_default())
        })
    }

    /// Counts that renamed messages are about to be recognised; a run that ends well forgets it.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_recognition(&self) -> Result<(), Error> {
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            transaction.execute(
                "UPDATE account SET recognitions = recognitions + 1 WHERE id = ?1",
                [key],
            )?;
            Ok(())
        })
    }

    /// Remembers that the server could not keep step when commands were sent ahead.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_lost_step(&self) -> Result<(), Error> {
        let (key, now) = (self.0.owner.key.0, Moment::now());
        self.0.write(|transaction| {
            transaction.execute(
                "UPDATE account SET lost_step = ?2 WHERE id = ?1",
                params![key, now.0],
            )?;
            Ok(())
        })
    }

    /// Notes how a run ended, and signs the database unless doubts about it remain. After a run that
    /// ended well it forgets what the server has not listed for so long that it will not come back.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn end(&self, end: &RunEnd) -> Result<(), Error> {
        let key = self.0.owner.key.0;
        let AccountRow {
            server,
            user,
            learned,
            login,
            logged_in,
            ..
        } = self.0.owner.clone();
        let is_in_doubt = !end.is_complete && self.0.freshness().is_in_doubt()?;
        self.0.write(|transaction| {
            transaction.execute(
                "UPDATE account SET server = CASE ?5 WHEN 0 THEN ?6 ELSE server END,
                     user = CASE ?5 WHEN 0 THEN ?7 ELSE user END, last_run = ?2, last_status = ?3,
                     keep = coalesce(?4, keep, ?10), cut_off = coalesce(?5, cut_off),
                     generation = random(),
                     failures = CASE ?3 WHEN 0 THEN 0 ELSE failures + 1 END,
                     recognitions = CASE ?5 WHEN 0 THEN 0 ELSE recognitions END,
                     acquaintance = CASE ?8 WHEN 0 THEN coalesce(?9, acquaintance) END,
                     login = coalesce(?11, login), logged_in = coalesce(?12, logged_in)
                 WHERE id = ?1",
                params![
                    key,
                    Moment::now().0,
                    end.exit.code(),
                    end.keep,
                    end.was_cut_off,
                    server,
                    user,
                    end.was_surprised,
                    learned,
                    end.configured_keep,
                    login,
                    logged_in.map(|moment| moment.0),
                ],
            )?;
            if end.was_cut_off == Some(false) {
                forget_vanished(transaction, key)?;
            }
            Ok(())
        })?;
        if is_in_doubt {
            Ok(())
        } else {
            self.0.freshness().sign()
        }
    }
}

fn forget_vanished(transaction: &Transaction<'_>, key: i64) -> rusqlite::Result<()> {
    let before = Moment::now().before(REMEMBERED_FOR);
    for table in ["delivery", "notice"] {
        transaction.execute(
            &format!(
                "DELETE FROM {table} WHERE account = ?1 AND (unique_id, copy) IN
                     (SELECT unique_id, copy FROM seen
                      WHERE account = ?1 AND vanished < ?2 AND state <> 1)"
            ),
            params![key, before.0],
        )?;
    }
    transaction.execute(
        "DELETE FROM seen WHERE account = ?1 AND vanished < ?2 AND state <> 1",
        params![key, before.0],
    )?;
    Ok(())
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct RunEnd {
    /// Its status.
    pub exit: Exit,
    /// The policy that it followed, unless it has still to be confirmed.
    pub keep: Option<String>,
    /// The policy of the configuration, for an account of which none is known yet.
    pub configured_keep: Option<String>,
    /// Whether its session ended without QUIT; `None`: there was none.
    pub was_cut_off: Option<bool>,
    /// Whether nothing that is listed is left for a later run.
    pub is_complete: bool,
    /// Whether what was remembered of the server may be why it failed.
    pub was_surprised: bool,
}

/// What the runs until now left to be known.
#[derive(Clone, Debug, Default)]
pub struct LastRun {
    /// The policy that was followed last.
    pub keep: Option<String>,
    /// Whether the last session ended without QUIT.
    pub was_cut_off: bool,
    /// How many runs in a row have failed.
    pub failures: u64,
    /// What sessions learned of the server, as [`Ledger::note_acquaintance`] was told.
    pub acquaintance: Option<String>,
    /// How the last session logged in, as [`Ledger::note_login`] was told.
    pub login: Option<String>,
    /// When that was.
    pub logged_in: Option<Moment>,
    /// Whether the server could not keep step lately when commands were sent ahead.
    pub has_lost_step: bool,
    /// How many sessions in a row broke while renamed messages were being recognised.
    pub recognitions: u32,
}

impl RunEnd {
    /// The end of a run that came to no session.
    pub(crate) fn without_session(exit: Exit) -> Self {
        Self {
            exit,
            keep: None,
            configured_keep: None,
            was_cut_off: None,
            is_complete: false,
            was_surprised: false,
        }
    }
}
