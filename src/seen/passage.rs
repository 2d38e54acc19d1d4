//! An account's record on its way out of one database and into another.
//! Knows nothing of files and pipes, nor which accounts are to travel.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, Statement, Transaction, TransactionBehavior, params};

use super::account::tag;
use super::accounts::{Accounts, KnownAccount};
use super::{Error, Lock};
use crate::digest::Digest;
use crate::mail::maildrop::AccountKey;
use crate::moment::Moment;
use crate::seen::record::{
    Account, Delivery, End, ExportRecord, Hash, Message, Notice, Octets, State, VERSION,
};

/// An account that is read out. No run can have it meanwhile.
#[derive(Debug)]
pub(crate) struct AccountExport<'a> {
    accounts: &'a mut Accounts,
    key: AccountKey,
    _lock: Lock,
}

/// An account that comes in, beside the database until it is complete.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    accounts: &'a mut Accounts,
    account: Account,
    arrived: End,
}

/// What became of an account that came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Imported {
    /// It is known here now.
    Settled,
    /// Something is known here of an account with this name: nothing was changed.
    Refused,
}

impl Accounts {
    /// Begins to read an account out.
    ///
    /// # Errors
    /// A run has the account.
    pub(crate) fn depart(&mut self, account: &KnownAccount) -> Result<AccountExport<'_>, Error> {
        Ok(AccountExport {
            _lock: self.lock(account)?,
            key: account.key,
            accounts: self,
        })
    }

    /// Begins to take an account in. Nothing is known of it before [`Arrival::settle`].
    ///
    /// # Errors
    /// There is no room for what comes.
    pub(crate) fn arrive(&mut self, account: Account) -> Result<Arrival<'_>, Error> {
        self.read(|connection| connection.execute_batch(WAITING_ROOM))?;
        Ok(Arrival {
            accounts: self,
            account,
            arrived: End::default(),
        })
    }
}

impl AccountExport<'_> {
    /// How many messages are on their way. They are in files of this machine, which do not travel.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn staged(&self) -> Result<u32, Error> {
        self.accounts.read(|connection| {
            let sql = "SELECT count(*) FROM seen WHERE account = ?1 AND state = 1";
            connection.query_row(sql, [self.key.0], |row| row.get(0))
        })
    }

    /// Gives all that is known of the account to `each`, the oldest delivery first.
    ///
    /// # Errors
    /// The database cannot be read, or `each` says stop.
    pub(crate) fn read_out<E: From<Error>>(
        &self,
        mut each: impl FnMut(&ExportRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let database = self.accounts.folder.database();
        let cannot = |source| E::from(Error::open(&database, source));
        let connection = &self.accounts.connection;
        let mut end = End::default();
        let account = connection.query_row(ACCOUNT, [self.key.0], account);
        each(&ExportRecord::Account(account.map_err(cannot)?))?;
        let mut messages = connection.prepare(MESSAGES).map_err(cannot)?;
        let mut rows = messages.query([self.key.0]).map_err(cannot)?;
        while let Some(row) = rows.next().map_err(cannot)? {
            each(&ExportRecord::Message(Box::new(
                message(row).map_err(cannot)?,
            )))?;
            end.messages += 1;
        }
        let mut notices = connection.prepare(NOTICES).map_err(cannot)?;
        let mut rows = notices.query([self.key.0]).map_err(cannot)?;
        while let Some(row) = rows.next().map_err(cannot)? {
            each(&ExportRecord::Notice(notice(row).map_err(cannot)?))?;
            end.notices += 1;
        }
        each(&ExportRecord::End(end))
    }

    /// Notes that the record goes on in another database. What is here remains, and is not used.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn mark_moved(self) -> Result<(), Error> {
        let now = Moment::now();
        self.accounts.read(|connection| {
            let sql = "UPDATE account SET moved = ?2 WHERE id = ?1";
            connection.execute(sql, params![self.key.0, now.0])
        })?;
        Ok(())
    }
}

