//! The program that gets the messages in some histories, and a target that is far away.

use std::sync::Arc;
use std::time::Duration;

use super::locks::lock;
use super::promises::SharedWatch;
use crate::delivery::mda::{Options, Template};
use crate::delivery::{Mda, Target};
use crate::digest::Digest;
use crate::mail::custody::{Outcome, Staged, TargetPlace};
use crate::os::sys::simulated::generator::Chance;
use crate::os::sys::simulated::machine::{MailProgram, ProgramEnd};

/// The statuses of sysexits(3) with which the program refuses a message: it may take it later, or it says that
/// it never will.
const REFUSALS: [u8; 2] = [75, 65];

/// Returns the program. Most messages it takes, some it refuses, and of some nobody learns what it did.
pub(super) fn mail_program(mut chance: Chance, watch: SharedWatch) -> MailProgram {
    Box::new(move |message| {
        let mut watch = lock(&watch);
        let may_fail = !watch.is_quiet && chance.percent(30);
        if !may_fail {
            watch.taken.push(message.to_vec());
            return ProgramEnd::Status(0);
        }
        chance.count();
        match chance.below(3) {
            0 => ProgramEnd::Status(REFUSALS[chance.below(2) as usize]),
            1 => ProgramEnd::TimedOut,
            _ => {
                watch.taken.push(message.to_vec());
                ProgramEnd::TimedOut
            }
        }
    })
}

/// Returns what the configuration says about it.
pub(super) fn options(jobs: usize) -> Options {
    Options {
        command: Template::new(vec!["/bin/mda".to_owned()], None).expect("the template is valid"),
        timeout: Duration::from_secs(300),
        jobs,
        allow_root: true,
        may_ignore_input: false,
        hidden_variables: Arc::new([]),
    }
}

/// A program that counts as a target on another machine.
pub(super) struct FarProgram(pub(super) Mda);

impl Target for FarProgram {
    fn place(&self) -> &TargetPlace {
        self.0.place()
    }

    fn configuration(&self) -> Digest {
        self.0.configuration()
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        self.0.deliver(staged)
    }

    fn group_size(&self) -> usize {
        self.0.group_size()
    }

    fn is_far(&self) -> bool {
        true
    }

    fn accepts_more(&self) -> bool {
        true
    }
}
