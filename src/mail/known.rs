//! The messages of an account that earlier runs have recorded.

use std::path::PathBuf;
use std::time::Duration;

use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;
use crate::text::ServerText;

/// After this many failures in a row a message is set aside.
pub const MAX_FAILURES: u32 = 5;
/// The time between two attempts at a message that was set aside.
pub const SET_ASIDE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Returns true if a message may be tried now that was not to be tried before `until`. No message waits
/// for longer than a day, so that a clock that was set back delays nothing.
pub fn may_be_tried(until: Moment, now: Moment) -> bool {
    until <= now || until > now.plus(SET_ASIDE_FOR)
}

/// Returns the time of the next attempt at a message with this many failures in a row: the next run,
/// or in a day.
pub fn next_try(failures: u32, now: Moment) -> Moment {
    if failures < MAX_FAILURES {
        now
    } else {
        now.plus(SET_ASIDE_FOR)
    }
}

/// The mark of an account's rules: other rules have another one. It is 0 if there are none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RulesMark(pub u64);

/// The state of a known message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Delivered at that time, and recorded.
    Delivered(Moment),
    /// Deleted from the server. The row stays in case the unique-id comes back.
    Gone,
    /// Known, but never delivered by us, and so never deleted by us.
    Seen,
    /// Ours, but not yet known to be delivered.
    Staged,
    /// It could not be retrieved. It is not tried again before that time.
    Failed(Moment),
    /// A rule has left it on the server.
    Left {
        /// The mark of the rules of then.
        rules: RulesMark,
        /// The time at which the rules may say something else.
        until: Option<Moment>,
    },
}

impl State {
    /// Returns the word for it in lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered(_) => "delivered",
            Self::Gone => "gone",
            Self::Seen => "seen",
            Self::Staged => "staged",
            Self::Failed(_) => "failed",
            Self::Left { .. } => "left",
        }
    }
}

/// A known message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownMessage {
    /// Its copy number among the messages under the same unique-id.
    pub copy: u32,
    /// Its state.
    pub state: State,
    /// Its size in octets, as the scan listing said when it was new.
    pub size: Option<u64>,
    /// The time before which it is neither fetched nor compared.
    pub next_try: Moment,
    /// True if it was missing from the last listing.
    pub is_absent: bool,
    /// True if it is never deleted: the server keeps listing it whatever it replies to DELE (Gmail).
    pub is_undeletable: bool,
    /// True if its deletion was asked for in a session whose QUIT got no answer, or a bad one.
    pub quit_was_unanswered: bool,
    /// The reason to doubt our copy.
    pub suspicion: Suspicion,
}

/// The facts that earlier runs have learned about the sizes and headers that a server reports.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SizeHistory {
    /// The number of octets that STAT counts more than LIST.
    pub surplus: i64,
    /// The number of messages in a row whose size had changed and whose content had not.
    pub equal_contents: u32,
    /// The number of messages in a row with another header (TOP) but the same content.
    pub other_headers: u32,
    /// The evidence that whole messages do not have the size that LIST says: see [`Self::note_again`].
    pub short_again: u32,
}

/// The difference between a message and the size that the server promised, if it is too large for the ways in
/// which servers count octets and for the lines that they add.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deviation {
    /// It has the size, or nearly.
    None,
    /// It is shorter, and at least half of it came.
    Shorter,
    /// It is longer.
    Longer,
    /// More than half is missing.
    LessThanHalf,
}

/// The second downloads of messages that did not have the promised size.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ShortAgain {
    /// The number of those that came again with the same octets, and at least half of the size.
    pub parts: u32,
    /// The number of those that came again with the same octets, and less than half of the size.
    pub halves: u32,
    /// True if one came in its listed size: it had been cut.
    pub has_cut: bool,
}

impl ShortAgain {
    /// Counts a message that came again with the same octets.
    pub fn count(&mut self, deviation: Deviation) {
        match deviation {
            Deviation::None => {}
            Deviation::Shorter | Deviation::Longer => self.parts += 1,
            Deviation::LessThanHalf => self.halves += 1,
        }
    }
}

impl SizeHistory {
    /// After this many second downloads with the same octets, messages of another size than listed are
    /// trusted.
    const PARTS: u32 = 3;
    /// The same for messages of less than half their listed size.
    const HALVES: u32 = 2 * Self::PARTS;

    /// Notes the results of second downloads. Messages that came again in the same octets show that the
    /// server lists wrong sizes. Messages of which at least half came do not excuse messages of which less
    /// than half comes. A message that turns out to have been cut shows that the listed sizes are right.
    pub fn note_again(&mut self, again: ShortAgain) {
        if again.has_cut {
            self.short_again = 0;
            return;
        }
        if self.short_again < Self::PARTS {
            self.short_again = (self.short_again + again.parts).min(Self::PARTS);
        }
        self.short_again = (self.short_again + again.halves).min(Self::HALVES);
    }

    /// Returns true if a message may be the right one, and whole, although it differs that much from its size.
    pub fn excuses(self, deviation: Deviation) -> bool {
        match deviation {
            Deviation::None => true,
            Deviation::Shorter | Deviation::Longer => self.short_again >= Self::PARTS,
            Deviation::LessThanHalf => self.short_again >= Self::HALVES,
        }
    }

