//! `mailpull seen list`: shows the known messages of an account, and why a message stays on the server.

use std::collections::HashSet;
use std::fmt;
use std::io::Write;

use super::super::Context;
use super::super::log::time;
use super::super::long_output::LongOutput;
use super::open_to_read;
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::mail::known::{State, may_be_tried};
use crate::mail::maildrop::{Identity, UniqueId};
use crate::mail::policy::{Keep, Policy};
use crate::moment::Moment;
use crate::report::{Octets, json};
use crate::seen::{SeenEntry, Undeleted};
use crate::text::OneLine;

/// A line of the list.
struct ListLine<'a> {
    word: &'static str,
    size: Option<u64>,
    unique_id: &'a UniqueId,
    copy: u32,
    failures: u32,
    stays_because: Option<String>,
}

/// Shows the known messages of an account, one line each, and those that are to be deleted
/// unfetched.
pub(super) fn run(arguments: &cli::ListArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let (account, ledger) = open_to_read(&arguments.account, context)?;
    let undeleted = ledger.causes().undeleted()?;
    let now = ledger.clock().now();
    let entries = ledger.messages().entries()?;
    let orders = ledger.orders().all()?;
    let ordered: HashSet<&UniqueId> = orders.iter().map(|order| &order.unique_id).collect();
    let known = entries.iter().map(|entry| {
        let identity = Identity {
            unique_id: entry.unique_id.clone(),
            copy: entry.known.copy,
        };
        let is_ordered = ordered.contains(&entry.unique_id) && entry.known.state != State::Gone;
        let undeleted = undeleted.get(&identity);
        ListLine {
            word: entry.known.state.word(),
            size: entry.known.size,
            unique_id: &entry.unique_id,
            copy: entry.known.copy,
            failures: entry.failures,
            stays_because: match is_ordered {
                true => Some(ordered_because(undeleted, now)),
                false => reason(entry, undeleted, &account.policy, now),
            },
        }
    });
    let unique_ids: HashSet<&UniqueId> = entries.iter().map(|entry| &entry.unique_id).collect();
    let unknown = orders.iter();
    let unknown = unknown.filter(|order| !unique_ids.contains(&order.unique_id));
    let unknown = unknown.map(|order| {
        let identity = Identity {
            unique_id: order.unique_id.clone(),
            copy: 0,
        };
        ListLine {
            word: "new",
            size: order.size,
            unique_id: &order.unique_id,
            copy: 0,
            failures: 0,
            stays_because: Some(ordered_because(undeleted.get(&identity), now)),
        }
    });
    let mut out = LongOutput::new();
    for line in known.chain(unknown) {
        if arguments.failed && line.failures == 0 {
            continue;
        }
        let written = match context.global.json {
            true => writeln!(out, "{}", OneLine(line.json())),
            false => writeln!(out, "{}", OneLine(line)),
        };
        if written.is_err() {
            // The reader has closed standard output, as head(1) does: it needs no more.
            break;
        }
    }
    Ok(Exit::Done)
}

impl ListLine<'_> {
    fn json(&self) -> String {
        let stays_because = self.stays_because.as_deref();
        json::known(self.unique_id, self.word, &self.size, stays_because)
    }
}

impl fmt::Display for ListLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        match self.size {
            Some(size) => write!(f, " {}", Octets(size))?,
            None => f.write_str(" ?")?,
        }
        write!(f, " {}", self.unique_id.typed())?;
        if self.copy > 0 {
            write!(f, " (copy {})", self.copy)?;
        }
        match self.failures {
            0 => {}
            1 => f.write_str(", failed once")?,
            failures => write!(f, ", failed {failures} times in a row")?,
        }
        match &self.stays_because {
            Some(reason) => write!(f, ", {reason}"),
            None => Ok(()),
        }
    }
}

