//! Visits every state that can come about, in the order of the number of steps.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use super::disk::Change;
use super::{Action, Setting, TrackedMessage, UserOrder, World};

/// The ways in which the promise can be broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Breach {
    /// A message is neither on the server nor in the Maildir, no reader has had it, and no order to
    /// delete it is known any more.
    Lost,
    /// A message was put in place twice.
    Repeated,
    /// A file in the Maildir does not hold its message.
    Damaged,
}

/// The shortest way to a state that breaks the promise.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) breach: Breach,
    pub(super) steps: Vec<Action>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps.iter().map(ToString::to_string).collect();
        write!(f, "{:?} after: {}", self.breach, steps.join(" · "))
    }
}

/// The result of a search.
#[derive(Debug)]
pub(super) struct Search {
    /// The number of states that were visited.
    pub(super) states: usize,
    pub(super) violation: Option<Violation>,
}

/// A state, and how it came about.
struct Visit {
    world: World,
    /// The position of the state before it.
    before: usize,
    action: Action,
}

/// Searches until the promise is broken, or until no new state comes about.
pub(super) fn search(setting: &Setting) -> Search {
    let mut seen = HashSet::<World, BuildHasherDefault<QuickHasher>>::default();
    let beginning = World::beginning(setting);
    let mut visits = vec![Visit {
        world: beginning,
        before: 0,
        action: Action::End,
    }];
    seen.insert(beginning);
    let mut at = 0;
    while let Some(visit) = visits.get(at) {
        for (action, world) in visit.world.next(setting) {
            if seen.insert(world) {
                visits.push(Visit {
                    world,
                    before: at,
                    action,
                });
                if let Some(breach) = world.messages.iter().find_map(TrackedMessage::breach) {
                    let steps = steps(&visits);
                    let violation = Some(Violation { breach, steps });
                    return Search {
                        states: visits.len(),
                        violation,
                    };
                }
            }
        }
        at += 1;
    }
    Search {
        states: visits.len(),
        violation: None,
    }
}

/// Hashes small numbers quickly. Nobody chooses them to collide.
#[derive(Default)]
struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x51_7c_c1_b7_27_22_0a_95);
    }
}

/// Returns the steps to the last state.
fn steps(visits: &[Visit]) -> Vec<Action> {
    let mut steps = Vec::new();
    let mut at = visits.len() - 1;
    while at > 0 {
        steps.push(visits[at].action);
        at = visits[at].before;
    }
    steps.reverse();
    steps
}

impl TrackedMessage {
    /// Returns how the promise is broken for this message.
    fn breach(&self) -> Option<Breach> {
        let is_whole = self.file.has(Change::Written);
        let was_had =
            self.file.is_in_maildir() || self.file.has(Change::Removed) || self.was_placed;
        if self.file.is_in_maildir() && !is_whole {
            Some(Breach::Damaged)
        } else if !self.is_on_server && !was_had && self.order == UserOrder::None {
            Some(Breach::Lost)
        } else if self.was_placed && self.file.has(Change::Placed) && !self.is_excepted {
            Some(Breach::Repeated)
        } else {
            None
        }
    }
}
