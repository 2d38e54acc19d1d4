//! All accounts of a database: listed, renamed and removed; and the database verified as a whole.

use rusqlite::{Row, params};

use super::account::{one_shot_name, tag};
use super::causes::REMOVE_FAILED;
use super::database::{Database, Queries, statements};
use super::integrity::find_faults;
use super::listed_rows::{REMOVE_LISTED_ROWS, REMOVE_ROWS, RENAME_ROWS};
use super::messages::HAS_MESSAGES;
use super::notices::REMOVE_ACCOUNT_NOTICES;
use super::orders::REMOVE_ORDERS;
use super::state::STAGED;
use super::{Error, Lock, StateFolder, former_tags};
use crate::mail::maildrop::AccountKey;

/// All accounts of a database.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(super) database: Database,
}

/// An account that has a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KnownAccount {
    pub(super) key: AccountKey,
    /// The account's name.
    pub name: String,
    /// The server of its last run.
    pub server: String,
    /// The user of its last run.
    pub user: String,
    /// True if its record was given to another database.
    pub is_moved: bool,
}

/// The result of a verification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The database is damaged: one line for each fault.
    Damaged(Vec<String>),
    /// Nothing is wrong.
    Sound,
}

impl Accounts {
    /// Opens the database of a state folder.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) fn open(folder: &StateFolder) -> Result<Self, Error> {
        let database = Database::open(folder)?;
        Ok(Self { database })
    }

    /// Returns all accounts in the order in which they became known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn accounts(&self) -> Result<Vec<KnownAccount>, Error> {
        self.database
            .read(|queries| queries.all(&ACCOUNTS, [], known))
    }

    /// Returns the accounts that an earlier run has found messages for, and those that have a name of
    /// their own. A URL that was only tried is no account.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn accounts_in_use(&self) -> Result<Vec<KnownAccount>, Error> {
        let mut accounts = self.accounts()?;
        let mut failed = None;
        accounts.retain(|account| {
            if account.name != one_shot_name(&account.user, &account.server) {
                return true;
            }
            let has_messages = self
                .database
                .read(|queries| queries.exists(&HAS_MESSAGES, [account.key]));
            has_messages.unwrap_or_else(|error| {
                failed = Some(error);
                true
            })
        });
        failed.map_or(Ok(accounts), Err)
    }

    /// Returns the account with this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn find(&self, name: &str) -> Result<Option<KnownAccount>, Error> {
        self.database
            .read(|queries| queries.first(&FIND, [name], known))
    }

    /// Returns the first unique-ids from this text on, of the messages that are known of an account and of
    /// those that were listed last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn unique_ids(
        &self,
        account: &str,
        begin: &str,
        most: u32,
    ) -> Result<Vec<String>, Error> {
        let values = params![account, begin.as_bytes(), most];
        let found: Vec<Vec<u8>> = self
            .database
            .read(|queries| queries.all(&UNIQUE_IDS_FROM, values, |row| row.get(0)))?;
        let texts = found.into_iter().map(String::from_utf8);
        Ok(texts.filter_map(Result::ok).collect())
    }

    /// Gives an account a name that no other account has. Its files get the tag of the new name from
    /// then on. Calls `before` first, while no run can begin.
    ///
    /// # Errors
    /// A run holds the account's lock, `before` fails, or nothing was written.
    pub(crate) fn rename<E: From<Error>>(
        &mut self,
        account: &KnownAccount,
        name: &str,
        before: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _lock = self.lock(account)?;
        before()?;
        // The old tag is written down first. After a kill between the two writes there is a line for
        // a tag that no account has yet, which is harmless; the reverse would make the files unknown.
        let path = self.database.folder.former_tags();
        former_tags::note(&path, &tag(name), &tag(&account.name))
            .map_err(|source| Error::Create { path, source })?;
        self.database.write(|queries| {
            queries.execute(&RENAME, params![account.key, name, tag(name)])?;
            // The rows of a list that was made under the new name say nothing about this account.
            queries.execute(&REMOVE_ROWS, [name])?;
            queries.execute(&RENAME_ROWS, [name, &*account.name])
        })?;
        Ok(())
    }

    /// Removes an account with all its messages, unless some of them are staged. Returns the number
    /// of those. If there are none, calls `before` first, while no run can begin.
    ///
    /// # Errors
    /// A run holds the account's lock, `before` fails, or nothing was written.
    pub(crate) fn remove<E: From<Error>>(
        &mut self,
        account: &KnownAccount,
        before: impl FnOnce() -> Result<(), E>,
    ) -> Result<u32, E> {
        let _lock = self.lock(account)?;
        let staged = self.staged(account.key)?;
        if staged == 0 {
            before()?;
            self.database
                .write(|queries| remove_rows(queries, account.key))?;
        }
        Ok(staged)
    }

    /// Verifies the database as a whole.
    ///
    /// # Errors
    /// The database cannot be read at all.
    pub(crate) fn verify(&self) -> Result<Verdict, Error> {
        let faults = self.database.read(find_faults)?;
        Ok(if faults.is_empty() {
            Verdict::Sound
        } else {
            Verdict::Damaged(faults)
        })
    }

    /// Takes an account's lock without waiting.
    pub(super) fn lock(&self, account: &KnownAccount) -> Result<Lock, Error> {
        Lock::take(&self.database.folder.lock(account.key))
    }

    /// Returns the number of an account's messages that are staged.
    pub(super) fn staged(&self, account: AccountKey) -> Result<u32, Error> {
        self.database
            .read(|queries| queries.value(&COUNT_STAGED, [account]))
    }
}

