//! The proofs of custody: values that show how far a message has been taken charge of. Each step of
//! the custody order (`docs/architecture.md`) makes one and consumes the one before it. `DELE` accepts
//! the last one, or the proof that the user has ordered the deletion (`deletable`). To delete any other
//! message does not compile.
//!
//! Each proof has one maker, which `tests/it/layers.rs` checks. This module uses neither a disk nor
//! a database.

use std::fmt;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::exit::Exit;
use crate::mail::handover::{DeliveryKey, Location, OpenHandover, OutcomeKey, TargetKey};
use crate::mail::headers::Header;
use crate::mail::maildrop::{Identity, UniqueId};
use crate::mail::same::{Fingerprint, MessageContent};
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;
use crate::os::sys::File;
use crate::text::ServerText;

/// A message that is stored in a file of ours.
#[derive(Clone, Debug)]
pub(crate) struct StoredMessage {
    /// The message's unique-id and copy number.
    pub identity: Identity,
    /// The size in octets that the scan listing reported.
    pub size: Option<u64>,
    /// The unique name of its file, the same in tmp/ and in new/.
    pub file_name: String,
    /// The length of the file in octets.
    pub octets: u64,
    /// The SHA-256 of the file's octets.
    pub digest: Digest,
    /// The fields of its header that are needed.
    pub header: Header,
    /// The marks by which it is compared with other downloads.
    pub fingerprint: Box<Fingerprint>,
    /// The reason to doubt it.
    pub suspicion: Suspicion,
    /// The targets that a rule sends it to; empty for the usual ones. It is not set for a message of an earlier run.
    pub chosen: Vec<TargetKey>,
}

/// The octets of a line end that some servers do not count at the end of a message.
const FINAL_LINE_END: u64 = 2;

impl StoredMessage {
    /// Returns what decides whether another download is the same message.
    pub(crate) fn content(&self) -> MessageContent {
        MessageContent {
            digest: self.digest,
            from: self.header.from.clone(),
            fingerprint: *self.fingerprint,
        }
    }

    /// Returns the reason to doubt that this is the message that was asked for: it does not have its listed size.
    /// In CRLF it is always a little longer than as it is stored. If the server has added lines to its header,
    /// its length says nothing.
    pub(crate) fn size_doubt(&self) -> Suspicion {
        let has_added_lines = self.fingerprint.canonical.is_some();
        let is_longer = |size: u64| self.octets > size.saturating_add(FINAL_LINE_END);
        match self.suspicion {
            Suspicion::Incomplete => Suspicion::Incomplete,
            Suspicion::Short | Suspicion::OutOfStep if self.size.is_some() => Suspicion::Short,
            Suspicion::None if !has_added_lines && self.size.is_some_and(is_longer) => {
                Suspicion::Short
            }
            _ => Suspicion::None,
        }
    }

    /// Returns the reason to doubt that its unique-id is its own. As long as its session may have lost a reply,
    /// it may be that of a neighbour.
    pub(crate) fn name_doubt(&self) -> Suspicion {
        match self.suspicion {
            Suspicion::OutOfStep if self.size.is_some() => Suspicion::OutOfStep,
            _ => self.size_doubt(),
        }
    }

    /// Returns true if this is the message that was asked for, and whole, by its listed size.
    pub(crate) fn has_its_size(&self) -> bool {
        self.size.is_some()
            && self.suspicion == Suspicion::None
            && self.size_doubt() == Suspicion::None
    }
}

/// The place to which a target delivers, as the database remembers it from run to run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TargetPlace {
    /// The absolute path of the Maildir, or of the spool from which an MDA is fed.
    pub path: PathBuf,
    /// The inode of new/ or of the spool. A Maildir that is removed and made again has another one.
    pub inode: u64,
    /// The device of that folder, if it is known.
    pub device: Option<u64>,
    /// The MDA, if messages are delivered to one.
    pub program: Option<String>,
}

impl TargetPlace {
    /// Returns true if both are the same path, or both are a spool. An account has one spool, to
    /// whatever path the state folder has moved, and whatever MDA it feeds.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        match (&self.program, &other.program) {
            (Some(_), Some(_)) => true,
            (None, None) => self.path == other.path,
            _ => false,
        }
    }
}

impl fmt::Display for TargetPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Some(program) => f.write_str(program),
            None => self.path.display().fmt(f),
        }
    }
}

/// Custody step 1: the message is complete in tmp/, since its terminator has arrived. Made by a
/// delivery target.
#[derive(Debug)]
pub(crate) struct Receipt {
    stored: StoredMessage,
    file: File,
}

