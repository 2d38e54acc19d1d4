//! An account read out of the database, as the lines of `seen export`.

use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

use super::accounts::{Accounts, KnownAccount};
use super::database::{size, statements};
use super::record::{
    ExportEnd, ExportRecord, ExportedAccount, ExportedDelivery, ExportedMessage, ExportedNotice,
    HexDigest, TextOrHex, VERSION,
};
use super::state::{STAGED, StoredState};
use super::{Error, Lock};
use crate::digest::Digest;
use crate::mail::maildrop::AccountKey;
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;

/// An account that is being exported. It is locked, so that no run changes it in the meantime.
#[derive(Debug)]
pub(crate) struct AccountExport<'a> {
    accounts: &'a Accounts,
    key: AccountKey,
    /// `None` where the database can only be read and the lock is out of reach.
    _lock: Option<Lock>,
}

impl Accounts {
    /// Begins to export an account.
    ///
    /// # Errors
    /// A run holds the account's lock.
    pub(crate) fn export(&self, account: &KnownAccount) -> Result<AccountExport<'_>, Error> {
        let folder = &self.database.folder;
        Ok(AccountExport {
            _lock: match folder.can_be_written() {
                true => Some(self.lock(account)?),
                false => Lock::take_to_read(&folder.lock(account.key))?,
            },
            key: account.key,
            accounts: self,
        })
    }
}

impl AccountExport<'_> {
    /// Returns the number of staged messages. Their files stay on this machine, so an account that
    /// has any cannot be exported.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn staged(&self) -> Result<u32, Error> {
        self.accounts.staged(self.key)
    }

    /// Gives all records of the account to `each`. The oldest delivery comes first.
    ///
    /// # Errors
    /// The database cannot be read, or `each` fails.
    pub(crate) fn for_each<E: From<Error>>(
        &self,
        mut each: impl FnMut(&ExportRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let database = &self.accounts.database;
        let mut end = ExportEnd::default();
        database.for_each(&ACCOUNT, [self.key], account, |account| {
            each(&ExportRecord::Account(Box::new(account)))
        })?;
        database.for_each(&MESSAGES, [self.key], message, |message| {
            end.messages += 1;
            each(&ExportRecord::Message(Box::new(message)))
        })?;
        database.for_each(&NOTICES, [self.key], notice, |notice| {
            end.notices += 1;
            each(&ExportRecord::Notice(notice))
        })?;
        each(&ExportRecord::End(end))
    }

    /// Notes that the account is continued in another database. Its rows stay here, and no run uses
    /// them.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn mark_moved(self) -> Result<(), Error> {
        let key = params![self.key, Moment::now()];
        self.accounts
            .database
            .write(|queries| queries.execute(&MARK_MOVED, key))?;
        Ok(())
    }
}

fn account(row: &Row<'_>) -> rusqlite::Result<ExportedAccount> {
    Ok(ExportedAccount {
        version: VERSION,
        account: row.get(0)?,
        server: row.get(1)?,
        user: row.get(2)?,
        keep: row.get(3)?,
        last_run: row.get(4)?,
        last_status: row.get(5)?,
        failures: row.get(6)?,
        cut_off: row.get(7)?,
        acquaintance: row.get(8)?,
        lost_step: row.get(9)?,
        recognitions: row.get(10)?,
        login: row.get(11)?,
        logged_in: row.get(12)?,
        clock: row.get(13)?,
        clock_behind: row.get(14)?,
    })
}

fn message(row: &Row<'_>) -> rusqlite::Result<ExportedMessage> {
    let state: StoredState = row.get(2)?;
    Ok(ExportedMessage {
        unique_id: octets(row, 0)?,
        copy: row.get(1)?,
        state: state.exported().expect("staged messages are not selected"),
        size: size(row, 3)?,
        listed: row.get(4)?,
        delivered: row.get(5)?,
        gone: row.get(6)?,
        vanished: row.get(7)?,
        attempts: row.get(8)?,
        next_try: row.get(9)?,
        undeletable: row.get(10)?,
        came_back: row.get(11)?,
        quit_sent: row.get(30)?,
        proven_gone: row.get(31)?,
        suspicion: row.get::<_, Suspicion>(32)?.into(),
        left_by: row.get(34)?,
        // The target of a delivery is never null, so this is a message without one.
        delivery: match row.get_ref(13)? {
            ValueRef::Null => None,
            _ => Some(delivery(row)?),
        },
    })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<ExportedDelivery> {
    Ok(ExportedDelivery {
        program: row.get(12)?,
        target: octets(row, 13)?,
        inode: row.get::<_, i64>(14)?.cast_unsigned(),
        file_name: row.get(15)?,
        octets: row.get::<_, i64>(16)?.cast_unsigned(),
        sha256: HexDigest(row.get(17)?),
        header_sha256: HexDigest(row.get(18)?),
        from: octets(row, 19)?,
        subject: octets(row, 20)?,
        staged: row.get(21)?,
        delivered: row.get(22)?,
        deleted: row.get(23)?,
        repeated: row.get(24)?,
        words: row.get::<_, Option<Vec<u8>>>(25)?.map(TextOrHex),
        location: row.get(33)?,
        canonical_sha256: row.get::<_, Option<Digest>>(26)?.map(HexDigest),
        body_sha256: row.get::<_, Option<Digest>>(27)?.map(HexDigest),
        message_id_sha256: row.get::<_, Option<Digest>>(28)?.map(HexDigest),
        date_sha256: row.get::<_, Option<Digest>>(29)?.map(HexDigest),
    })
}

fn notice(row: &Row<'_>) -> rusqlite::Result<ExportedNotice> {
    Ok(ExportedNotice {
        unique_id: octets(row, 0)?,
        copy: row.get(1)?,
    })
}

fn octets(row: &Row<'_>, index: usize) -> rusqlite::Result<TextOrHex> {
    row.get(index).map(TextOrHex)
}

statements! {
    ACCOUNT =
        "SELECT name, server, user, keep, last_run, last_status, failures, cut_off, acquaintance,
             lost_step, recognitions, login, logged_in, clock, clock_behind
         FROM account WHERE id = ?1";

    /// In the order in which `log` shows them, so that an import keeps it.
    MESSAGES =
        "SELECT s.unique_id, s.copy, s.state, s.size, s.listed, s.delivered, s.gone, s.vanished,
             s.attempts, s.next_try, s.undeletable, s.came_back, ifnull(t.name, d.program), d.target,
             d.inode,
             d.file_name, d.octets, d.digest, d.header_digest, d.sender, d.subject, d.staged,
             d.delivered, d.deleted, ifnull(h.repeated, 0), h.words, d.canonical, d.body,
             d.message_id, d.date,
             s.quit_sent, s.proven_gone, s.suspicion, h.location, s.left_by
         FROM seen s LEFT JOIN delivery d USING (account, unique_id, copy)
             LEFT JOIN handover h ON h.delivery = d.id AND h.taken IS NOT NULL AND NOT EXISTS
                 (SELECT 1 FROM handover o
                  WHERE o.delivery = d.id AND o.taken IS NOT NULL AND o.target < h.target)
             LEFT JOIN target t ON t.id = h.target
         WHERE s.account = ?1 AND s.state <> {STAGED} ORDER BY d.id, s.unique_id, s.copy";

    NOTICES = "SELECT unique_id, copy FROM notice WHERE account = ?1 ORDER BY unique_id, copy";

    MARK_MOVED = "UPDATE account SET moved = ?2 WHERE id = ?1";
}
