//! One account's rows: what is known, what is on its way, what may be deleted.

use std::path::PathBuf;
use std::sync::PoisonError;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::account::{self, AccountRow, NO_ACCOUNT, insert_account};
use super::custody::Custody;
use super::deletions::Deletions;
use super::failures::Failures;
use super::freshness::Freshness;
use super::messages::Messages;
use super::recognition::Recognition;
use super::runs::Runs;
use super::{Error, Lock, StateFolder, former_tags, schema};
use crate::moment::Moment;

/// One account's rows. What they are asked about is in views: `ledger.messages().known()`.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    pub(super) folder: StateFolder,
    pub(super) owner: AccountRow,
}

impl Ledger {
    /// Opens the rows of the account with this name; there need not be any, and nothing is written
    /// before [`Self::lock`]. `server` and `user` are remembered when its next run ends.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) fn open(
        folder: &StateFolder,
        name: &str,
        server: &str,
        user: &str,
    ) -> Result<Self, Error> {
        let path = folder.database();
        let connection = schema::open(&path)?;
        let owner = account::find(&connection, name, server, user)
            .map_err(|source| Error::open(&path, source))?;
        Ok(Self {
            connection,
            folder: folder.clone(),
            owner,
        })
    }

    /// Takes the account's lock, without waiting. An account that is new gets its rows now, and
    /// one that has been given a name is known by it from now on.
    ///
    /// # Errors
    /// Another run has it, or the database cannot be written.
    pub(crate) fn lock(&mut self) -> Result<Lock, Error> {
        let mut owner = self.owner.clone();
        if owner.key == NO_ACCOUNT || owner.former_name.is_some() {
            owner.is_new = owner.key == NO_ACCOUNT;
            owner.key = self.write(|transaction| insert_account(transaction, &owner))?;
            self.owner = owner;
        }
        Lock::take(&self.lock_file())
    }

    /// Eight hexadecimal digits that the names of the account's files carry.
    pub(crate) fn tag(&self) -> &str {
        &self.owner.tag
    }

    /// The same, and what they carried while the account was fetched by its URL or had other names.
    pub(crate) fn tags(&self) -> Vec<String> {
        let one_shot = account::tag(&self.owner.one_shot_name());
        let mut tags = vec![self.owner.tag.clone(), one_shot];
        former_tags::add(&self.folder.former_tags(), &mut tags);
        tags
    }

    /// Where the account was fetched from by its last run (`user@server`), if that is elsewhere.
    pub(crate) fn former_place(&self) -> Option<&str> {
        self.owner.former_place.as_deref()
    }

    /// The name by which the account is known until it is locked, if that is another.
    pub(crate) fn former_name(&self) -> Option<&str> {
        self.owner.former_name.as_deref()
    }

    /// Whether its record was given to another database, where it goes on.
    pub(crate) fn is_moved(&self) -> bool {
        self.owner.is_moved
    }

    /// The names of other accounts with the same user at the same server, if nothing is known of
    /// this one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn namesakes(&self) -> Result<Vec<String>, Error> {
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

    /// Remembers what a session learned of the server, once [`Self::end_run`] writes it down.
    pub(crate) fn note_server_profile(&mut self, learned: String) {
        self.owner.learned = Some(learned);
    }

    /// Remembers how a session logged in, and that it did now, once [`Self::end_run`] writes it down.
    pub(crate) fn note_login(&mut self, how: Option<&str>) {
        self.owner.login = how.map(str::to_owned);
        self.owner.logged_in = Some(Moment::now());
    }

    /// All known messages.
    pub(crate) fn messages(&self) -> Messages<'_> {
        Messages(self)
    }

    /// Messages on their way.
    pub(crate) fn custody(&self) -> Custody<'_> {
        Custody(self)
    }

    /// Deletions from the server.
    pub(crate) fn deletions(&self) -> Deletions<'_> {
        Deletions(self)
    }

    /// Messages that could not be retrieved.
    pub(crate) fn failures(&self) -> Failures<'_> {
        Failures(self)
    }

    /// Messages, found by what they are.
    pub(crate) fn recognition(&self) -> Recognition<'_> {
        Recognition(self)
    }

    /// How the account's runs ended.
    pub(crate) fn runs(&self) -> Runs<'_> {
        Runs(self)
    }

    /// The comparison of the database with the one that the account's last run left.
    pub(crate) fn freshness(&self) -> Freshness<'_> {
        Freshness(self)
    }

    /// Where the account's lock is.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.folder.lock(self.owner.key.0)
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        work(&self.connection).map_err(|source| Error::open(&self.folder.database(), source))
    }

    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let writing = self.folder.writing.lock();
        let _writing = writing.unwrap_or_else(PoisonError::into_inner);
        Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let result = work(&transaction)?;
                transaction.commit()?;
                Ok(result)
            })
            .map_err(|source| Error::open(&self.folder.database(), source))
    }
}