/// Returns why a message stays on the server, if the database knows it.
fn reason(
    entry: &SeenEntry,
    undeleted: Option<&Undeleted>,
    policy: &Policy,
    now: Moment,
) -> Option<String> {
    let known = &entry.known;
    let compared = || COMPARED.at(known.next_try, now);
    let doubt = known.suspicion.reason();
    if let Some(doubt) = doubt.filter(|_| known.state != State::Gone) {
        return Some(if known.suspicion.asks_for_comparison() {
            format!("{doubt}; {}", compared())
        } else {
            doubt.to_owned()
        });
    }
    if known.is_absent {
        return None;
    }
    match known.state {
        State::Seen => Some("was only marked as seen".into()),
        State::Failed(_) if policy.is_too_large(known) => Some("is larger than max-size".into()),
        State::Left { .. } if policy.leaves(known, known.size, now) => {
            Some("a rule leaves it on the server".into())
        }
        State::Left { .. } => Some("the next run asks the rules again".into()),
        State::Staged if entry.failures == 0 => Some("the next run delivers it".into()),
        State::Failed(_) | State::Staged => Some(TRIED.at(known.next_try, now)),
        State::Delivered(_) | State::Gone if known.is_undeletable => Some(if entry.came_back {
            "came back after two deletions; mailpull fetch --delete tries it again".into()
        } else {
            "has another content at each download; mailpull does not delete it".into()
        }),
        State::Gone => None,
        State::Delivered(delivered) => match policy.keep {
            Keep::Always => None,
            Keep::For(age) if !policy.keep.is_over(delivered, now) => {
                Some(format!("is kept until {}", time(delivered.plus(age))))
            }
            Keep::For(_) | Keep::Never => match undeleted {
                Some(undeleted) => Some(undeleted_because(undeleted, now)),
                None if known.quit_was_unanswered => {
                    Some(format!("its deletion was not confirmed; {}", compared()))
                }
                None => None,
            },
        },
    }
}

/// Returns why a message stays whose deletion the user has ordered.
fn ordered_because(undeleted: Option<&Undeleted>, now: Moment) -> String {
    match undeleted {
        Some(undeleted) => undeleted_because(undeleted, now),
        None => "its deletion is ordered; the next run deletes it".to_owned(),
    }
}

/// Returns why a message stays whose DELE failed.
fn undeleted_because(undeleted: &Undeleted, now: Moment) -> String {
    let what = if undeleted.broke {
        "a session broke at its deletion"
    } else {
        "the server refused to delete it"
    };
    format!("{what}; {}", TRIED.at(undeleted.next_try, now))
}

/// An act that waits for the next run, or for a day if it failed five times.
struct PostponedAct {
    next_run: &'static str,
    later: &'static str,
}

const COMPARED: PostponedAct = PostponedAct {
    next_run: "the next run compares it",
    later: "it is set aside and compared",
};

const TRIED: PostponedAct = PostponedAct {
    next_run: "the next run tries it again",
    later: "it is set aside and tried again",
};