    /// Returns true if another size says nothing about a message: the server changes the sizes of old
    /// messages (it adds header lines to them).
    pub fn prove_nothing(self) -> bool {
        const EQUAL_CONTENTS: u32 = 10;
        self.equal_contents >= EQUAL_CONTENTS
    }

    /// Returns true if another header says nothing about a message: TOP sends another header than RETR.
    pub fn headers_prove_nothing(self) -> bool {
        const OTHER_HEADERS: u32 = 10;
        self.other_headers >= OTHER_HEADERS
    }
}

/// A delivery, as `mailpull log` shows it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The account's name.
    pub account: String,
    /// The message's unique-id.
    pub unique_id: ServerText,
    /// The time of the delivery, or `None` if the message is still staged.
    pub delivered: Option<Moment>,
    /// The time when it was deleted from the server.
    pub deleted: Option<Moment>,
    /// True if it was handed to an MDA again after a kill, so that it may have been delivered twice.
    pub was_repeated: bool,
    /// The Maildir, or the spool from which an MDA took it.
    pub target: PathBuf,
    /// The MDA or other target that takes messages from a spool, or the names of all, if there was one.
    pub program: Option<String>,
    /// The targets that have taken it from the spool.
    pub takers: Vec<Taker>,
    /// Its file name there.
    pub file_name: String,
    /// Its length in octets.
    pub octets: u64,
    /// The From field.
    pub from: ServerText,
    /// The Subject field.
    pub subject: ServerText,
}

/// A target that has taken a message from the spool.
#[derive(Clone, Debug)]
pub struct Taker {
    /// Its name.
    pub name: String,
    /// What it said then.
    pub words: ServerText,
    /// The place where it has the message, if it has named one.
    pub location: Option<String>,
    /// True if it may have got the message before.
    pub was_repeated: bool,
}

/// The facts about an account's known messages as a whole. The messages themselves are read from the
/// database when they are needed, one at a time, as there may be millions.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownFacts {
    /// True if a message is known, so that this is not the first run.
    pub has_messages: bool,
    /// True if all messages are in doubt: the unique-ids may mean other messages now.
    pub are_doubtful: bool,
    /// The facts that earlier runs have learned about the sizes and headers that the server reports.
    pub sizes: SizeHistory,
}

impl KnownFacts {
    /// Returns true if the unique-id alone does not identify a message: it was missing before, or all
    /// messages are in doubt.
    pub fn is_doubtful(&self, known: &KnownMessage) -> bool {
        self.are_doubtful || known.is_absent
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Returns a message about which nothing but its state is known.
    pub(crate) fn message_in(state: State) -> KnownMessage {
        KnownMessage {
            copy: 0,
            state,
            size: None,
            next_try: Moment(0),
            is_absent: false,
            is_undeletable: false,
            quit_was_unanswered: false,
            suspicion: Suspicion::None,
        }
    }

    #[test]
    fn second_downloads_show_that_sizes_are_wrong() {
        let (parts, halves, cut) = (
            ShortAgain {
                parts: 1,
                ..ShortAgain::default()
            },
            ShortAgain {
                halves: 1,
                ..ShortAgain::default()
            },
            ShortAgain {
                has_cut: true,
                parts: 5,
                ..ShortAgain::default()
            },
        );
        for (results, excuses) in [
            (vec![], [false, false]),
            (vec![parts; 2], [false, false]),
            (vec![parts; 3], [true, false]),
            (vec![parts; 99], [true, false]),
            (vec![halves; 2], [false, false]),
            (vec![halves; 3], [true, false]),
            (vec![halves; 6], [true, true]),
            (
                vec![parts, parts, parts, parts, halves, halves],
                [true, false],
            ),
            (
                vec![parts, parts, parts, halves, halves, halves],
                [true, true],
            ),
            (vec![parts, parts, parts, cut], [false, false]),
            (vec![cut, parts, parts], [false, false]),
        ] {
            let mut history = SizeHistory::default();
            for again in &results {
                history.note_again(*again);
            }
            let parts = history.excuses(Deviation::Shorter);
            let halves = history.excuses(Deviation::LessThanHalf);
            assert_eq!([parts, halves], excuses, "{results:?}");
        }
    }

    /// Known messages in the order of their unique-ids and copy numbers, as the database has them.
    #[derive(Default)]
    pub(crate) struct KnownRows(Vec<(Vec<u8>, KnownMessage)>);

    impl KnownRows {
        pub(crate) fn of<'a>(rows: impl IntoIterator<Item = (&'a str, KnownMessage)>) -> Self {
            let rows = rows.into_iter();
            Self(
                rows.map(|(id, row)| (id.as_bytes().to_vec(), row))
                    .collect(),
            )
        }

        pub(crate) fn facts(&self) -> KnownFacts {
            KnownFacts {
                has_messages: !self.0.is_empty(),
                ..KnownFacts::default()
            }
        }

        pub(crate) fn each(
            &self,
            each: &mut dyn FnMut(&[u8], KnownMessage),
        ) -> Result<(), Infallible> {
            self.0.iter().for_each(|(id, row)| each(id, *row));
            Ok(())
        }
    }
}
