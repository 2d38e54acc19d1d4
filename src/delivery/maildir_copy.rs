//! A Maildir as one of several targets: it gets a copy of each message in the spool. The name of its file is that in
//! the spool, so a message is never copied twice.

use std::sync::Arc;
use std::time::Duration;

use super::recall::{Recall, Sighting};
use super::spool::Spool;
use super::staged_state::StagedState;
use super::{Arrivals, Error, Maildir, Target};
use crate::digest::Digest;
use crate::mail::custody::{NotDelivered, Outcome, Staged, TargetPlace};
use crate::mail::handover::{Claims, Location};

/// The most messages between two records.
const GROUP: usize = 64;

/// A Maildir that takes messages from a spool.
pub(crate) struct MaildirCopy {
    spool: Arc<Spool>,
    maildir: Maildir,
    place: TargetPlace,
}

impl MaildirCopy {
    /// Takes messages from a spool into a Maildir.
    pub(crate) fn new(maildir: Maildir, spool: Arc<Spool>) -> Self {
        Self {
            place: spool.place_of(Target::place(&maildir).to_string()),
            spool,
            maildir,
        }
    }

    /// Copies a message to tmp/, unless the Maildir has it. Returns false if it is not in the spool.
    fn bring(&self, staged: &Staged, state: StagedState) -> Result<bool, Error> {
        if state != StagedState::Lost {
            return Ok(true);
        }
        let Some(mut message) = self.spool.read(staged)? else {
            return Ok(false);
        };
        let name = &staged.stored().file_name;
        self.maildir.intake().copy(name, &mut message)?;
        Ok(true)
    }

    fn location(&self, staged: &Staged) -> Location {
        let name = &staged.stored().file_name;
        Location(format!("{}/{name}", self.maildir_place()))
    }

    fn maildir_place(&self) -> &TargetPlace {
        Target::place(&self.maildir)
    }
}

impl Target for MaildirCopy {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn configuration(&self) -> Digest {
        self.maildir.configuration()
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        self.spool.remove_forgotten();
        let located = self.maildir.prepare();
        let states = match located.and_then(|()| self.maildir.locate_all(&staged)) {
            Ok(states) => states,
            Err(error) => {
                let kept = staged.iter().map(|it| it.kept(error.not_delivered()));
                return kept.collect();
            }
        };
        let mut outcomes = Vec::with_capacity(staged.len());
        let mut brought = Vec::with_capacity(staged.len());
        for (staged, state) in staged.into_iter().zip(states) {
            match self.bring(&staged, state) {
                Ok(true) => brought.push(staged),
                Ok(false) => outcomes.push(staged.lost()),
                Err(error) => outcomes.push(staged.kept(error.not_delivered())),
            }
        }
        outcomes.extend(self.maildir.deliver(brought));
        outcomes
    }

    fn group_size(&self) -> usize {
        GROUP
    }

    fn recall(&self) -> Option<&dyn Recall> {
        Some(self)
    }

    fn forget_taken(&self, recorded: &[Outcome]) {
        let delivered = recorded.iter().filter_map(|outcome| match outcome {
            Outcome::Delivered(delivered) => Some(delivered.stored().file_name.clone()),
            _ => None,
        });
        let names: Vec<_> = delivered.collect();
        self.maildir.forget_delivered(&names);
    }

    fn accepts_more(&self) -> bool {
        true
    }
}

impl Recall for MaildirCopy {
    fn earliest(&self) -> Result<Location, NotDelivered> {
        Ok(Location(format!("{}/", self.maildir_place())))
    }

    fn settling_time(&self) -> Duration {
        // A process that was killed writes nothing any more.
        Duration::ZERO
    }

    fn find(&self, sought: &[Staged], _claims: &Claims) -> Result<Vec<Sighting>, NotDelivered> {
        let states = self.maildir.locate_all(sought);
        let flushed = states.and_then(|states| self.maildir.flush().map(|()| states));
        let states = flushed.map_err(|error| error.not_delivered())?;
        let sighting = |(staged, state)| match state {
            StagedState::Delivered | StagedState::Taken => Sighting::There(self.location(staged)),
            _ => Sighting::Absent,
        };
        Ok(sought.iter().zip(states).map(sighting).collect())
    }
}
