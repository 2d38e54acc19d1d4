//! All accounts of a database, and it as a whole: listed, renamed, removed, verified.
//! Knows nothing of their messages but how many are on their way.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::account::tag;
use super::{Error, Lock, StateFolder, former_tags, schema};
use crate::mail::maildrop::AccountKey;

/// All accounts of a database.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(super) connection: Connection,
    pub(super) folder: StateFolder,
}

/// An account that is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KnownAccount {
    pub(super) key: AccountKey,
    /// Its name.
    pub name: String,
    /// The server of its last run.
    pub server: String,
    /// The user of its last run.
    pub user: String,
    /// Whether its record was given to another database.
    pub is_moved: bool,
}

/// What a database looks like from the inside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// What the library found wrong, one line each.
    Damaged(Vec<String>),
    /// Nothing is wrong.
    Sound,
}

impl Accounts {
    /// Opens it.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) fn open(folder: &StateFolder) -> Result<Self, Error> {
        Ok(Self {
            connection: schema::open(&folder.database())?,
            folder: folder.clone(),
        })
    }

    /// All accounts, the first that was known first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn accounts(&self) -> Result<Vec<KnownAccount>, Error> {
        self.read(|connection| {
            connection
                .prepare("SELECT id, name, server, user, moved FROM account ORDER BY id")?
                .query_map([], known)?
                .collect()
        })
    }

    /// The account with this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn find(&self, name: &str) -> Result<Option<KnownAccount>, Error> {
        self.read(|connection| {
            connection
                .query_row(
                    "SELECT id, name, server, user, moved FROM account WHERE name = ?1",
                    [name],
                    known,
                )
                .optional()
        })
    }

    /// Gives an account a name that no other has. The names of its files carry it from then on.
    ///
    /// # Errors
    /// A run has the account, or nothing was written.
    pub(crate) fn rename(&mut self, account: &KnownAccount, name: &str) -> Result<(), Error> {
        let _lock = self.lock(account)?;
        let path = self.folder.former_tags();
        former_tags::note(&path, &tag(name), &tag(&account.name))
            .map_err(|source| Error::Create { path, source })?;
        self.read(|connection| {
            connection.execute(
                "UPDATE account SET name = ?2, tag = ?3 WHERE id = ?1",
                params![account.key.0, name, tag(name)],
            )
        })?;
        Ok(())
    }

    /// Forgets an account with all its messages, unless some are on their way; how many those are.
    ///
    /// # Errors
    /// A run has the account, or nothing was written.
    pub(crate) fn remove(&mut self, account: &KnownAccount) -> Result<u32, Error> {
        let _lock = self.lock(account)?;
        let staged: u32 = self.read(|connection| {
            connection.query_row(
                "SELECT count(*) FROM seen WHERE account = ?1 AND state = 1",
                [account.key.0],
                |row| row.get(0),
            )
        })?;
        if staged > 0 {
            return Ok(staged);
        }
        let cannot = |source| Error::open(&self.folder.database(), source);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(cannot)?;
        for (table, column) in [
            ("delivery", "account"),
            ("notice", "account"),
            ("seen", "account"),
            ("account", "id"),
        ] {
            let sql = format!("DELETE FROM {table} WHERE {column} = ?1");
            transaction.execute(&sql, [account.key.0]).map_err(cannot)?;
        }
        transaction.commit().map_err(cannot)?;
        Ok(0)
    }

    /// Verifies the database as a whole.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub(crate) fn verify(&self) -> Result<Verdict, Error> {
        let complaints: Vec<String> = self.read(|connection| {
            let mut complaints: Vec<String> = connection
                .prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .filter(|line| line.as_ref().is_ok_and(|line| line != "ok"))
                .collect::<Result<_, _>>()?;
            let unrecorded: i64 = connection.query_row(
                "SELECT count(*) FROM seen LEFT JOIN delivery USING (account, unique_id, copy)
                 WHERE state IN (1, 2) AND id IS NULL",
                [],
                |row| row.get(0),
            )?;
            if unrecorded > 0 {
                complaints.push(format!(
                    "{unrecorded} messages have no record of a delivery"
                ));
            }
            Ok(complaints)
        })?;
        Ok(if complaints.is_empty() {
            Verdict::Sound
        } else {
            Verdict::Damaged(complaints)
        })
    }

    pub(super) fn lock(&self, account: &KnownAccount) -> Result<Lock, Error> {
        Lock::take(&self.folder.lock(account.key.0))
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        work(&self.connection).map_err(|source| Error::open(&self.folder.database(), source))
    }
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownAccount> {
    Ok(KnownAccount {
        key: AccountKey(row.get(0)?),
        name: row.get(1)?,
        server: row.get(2)?,
        user: row.get(3)?,
        is_moved: row.get::<_, Option<i64>>(4)?.is_some(),
    })
}