/// Removes all rows of an account.
pub(super) fn remove_rows(queries: &Queries<'_>, account: AccountKey) -> rusqlite::Result<()> {
    // The account's own row is the last one, because the others refer to it.
    for sql in [
        &REMOVE_DELIVERIES,
        &REMOVE_NOTICES,
        &REMOVE_FAILED,
        &REMOVE_ACCOUNT_NOTICES,
        &REMOVE_PLACES,
        &REMOVE_ORDERS,
        &REMOVE_LISTED_ROWS,
        &REMOVE_TARGETS,
        &REMOVE_MESSAGES,
        &REMOVE_ACCOUNT,
    ] {
        queries.execute(sql, [account])?;
    }
    Ok(())
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownAccount> {
    Ok(KnownAccount {
        key: row.get(0)?,
        name: row.get(1)?,
        server: row.get(2)?,
        user: row.get(3)?,
        is_moved: row.get::<_, Option<i64>>(4)?.is_some(),
    })
}

statements! {
    ACCOUNTS = "SELECT id, name, server, user, moved FROM account ORDER BY id";
    FIND = "SELECT id, name, server, user, moved FROM account WHERE name = ?1";
    RENAME = "UPDATE account SET name = ?2, tag = ?3 WHERE id = ?1";

    UNIQUE_IDS_FROM =
        "SELECT unique_id FROM seen
             WHERE account = (SELECT id FROM account WHERE name = ?1) AND unique_id >= ?2
         UNION SELECT unique_id FROM listed_row WHERE account_name = ?1 AND unique_id >= ?2
         ORDER BY unique_id LIMIT ?3";

    COUNT_STAGED = "SELECT count(*) FROM seen WHERE account = ?1 AND state = {STAGED}";

    REMOVE_DELIVERIES = "DELETE FROM main.delivery WHERE account = ?1";
    REMOVE_NOTICES = "DELETE FROM main.notice WHERE account = ?1";
    REMOVE_TARGETS = "DELETE FROM main.account_target WHERE account = ?1";
    REMOVE_PLACES = "DELETE FROM main.place WHERE account = ?1";
    REMOVE_MESSAGES = "DELETE FROM main.seen WHERE account = ?1";
    REMOVE_ACCOUNT = "DELETE FROM main.account WHERE id = ?1";
}
