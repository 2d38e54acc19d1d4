//! The exceptions from the promise, each with its reason. docs/proof.md has the same list.

use super::faults::Fault;

/// A case in which a promise does not hold.
struct NotPromised {
    /// The kinds of faults of the case.
    faults: &'static [Fault],
    permits: Permits,
    why: &'static str,
}

/// An event that may happen in a history that has all these faults.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Permits {
    /// Nothing can be promised, so no history has all of them: it is without the last one.
    Anything,
    /// A message may be delivered twice.
    Repeats,
    /// A message that is due may stay on the server.
    Stays,
}

/// What is not promised of servers that delete what was retrieved.
const RETRIEVED_ONCE: &str = "a message in doubt cannot be downloaded again";

const EXCEPTIONS: &[NotPromised] = &[
    NotPromised {
        faults: &[Fault::WrongSizes, Fault::ShortMessages],
        permits: Permits::Anything,
        why: "only a size shows that a message which ends properly was cut",
    },
    NotPromised {
        faults: &[Fault::WrongSizes, Fault::OtherMessages],
        permits: Permits::Anything,
        why: "only a size shows that another message has come",
    },
    NotPromised {
        faults: &[Fault::WrongSizes, Fault::DoubledReplies],
        permits: Permits::Repeats,
        why: "only a size shows which of two equal replies is that of its message",
    },
    NotPromised {
        faults: &[Fault::WrongSizes, Fault::DoubledReplies],
        permits: Permits::Stays,
        why: "only a size shows if more came after the end of a message, or a reply came twice",
    },
    NotPromised {
        faults: &[Fault::OtherMessages],
        permits: Permits::Repeats,
        why: "a message that comes instead of another one is compared only with those of its session",
    },
    NotPromised {
        faults: &[Fault::WrongSizes, Fault::LostReplies],
        permits: Permits::Stays,
        why: "only a size shows which of two downloads is the message",
    },
    NotPromised {
        faults: &[Fault::WrongSizes, Fault::NewUniqueIds],
        permits: Permits::Stays,
        why: "a second download under a unique-id that is new again is not compared with the first",
    },
    NotPromised {
        faults: &[Fault::LostReplies, Fault::LostDatabase],
        permits: Permits::Repeats,
        why: "only the database knew that a file has the unique-id of another message in its name",
    },
    NotPromised {
        faults: &[Fault::LostReplies, Fault::OldDatabase],
        permits: Permits::Repeats,
        why: "only the database knew that a file has the unique-id of another message in its name",
    },
    NotPromised {
        faults: &[Fault::DoubledReplies, Fault::LostDatabase],
        permits: Permits::Repeats,
        why: "only the database knew that a file has the unique-id of another message in its name",
    },
    NotPromised {
        faults: &[Fault::DoubledReplies, Fault::OldDatabase],
        permits: Permits::Repeats,
        why: "only the database knew that a file has the unique-id of another message in its name",
    },
    NotPromised {
        faults: &[Fault::CopiedDatabase],
        permits: Permits::Repeats,
        why: "each state folder has its own record, so each may deliver a message",
    },
    NotPromised {
        faults: &[Fault::CopiedDatabase, Fault::MailProgram],
        permits: Permits::Anything,
        why: "the spool is a part of the state folder, and a copy of it is not simulated",
    },
    NotPromised {
        faults: &[Fault::LostDatabase, Fault::MailProgram],
        permits: Permits::Repeats,
        why: "a program cannot be asked which messages it has",
    },
    NotPromised {
        faults: &[Fault::OldDatabase, Fault::MailProgram],
        permits: Permits::Repeats,
        why: "a program cannot be asked which messages it has",
    },
    NotPromised {
        faults: &[Fault::LostDatabase, Fault::RemovingReader],
        permits: Permits::Repeats,
        why: "neither the database nor the Maildir has the message any more",
    },
    NotPromised {
        faults: &[Fault::FullDisk, Fault::RemovingReader],
        permits: Permits::Repeats,
        why: "there is no room for the list that proves that the message was in its place",
    },
    NotPromised {
        faults: &[Fault::OldDatabase, Fault::RemovingReader],
        permits: Permits::Repeats,
        why: "neither the database nor the Maildir has the message any more",
    },
    NotPromised {
        faults: &[Fault::LostDatabase, Fault::NewUniqueIds],
        permits: Permits::Repeats,
        why: "the files in the Maildir are found by the unique-ids of their messages",
    },
    NotPromised {
        faults: &[Fault::OldDatabase, Fault::NewUniqueIds],
        permits: Permits::Repeats,
        why: "the files in the Maildir are found by the unique-ids of their messages",
    },
    NotPromised {
        faults: &[
            Fault::NewUniqueIds,
            Fault::IgnoredDeletions,
            Fault::ListingHoles,
        ],
        permits: Permits::Repeats,
        why: "a deleted message that a listing lacked and that comes back has no name by which it is known",
    },
    NotPromised {
        faults: &[Fault::WrongSizes, Fault::DeletesRetrieved],
        permits: Permits::Anything,
        why: RETRIEVED_ONCE,
    },
    NotPromised {
        faults: &[Fault::ShortMessages, Fault::DeletesRetrieved],
        permits: Permits::Anything,
        why: RETRIEVED_ONCE,
    },
    NotPromised {
        faults: &[Fault::OtherMessages, Fault::DeletesRetrieved],
        permits: Permits::Anything,
        why: RETRIEVED_ONCE,
    },
    NotPromised {
        faults: &[Fault::EmptyMessages, Fault::DeletesRetrieved],
        permits: Permits::Anything,
        why: RETRIEVED_ONCE,
    },
    NotPromised {
        faults: &[Fault::LostReplies, Fault::DeletesRetrieved],
        permits: Permits::Anything,
        why: RETRIEVED_ONCE,
    },
    NotPromised {
        faults: &[Fault::DoubledReplies, Fault::DeletesRetrieved],
        permits: Permits::Anything,
        why: RETRIEVED_ONCE,
    },
];

/// Returns true if a history may not have this kind because it has others.
pub(super) fn keep_out(fault: Fault, has: impl Fn(Fault) -> bool) -> bool {
    EXCEPTIONS.iter().any(|exception| {
        let (last, others) = exception.faults.split_last().expect("it has faults");
        exception.permits == Permits::Anything
            && *last == fault
            && others.iter().all(|other| has(*other))
    })
}

/// Returns true if a history with these kinds of faults may have a broken promise.
pub(super) fn permit(permits: Permits, has: impl Fn(Fault) -> bool) -> bool {
    EXCEPTIONS.iter().any(|exception| {
        exception.permits == permits && exception.faults.iter().all(|fault| has(*fault))
    })
}

/// Returns a line for each exception.
pub(super) fn lines() -> impl Iterator<Item = String> {
    EXCEPTIONS.iter().map(|exception| {
        let names: Vec<_> = exception.faults.iter().map(|fault| fault.name()).collect();
        let what = match exception.permits {
            Permits::Anything => "never together",
            Permits::Repeats => "a message may be delivered twice",
            Permits::Stays => "a message may stay on the server",
        };
        format!("{}: {what}, because {}", names.join(" and "), exception.why)
    })
}
