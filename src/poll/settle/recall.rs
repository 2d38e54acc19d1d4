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

/// `absence` is the time for which the target has said that it does not have the message, if it has said so before.
/// Only after `settling_time` that is believed.
fn decide(sighting: &Sighting, absence: Option<Duration>, settling_time: Duration) -> Decision {
    let again = match sighting {
        Sighting::There(location) => return Decision::Record(location.clone()),
        Sighting::Absent => Decision::HandOver,
        Sighting::Unclear(_) => Decision::HandOverInDoubt,
    };
    match absence {
        _ if settling_time.is_zero() => again,
        None => Decision::Note,
        Some(time) if time < settling_time => Decision::Wait,
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
            // A time in the future was noted by a clock that has been set back since.
            let absence = since.and_then(|since| now.since(since));
            match decide(&sighting, absence, target.settling_time()) {
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
        found.map_err(|refusal| self.fault(refusal))
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
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let there = Location("1/2".to_owned());
        let record = Decision::Record(there.clone());
        let there = Sighting::There(there);
        let unclear = Sighting::Unclear("why".to_owned());
        for (sighting, absence, decision) in [
            (&there, None, &record),
            (&there, seconds(1000), &record),
            (&Sighting::Absent, None, &Decision::Note),
            (&Sighting::Absent, seconds(0), &Decision::Wait),
            (&Sighting::Absent, seconds(299), &Decision::Wait),
            (&Sighting::Absent, seconds(300), &Decision::HandOver),
            (&unclear, None, &Decision::Note),
            (&unclear, seconds(299), &Decision::Wait),
            (&unclear, seconds(300), &Decision::HandOverInDoubt),
        ] {
            let decided = decide(sighting, absence, Duration::from_secs(300));
            assert_eq!(decided, *decision, "{sighting:?} {absence:?}");
        }
    }

    #[test]
    fn absence_is_believed_at_once_where_nothing_goes_on() {
        let unclear = Sighting::Unclear("why".to_owned());
        for (sighting, decision) in [
            (Sighting::Absent, Decision::HandOver),
            (unclear, Decision::HandOverInDoubt),
        ] {
            assert_eq!(decide(&sighting, None, Duration::ZERO), decision);
        }
    }
}
