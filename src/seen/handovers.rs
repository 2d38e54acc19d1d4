//! The hand-over of messages to an MDA or a mail server: what a target took, where it has it, and what it may
//! have since a run was killed.

use std::collections::HashSet;

use rusqlite::{Row, params};

use super::Error;
use super::custody::{Custody, settle};
use super::database::{Queries, statements};
use crate::mail::custody::{Outcome, Staged};
use crate::mail::handover::{Claims, DeliveryKey, Location, OpenHandover, OutcomeKey, TargetKey};
use crate::moment::Moment;
use crate::text::ServerText;

impl Custody<'_> {
    /// Custody step 6: records what became of messages. The same transaction notes that the messages in
    /// `next` are about to be handed to the target with this name: if we are killed meanwhile, the next
    /// run knows that the target may have them, from the location `earliest` on.
    ///
    /// # Errors
    /// Nothing was written. All messages stay staged.
    pub(crate) fn announce(
        self,
        outcomes: &[Outcome],
        next: Vec<Staged>,
        target: &str,
        earliest: &Location,
    ) -> Result<Vec<Staged>, Error> {
        let (account, now) = (self.0.key(), Moment::now());
        let target = self.0.write(|queries| {
            settle(queries, account, outcomes, now)?;
            queries.execute(&KNOW_TARGET, [target])?;
            let target = TargetKey(queries.value(&TARGET, [target])?);
            for staged in &next {
                let DeliveryKey(delivery) = staged.key();
                queries.execute(&BEGIN, params![delivery, target.0, now, earliest.0])?;
            }
            Ok(target)
        })?;
        let begun = |staged: Staged| {
            staged.announced(OpenHandover {
                target,
                begun: now,
                earliest: earliest.clone(),
                found: None,
                absent: None,
            })
        };
        Ok(next.into_iter().map(begun).collect())
    }

    /// Returns the staged messages, as [`Custody::staged`] does, with what is known of an earlier hand-over
    /// to the target with this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn staged_for(self, target: Option<&str>) -> Result<Vec<Staged>, Error> {
        let staged = self.staged()?;
        let Some(target) = target else {
            return Ok(staged);
        };
        self.0.read(|queries| {
            let with_handover = staged.into_iter().map(|staged| {
                if !staged.history().was_handed_over {
                    return Ok(staged);
                }
                let DeliveryKey(delivery) = staged.key();
                let open = queries.first(&OPEN, params![delivery, target], open)?;
                Ok(staged.handed_over_before(open))
            });
            with_handover.collect()
        })
    }

    /// Returns what is known about messages that may be equal to those that are sought.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn claims(self, sought: &[Staged]) -> Result<Claims, Error> {
        let open = || sought.iter().filter_map(Staged::handover);
        let earliest = open().map(|handover| &handover.earliest).min();
        let begun = open().map(|handover| handover.begun).min();
        let (Some(earliest), Some(begun), Some(first)) = (earliest, begun, open().next()) else {
            return Ok(Claims::default());
        };
        let own: HashSet<_> = sought.iter().map(|staged| staged.key().0).collect();
        self.0.read(|queries| {
            let located = queries.all(&LOCATED, [&earliest.0], |row| {
                Ok((Location(row.get(0)?), row.get(1)?))
            })?;
            let values = params![first.target.0, earliest.0, begun];
            let unlocated = queries.some(&UNLOCATED, values, |row| {
                let is_own = own.contains(&row.get(0)?);
                row.get(1).map(|digest| Some(digest).filter(|_| !is_own))
            })?;
            Ok(Claims { located, unlocated })
        })
    }

    /// Records where a target has a message that may have been handed over. Returns false if another message
    /// was found there meanwhile, by another process.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn claim(self, key: OutcomeKey, location: &Location) -> Result<bool, Error> {
        let Some(TargetKey(target)) = key.target else {
            return Ok(false);
        };
        let DeliveryKey(delivery) = key.delivery;
        let values = params![delivery, target, location.0];
        self.0
            .write(|queries| Ok(queries.execute(&CLAIM, values)? == 1))
    }

    /// Records that a target does not have these messages, since `now`.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_absent(self, keys: &[OutcomeKey], now: Moment) -> Result<(), Error> {
        self.0.write(|queries| {
            for key in keys {
                let (delivery, target) = (key.delivery.0, key.target.map(|TargetKey(key)| key));
                queries.execute(&NOTE_ABSENT, params![delivery, target, now])?;
            }
            Ok(())
        })
    }

    /// Records that a target surely has none of these messages: they are handed over as if for the first time.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_refused(self, keys: &[OutcomeKey]) -> Result<(), Error> {
        self.0
            .write(|queries| keys.iter().try_for_each(|key| note_refused(queries, *key)))
    }
}

