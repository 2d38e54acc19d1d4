//! A model of the custody order (`docs/architecture.md`) that is small enough to try everything.
//!
//! There are two messages, a server, a disk and a mail reader. After every step the program may be
//! killed, the power may fail, and the reader may move or remove a message. `search` visits every state
//! that can come about, and returns the shortest way to one that breaks the promise. The tests show
//! that the rules keep the promise, and that it is broken without any one of them.
//!
//! `steps` has the custody order: `receive`, then `settle`, `delete` and `quit`. `recover` is what the
//! next run does first. `disk` says what a power cut leaves.
//!
//! The user may order the deletion of a message (`mailpull delete`), at any time while it is on the server.
//! Such a message needs no delivery. But the database must have the order before the message is gone.

mod disk;
mod search;
mod steps;
mod tests;

use std::fmt;

use disk::{DiskKind, File};

/// The number of messages.
const MESSAGES: usize = 2;

/// A rule of the custody order that can be left out, to show why it is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    /// Octets and the names in tmp/ are flushed before a message is staged.
    FlushBeforeStaging,
    /// The database knows a message before it is put in place.
    StageBeforePlacing,
    /// `new/` is flushed before the delivery is recorded.
    FlushNew,
    /// A message is listed before a mail reader can see it.
    ListBeforePlacing,
    /// The list does not count any more after a power cut.
    PowerCutEndsList,
    /// The list is removed after the record, not before it.
    RecordBeforeUnlisting,
    /// The next run looks for a staged message in `cur/`, too.
    SearchCur,
    /// A staged message that is nowhere is fetched again. It does not count as delivered.
    AbsenceIsNoProof,
    /// QUIT is not sent while a retrieved message is on its way.
    QuitAfterSettling,
    /// The database knows an order before DELE is sent.
    RecordOrderBeforeDelete,
}

/// The surroundings of the program.
#[derive(Clone, Copy, Debug)]
struct Setting {
    /// The number of messages that are tried, at most [`MESSAGES`].
    messages: usize,
    disk: DiskKind,
    cleaner: CleanerHabit,
    reader: ReaderHabit,
    /// True if the power may fail.
    has_power_cuts: bool,
    server: ServerKind,
    user: UserHabit,
    proof: PlacementProof,
    /// The rule that is left out.
    without: Option<Rule>,
    /// The exceptions that are allowed.
    exceptions: &'static [Exception],
}

/// A program that removes files of others from tmp/.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CleanerHabit {
    Absent,
    /// It removes `tmp/F` and the list together.
    Thorough,
    /// It may have removed `tmp/F` and not yet the list.
    Halfway,
}

/// The kinds of servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ServerKind {
    /// It deletes what DELE named, when it receives QUIT.
    Obedient,
    /// It also deletes what was retrieved.
    DeletesRetrieved,
}

/// The habits of a mail reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ReaderHabit {
    /// It moves messages to cur/.
    Moves,
    /// It also removes messages.
    MovesAndRemoves,
}

/// The habits of the user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum UserHabit {
    /// The user gives no orders.
    OrdersNothing,
    /// The user may order the deletion of any message.
    OrdersDeletions,
}

/// An order to delete a message from the server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum UserOrder {
    None,
    /// The program has the order, and the database does not know it.
    Given,
    /// The database has it. It stays there after the deletion.
    Recorded,
}

/// The proof that a staged message was put in place, although it is in the Maildir no longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum PlacementProof {
    /// No proof.
    None,
    /// The custody order: a list in tmp/ of the messages that are in place.
    List,
}

/// The cases in which a message may be delivered twice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Exception {
    /// Another program has removed files from tmp/ while the message was staged.
    Cleaned,
    /// The power failed before the record, and a reader removed the message before the next run.
    RemovedAfterPowerCut,
}

/// The row of a message in the database. A commit is durable when it returns.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Row {
    None,
    Staged,
    Delivered,
    Gone,
}

