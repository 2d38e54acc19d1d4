//! Asks a target which messages it has that may have been handed to it before a run was killed or a connection
//! broke.
//!
//! "It is not there" is not believed at once. A server may still be storing a message whose connection is
//! gone: Dovecot was seen to do so for seconds, on a slow disk.

use std::time::Duration;

use super::Error;
use super::deliver::Deliverer;
use crate::delivery::{Recall, Sighting, found_again};
use crate::mail::custody::Staged;
use crate::mail::handover::{Location, OpenHandover, OutcomeKey};
use crate::moment::Moment;
use crate::report::Event;

/// The time for which a target may go on storing a message after its connection was lost. It is longer than
/// Dovecot waits for a lock (2 to 3 minutes) and Linux repeats what the other end has not confirmed.
pub(super) const SETTLING: Duration = Duration::from_secs(5 * 60);

/// What is done with a message that a target may have.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Decision {
    /// It is recorded as delivered: the target has it there.
    Record(Location),
    /// The absence is noted. A later run asks again.
    Note,
    /// A later run asks again.
    Wait,
    /// It is handed over again: the target does not have it.
    HandOver,
    /// It is handed over again, and the target may have it twice then.
    HandOverInDoubt,
}

fn decide(sighting: &Sighting, absent: Option<Moment>, now: Moment) -> Decision {
    let again = match sighting {
        Sighting::There(location) => return Decision::Record(location.clone()),
        Sighting::Absent => Decision::HandOver,
        Sighting::Unclear(_) => Decision::HandOverInDoubt,
    };
    // A time in the future was noted by a clock that has been set back since.
    match absent.and_then(|since| now.since(since)) {
        None => Decision::Note,
        Some(time) if time < SETTLING => Decision::Wait,
        Some(_) => again,
    }
}

impl Deliverer<'_> {
    /// Finds out which of these messages the target has already. Returns those that are to be handed over
    /// now. The others are delivered, or wait for a later run.
    ///
    /// # Errors
    /// The target cannot be asked, or the database failed.
    pub(super) fn recall(&mut self, staged: Vec<Staged>) -> Result<Vec<Staged>, Error> {
        let Some(target) = self.target.recall() else {
            return Ok(staged);
        };
        let (mut ready, mut sought, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for staged in staged {
            match staged.handover() {
                None => ready.push(staged),
                // The run that found it was killed before it recorded that.
                Some(OpenHandover {
                    found: Some(location),
                    ..
                }) => {
                    let location = location.clone();
                    outcomes.push(found_again(staged, location));
                }
                Some(_) => sought.push(staged),
            }
        }
        let sightings = self.find(target, &sought)?;
        let mut absent = Absent::default();
        let now = Moment::now();
        for (staged, sighting) in sought.into_iter().zip(sightings) {
            let since = staged.handover().and_then(|handover| handover.absent);
            match decide(&sighting, since, now) {
                Decision::Record(location) => {
                    match self
                        .ledger
                        .custody()
                        .claim(staged.outcome_key(), &location)?
                    {
                        true => outcomes.push(found_again(staged, location)),
                        false => absent.waiting += 1,
                    }
                }
                Decision::Note => absent.since_now.push(staged.outcome_key()),
                Decision::Wait => absent.waiting += 1,
                Decision::HandOver => {
                    absent.surely.push(staged.outcome_key());
                    ready.push(staged);
                }
                Decision::HandOverInDoubt => {
                    self.warn_of_repeat(&staged, &sighting);
                    ready.push(staged);
                }
            }
        }
        self.note_absent(&absent, now)?;
        self.note(outcomes, self.target.place());
        Ok(ready)
    }

    /// Asks the target for messages.
    fn find(&self, target: &dyn Recall, sought: &[Staged]) -> Result<Vec<Sighting>, Error> {
        if sought.is_empty() {
            return Ok(Vec::new());
        }
        let claims = self.ledger.custody().claims(sought)?;
        let found = target.find(sought, &claims);
        found.map_err(|refusal| Error::Faulty(refusal.into()))
    }

    fn note_absent(&mut self, absent: &Absent, now: Moment) -> Result<(), Error> {
        let custody = self.ledger.custody();
        if !absent.since_now.is_empty() {
            custody.note_absent(&absent.since_now, now)?;
        }
        if !absent.surely.is_empty() {
            custody.note_refused(&absent.surely)?;
        }
        let waiting = absent.since_now.len() + absent.waiting;
        if waiting > 0 {
            self.summary.postponed += waiting;
            self.reporter.report(Event::Note(&format_args!(
                "{} may still be storing messages of a connection that is lost: {waiting}; a later run asks \
                 for them again",
                self.target.place()
            )));
        }
        Ok(())
    }

    fn warn_of_repeat(&self, staged: &Staged, sighting: &Sighting) {
        let why = match sighting {
            Sighting::Unclear(why) => why,
            _ => "it cannot be told whether it is there",
        };
        self.reporter.report(Event::Warning(&format_args!(
            "message {} may be in {} twice: {why}",
            staged.stored().identity.unique_id,
            self.target.place()
        )));
    }
}

/// The messages that a target does not have, as far as it says.
#[derive(Default)]
struct Absent {
    /// It says so for the first time.
    since_now: Vec<OutcomeKey>,
    /// It has said so for long enough.
    surely: Vec<OutcomeKey>,
    /// The number of those that wait for a later run.
    waiting: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_believed_after_a_while() {
        let now = Moment(1_800_000_000);
        let ago = |seconds| Some(Moment(now.0 - seconds));
        let there = Location("1/2".to_owned());
        let unclear = Sighting::Unclear("why".to_owned());
        for (sighting, absent, decision) in [
            (
                Sighting::There(there.clone()),
                None,
                Decision::Record(there.clone()),
            ),
            (
                Sighting::There(there.clone()),
                ago(1000),
                Decision::Record(there),
            ),
            (Sighting::Absent, None, Decision::Note),
            (Sighting::Absent, ago(0), Decision::Wait),
            (Sighting::Absent, ago(299), Decision::Wait),
            (Sighting::Absent, ago(300), Decision::HandOver),
            (Sighting::Absent, ago(-1), Decision::Note),
            (unclear.clone(), None, Decision::Note),
            (unclear.clone(), ago(299), Decision::Wait),
            (unclear, ago(300), Decision::HandOverInDoubt),
        ] {
            assert_eq!(
                decide(&sighting, absent, now),
                decision,
                "{sighting:?} {absent:?}"
            );
        }
    }
}
