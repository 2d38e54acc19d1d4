//! The hand-over of messages to an MDA or a mail server: what a target took, and what it may have when a run
//! was killed.

use rusqlite::params;

use super::Error;
use super::custody::{Custody, settle};
use super::database::{Queries, statements};
use crate::mail::custody::{DeliveryKey, Outcome, OutcomeKey, Staged, TargetKey};
use crate::moment::Moment;
use crate::text::ServerText;

impl Custody<'_> {
    /// Custody step 6: records what became of messages. The same transaction notes that the messages in
    /// `next` are about to be handed to the target with this name: if we are killed meanwhile, the next
    /// run knows that the target may have them.
    ///
    /// # Errors
    /// Nothing was written. All messages stay staged.
    pub(crate) fn announce(
        self,
        outcomes: &[Outcome],
        next: Vec<Staged>,
        target: &str,
    ) -> Result<Vec<Staged>, Error> {
        let (account, now) = (self.0.key(), Moment::now());
        let target = self.0.write(|queries| {
            settle(queries, account, outcomes, now)?;
            queries.execute(&KNOW_TARGET, [target])?;
            let target = TargetKey(queries.value(&TARGET, [target])?);
            for staged in &next {
                let DeliveryKey(delivery) = staged.key();
                queries.execute(&BEGIN, params![delivery, target.0, now])?;
            }
            Ok(target)
        })?;
        let announced = next.into_iter().map(|staged| staged.announced(target));
        Ok(announced.collect())
    }
}

/// Records that a target has taken a message.
pub(super) fn note_taken(
    queries: &Queries<'_>,
    key: OutcomeKey,
    said: &ServerText,
    now: Moment,
) -> rusqlite::Result<()> {
    if let Some(TargetKey(target)) = key.target {
        let DeliveryKey(delivery) = key.delivery;
        queries.execute(&NOTE_TAKEN, params![delivery, target, now, said])?;
    }
    Ok(())
}

/// Records that a target surely has not taken a message.
pub(super) fn note_refused(queries: &Queries<'_>, key: OutcomeKey) -> rusqlite::Result<()> {
    if let Some(TargetKey(target)) = key.target {
        let DeliveryKey(delivery) = key.delivery;
        queries.execute(&NOTE_REFUSED, params![delivery, target])?;
    }
    Ok(())
}

/// The condition that a target may have a message whose delivery `d` is not recorded.
pub(super) const MAY_BE_TAKEN: &str = "EXISTS (SELECT 1 FROM handover h WHERE h.delivery = d.id AND h.begun IS NOT NULL AND h.taken IS NULL)";

statements! {
    KNOW_TARGET = "INSERT INTO target (name) VALUES (?1) ON CONFLICT DO NOTHING";
    TARGET = "SELECT id FROM target WHERE name = ?1";

    BEGIN =
        "INSERT INTO handover (delivery, target, begun) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET repeated = repeated + (begun IS NOT NULL), begun = ?3";

    NOTE_TAKEN =
        "UPDATE handover SET taken = ?3, words = nullif(?4, x'') WHERE delivery = ?1 AND target = ?2";
    NOTE_REFUSED = "UPDATE handover SET begun = NULL WHERE delivery = ?1 AND target = ?2";
}