/// Custody step 2: the message's octets and its name in tmp/ survive a power cut. Made by a
/// delivery target.
#[derive(Debug)]
pub(crate) struct Durable(StoredMessage);

/// Custody step 3: the database knows the message under its final name. From here on it is ours.
/// Made by the database.
#[derive(Debug)]
pub(crate) struct Staged {
    key: OutcomeKey,
    stored: StoredMessage,
    place: TargetPlace,
    history: StagedHistory,
    handover: Option<OpenHandover>,
}

/// The history of a staged message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StagedHistory {
    /// True if this run staged it.
    pub is_fresh: bool,
    /// True if an earlier run gave it to an MDA and was killed before it recorded the outcome.
    pub was_handed_over: bool,
    /// The number of refusals in a row that waiting does not help.
    pub failures: u32,
    /// The time of the next try.
    pub next_try: Moment,
}

/// Custody steps 4 and 5: the message is where the user wants it, and stays there. Made by a
/// delivery target.
#[derive(Debug)]
pub(crate) struct Delivered {
    key: OutcomeKey,
    stored: StoredMessage,
    output: ServerText,
    location: Option<Location>,
}

/// A message that an earlier run delivered, and that the database does not know.
#[derive(Debug)]
pub(crate) struct Found {
    /// The proof.
    pub delivered: Delivered,
    /// The time of the delivery.
    pub when: Moment,
}

/// The result of delivering a staged message.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is delivered.
    Delivered(Delivered),
    /// It is not delivered, but we still have it: it stays staged and is tried again.
    Kept {
        /// The key of its delivery.
        key: OutcomeKey,
        /// The message's unique-id and copy number.
        identity: Identity,
        /// The reason, for the user.
        why: String,
        /// The reason without what is particular to the message.
        kind: String,
        /// A hint: what the user can do about it.
        hint: Option<String>,
        /// The exit status that it leads to. It is transient if waiting may help.
        exit: Exit,
        /// The number of refusals in a row that waiting does not help, this one included.
        failures: u32,
        /// True if the MDA may have delivered it nevertheless.
        is_in_doubt: bool,
    },
    /// Our file is gone: the message has to be fetched again.
    Lost(OutcomeKey),
}

/// The reason why a target did not take a message.
#[derive(Clone, Debug)]
pub(crate) struct NotDelivered {
    /// The reason, for the user.
    pub why: String,
    /// The reason without what is particular to the message.
    pub kind: String,
    /// A hint for the user.
    pub hint: Option<String>,
    /// The exit status that it leads to. It is transient if waiting may help.
    pub exit: Exit,
}

impl Outcome {
    /// Returns the key of the delivery.
    pub(crate) fn key(&self) -> OutcomeKey {
        match self {
            Self::Delivered(delivered) => delivered.key,
            Self::Kept { key, .. } | Self::Lost(key) => *key,
        }
    }
}

impl Receipt {
    /// Makes the proof. Only a delivery target calls this, once a message is complete.
    pub(crate) fn new(stored: StoredMessage, file: File) -> Self {
        Self { stored, file }
    }

    /// Returns the message.
    pub(crate) fn stored(&self) -> &StoredMessage {
        &self.stored
    }

    /// Returns the open file, which is to be flushed.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the message another copy number: the server uses its unique-id for several messages.
    pub(crate) fn renumbered(mut self, copy: u32) -> Self {
        self.stored.identity.copy = copy;
        self
    }

    /// Puts the message in doubt, or trusts it.
    pub(crate) fn suspected(mut self, suspicion: Suspicion) -> Self {
        self.stored.suspicion = suspicion;
        self
    }

    /// Sends the message to these targets instead of the usual ones.
    pub(crate) fn sent_to(mut self, chosen: Vec<TargetKey>) -> Self {
        self.stored.chosen = chosen;
        self
    }

    /// Gives the message a unique-id made up by us: the server has none for it.
    pub(crate) fn named(mut self, unique_id: UniqueId) -> Self {
        self.stored.identity = Identity { unique_id, copy: 0 };
        self
    }

    /// Ends the custody of a message that is not needed: its file is to be removed.
    pub(crate) fn into_stored(self) -> StoredMessage {
        self.stored
    }
}

impl Durable {
    /// Makes the proof. Only a delivery target calls this, once a flush has succeeded.
    pub(crate) fn new(receipt: Receipt) -> Self {
        Self(receipt.stored)
    }

    /// Returns the message.
    pub(crate) fn stored(&self) -> &StoredMessage {
        &self.0
    }
}

impl Staged {
    /// Makes the proof. Only the database calls this, once the transaction is committed.
    pub(crate) fn new(key: DeliveryKey, durable: Durable, place: TargetPlace) -> Self {
        let history = StagedHistory {
            is_fresh: true,
            ..StagedHistory::default()
        };
        Self::recalled(key, durable.0, place, history)
    }

