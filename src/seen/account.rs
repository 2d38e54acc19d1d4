//! An account's own row: its name, its server, and the tag of its files.

use rusqlite::params;

use super::database::{Queries, statements};
use crate::digest::Digest;
use crate::mail::maildrop::AccountKey;
use crate::mail::mark::{FileMarks, Mark};
use crate::moment::Moment;

/// An account of the configuration, and its row if it has one.
#[derive(Clone, Debug)]
pub(super) struct AccountRow {
    /// The key of its row, or [`NO_ACCOUNT`].
    pub(super) key: AccountKey,
    /// The account's name.
    pub(super) name: String,
    /// The marks in the names of its files.
    pub(super) marks: FileMarks,
    /// The server's name in the configuration.
    pub(super) server: String,
    /// The user in the configuration.
    pub(super) user: String,
    /// The server profile that this run has seen.
    pub(super) server_profile: Option<String>,
    /// The mechanism with which this run logged in.
    pub(super) login: Option<String>,
    /// The time at which this run logged in.
    pub(super) logged_in: Option<Moment>,
    /// The octets of memory that the last listing of this run needs.
    pub(super) listing_memory: Option<u64>,
    /// The name in the row, if it is the URL by which the account was fetched before it got a name.
    pub(super) former_name: Option<String>,
    /// The `user@server` of the last run, if it is another one.
    pub(super) former_place: Option<String>,
    /// True if `seen export --move` has given the account's record to another database.
    pub(super) is_moved: bool,
}

/// The key of an account that has no row.
pub(super) const NO_ACCOUNT: AccountKey = AccountKey(0);

impl AccountRow {
    /// Returns the name that the account has while it is fetched by its URL.
    pub(super) fn one_shot_name(&self) -> String {
        one_shot_name(&self.user, &self.server)
    }
}

/// Returns the name of an account that is fetched by its URL.
pub(super) fn one_shot_name(user: &str, server: &str) -> String {
    format!("{user}@{server}")
}

/// Returns the tag of the files of an account. It depends on the name alone, so that the files are
/// recognised even if the database is lost.
pub(super) fn tag(name: &str) -> String {
    Digest::of(name.as_bytes()).hex(4)
}

/// Finds the account with this name. If it has no row, it may have one by the name that it had while
/// it was fetched by its URL: it is the same mailbox.
pub(super) fn find(
    queries: &Queries<'_>,
    name: &str,
    server: &str,
    user: &str,
) -> rusqlite::Result<AccountRow> {
    let account = AccountRow {
        key: NO_ACCOUNT,
        name: name.to_owned(),
        marks: FileMarks {
            own: Mark::default(),
            tag: tag(name),
        },
        server: server.to_owned(),
        user: user.to_owned(),
        server_profile: None,
        login: None,
        logged_in: None,
        listing_memory: None,
        former_name: None,
        former_place: None,
        is_moved: false,
    };
    let row_of = |name: &str| {
        queries.first(&FIND_BY_NAME, [name], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, String>(2)?,
                row.get(3)?,
            ))
        })
    };
    let one_shot = account.one_shot_name();
    if let Some((key, tag, place, is_moved)) = row_of(name)? {
        return Ok(AccountRow {
            key,
            marks: FileMarks {
                tag,
                ..account.marks
            },
            former_place: Some(place).filter(|place| *place != one_shot),
            is_moved,
            ..account
        });
    }
    Ok(match row_of(&one_shot)? {
        Some((key, _, _, is_moved)) => AccountRow {
            key,
            is_moved,
            former_name: Some(one_shot),
            ..account
        },
        None => account,
    })
}

/// Inserts the row of a new account, or changes the name in the row of one that was fetched by its
/// URL. Returns its key.
pub(super) fn insert_account(
    queries: &Queries<'_>,
    account: &AccountRow,
) -> rusqlite::Result<AccountKey> {
    let AccountRow {
        name,
        server,
        user,
        marks: FileMarks { tag, .. },
        ..
    } = account;
    if let Some(former) = &account.former_name {
        queries.execute(&NAME_ONE_SHOT, params![name, tag, former])?;
        return Ok(account.key);
    }
    queries.value(&INSERT, params![name, server, user, tag, Moment::now()])
}

statements! {
    FIND_BY_NAME =
        "SELECT id, tag, user || '@' || server, moved IS NOT NULL FROM account WHERE name = ?1";

    NAME_ONE_SHOT = "UPDATE account SET name = ?1, tag = ?2 WHERE name = ?3";

    /// Two runs may begin with a new account at the same time: both get the same row, and only one
    /// of them then gets the lock. The doubt begins at once, because a database may be new for the
    /// reason that the former one is lost. The clock is noted at once, because the first runs may be
    /// killed: what they recorded has an age then, too.
    INSERT =
        "INSERT INTO account (name, server, user, tag, doubt, clock) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (name) DO UPDATE SET name = name RETURNING id";

    MARKS = "SELECT mark FROM account";
    NAMESAKES = "SELECT name FROM account WHERE server = ?1 AND user = ?2 ORDER BY id";
}
