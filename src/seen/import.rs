//! An account read into the database from the lines of `seen export`.

use rusqlite::params;

use super::Error;
use super::account::tag;
use super::accounts::{Accounts, remove_rows};
use super::database::{Queries, statements};
use super::handovers::KNOW_TARGET;
use super::record::{ExportEnd, ExportedAccount, ExportedMessage, ExportedNotice, ExportedState};
use super::state::StoredState;
use crate::mail::maildrop::AccountKey;
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;

/// An account that is being imported. Its records are kept in temporary tables until it is complete.
#[derive(Debug)]
pub(crate) struct AccountImport<'a> {
    accounts: &'a Accounts,
    account: ExportedAccount,
    /// The numbers of records so far.
    taken: ExportEnd,
}

/// The result of an import.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Imported {
    /// The account is in the database now.
    Done,
    /// Something is known already about an account with this name. Nothing was changed.
    Refused,
}

impl Accounts {
    /// Begins to import an account. The database is not changed before [`AccountImport::commit`].
    ///
    /// # Errors
    /// There is no space for temporary tables.
    pub(crate) fn import(&self, account: ExportedAccount) -> Result<AccountImport<'_>, Error> {
        self.database
            .read(|queries| queries.batch(TEMPORARY_TABLES))?;
        Ok(AccountImport {
            accounts: self,
            account,
            taken: ExportEnd::default(),
        })
    }
}

impl AccountImport<'_> {
    /// Returns the account's name.
    pub(crate) fn name(&self) -> &str {
        &self.account.account
    }

    /// Takes a message.
    ///
    /// # Errors
    /// There is no space for it, or the same message was taken before.
    pub(crate) fn take(&mut self, message: &ExportedMessage) -> Result<(), Error> {
        self.taken.messages += 1;
        self.accounts.database.read(|queries| {
            take_message(queries, message)?;
            take_delivery(queries, message)
        })
    }

    /// Takes a notice.
    ///
    /// # Errors
    /// There is no space for it, or the same notice was taken before.
    pub(crate) fn take_notice(&mut self, notice: &ExportedNotice) -> Result<(), Error> {
        self.taken.notices += 1;
        let key = params![notice.unique_id.0, notice.copy];
        self.accounts
            .database
            .read(|queries| queries.execute(&TAKE_NOTICE, key))?;
        Ok(())
    }

    /// Returns true if as many records were taken as the last line of the account counts.
    pub(crate) fn is_complete(&self, end: &ExportEnd) -> bool {
        self.taken == *end
    }

    /// Puts the account into the database in one transaction, unless something is known already about
    /// an account with its name. A record that was moved away from here does not count.
    ///
    /// # Errors
    /// A run holds the account's lock, or nothing was written.
    pub(crate) fn commit(self) -> Result<Imported, Error> {
        let Self {
            accounts, account, ..
        } = self;
        // The rows of an account of this name are replaced, and no run may use them meanwhile.
        let known = accounts.find(&account.account)?;
        let _lock = known.map(|known| accounts.lock(&known)).transpose()?;
        accounts.database.write(|queries| commit(queries, &account))
    }
}

