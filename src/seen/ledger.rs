//! The ledger of one account: its rows in the database, and its lock.

use std::cell::Cell;
use std::collections::HashSet;
use std::path::PathBuf;

use super::account::{self, AccountRow, MARKS, NAMESAKES, NO_ACCOUNT, insert_account};
use super::causes::Causes;
use super::clock;
use super::custody::Custody;
use super::database::{Database, Queries};
use super::deletions::Deletions;
use super::failures::Failures;
use super::freshness::Freshness;
use super::kept_mail::UnprovenDeletions;
use super::left::LeftMessages;
use super::listed_rows::ListedRows;
use super::messages::Messages;
use super::missing::Missing;
use super::neighbours::{Neighbours, host};
use super::notices::Notices;
use super::orders::Orders;
use super::places::Places;
use super::recognition::Recognition;
use super::refusals::RefusedLogins;
use super::runs::Runs;
use super::size_checks::SizeChecks;
use super::suspicions::Suspicions;
use super::{Error, Lock, StateFolder, former_tags};
use crate::mail::clock::Clock;
use crate::mail::maildrop::AccountKey;
use crate::mail::mark::{FileMarks, Mark};
use crate::moment::Moment;

/// One account's rows. There is a view for each subject: `ledger.messages().known()`. A ledger
/// decides nothing, and every change is one durable transaction.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(super) database: Database,
    pub(super) account: AccountRow,
    /// The clock at the start of this run, compared with that of the last one.
    pub(super) clock: Clock,
    /// True once this run has signed the database.
    pub(super) is_signed: Cell<bool>,
}