impl Arrival<'_> {
    /// The account's name.
    pub(crate) fn name(&self) -> &str {
        &self.account.account
    }

    /// Takes a message.
    ///
    /// # Errors
    /// There is no room for it, or it came before.
    pub(crate) fn take(&mut self, message: &Message) -> Result<(), Error> {
        self.arrived.messages += 1;
        self.accounts.read(|connection| {
            insert_seen(&mut connection.prepare(SEEN)?, message)?;
            match &message.delivery {
                Some(delivery) => {
                    let mut insert = connection.prepare(DELIVERY)?;
                    insert_delivery(&mut insert, message, delivery)
                }
                None => Ok(()),
            }
        })
    }

    /// Takes a notice.
    ///
    /// # Errors
    /// There is no room for it, or it came before.
    pub(crate) fn take_notice(&mut self, notice: &Notice) -> Result<(), Error> {
        self.arrived.notices += 1;
        self.accounts.read(|connection| {
            let mut insert = connection.prepare(NOTICE)?;
            insert.execute(params![notice.unique_id.0, notice.copy])?;
            Ok(())
        })
    }

    /// Whether all has come of which the end tells.
    pub(crate) fn is_complete(&self, end: &End) -> bool {
        self.arrived == *end
    }

    /// Makes the account known, in one transaction, if nothing is known here of one with its name,
    /// or what is known was given away.
    ///
    /// # Errors
    /// A run has the account, or nothing was written.
    pub(crate) fn settle(self) -> Result<Imported, Error> {
        let Self {
            accounts, account, ..
        } = self;
        let known = accounts.find(&account.account)?;
        // No run may be in the middle of what is replaced.
        let _lock = known.map(|known| accounts.lock(&known)).transpose()?;
        let cannot = |source| Error::open(&accounts.folder.database(), source);
        let transaction = accounts
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(cannot)?;
        let welcome = settle(&transaction, &account).map_err(cannot)?;
        transaction.commit().map_err(cannot)?;
        Ok(welcome)
    }
}

fn settle(transaction: &Transaction<'_>, account: &Account) -> rusqlite::Result<Imported> {
    let sql = "SELECT id, moved IS NULL AND id IN (SELECT account FROM seen
                   UNION SELECT account FROM delivery UNION SELECT account FROM notice)
               FROM account WHERE name = ?1";
    let known = transaction
        .query_row(sql, [&account.account], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let key: Option<i64> = match known {
        Some((_, true)) => return Ok(Imported::Refused),
        Some((key, false)) => Some(key),
        None => None,
    };
    if let Some(key) = key {
        for (table, column) in [
            ("delivery", "account"),
            ("notice", "account"),
            ("seen", "account"),
            ("account", "id"),
        ] {
            let sql = format!("DELETE FROM main.{table} WHERE {column} = ?1");
            transaction.execute(&sql, [key])?;
        }
    }
    let key = insert_account(transaction, key, account)?;
    for sql in [MOVE_SEEN, MOVE_DELIVERIES, MOVE_NOTICES] {
        transaction.execute(sql, [key])?;
    }
    Ok(Imported::Settled)
}

/// Its generation stays empty: a record that was elsewhere may be an old one, and the next run
/// looks into the Maildir for what it does not know.
fn insert_account(
    transaction: &Transaction<'_>,
    key: Option<i64>,
    account: &Account,
) -> rusqlite::Result<i64> {
    transaction.execute(
        "INSERT INTO account (id, name, server, user, tag, keep, last_run, last_status, failures,
             cut_off, acquaintance, lost_step, recognitions, login, logged_in)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
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
        ],
    )?;
    Ok(transaction.last_insert_rowid())
}

fn insert_seen(insert: &mut Statement<'_>, message: &Message) -> rusqlite::Result<()> {
    let state = match message.state {
        State::Seen => 0,
        State::Delivered => 2,
        State::Gone => 3,
        State::Failed => 4,
    };
    insert.execute(params![
        message.unique_id.0,
        message.copy,
        state,
        message.size.map(u64::cast_signed),
        message.listed,
        message.delivered,
        message.gone,
        message.vanished,
        message.attempts,
        message.next_try,
        message.undeletable,
        message.came_back,
    ])?;
    Ok(())
}

fn insert_delivery(
    insert: &mut Statement<'_>,
    message: &Message,
    delivery: &Delivery,
) -> rusqlite::Result<()> {
    insert.execute(params![
        message.unique_id.0,
        message.copy,
        delivery.program,
        delivery.target.0,
        delivery.inode.cast_signed(),
        delivery.file_name,
        delivery.octets.cast_signed(),
        delivery.sha256.0.0,
        delivery.header_sha256.0.0,
        delivery.from.0,
        delivery.subject.0,
        delivery.staged,
        delivery.delivered,
        delivery.deleted,
        delivery.repeated,
        delivery.words.as_ref().map(|words| &words.0),
    ])?;
    Ok(())
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
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
    })
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        unique_id: octets(row, 0)?,
        copy: row.get(1)?,
        state: match row.get(2)? {
            2 => State::Delivered,
            3 => State::Gone,
            4 => State::Failed,
            _ => State::Seen,
        },
        size: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
        listed: row.get(4)?,
        delivered: row.get(5)?,
        gone: row.get(6)?,
        vanished: row.get(7)?,
        attempts: row.get(8)?,
        next_try: row.get(9)?,
        undeletable: row.get(10)?,
        came_back: row.get(25)?,
        delivery: match row.get_ref(12)? {
            ValueRef::Null => None,
            _ => Some(delivery(row)?),
        },
    })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        program: row.get(11)?,
        target: octets(row, 12)?,
        inode: row.get::<_, i64>(13)?.cast_unsigned(),
        file_name: row.get(14)?,
        octets: row.get::<_, i64>(15)?.cast_unsigned(),
        sha256: Hash(Digest(row.get(16)?)),
        header_sha256: Hash(Digest(row.get(17)?)),
        from: octets(row, 18)?,
        subject: octets(row, 19)?,
        staged: row.get(20)?,
        delivered: row.get(21)?,
        deleted: row.get(22)?,
        repeated: row.get(23)?,
        words: row.get::<_, Option<Vec<u8>>>(24)?.map(Octets),
    })
}

