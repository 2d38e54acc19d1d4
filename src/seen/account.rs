//! An account's own row: its name, its server, the tag of its files.
//! Knows nothing of its messages.

use rusqlite::{Connection, OptionalExtension};

use crate::digest::Digest;
use crate::mail::maildrop::AccountKey;
use crate::moment::Moment;

/// The key of an account of which nothing is known: no row has it.
pub(super) const NO_ACCOUNT: AccountKey = AccountKey(0);

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
    pub(super) learned: Option<String>,
    /// How it logged in.
    pub(super) login: Option<String>,
    /// When that was.
    pub(super) logged_in: Option<Moment>,
    /// The name by which it was known until now.
    pub(super) former_name: Option<String>,
    /// Where it was fetched from, if that has changed.
    pub(super) former_place: Option<String>,
    pub(super) is_moved: bool,
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
pub(super) fn insert_account(
    connection: &Connection,
    owner: &AccountRow,
) -> rusqlite::Result<AccountKey> {
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
