//! Changes that the user makes between two runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::faults::{Fault, Faults};
use crate::mail::policy::Keep;
use crate::os::sys::simulated::disk::ROOT;
use crate::os::sys::simulated::generator::{Chance, Generator};
use crate::os::sys::simulated::machine::MachineState;

/// The user, and the configuration.
pub(super) struct User {
    /// Deletes messages when they are due.
    pub(super) keep: Keep,
    /// The Maildir.
    pub(super) maildir: PathBuf,
    /// True if the user runs `mailpull fetch --delete`. A user who changes `keep` has to.
    pub(super) may_delete_many: bool,
    /// The `keep` of the first and the last runs.
    usual_keep: Keep,
    keep_changes: Option<Chance>,
    moves: Option<Chance>,
    moved: u64,
}

impl User {
    /// Writes the configuration.
    pub(super) fn new(seed: u64, keep: Keep, faults: &Faults) -> Self {
        Self {
            keep,
            maildir: Path::new("/").join(maildir_name(0)),
            may_delete_many: faults.have(Fault::KeepChanges)
                || Generator::new(seed, "--delete").percent(50),
            usual_keep: keep,
            keep_changes: faults.draw(Fault::KeepChanges),
            moves: faults.draw(Fault::MovedMaildir),
            moved: 0,
        }
    }

    /// Lets the user change something.
    pub(super) fn strike(&mut self, machine: &mut MachineState) {
        if let Some(chance) = &mut self.keep_changes
            && chance.strikes(40)
        {
            let days = Duration::from_secs(2 * 24 * 3600);
            self.keep = [Keep::Never, Keep::Always, Keep::For(days)][chance.below(3) as usize];
            machine.tell(|| format!("the user sets keep to {}", self.keep));
        }
        if let Some(chance) = &mut self.moves
            && chance.percent(30)
        {
            let from = maildir_name(self.moved);
            self.moved += 1;
            let to = maildir_name(self.moved);
            machine.tell(|| format!("the user moves the Maildir to /{to}"));
            let (from, name) = ((ROOT, from.as_bytes()), (ROOT, to.as_bytes()));
            // There is nothing to move before the first run has come that far.
            if machine.disk.rename(from, name).is_ok() {
                chance.count();
                // That was long before the next power cut.
                machine.disk.flush_all();
            }
            self.maildir = Path::new("/").join(to);
        }
    }

    /// Sets `keep` as it was at first, and changes nothing more.
    pub(super) fn end_faults(&mut self) {
        self.keep = self.usual_keep;
        (self.keep_changes, self.moves) = (None, None);
    }
}

/// Returns the name that the Maildir has after so many moves.
fn maildir_name(moves: u64) -> String {
    format!("Mail{moves}")
}
