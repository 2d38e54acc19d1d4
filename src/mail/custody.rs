//! Taking charge of a message, step by step: each step is a proof that the next one consumes, and
//! `DELE` accepts only the last. "Deleted before safely stored" does not compile.
//!
//! Each proof has one maker, which a test checks; nothing here touches a disk or a database.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::mail::headers::Header;
use crate::mail::maildrop::{Identity, MessageNumber, UniqueId};
use crate::moment::Moment;
use crate::text::{SHOWN_OCTETS, ServerText};

/// A message in our hands.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// Who it is.
    pub identity: Identity,
    /// Its size in octets as the scan listing said.
    pub size: Option<u64>,
    /// Its unique name in tmp/, and then in new/.
    pub file_name: String,
    /// Its length in octets as it is stored.
    pub octets: u64,
    /// SHA-256 of it as it is stored.
    pub digest: Digest,
    /// What its header says.
    pub header: Header,
}

/// Where messages are delivered, as it is remembered across runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The absolute path of the Maildir, or of the spool from which an MDA is fed.
    pub path: PathBuf,
    /// The inode of the folder where messages come to stand: a Maildir made anew has another.
    pub inode: u64,
    /// The MDA, where it is one.
    pub program: Option<String>,
}

impl Place {
    /// Whether it is the same path, made anew or not. There is one spool, wherever the state folder
    /// has moved, and whichever MDA it feeds.
    pub fn is_at(&self, other: &Self) -> bool {
        match (&self.program, &other.program) {
            (Some(_), Some(_)) => true,
            (None, None) => self.path == other.path,
            _ => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Some(program) => f.write_str(program),
            None => self.path.display().fmt(f),
        }
    }
}

/// Step 1: the message is complete in tmp/, its terminator was seen. Made by a delivery target.
#[derive(Debug)]
pub struct Receipt {
    stored: StoredMessage,
    file: File,
}

/// Step 2: its octets and its name in tmp/ survive a power cut. Made by a delivery target.
#[derive(Debug)]
pub struct Durable(StoredMessage);

/// Step 3: the database knows it under its final name. From here on it is ours. Made by the
/// database.
#[derive(Debug)]
pub struct Staged {
    stored: StoredMessage,
    place: Place,
    past: StagedHistory,
}

/// What a staged message has behind it.
#[derive(Clone, Copy, Debug, Default)]
pub struct StagedHistory {
    /// Whether this run staged it.
    pub is_fresh: bool,
    /// When it was staged.
    pub since: Moment,
    /// Whether an earlier run gave it to an MDA and did not live to see the answer.
    pub was_handed_over: bool,
    /// How often in a row its delivery failed.
    pub failures: u32,
    /// When it is to be tried again.
    pub next_try: Moment,
}

/// Steps 4 and 5: it is where the user wanted it, and stays there. Made by a delivery target.
#[derive(Debug)]
pub struct Delivered {
    stored: StoredMessage,
    words: ServerText,
}

/// A message that was delivered by an earlier run of which no record is left.
#[derive(Debug)]
pub struct Found {
    /// The proof.
    pub delivered: Delivered,
    /// When that was.
    pub when: Moment,
}

/// Step 6: its delivery is recorded; it may be deleted from the server. Made by the database.
#[derive(Clone, Debug)]
pub struct Recorded {
    number: MessageNumber,
    identity: Identity,
}

/// What became of a staged message.
#[derive(Debug)]
pub enum Outcome {
    /// It is delivered.
    Delivered(Delivered),
    /// It is not, but still in our hands: it stays staged and is tried again.
    Kept {
        /// Who it is.
        identity: Identity,
        /// Why, for the user.
        why: String,
        /// What the user can do about it.
        hint: Option<String>,
        /// Whether waiting may help.
        is_transient: bool,
        /// How often in a row its delivery failed by now.
        failures: u32,
        /// Whether the MDA may have taken it all the same.
        is_in_doubt: bool,
    },
    /// Our copy is nowhere: it has to be fetched again.
    Lost(Identity),
}

impl Outcome {
    /// Whose outcome it is.
    pub fn identity(&self) -> &Identity {
        match self {
            Self::Delivered(delivered) => &delivered.stored().identity,
            Self::Kept { identity, .. } | Self::Lost(identity) => identity,
        }
    }
}

impl Receipt {
    /// Made by a delivery target once a message is complete.
    pub(crate) fn new(stored: StoredMessage, file: File) -> Self {
        Self { stored, file }
    }

    /// The message.
    pub fn stored(&self) -> &StoredMessage {
        &self.stored
    }

    /// The open file, for a flush.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The same message under another copy number: its unique-id turned out to be used again.
    pub fn renumbered(mut self, copy: u32) -> Self {
        self.stored.identity.copy = copy;
        self
    }