/// Records that a target has taken a message. Returns false if a search has taken it for an equal message
/// meanwhile, which is recorded: this one has to be handed over again, so that the target has both.
pub(super) fn note_taken(
    queries: &Queries<'_>,
    key: OutcomeKey,
    said: &ServerText,
    location: Option<&Location>,
    now: Moment,
) -> rusqlite::Result<bool> {
    let Some(TargetKey(target)) = key.target else {
        return Ok(true);
    };
    let DeliveryKey(delivery) = key.delivery;
    let location = location.map(|Location(text)| text);
    if location.is_some() && queries.exists(&IS_TAKEN_BY_SEARCH, params![delivery, location])? {
        note_refused(queries, key)?;
        return Ok(false);
    }
    queries.execute(&NOTE_TAKEN, params![delivery, target, now, said, location])?;
    Ok(true)
}

/// Records that a target surely has not taken a message.
pub(super) fn note_refused(queries: &Queries<'_>, key: OutcomeKey) -> rusqlite::Result<()> {
    if let Some(TargetKey(target)) = key.target {
        let DeliveryKey(delivery) = key.delivery;
        queries.execute(&NOTE_REFUSED, params![delivery, target])?;
    }
    Ok(())
}

fn open(row: &Row<'_>) -> rusqlite::Result<OpenHandover> {
    Ok(OpenHandover {
        target: TargetKey(row.get(0)?),
        begun: row.get(4)?,
        earliest: Location(row.get(1)?),
        found: row.get::<_, Option<String>>(2)?.map(Location),
        absent: row.get(3)?,
    })
}

/// The condition that a target may have a message whose delivery `d` is not recorded.
pub(super) const MAY_BE_TAKEN: &str = "EXISTS (SELECT 1 FROM handover h WHERE h.delivery = d.id AND h.begun IS NOT NULL AND h.taken IS NULL)";

statements! {
    KNOW_TARGET = "INSERT INTO target (name) VALUES (?1) ON CONFLICT DO NOTHING";
    TARGET = "SELECT id FROM target WHERE name = ?1";

    BEGIN =
        "INSERT INTO handover (delivery, target, begun, earliest) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET repeated = repeated + (begun IS NOT NULL), begun = ?3,
             earliest = ?4, absent = NULL, location = NULL, searched = 0";

    OPEN =
        "SELECT h.target, h.earliest, h.location, h.absent, h.begun
         FROM target t JOIN handover h ON h.target = t.id
         WHERE t.name = ?2 AND h.delivery = ?1 AND h.begun IS NOT NULL AND h.taken IS NULL";

    CLAIM =
        "UPDATE handover SET location = ?3, searched = 1 WHERE delivery = ?1 AND target = ?2
         AND NOT EXISTS (SELECT 1 FROM handover h JOIN delivery d ON d.id = h.delivery
             WHERE h.location = ?3 AND d.digest = (SELECT digest FROM delivery WHERE id = ?1))";

    LOCATED =
        "SELECT h.location, d.digest FROM handover h JOIN delivery d ON d.id = h.delivery
         WHERE h.location >= ?1";

    UNLOCATED =
        "SELECT h.delivery, d.digest FROM handover h JOIN delivery d ON d.id = h.delivery
         WHERE h.target = ?1 AND h.location IS NULL AND h.earliest <> '' AND h.begun IS NOT NULL
             AND (h.taken IS NULL OR h.taken >= ?3 OR h.earliest >= ?2)";

    /// A search has found an equal message there: it could not know that it was this one.
    IS_TAKEN_BY_SEARCH =
        "SELECT 1 FROM handover h JOIN delivery d ON d.id = h.delivery
         WHERE h.location = ?2 AND h.delivery <> ?1 AND h.searched = 1
             AND d.digest = (SELECT digest FROM delivery WHERE id = ?1)";

    NOTE_ABSENT =
        "UPDATE handover SET absent = ?3 WHERE delivery = ?1 AND target = ?2";

    NOTE_TAKEN =
        "UPDATE handover SET taken = ?3, words = nullif(?4, x''), location = ifnull(?5, location)
         WHERE delivery = ?1 AND target = ?2";

    NOTE_REFUSED =
        "UPDATE handover SET begun = NULL, absent = NULL, location = NULL, searched = 0
         WHERE delivery = ?1 AND target = ?2";
}