fn notice(row: &Row<'_>) -> rusqlite::Result<Notice> {
    Ok(Notice {
        unique_id: octets(row, 0)?,
        copy: row.get(1)?,
    })
}

fn octets(row: &Row<'_>, index: usize) -> rusqlite::Result<Octets> {
    Ok(Octets(row.get(index)?))
}

const ACCOUNT: &str = "SELECT name, server, user, keep, last_run, last_status, failures, cut_off,
        acquaintance, lost_step, recognitions, login, logged_in FROM account WHERE id = ?1";

/// In the order in which `log` shows them.
const MESSAGES: &str = "SELECT s.unique_id, s.copy, s.state, s.size, s.listed, s.delivered, s.gone,
        s.vanished, s.attempts, s.next_try, s.undeletable, d.program, d.target, d.inode,
        d.file_name, d.octets, d.digest, d.header_digest, d.sender, d.subject, d.staged,
        d.delivered, d.deleted, d.repeated, d.words, s.came_back
    FROM seen s LEFT JOIN delivery d USING (account, unique_id, copy)
    WHERE s.account = ?1 ORDER BY d.id, s.unique_id, s.copy";

const NOTICES: &str =
    "SELECT unique_id, copy FROM notice WHERE account = ?1 ORDER BY unique_id, copy";

/// Where an account waits until it is complete: in temporary tables, since the database must not be
/// locked while a pipe is read.
const WAITING_ROOM: &str = "
    DROP TABLE IF EXISTS temp.new_seen;
    DROP TABLE IF EXISTS temp.new_delivery;
    DROP TABLE IF EXISTS temp.new_notice;
    CREATE TABLE temp.new_seen AS SELECT * FROM main.seen WHERE 0;
    CREATE TABLE temp.new_delivery AS SELECT * FROM main.delivery WHERE 0;
    CREATE TABLE temp.new_notice AS SELECT * FROM main.notice WHERE 0;
    CREATE UNIQUE INDEX temp.once_seen ON new_seen (unique_id, copy);
    CREATE UNIQUE INDEX temp.once_notice ON new_notice (unique_id, copy);";

const SEEN: &str = "INSERT INTO temp.new_seen (unique_id, copy, state, size, listed, delivered,
        gone, vanished, attempts, next_try, undeletable, came_back)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const DELIVERY: &str = "INSERT INTO temp.new_delivery (unique_id, copy, program, target, inode,
        file_name, octets, digest, header_digest, sender, subject, staged, delivered, deleted,
        repeated, words)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

const NOTICE: &str = "INSERT INTO temp.new_notice (unique_id, copy) VALUES (?1, ?2)";

const MOVE_SEEN: &str = "INSERT INTO main.seen (account, unique_id, copy, state, size, listed,
        delivered, gone, vanished, attempts, next_try, undeletable, came_back)
    SELECT ?1, unique_id, copy, state, size, listed, delivered, gone, vanished, attempts, next_try,
        undeletable, came_back FROM temp.new_seen";

const MOVE_DELIVERIES: &str = "INSERT INTO main.delivery (account, unique_id, copy, program,
        target, inode, file_name, octets, digest, header_digest, sender, subject, staged,
        delivered, deleted, repeated, words)
    SELECT ?1, unique_id, copy, program, target, inode, file_name, octets, digest, header_digest,
        sender, subject, staged, delivered, deleted, repeated, words
    FROM temp.new_delivery ORDER BY rowid";

const MOVE_NOTICES: &str = "INSERT INTO main.notice (account, unique_id, copy)
    SELECT ?1, unique_id, copy FROM temp.new_notice";