    /// The same message under a name of its own: its server gave it none.
    pub fn named(mut self, unique_id: UniqueId) -> Self {
        self.stored.identity = Identity { unique_id, copy: 0 };
        self
    }

    /// Ends the custody of a message that turned out to be needless.
    pub(crate) fn into_parcel(self) -> StoredMessage {
        self.stored
    }
}

impl Durable {
    /// Made by a delivery target once a flush succeeded.
    pub(crate) fn new(receipt: Receipt) -> Self {
        Self(receipt.stored)
    }

    /// The message.
    pub fn stored(&self) -> &StoredMessage {
        &self.0
    }
}

impl Staged {
    /// Made by the database once the transaction is committed.
    pub(crate) fn new(durable: Durable, place: Place, since: Moment) -> Self {
        let past = StagedHistory {
            is_fresh: true,
            since,
            ..StagedHistory::default()
        };
        Self::recalled(durable.0, place, past)
    }

    /// Made by the database from the row of an earlier run.
    pub(crate) fn recalled(stored: StoredMessage, place: Place, past: StagedHistory) -> Self {
        Self {
            stored,
            place,
            past,
        }
    }

    /// The message.
    pub fn stored(&self) -> &StoredMessage {
        &self.stored
    }

    /// Where it was to be delivered.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What it has behind it.
    pub fn past(&self) -> &StagedHistory {
        &self.past
    }

    /// What becomes of it when its delivery fails: it is kept. Only a refusal that waiting does
    /// not mend counts as a failure of the message.
    pub(crate) fn kept(
        &self,
        why: impl ToString,
        hint: Option<String>,
        is_transient: bool,
    ) -> Outcome {
        Outcome::Kept {
            identity: self.stored.identity.clone(),
            why: why.to_string(),
            hint,
            is_transient,
            failures: self.past.failures + u32::from(!is_transient),
            is_in_doubt: false,
        }
    }

    /// The same where nobody knows whether the MDA had done its work: it was stopped.
    pub(crate) fn kept_in_doubt(&self, why: impl ToString) -> Outcome {
        Outcome::Kept {
            identity: self.stored.identity.clone(),
            why: why.to_string(),
            hint: None,
            is_transient: true,
            failures: self.past.failures,
            is_in_doubt: true,
        }
    }
}

impl Delivered {
    /// Made by a delivery target; `words` is what an MDA said although it took the message.
    pub(crate) fn new(staged: Staged, words: ServerText) -> Self {
        let stored = staged.stored;
        Self { stored, words }
    }

    /// Made by a delivery target for a message that it holds, octet by octet, since an earlier run
    /// of which no record is left.
    pub(crate) fn found(stored: StoredMessage) -> Self {
        let words = ServerText::default();
        Self { stored, words }
    }

    /// The message.
    pub fn stored(&self) -> &StoredMessage {
        &self.stored
    }

    /// What was said about it, if anything was.
    pub fn words(&self) -> &ServerText {
        &self.words
    }
}

impl Recorded {
    /// Made by the database for a message that it knows to be delivered.
    pub(crate) fn new(number: MessageNumber, identity: Identity) -> Self {
        Self { number, identity }
    }

    /// Its number in this session.
    pub fn number(&self) -> MessageNumber {
        self.number
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// The sender for an MDA's `%F`: the address in Return-Path if it is plain, else `MAILER-DAEMON`.
///
/// Plain is `[A-Za-z0-9.@_+/=-]`, not beginning with a dash: it must never be read as an option
/// (mpop and fetchmail pass `-oQ/tmp/x@y` on) nor as a path that climbs.
pub(crate) fn sender(return_path: Option<&ServerText>) -> &str {
    const NOBODY: &str = "MAILER-DAEMON";
    let whole = return_path.filter(|path| path.as_octets().len() <= SHOWN_OCTETS);
    let Some(address) = whole.and_then(|path| str::from_utf8(path.as_octets()).ok()) else {
        return NOBODY;
    };
    let is_plain = address
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".@_+/=-".contains(c));
    if is_plain && !address.is_empty() && !address.starts_with('-') && !address.contains("..") {
        address
    } else {
        NOBODY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_plain_or_nobody() {
        for good in ["joe@example.com", "joe+list-x=y_z@example.com"] {
            assert_eq!(sender(Some(&good.into())), good);
        }
        for bad in [
            "",
            "-oQ/tmp/x@y",
            "a b@c",
            "$(id)@x",
            "a'b@c",
            "../../x",
            "größe@example.com",
        ] {
            assert_eq!(sender(Some(&bad.into())), "MAILER-DAEMON", "{bad}");
        }
        assert_eq!(sender(None), "MAILER-DAEMON");
    }
}
