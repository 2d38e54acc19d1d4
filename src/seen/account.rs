//! An account's own row: who it is, how its last run and its last session ended.
//! Knows nothing of its messages.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Error, Ledger, Lock};
use crate::digest::Digest;
use crate::exit::Exit;
use crate::mail::maildrop::AccountKey;
use crate::moment::Moment;

/// How long a message is remembered that the server lists no more: some come back, from a backup
/// or because the server could not make a list for a while.
const REMEMBERED_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long a server that lost its step is asked for one thing at a time.
const STEP_IS_LOST_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

impl Ledger {
    /// Where the account was fetched from by its last run (`user@server`), if that is elsewhere.
    pub fn former_place(&self) -> Option<&str> {
        self.owner.former_place.as_deref()
    }

    /// The name by which the account is known until it is locked, if that is another.
    pub fn former_name(&self) -> Option<&str> {
        self.owner.former_name.as_deref()
    }

    /// Whether its record was given to another database, where it goes on.
    pub fn is_moved(&self) -> bool {
        self.owner.is_moved
    }

    /// The names of other accounts with the same user at the same server, if nothing is known of
    /// this one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn namesakes(&self) -> Result<Vec<String>, Error> {
        if self.owner.key != NO_ACCOUNT {
            return Ok(Vec::new());
        }
        self.read(|connection| {
            connection
                .prepare("SELECT name FROM account WHERE server = ?1 AND user = ?2 ORDER BY id")?
                .query_map([&self.owner.server, &self.owner.user], |row| row.get(0))?
                .collect()
        })
    }

    /// Takes the account's lock, without waiting. An account that is new gets its rows now, and
    /// one that has been given a name is known by it from now on.
    ///
    /// # Errors
    /// Another run has it, or the database cannot be written.
    pub fn lock(&mut self) -> Result<Lock, Error> {
        let mut owner = self.owner.clone();
        if owner.key == NO_ACCOUNT || owner.former_name.is_some() {
            owner.is_new = owner.key == NO_ACCOUNT;
            owner.key = self.write(|transaction| insert_account(transaction, &owner))?;
            self.owner = owner;
        }
        Lock::take(&self.lock_file())
    }

    /// How the last run ended, and what it left to be known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_run(&self) -> Result<LastRun, Error> {
        let is_elsewhere = self.owner.former_place.is_some();
        let patience = Moment::now().before(STEP_IS_LOST_FOR);
        self.read(|connection| {
            let row = connection.query_row(
                "SELECT keep, cut_off, failures, acquaintance, lost_step, recognitions, login,
                     logged_in
                 FROM account
                 WHERE id = ?1",
                [self.owner.key.0],
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

    /// Remembers what a session learned of the server, once [`Self::end_run`] writes it down.
    pub fn note_acquaintance(&mut self, learned: String) {
        self.owner.learned = Some(learned);
    }

    /// Remembers how a session logged in, and that it did now, once [`Self::end_run`] writes it down.
    pub fn note_login(&mut self, how: Option<&str>) {
        self.owner.login = how.map(str::to_owned);
        self.owner.logged_in = Some(Moment::now());
    }

    /// Counts that renamed messages are about to be recognised; a run that ends well forgets it.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn note_recognition(&mut self) -> Result<(), Error> {
        let key = self.owner.key.0;
        self.write(|transaction| {
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
    pub fn note_lost_step(&mut self) -> Result<(), Error> {
        let (key, now) = (self.owner.key.0, Moment::now());
        self.write(|transaction| {
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
    pub fn end_run(&mut self, end: &RunEnd) -> Result<(), Error> {
        let key = self.owner.key.0;
        let AccountRow {
            server,
            user,
            learned,
            login,
            logged_in,
            ..
        } = self.owner.clone();
        let is_in_doubt = !end.is_complete && self.is_in_doubt()?;
        self.write(|transaction| {
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
        if is_in_doubt { Ok(()) } else { self.sign() }
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
pub struct RunEnd {
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
    pub fn without_session(exit: Exit) -> Self {
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

/// The key of an account of which nothing is known: no row has it.
const NO_ACCOUNT: AccountKey = AccountKey(0);

/// Whose rows they are.
#[derive(Clone, Debug)]
pub(super) struct AccountRow {
    pub(super) key: AccountKey,
    /// Whether nothing was known of it when this run began.
    pub(super) is_new: bool,
    pub(super) name: String,
    /// In the names of its files.
    pub(super) tag: String,
    pub(super) server: String,
    pub(super) user: String,
    /// What this run learned of the server.
    learned: Option<String>,
    /// How it logged in.
    login: Option<String>,
    /// When that was.
    logged_in: Option<Moment>,
    /// The name by which it was known until now.
    pub(super) former_name: Option<String>,
    /// Where it was fetched from, if that has changed.
    pub(super) former_place: Option<String>,
    is_moved: bool,
}

impl AccountRow {
    /// The name of the account while it is fetched by its URL.
    pub(super) fn one_shot_name(&self) -> String {
        format!("{}@{}", self.user, self.server)
    }
}

/// What the names of an account's files carry. It depends on nothing but the account's name, so
/// that they are known as its own when the database is lost.
pub(super) fn tag(name: &str) -> String {
    Digest::of(name.as_bytes()).hex(4)
}

/// The account with this name, which need not have a row yet. A maildrop that was fetched by its
/// URL before it was given a name is the same under both.
pub(super) fn find(
    connection: &Connection,
    name: &str,
    server: &str,
    user: &str,
) -> rusqlite::Result<AccountRow> {
    let known = |name: &str| {
        connection
            .query_row(
                "SELECT id, tag, user || '@' || server, moved IS NOT NULL FROM account
                 WHERE name = ?1",
                [name],
                |row| {
                    Ok((
                        AccountKey(row.get(0)?),
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                    ))
                },
            )
            .optional()
    };
    let owner = AccountRow {
        key: NO_ACCOUNT,
        is_new: false,
        name: name.to_owned(),
        tag: tag(name),
        server: server.to_owned(),
        user: user.to_owned(),
        learned: None,
        login: None,
        logged_in: None,
        former_name: None,
        former_place: None,
        is_moved: false,
    };
    let one_shot = owner.one_shot_name();
    if let Some((key, tag, place, is_moved)) = known(name)? {
        let former_place = Some(place).filter(|place| *place != one_shot);
        return Ok(AccountRow {
            key,
            tag,
            former_place,
            is_moved,
            ..owner
        });
    }
    Ok(match known(&one_shot)? {
        Some((key, _, _, is_moved)) => AccountRow {
            key,
            is_moved,
            former_name: Some(one_shot),
            ..owner
        },
        None => owner,
    })
}

/// Gives an account its row, or its new name.
fn insert_account(connection: &Connection, owner: &AccountRow) -> rusqlite::Result<AccountKey> {
    let AccountRow {
        name, tag, server, ..
    } = owner;
    if let Some(former) = &owner.former_name {
        connection.execute(
            "UPDATE account SET name = ?1, tag = ?2 WHERE name = ?3",
            [name, tag, former],
        )?;
        return Ok(owner.key);
    }
    connection.query_row(
        "INSERT INTO account (name, server, user, tag) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET name = name RETURNING id",
        [name, server, &owner.user, tag],
        |row| row.get(0).map(AccountKey),
    )
}