fn commit(queries: &Queries<'_>, account: &ExportedAccount) -> rusqlite::Result<Imported> {
    let known = queries.first(&FIND, [&account.account], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let key: Option<AccountKey> = match known {
        Some((_, true)) => return Ok(Imported::Refused),
        Some((key, false)) => Some(key),
        None => None,
    };
    if let Some(key) = key {
        remove_rows(queries, key)?;
    }
    let key = insert_account(queries, key, account)?;
    let targets: Vec<String> = queries.all(&NEW_TARGETS, [], |row| row.get(0))?;
    for target in targets {
        queries.execute(&KNOW_TARGET, [target])?;
    }
    for sql in [
        &MOVE_MESSAGES,
        &MOVE_DELIVERIES,
        &MOVE_HANDOVERS,
        &MOVE_NOTICES,
    ] {
        queries.execute(sql, [key])?;
    }
    Ok(Imported::Done)
}

/// Inserts the account's row, under its former key if it had one here: its lock file has that name.
/// The doubt begins, because the record may be an old one: the next run looks into the Maildir for
/// messages that it does not know.
fn insert_account(
    queries: &Queries<'_>,
    key: Option<AccountKey>,
    account: &ExportedAccount,
) -> rusqlite::Result<AccountKey> {
    let values = params![
        key,
        account.account,
        account.server,
        account.user,
        tag(&account.account),
        account.keep,
        account.last_run,
        account.last_status,
        account.failures,
        account.cut_off,
        account.acquaintance,
        account.lost_step,
        account.recognitions,
        account.login,
        account.logged_in,
        account.clock,
        account.clock_behind,
        Moment::now(),
    ];
    queries.insert(&INSERT_ACCOUNT, values).map(AccountKey)
}

fn take_message(queries: &Queries<'_>, message: &ExportedMessage) -> rusqlite::Result<()> {
    // Version 0.1.0 never deleted what may be incomplete.
    let is_suspect =
        message.undeletable && !message.came_back && message.state == ExportedState::Delivered;
    let suspicion = match Suspicion::from(message.suspicion) {
        Suspicion::None if is_suspect => Suspicion::OutOfStep,
        suspicion => suspicion,
    };
    let values = params![
        message.unique_id.0,
        message.copy,
        StoredState::from(message.state),
        message.size.map(u64::cast_signed),
        message.listed,
        message.delivered,
        message.gone,
        message.vanished,
        message.attempts,
        message.next_try,
        message.undeletable && !is_suspect,
        message.came_back,
        message.quit_sent,
        message.proven_gone,
        suspicion,
        message.left_by,
    ];
    queries.execute(&TAKE_MESSAGE, values)?;
    Ok(())
}

fn take_delivery(queries: &Queries<'_>, message: &ExportedMessage) -> rusqlite::Result<()> {
    let Some(delivery) = &message.delivery else {
        return Ok(());
    };
    let values = params![
        message.unique_id.0,
        message.copy,
        delivery.program,
        delivery.target.0,
        delivery.inode.cast_signed(),
        delivery.file_name,
        delivery.octets.cast_signed(),
        delivery.sha256.0,
        delivery.header_sha256.0,
        delivery.from.0,
        delivery.subject.0,
        delivery.staged,
        delivery.delivered,
        delivery.deleted,
        delivery.repeated,
        delivery.words.as_ref().map(|words| &words.0),
        delivery.canonical_sha256.as_ref().map(|digest| digest.0),
        delivery.body_sha256.as_ref().map(|digest| digest.0),
        delivery.message_id_sha256.as_ref().map(|digest| digest.0),
        delivery.date_sha256.as_ref().map(|digest| digest.0),
        delivery.location,
    ];
    queries.execute(&TAKE_DELIVERY, values)?;
    Ok(())
}

/// The tables that collect the records before they are taken over. They are temporary, because the
/// records may come through a pipe, and the database must not be locked while the other end works.
pub(super) const TEMPORARY_TABLES: &str = "
    DROP TABLE IF EXISTS temp.new_seen;
    DROP TABLE IF EXISTS temp.new_delivery;
    DROP TABLE IF EXISTS temp.new_notice;
    CREATE TABLE temp.new_seen AS SELECT * FROM main.seen WHERE 0;
    CREATE TABLE temp.new_delivery AS
        SELECT *, 0 AS repeated, x'' AS words, '' AS location FROM main.delivery WHERE 0;
    CREATE TABLE temp.new_notice AS SELECT * FROM main.notice WHERE 0;
    CREATE UNIQUE INDEX temp.once_seen ON new_seen (unique_id, copy);
    CREATE UNIQUE INDEX temp.once_notice ON new_notice (unique_id, copy);";

statements! {
    /// The second column is 1 if the account has rows that may not be replaced.
    FIND =
        "SELECT id, moved IS NULL AND (
             EXISTS (SELECT 1 FROM main.seen s WHERE s.account = a.id)
             OR EXISTS (SELECT 1 FROM main.delivery d WHERE d.account = a.id)
             OR EXISTS (SELECT 1 FROM main.notice n WHERE n.account = a.id))
         FROM main.account a WHERE name = ?1";

    INSERT_ACCOUNT =
        "INSERT INTO account (id, name, server, user, tag, keep, last_run, last_status, failures,
             cut_off, acquaintance, lost_step, recognitions, login, logged_in, clock,
             clock_behind, doubt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";

    TAKE_MESSAGE =
        "INSERT INTO temp.new_seen (unique_id, copy, state, size, listed, delivered, gone, vanished,
             attempts, next_try, undeletable, came_back, quit_sent, proven_gone,
             suspicion, left_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

    TAKE_DELIVERY =
        "INSERT INTO temp.new_delivery (unique_id, copy, program, target, inode, file_name, octets,
             digest, header_digest, sender, subject, staged, delivered, deleted, repeated, words,
             canonical, body, message_id, date, location)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21)";

    TAKE_NOTICE = "INSERT INTO temp.new_notice (unique_id, copy) VALUES (?1, ?2)";

    MOVE_MESSAGES =
        "INSERT INTO main.seen (account, unique_id, copy, state, size, listed, delivered, gone,
             vanished, attempts, next_try, undeletable, came_back, quit_sent, proven_gone, suspicion, left_by)
         SELECT ?1, unique_id, copy, state, size, listed, delivered, gone, vanished, attempts,
             next_try, undeletable, came_back, quit_sent, proven_gone, suspicion, left_by FROM temp.new_seen";

    /// In the order of the export, which is that of `log`.
    MOVE_DELIVERIES =
        "INSERT INTO main.delivery (account, unique_id, copy, program, target, inode, file_name,
             octets, digest, header_digest, sender, subject, staged, delivered, deleted, canonical,
             body, message_id, date)
         SELECT ?1, unique_id, copy, program, target, inode, file_name, octets, digest,
             header_digest, sender, subject, staged, delivered, deleted, canonical, body, message_id,
             date
         FROM temp.new_delivery ORDER BY rowid";

    NEW_TARGETS = "SELECT DISTINCT program FROM temp.new_delivery WHERE program IS NOT NULL";

    MOVE_HANDOVERS =
        "INSERT INTO main.handover (delivery, target, begun, taken, repeated, words, location)
         SELECT d.id, t.id, n.staged, n.delivered, n.repeated, n.words, n.location
         FROM temp.new_delivery n JOIN main.target t ON t.name = n.program
             JOIN main.delivery d ON d.account = ?1 AND (d.unique_id, d.copy) = (n.unique_id, n.copy)
         WHERE n.delivered IS NOT NULL";

    MOVE_NOTICES =
        "INSERT INTO main.notice (account, unique_id, copy)
         SELECT ?1, unique_id, copy FROM temp.new_notice";
}