impl Ledger {
    /// Opens the rows of the account with this name. There may be none, and nothing is written
    /// before [`Self::lock`]. The row gets `server` and `user` when the next run ends.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) fn open(
        folder: &StateFolder,
        name: &str,
        server: &str,
        user: &str,
    ) -> Result<Self, Error> {
        let database = Database::open(folder)?;
        let (account, clock) = database.read(|queries| {
            let account = account::find(queries, name, server, user)?;
            let clock = clock::judge(queries, account.key)?;
            Ok((account, clock))
        })?;
        Ok(Self {
            database,
            account,
            clock,
            is_signed: Cell::default(),
        })
    }

    /// Returns the same rows on a connection of their own, for another thread of a run that has the lock.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) fn of_another_thread(&self) -> Result<Self, Error> {
        Ok(Self {
            database: Database::open(&self.database.folder)?,
            account: self.account.clone(),
            clock: self.clock,
            is_signed: self.is_signed.clone(),
        })
    }

    /// Takes the account's lock without waiting. An account that has no row gets one now, and one
    /// that was fetched by its URL gets its name. The database is compared with the one that the last
    /// run left.
    ///
    /// # Errors
    /// Another run holds the lock, or the database cannot be written.
    pub(crate) fn lock(&mut self) -> Result<Lock, Error> {
        // The row comes first, because the lock's file is named after the row's key.
        if self.account.key == NO_ACCOUNT || self.account.former_name.is_some() {
            self.account.key = self.write(|queries| insert_account(queries, &self.account))?;
        }
        let lock = Lock::take(&self.lock_file())?;
        self.account.marks.own = self.freshness().check()?;
        Ok(lock)
    }

    /// Returns the marks that the names of the account's files carry. The account's own mark is known
    /// after [`Self::lock`].
    pub(crate) fn marks(&self) -> &FileMarks {
        &self.account.marks
    }

    /// Returns the marks of all accounts of the database.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn all_marks(&self) -> Result<HashSet<Mark>, Error> {
        self.read(|queries| queries.all(&MARKS, [], |row| row.get(0)))
    }

    /// Returns the account's tag, and the tags that it had under its former names and while it was
    /// fetched by its URL.
    pub(crate) fn tags(&self) -> Vec<String> {
        let one_shot = account::tag(&self.account.one_shot_name());
        let mut tags = vec![self.account.marks.tag.clone(), one_shot];
        former_tags::add(&self.database.folder.former_tags(), &mut tags);
        tags
    }

    /// Returns the `user@server` of the last run, if it is not that of the configuration.
    pub(crate) fn former_place(&self) -> Option<&str> {
        self.account.former_place.as_deref()
    }

    /// Returns true if only the port of the last run is not that of the configuration.
    pub(crate) fn has_another_port(&self) -> bool {
        let place = self.account.one_shot_name();
        self.former_place()
            .is_some_and(|former| host(former).eq_ignore_ascii_case(host(&place)))
    }

    /// Notes that the account's mailbox is the one of the last run, although its place is another.
    pub(crate) fn confirm_place(&mut self) {
        self.account.former_place = None;
    }

    /// Returns the name in the account's row, if [`Self::lock`] will change it.
    pub(crate) fn former_name(&self) -> Option<&str> {
        self.account.former_name.as_deref()
    }

    /// Returns true if the account's record was given to another database and is continued there.
    pub(crate) fn is_moved(&self) -> bool {
        self.account.is_moved
    }

    /// Returns the names of other accounts with the same user at the same server, if this account
    /// has no row.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn namesakes(&self) -> Result<Vec<String>, Error> {
        if self.account.key != NO_ACCOUNT {
            return Ok(Vec::new());
        }
        let AccountRow { server, user, .. } = &self.account;
        self.read(|queries| queries.all(&NAMESAKES, [server, user], |row| row.get(0)))
    }

    /// Keeps the server profile that a session has seen until [`Runs::end`] writes it down.
    pub(crate) fn note_server_profile(&mut self, profile: String) {
        self.account.server_profile = Some(profile);
    }

    /// Keeps the mechanism and the time of a login until [`Runs::end`] writes them down.
    pub(crate) fn note_login(&mut self, mechanism: Option<&str>) {
        self.account.login = mechanism.map(str::to_owned);
        self.account.logged_in = Some(Moment::now());
    }

    /// Keeps the number of octets of memory that a listing needs until [`Runs::end`] writes it down.
    pub(crate) fn note_listing_memory(&mut self, octets: u64) {
        self.account.listing_memory = Some(octets);
    }

    /// All known messages.
    pub(crate) fn messages(&self) -> Messages<'_> {
        Messages(self)
    }

    /// Staging and delivery (custody steps 3 and 6).
    pub(crate) fn custody(&self) -> Custody<'_> {
        Custody(self)
    }

    /// Deletions from the server (custody step 7).
    pub(crate) fn deletions(&self) -> Deletions<'_> {
        Deletions(self)
    }

    /// Deletions that the server has confirmed and perhaps not carried out.
    pub(crate) fn unproven_deletions(&self) -> UnprovenDeletions<'_> {
        UnprovenDeletions(self)
    }

    /// The causes of failures.
    pub(crate) fn causes(&self) -> Causes<'_> {
        Causes(self)
    }

    /// Messages that could not be retrieved.
    pub(crate) fn failures(&self) -> Failures<'_> {
        Failures(self)
    }

    /// Known messages, found by their content.
    pub(crate) fn recognition(&self) -> Recognition<'_> {
        Recognition(self)
    }

    /// Reports about the account that are made once.
    pub(crate) fn notices(&self) -> Notices<'_> {
        Notices(self)
    }

    /// Returns the rows of the last `mailpull list`.
    pub(crate) fn listed_rows(&self) -> ListedRows<'_> {
        ListedRows(self)
    }

    /// Messages that a rule has left on the server.
    pub(crate) fn left(&self) -> LeftMessages<'_> {
        LeftMessages(self)
    }

    /// The user's orders to delete messages.
    pub(crate) fn orders(&self) -> Orders<'_> {
        Orders(self)
    }

    /// The facts about the server's sizes.
    pub(crate) fn size_checks(&self) -> SizeChecks<'_> {
        SizeChecks(self)
    }

    /// Known messages that a listing is without, found by their content.
    pub(crate) fn missing(&self) -> Missing<'_> {
        Missing(self)
    }

    /// Other accounts of the same user at the same host.
    pub(crate) fn neighbours(&self) -> Neighbours<'_> {
        Neighbours(self)
    }

    /// The Maildirs to which messages were delivered.
    pub(crate) fn places(&self) -> Places<'_> {
        Places(self)
    }

    /// Messages whose copy is in doubt.
    pub(crate) fn suspicions(&self) -> Suspicions<'_> {
        Suspicions(self)
    }

    /// The logins that the server refused.
    pub(crate) fn refused_logins(&self) -> RefusedLogins<'_> {
        RefusedLogins(self)
    }

    /// The ends of the account's runs.
    pub(crate) fn runs(&self) -> Runs<'_> {
        Runs(self)
    }

    /// The comparison of the database with the one that the account's last run left.
    pub(crate) fn freshness(&self) -> Freshness<'_> {
        Freshness(self)
    }

    /// Returns the key of the account's row.
    pub(super) fn key(&self) -> AccountKey {
        self.account.key
    }

    /// Returns the state folder.
    pub(super) fn folder(&self) -> StateFolder {
        self.database.folder.clone()
    }

    /// Returns the path of the account's lock file.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.database.folder.lock(self.account.key)
    }

    /// Returns the path of the database's file.
    pub(super) fn database_file(&self) -> PathBuf {
        self.database.path()
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Queries<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.database.read(work)
    }

    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Queries<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.database.write(work)
    }
}
