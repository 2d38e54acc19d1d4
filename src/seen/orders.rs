//! The user's orders to delete messages from the server. An order stands until it is carried out or
//! ended, and the message need not be known.

use rusqlite::{Row, params};

use super::database::{identity, size, statements};
use super::{Error, Ledger};
use crate::digest::Digest;
use crate::mail::deletable::Ordered;
use crate::mail::headers::Header;
use crate::mail::maildrop::{Identity, MessageNumber, UniqueId};
use crate::mail::order::DeletionOrder;
use crate::mail::same_header::ListedHeader;
use crate::moment::Moment;

/// An account's orders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orders<'a>(pub(super) &'a Ledger);

impl Orders<'_> {
    /// Records orders. When this returns, the messages may be deleted, and only then. A new order
    /// for a message replaces an older one, and its deletion is tried at once whatever has failed
    /// before.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn give(self, orders: &[DeletionOrder]) -> Result<(), Error> {
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            for order in orders {
                let DeletionOrder {
                    unique_id,
                    size,
                    header,
                    ..
                } = order;
                let size = size.map(u64::cast_signed);
                let header = header.as_ref();
                let fields = header.map(|listed| &listed.header);
                let values = params![
                    key,
                    unique_id,
                    size,
                    now,
                    header.map(ListedHeader::without_server_lines),
                    fields.map(|header| &header.from),
                    fields.map(|header| &header.subject),
                    header.and_then(|listed| listed.message_id),
                    header.and_then(|listed| listed.date),
                    header.is_some_and(|listed| listed.was_received),
                ];
                queries.execute(&GIVE, values)?;
                queries.execute(&RETRY_DELETION, params![key, unique_id])?;
            }
            Ok(())
        })
    }

    /// Returns all orders that stand, in the order of their unique-ids.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn all(self) -> Result<Vec<DeletionOrder>, Error> {
        self.0
            .read(|queries| queries.some(&ALL_ORDERS, [self.0.key()], order))
    }

    /// Returns true if an order stands.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn are_given(self) -> Result<bool, Error> {
        let key = self.0.key();
        self.0.read(|queries| queries.exists(&ARE_GIVEN, [key]))
    }

    /// Returns the proof that a message may be deleted, for each message with an order that stands.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn confirm(
        self,
        messages: impl Iterator<Item = (MessageNumber, Identity)>,
    ) -> Result<Vec<Ordered>, Error> {
        let key = self.0.key();
        self.0.read(|queries| {
            let mut ordered = Vec::new();
            let mut is_ordered = queries.prepare(&IS_ORDERED)?;
            for (number, identity) in messages {
                if is_ordered.exists(params![key, identity.unique_id])? {
                    ordered.push(Ordered::new(number, identity));
                }
            }
            Ok(ordered)
        })
    }

    /// Ends orders that are not to be carried out any more. Returns their number.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn end<'u>(
        self,
        unique_ids: impl IntoIterator<Item = &'u UniqueId>,
    ) -> Result<usize, Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            let mut ended = 0;
            for unique_id in unique_ids {
                ended += queries.execute(&END, params![key, unique_id])?;
            }
            Ok(ended)
        })
    }
}

/// Reads an order from its row.
fn order(row: &Row<'_>) -> rusqlite::Result<Option<DeletionOrder>> {
    let Some(Identity { unique_id, .. }) = identity(row, 0, 1)? else {
        return Ok(None);
    };
    let header = match row.get::<_, Option<Digest>>(3)? {
        None => None,
        Some(digest) => Some(ListedHeader {
            header: Header {
                digest,
                from: row.get(4)?,
                return_path: None,
                subject: row.get(5)?,
            },
            canonical: None,
            message_id: row.get(6)?,
            date: row.get(7)?,
            was_received: row.get(8)?,
        }),
    };
    Ok(Some(DeletionOrder {
        unique_id,
        size: size(row, 2)?,
        header,
        quit_was_unanswered: row.get::<_, Option<Moment>>(9)?.is_some(),
    }))
}

statements! {
    GIVE =
        "INSERT OR REPLACE INTO deletion_order (account, unique_id, size, given, header, sender, subject,
             message_id, date, was_received)
         VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, x''), coalesce(?7, x''), ?8, ?9, ?10)";

    /// Step 3 is DELE.
    RETRY_DELETION = "DELETE FROM failure WHERE account = ?1 AND step = 3 AND unique_id = ?2";

    ALL_ORDERS =
        "SELECT unique_id, 0, size, header, sender, subject, message_id, date, was_received, quit_sent
         FROM deletion_order WHERE account = ?1 ORDER BY unique_id";

    ARE_GIVEN = "SELECT 1 FROM deletion_order WHERE account = ?1 LIMIT 1";

    IS_ORDERED = "SELECT 1 FROM deletion_order WHERE account = ?1 AND unique_id = ?2";

    END = "DELETE FROM deletion_order WHERE account = ?1 AND unique_id = ?2";

    NOTE_ORDERED_QUIT = "UPDATE deletion_order SET quit_sent = ?3 WHERE account = ?1 AND unique_id = ?2";

    MOVE_ORDERS = "UPDATE OR IGNORE deletion_order SET account = ?1 WHERE account = ?2";

    REMOVE_ORDERS = "DELETE FROM main.deletion_order WHERE account = ?1";
}
