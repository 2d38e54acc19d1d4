//! Other accounts of the same user at the same host. One of them may be the same mailbox, which was
//! fetched through another port or by its URL.

use std::os::unix::ffi::OsStrExt as _;

use rusqlite::params;

use super::account::{one_shot_name, tag};
use super::accounts::remove_rows;
use super::database::statements;
use super::messages::HAS_MESSAGES;
use super::orders::MOVE_ORDERS;
use super::recognition::known_header;
use super::{Error, Ledger, Lock, former_tags};
use crate::mail::custody::TargetPlace;
use crate::mail::known::KnownMessage;
use crate::mail::maildrop::{AccountKey, Identity};
use crate::mail::same_header::KnownHeader;

/// Other accounts of the same user at the same host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours<'a>(pub(super) &'a Ledger);

/// Another account of the same user at the same host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Neighbour {
    key: AccountKey,
    /// The account's name.
    pub name: String,
    /// True if it was only ever fetched by its URL.
    pub is_one_shot: bool,
}

impl Neighbours<'_> {
    /// Returns all neighbours, the newest first. Accounts whose record was given to another database are
    /// left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn all(self) -> Result<Vec<Neighbour>, Error> {
        let account = &self.0.account;
        let here = host(&account.server);
        self.0.read(|queries| {
            queries.some(&OF_USER, params![account.user, account.key], |row| {
                let server: String = row.get(2)?;
                let name: String = row.get(1)?;
                if !host(&server).eq_ignore_ascii_case(here) {
                    return Ok(None);
                }
                Ok(Some(Neighbour {
                    key: row.get(0)?,
                    is_one_shot: name == one_shot_name(&account.user, &server),
                    name,
                }))
            })
        })
    }

    /// Gives all known messages of a neighbour to `each`: see [`super::messages::Messages::each`].
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn each_known(
        self,
        neighbour: &Neighbour,
        each: impl FnMut(&[u8], KnownMessage),
    ) -> Result<(), Error> {
        self.0.messages().each_of(neighbour.key, each)
    }

    /// Returns the header of a neighbour's message, if it was retrieved.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn header(
        self,
        neighbour: &Neighbour,
        message: &Identity,
    ) -> Result<Option<KnownHeader>, Error> {
        self.0
            .read(|queries| known_header(queries, neighbour.key, message))
    }

    /// Returns true if messages of a neighbour were delivered to this place.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn delivers_to(
        self,
        neighbour: &Neighbour,
        place: &TargetPlace,
    ) -> Result<bool, Error> {
        let path = place.path.as_os_str().as_bytes();
        let values = params![neighbour.key, path, place.program];
        self.0.read(|queries| queries.exists(&DELIVERS_TO, values))
    }
}

impl Ledger {
    /// Takes over the record of a neighbour that turned out to be the same mailbox, in one transaction.
    /// This account must not know any message yet.
    ///
    /// # Errors
    /// A run holds the neighbour's lock, or nothing was written.
    pub(crate) fn take_over(&mut self, neighbour: &Neighbour) -> Result<(), Error> {
        let folder = self.folder();
        let _lock = Lock::take(&folder.lock(neighbour.key))?;
        let path = folder.former_tags();
        // Written before the database, as when an account is renamed: if the rest fails, one line
        // too many in the file is harmless.
        former_tags::note(&path, &self.marks().tag, &tag(&neighbour.name))
            .map_err(|source| Error::Create { path, source })?;
        let keys = params![self.key(), neighbour.key];
        self.write(|queries| {
            for sql in [
                &MOVE_MESSAGES,
                &MOVE_DELIVERIES,
                &MOVE_NOTICES,
                &MOVE_PLACES,
                &MOVE_ORDERS,
                &TAKE_POLICY,
            ] {
                queries.execute(sql, keys)?;
            }
            remove_rows(queries, neighbour.key)
        })?;
        // As if this account had been fetched from there until now.
        self.account.former_place = Some(neighbour.name.clone());
        Ok(())
    }

    /// Removes the row of an account that knows no message, so that its name is free.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn remove_empty(&mut self) -> Result<(), Error> {
        let key = self.key();
        self.write(|queries| {
            if queries.exists(&HAS_MESSAGES, [key])? {
                return Ok(());
            }
            remove_rows(queries, key)
        })
    }
}

/// Returns the host of a server as it is configured: `host:port`, or the path of a socket.
pub(super) fn host(server: &str) -> &str {
    server.rsplit_once(':').map_or(server, |(host, _)| host)
}

statements! {
    OF_USER =
        "SELECT id, name, server FROM account
         WHERE user = ?1 AND id <> ?2 AND moved IS NULL ORDER BY id DESC";

    DELIVERS_TO =
        "SELECT 1 FROM delivery
         WHERE account = ?1 AND target = ?2 AND (program IS NULL) = (?3 IS NULL)
         LIMIT 1";

    MOVE_MESSAGES = "UPDATE seen SET account = ?1 WHERE account = ?2";
    MOVE_DELIVERIES = "UPDATE delivery SET account = ?1 WHERE account = ?2";
    MOVE_NOTICES = "UPDATE notice SET account = ?1 WHERE account = ?2";

    /// A place that both know stays the one of this account.
    MOVE_PLACES = "UPDATE OR IGNORE place SET account = ?1 WHERE account = ?2";

    /// If the policy differs, the run has to ask before it deletes many messages.
    TAKE_POLICY =
        "UPDATE account SET keep = (SELECT keep FROM account WHERE id = ?2) WHERE id = ?1";
}
