//! The hand-over of messages to an MDA or a mail server: what a target took, where it has it, and what it may
//! have since a run was killed.

use std::collections::{HashMap, HashSet};

use rusqlite::{Row, params};

use super::Error;
use super::custody::{Custody, Finished, STAGED_COLUMNS, STAGED_ROWS, finish, settle, staged};
use super::database::{Queries, statements};
use super::state::STAGED;
use crate::mail::custody::{Outcome, Staged};
use crate::mail::handover::{Claims, DeliveryKey, Location, OpenHandover, OutcomeKey, TargetKey};
use crate::moment::Moment;
use crate::text::ServerText;

impl Custody<'_> {
    /// Returns the keys of targets, by the names by which the database knows them.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn target_keys(self, names: &[&str]) -> Result<Vec<TargetKey>, Error> {
        let find = |queries: &Queries<'_>| {
            let keys = names.iter().map(|name| {
                let key = queries.first(&TARGET, [name], |row| row.get(0))?;
                Ok(key.map(TargetKey))
            });
            keys.collect::<rusqlite::Result<Option<Vec<_>>>>()
        };
        if let Some(known) = self.0.read(find)? {
            return Ok(known);
        }
        self.0.write(|queries| {
            for name in names {
                queries.execute(&KNOW_TARGET, [name])?;
            }
            Ok(find(queries)?.unwrap_or_default())
        })
    }

    /// Notes the targets of the account: a message is delivered when each of its own has taken it. These are the
    /// first `usual` ones, or those that a rule has chosen. If there are fewer than before, messages that wait in
    /// the spool may be delivered by that.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn set_targets(self, targets: &[TargetKey], usual: usize) -> Result<(), Error> {
        let (key, now) = (self.0.key(), Moment::now());
        let wanted = targets.iter().enumerate();
        let wanted: HashMap<_, _> = wanted
            .map(|(index, TargetKey(target))| (*target, index >= usual))
            .collect();
        let known: HashMap<i64, bool> = self.0.read(|queries| {
            let known: Vec<_> = queries.all(&ACCOUNT_TARGETS, [key], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(known.into_iter().collect())
        })?;
        if known == wanted {
            return Ok(());
        }
        self.0.write(|queries| {
            for target in known.keys().filter(|target| !wanted.contains_key(target)) {
                queries.execute(&REMOVE_TARGET, params![key, target])?;
            }
            for (target, by_rule) in &wanted {
                queries.execute(&ADD_TARGET, params![key, target, by_rule])?;
            }
            let taken: Vec<_> = queries.all(&TAKEN_BY_SOME, [key], |row| row.get(0))?;
            for delivery in taken {
                finish(queries, key, DeliveryKey(delivery), now)?;
            }
            Ok(())
        })
    }

    /// Custody step 6: records what became of messages. The same transaction notes that the messages in
    /// `next` are about to be handed to a target: if we are killed meanwhile, the next run knows that the
    /// target may have them, from the location `earliest` on.
    ///
    /// # Errors
    /// Nothing was written. All messages stay staged.
    pub(crate) fn announce(
        self,
        outcomes: &[Outcome],
        next: Vec<Staged>,
        target: TargetKey,
        earliest: &Location,
    ) -> Result<(Vec<Staged>, Vec<Finished>), Error> {
        let (account, now) = (self.0.key(), Moment::now());
        let finished = self.0.write(|queries| {
            let finished = settle(queries, account, outcomes, now)?;
            for staged in &next {
                let DeliveryKey(delivery) = staged.key();
                queries.execute(&BEGIN, params![delivery, target.0, now, earliest.0])?;
            }
            Ok(finished)
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
        Ok((next.into_iter().map(begun).collect(), finished))
    }

    /// Returns the messages in the spool that a target has not taken, with what is known of an earlier
    /// hand-over to it. Those that have waited longest since their last try come first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn staged_for(self, target: TargetKey) -> Result<Vec<Staged>, Error> {
        self.0.read(|queries| {
            let values = params![self.0.key(), target.0];
            queries.some(&STAGED_FOR, values, |row| {
                let open = open(row, target)?;
                Ok(staged(row)?.map(|staged| staged.handed_over_before(open)))
            })
        })
    }

    /// Returns messages that were staged just now, once for each target that has not taken them: one may have,
    /// before the file of a message was lost.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn for_each_target(
        self,
        staged: Vec<Staged>,
        targets: &[TargetKey],
    ) -> Result<Vec<Vec<Staged>>, Error> {
        self.0.read(|queries| {
            let of_one = |target: &TargetKey| {
                let mut to_do = Vec::with_capacity(staged.len());
                for staged in &staged {
                    let DeliveryKey(delivery) = staged.key();
                    if queries.exists(&IS_OPEN_AT, params![delivery, target.0, self.0.key()])? {
                        to_do.push(staged.copy());
                    }
                }
                Ok(to_do)
            };
            targets.iter().map(of_one).collect()
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
            // Another target may have the same message at an equal location.
            let located = queries.some(&LOCATED, [&earliest.0], |row| {
                let is_own = own.contains(&row.get(2)?);
                let located = (Location(row.get(0)?), row.get(1)?);
                Ok(Some(located).filter(|_| !is_own))
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

/// Reads what is known of a hand-over whose outcome is not, if there is one. The columns follow those of a staged
/// message.
fn open(row: &Row<'_>, target: TargetKey) -> rusqlite::Result<Option<OpenHandover>> {
    const WAS_HANDED_OVER: usize = 18;
    if !row.get::<_, bool>(WAS_HANDED_OVER)? {
        return Ok(None);
    }
    Ok(Some(OpenHandover {
        target,
        earliest: Location(row.get(21)?),
        found: row.get::<_, Option<String>>(22)?.map(Location),
        absent: row.get(23)?,
        begun: row.get(24)?,
    }))
}

/// The condition that a delivery `d` goes to a target `a` of its account. If the account has lost all targets
/// that a rule has chosen, it goes to the usual ones.
pub(super) const IS_WANTED: &str =
    "CASE WHEN EXISTS (SELECT 1 FROM chosen_target c JOIN account_target o
         ON o.account = a.account AND o.target = c.target WHERE c.delivery = d.id)
     THEN EXISTS (SELECT 1 FROM chosen_target c WHERE c.delivery = d.id AND c.target = a.target)
     ELSE NOT a.by_rule END";

/// The condition that a target may have a message whose delivery `d` is not recorded.
pub(super) const MAY_BE_TAKEN: &str = "EXISTS (SELECT 1 FROM handover h WHERE h.delivery = d.id AND h.begun IS NOT NULL AND h.taken IS NULL)";

statements! {
    KNOW_TARGET = "INSERT INTO target (name) VALUES (?1) ON CONFLICT DO NOTHING";
    TARGET = "SELECT id FROM target WHERE name = ?1";

    BEGIN =
        "INSERT INTO handover (delivery, target, begun, earliest) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET repeated = repeated + (begun IS NOT NULL), begun = ?3,
             earliest = ?4, absent = NULL, location = NULL, searched = 0";

    ACCOUNT_TARGETS = "SELECT target, by_rule FROM account_target WHERE account = ?1";
    ADD_TARGET =
        "INSERT INTO account_target (account, target, by_rule) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET by_rule = ?3";
    REMOVE_TARGET = "DELETE FROM account_target WHERE account = ?1 AND target = ?2";

    TAKEN_BY_SOME =
        "SELECT d.id {STAGED_ROWS} AND s.state = {STAGED} AND EXISTS
             (SELECT 1 FROM handover h WHERE h.delivery = d.id AND h.taken IS NOT NULL)";

    STAGED_FOR =
        "SELECT {STAGED_COLUMNS}, h.begun IS NOT NULL, ifnull(h.attempts, 0), ifnull(h.next_try, 0),
             h.earliest, h.location, h.absent, h.begun
         FROM seen s INDEXED BY seen_staged JOIN delivery d USING (account, unique_id, copy)
             JOIN account_target a ON a.account = ?1 AND a.target = ?2
             LEFT JOIN handover h ON h.delivery = d.id AND h.target = ?2
         WHERE s.account = ?1 AND s.state = {STAGED} AND d.program IS NOT NULL AND h.taken IS NULL
             AND {IS_WANTED}
         ORDER BY ifnull(h.next_try, 0), d.id";

    /// The message goes to this target, which has not taken it.
    IS_OPEN_AT =
        "SELECT 1 FROM delivery d JOIN account_target a ON a.account = ?3 AND a.target = ?2
         WHERE d.id = ?1 AND {IS_WANTED} AND NOT EXISTS
             (SELECT 1 FROM handover h
              WHERE h.delivery = ?1 AND h.target = ?2 AND h.taken IS NOT NULL)";

    CLAIM =
        "UPDATE handover SET location = ?3, searched = 1 WHERE delivery = ?1 AND target = ?2
         AND NOT EXISTS (SELECT 1 FROM handover h JOIN delivery d ON d.id = h.delivery
             WHERE h.location = ?3 AND h.delivery <> ?1
                 AND d.digest = (SELECT digest FROM delivery WHERE id = ?1))";

    LOCATED =
        "SELECT h.location, d.digest, h.delivery FROM handover h JOIN delivery d ON d.id = h.delivery
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
        "UPDATE handover SET attempts = 0, next_try = 0, taken = ?3, words = nullif(?4, x''), location = ifnull(?5, location)
         WHERE delivery = ?1 AND target = ?2";

    NOTE_REFUSED =
        "UPDATE handover SET begun = NULL, absent = NULL, location = NULL, searched = 0
         WHERE delivery = ?1 AND target = ?2";
}