impl PostponedAct {
    /// Says when it happens.
    fn at(&self, until: Moment, now: Moment) -> String {
        if may_be_tried(until, now) {
            return self.next_run.to_owned();
        }
        let (later, until) = (self.later, time(until));
        format!("{later} after {until}, or by mailpull fetch --retry")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mail::known::KnownMessage;
    use crate::mail::known::tests::message_in;
    use crate::mail::suspicion::Suspicion;

    const NOW: Moment = Moment(1_800_000_000);
    const EARLIER: Moment = Moment(NOW.0 - 3600);
    const TOMORROW: Moment = Moment(NOW.0 + 86_000);

    fn entry(state: State) -> SeenEntry {
        SeenEntry {
            unique_id: UniqueId::new(b"a").expect("a valid unique-id"),
            known: KnownMessage {
                size: Some(17),
                ..message_in(state)
            },
            failures: 0,
            came_back: false,
        }
    }

    fn changed(state: State, change: fn(&mut SeenEntry)) -> SeenEntry {
        let mut entry = entry(state);
        change(&mut entry);
        entry
    }

    fn reason_of(entry: &SeenEntry, keep: Keep) -> Option<String> {
        let policy = Policy {
            keep,
            max_size: Some(100),
            ..Policy::default()
        };
        reason(entry, None, &policy, NOW)
    }

    #[test]
    fn a_message_stays_for_the_reason_that_is_recorded() {
        let delivered = State::Delivered(EARLIER);
        for (entry, expected) in [
            (entry(delivered), None),
            (entry(State::Gone), None),
            (entry(State::Seen), Some("was only marked as seen")),
            (entry(State::Staged), Some("the next run delivers it")),
            (
                entry(State::Failed(Moment(0))),
                Some("the next run tries it again"),
            ),
            (
                changed(State::Failed(Moment(0)), |entry| {
                    entry.known.size = Some(101)
                }),
                Some("is larger than max-size"),
            ),
            (
                changed(State::Failed(TOMORROW), |entry| {
                    entry.known.next_try = TOMORROW
                }),
                Some(
                    "it is set aside and tried again after 2027-01-16T07:53:20Z, or by mailpull fetch \
                     --retry",
                ),
            ),
            (
                changed(delivered, |entry| {
                    entry.known.suspicion = Suspicion::OutOfStep
                }),
                Some("may be another message; the next run compares it"),
            ),
            (
                changed(delivered, |entry| {
                    entry.known.suspicion = Suspicion::Incomplete;
                    entry.known.next_try = TOMORROW;
                }),
                Some(
                    "may be incomplete; it is set aside and compared after 2027-01-16T07:53:20Z, or by \
                     mailpull fetch --retry",
                ),
            ),
            (
                changed(delivered, |entry| {
                    entry.known.suspicion = Suspicion::Unsettled
                }),
                Some("may be incomplete, also after a third download; it stays on the server"),
            ),
            (
                changed(State::Gone, |entry| {
                    entry.known.suspicion = Suspicion::Placeholder
                }),
                None,
            ),
            (
                changed(State::Gone, |entry| {
                    entry.known.is_undeletable = true;
                    entry.came_back = true;
                }),
                Some("came back after two deletions; mailpull fetch --delete tries it again"),
            ),
            (
                changed(delivered, |entry| entry.known.is_undeletable = true),
                Some("has another content at each download; mailpull does not delete it"),
            ),
            (
                changed(delivered, |entry| entry.known.quit_was_unanswered = true),
                Some("its deletion was not confirmed; the next run compares it"),
            ),
        ] {
            let found = reason_of(&entry, Keep::Never);
            assert_eq!(found.as_deref(), expected, "{entry:?}");
        }
    }

    #[test]
    fn a_delivered_message_waits_for_its_age() {
        let day = Keep::For(Duration::from_secs(86_400));
        let hour = Keep::For(Duration::from_secs(3600));
        let entry = entry(State::Delivered(EARLIER));
        let found = reason_of(&entry, day);
        assert_eq!(found.as_deref(), Some("is kept until 2027-01-16T07:00:00Z"));
        assert_eq!(reason_of(&entry, hour), None);
        assert_eq!(reason_of(&entry, Keep::Always), None);
    }

    #[test]
    fn a_message_that_is_not_listed_has_no_reason_to_stay() {
        for state in [State::Seen, State::Failed(TOMORROW), State::Delivered(NOW)] {
            let entry = changed(state, |entry| entry.known.is_absent = true);
            assert_eq!(
                reason_of(&entry, Keep::For(Duration::MAX)),
                None,
                "{state:?}"
            );
        }
    }

    #[test]
    fn a_failed_deletion_says_how_it_failed() {
        let policy = Policy {
            keep: Keep::Never,
            ..Policy::default()
        };
        let entry = entry(State::Delivered(EARLIER));
        for (broke, next_try, expected) in [
            (
                false,
                NOW,
                "the server refused to delete it; the next run tries it again",
            ),
            (
                true,
                TOMORROW,
                "a session broke at its deletion; it is set aside and tried again after \
                 2027-01-16T07:53:20Z, or by mailpull fetch --retry",
            ),
        ] {
            let undeleted = Undeleted {
                attempts: 1,
                next_try,
                broke,
            };
            let found = reason(&entry, Some(&undeleted), &policy, NOW);
            assert_eq!(found.as_deref(), Some(expected));
        }
    }
}