/// The last step of the present run with a message.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Step {
    /// Nothing was done yet.
    Waiting,
    /// Custody step 1.
    Received,
    /// Custody step 2.
    Durable,
    /// Custody step 3.
    Staged,
    /// Custody step 4: it is hidden in new/.
    Hidden,
    /// Custody step 4: it has its final name.
    InPlace,
    /// Custody step 5.
    Delivered,
    /// Custody step 6.
    Recorded,
    /// Custody step 7: DELE was sent.
    Marked,
    /// Its file was gone before it was put in place. The next run fetches it again.
    Lost,
}

/// A message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct TrackedMessage {
    /// The file of its last download.
    file: File,
    row: Row,
    step: Step,
    order: UserOrder,
    is_on_server: bool,
    /// True if an earlier download of it was put in place.
    was_placed: bool,
    /// True if it may be delivered twice: one of the allowed exceptions holds for it.
    is_excepted: bool,
}

/// The state of the program.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Run {
    /// It does not run.
    Down,
    /// It finishes what the last run left.
    Recovering,
    /// It has a session.
    Online,
    /// The server has answered QUIT.
    Answered,
    /// The session is over, and the messages that have arrived are settled.
    Offline,
}

/// Everything.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct World {
    messages: [TrackedMessage; MESSAGES],
    run: Run,
}

/// A step from one state to the next. [`fmt::Display`] says what each is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    Start,
    Recover(usize),
    Connect,
    Receive(usize),
    FlushTmp,
    Stage,
    Hide(usize),
    List(usize),
    Place(usize),
    FlushNew,
    Record,
    Unlist,
    Order(usize),
    RecordOrder(usize),
    Delete(usize),
    QuitAnswered,
    /// QUIT was obeyed, and the answer was lost.
    QuitUnanswered,
    MarkGone,
    End,
    Kill,
    PowerCut,
    ReaderMoves(usize),
    ReaderRemoves(usize),
    Clean(usize),
}

/// The steps as the documentation writes them. Messages have the numbers 1 and 2.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, n) = match self {
            Self::Start => ("start", None),
            Self::Recover(n) => ("recover #", Some(n)),
            Self::Connect => ("connect", None),
            Self::Receive(n) => ("RETR # to tmp/#", Some(n)),
            Self::FlushTmp => ("flush tmp/", None),
            Self::Stage => ("STAGED", None),
            Self::Hide(n) => ("rename tmp/# to new/.#", Some(n)),
            Self::List(n) => ("list #", Some(n)),
            Self::Place(n) => ("rename new/.# to new/#", Some(n)),
            Self::FlushNew => ("flush new/", None),
            Self::Record => ("DELIVERED", None),
            Self::Unlist => ("remove the list", None),
            Self::Order(n) => ("the user orders the deletion of #", Some(n)),
            Self::RecordOrder(n) => ("record the order for #", Some(n)),
            Self::Delete(n) => ("DELE #", Some(n)),
            Self::QuitAnswered => ("QUIT", None),
            Self::QuitUnanswered => ("QUIT without an answer", None),
            Self::MarkGone => ("GONE", None),
            Self::End => ("end", None),
            Self::Kill => ("kill", None),
            Self::PowerCut => ("power cut", None),
            Self::ReaderMoves(n) => ("the reader moves new/# to cur/#", Some(n)),
            Self::ReaderRemoves(n) => ("the reader removes #", Some(n)),
            Self::Clean(n) => ("another program removes tmp/#", Some(n)),
        };
        let number = n.map_or_else(String::new, |n| (n + 1).to_string());
        f.write_str(&text.replace('#', &number))
    }
}

impl TrackedMessage {
    const NEW: Self = Self {
        file: File::NONE,
        row: Row::None,
        step: Step::Waiting,
        order: UserOrder::None,
        is_on_server: true,
        was_placed: false,
        is_excepted: false,
    };

    /// True while a message is neither only on the server nor recorded.
    fn is_on_its_way(&self) -> bool {
        (Step::Received..=Step::Delivered).contains(&self.step)
    }
}