    /// Notes who is about to get the message. Only the database calls this, once that is committed.
    pub(crate) fn announced(self, handover: OpenHandover) -> Self {
        self.handed_over_before(Some(handover))
    }

    /// Makes the proof again. Only the database calls this, for the row of an earlier run.
    pub(crate) fn recalled(
        key: DeliveryKey,
        stored: StoredMessage,
        place: TargetPlace,
        history: StagedHistory,
    ) -> Self {
        let key = OutcomeKey {
            delivery: key,
            target: None,
        };
        Self {
            key,
            stored,
            place,
            history,
            handover: None,
        }
    }

    /// Returns the same message for another target. Only the database calls this.
    pub(crate) fn copy(&self) -> Self {
        Self::recalled(
            self.key.delivery,
            self.stored.clone(),
            self.place.clone(),
            self.history,
        )
    }

    /// Adds what is known of an earlier hand-over to the target. Only the database calls this.
    pub(crate) fn handed_over_before(mut self, handover: Option<OpenHandover>) -> Self {
        self.key.target = handover.as_ref().map(|handover| handover.target);
        self.handover = handover;
        self
    }

    /// Returns the last hand-over to the target, if its outcome is not known: an earlier one, or the one that
    /// takes place now.
    pub(crate) fn handover(&self) -> Option<&OpenHandover> {
        self.handover.as_ref()
    }

    /// Returns the message.
    pub(crate) fn stored(&self) -> &StoredMessage {
        &self.stored
    }

    /// Returns the key of its delivery.
    pub(crate) fn key(&self) -> DeliveryKey {
        self.key.delivery
    }

    /// Returns the key under which the result is recorded.
    pub(crate) fn outcome_key(&self) -> OutcomeKey {
        self.key
    }

    /// Returns the place to which it was to be delivered when it was staged.
    pub(crate) fn place(&self) -> &TargetPlace {
        &self.place
    }

    /// Returns the name of its file, when nothing more is done with the message.
    pub(crate) fn into_file_name(self) -> String {
        self.stored.file_name
    }

    /// Returns what happened to it since it was staged.
    pub(crate) fn history(&self) -> &StagedHistory {
        &self.history
    }

    /// Returns the outcome for a message whose file is gone.
    pub(crate) fn lost(&self) -> Outcome {
        Outcome::Lost(self.key)
    }

    /// Returns the outcome of a failed delivery: the message is kept. Only a refusal that waiting
    /// does not help counts as a failure of the message.
    pub(crate) fn kept(&self, refusal: NotDelivered) -> Outcome {
        let NotDelivered {
            why,
            kind,
            hint,
            exit,
        } = refusal;
        Outcome::Kept {
            key: self.key,
            identity: self.stored.identity.clone(),
            why,
            kind,
            hint,
            exit,
            failures: self.history.failures + u32::from(!exit.is_transient()),
            is_in_doubt: false,
        }
    }

    /// Returns the outcome of a delivery during which the MDA was stopped. The message is kept, and
    /// nobody knows if the MDA had delivered it by then.
    pub(crate) fn kept_in_doubt(&self, why: impl ToString, hint: Option<String>) -> Outcome {
        Outcome::Kept {
            key: self.key,
            identity: self.stored.identity.clone(),
            why: why.to_string(),
            kind: String::new(),
            hint,
            exit: Exit::Temporary,
            failures: self.history.failures,
            is_in_doubt: true,
        }
    }
}

impl Delivered {
    /// Makes the proof. Only a delivery target calls this. `output` is what an MDA printed although
    /// it took the message.
    pub(crate) fn new(staged: Staged, output: ServerText) -> Self {
        let Staged { key, stored, .. } = staged;
        Self {
            key,
            stored,
            output,
            location: None,
        }
    }

    /// Adds where the target has the message.
    pub(crate) fn at(self, location: Option<Location>) -> Self {
        Self { location, ..self }
    }

    /// Makes the proof again. Only a delivery target calls this, if it has a file with exactly the
    /// message's octets from an earlier run of which no record is left.
    pub(crate) fn found(stored: StoredMessage) -> Self {
        Self {
            key: OutcomeKey::NONE,
            stored,
            output: ServerText::default(),
            location: None,
        }
    }

    /// Returns the message.
    pub(crate) fn stored(&self) -> &StoredMessage {
        &self.stored
    }

    /// Returns what the MDA printed about it; mostly nothing.
    pub(crate) fn output(&self) -> &ServerText {
        &self.output
    }

    /// Returns where the target has the message, if it says so.
    pub(crate) fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }
}
