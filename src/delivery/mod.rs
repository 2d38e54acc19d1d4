//! Where messages go.
//! Knows nothing of servers or of the database.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::exit::Exit;
use crate::mail::custody::{Found, Outcome, Staged, StoredMessage, TargetPlace};

pub(crate) mod intake;
pub(crate) mod maildir;
pub(crate) mod mda;
mod process;
pub(crate) mod recovered;
pub(crate) mod staged_state;
mod stdin;
mod template;
pub mod unique_name;

pub use intake::{Incoming, Intake};
pub use maildir::Maildir;
pub use mda::Mda;
pub use recovered::SoughtMessages;
pub use staged_state::locate;

/// Where an account's messages go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A Maildir: its absolute path.
    Maildir(PathBuf),
    /// A program that reads one message on its standard input.
    Mda(mda::Options),
}

/// Takes messages in and brings them where they belong.
pub trait Target: Send + Sync {
    /// Where messages arrive and become durable (steps 1 and 2).
    fn intake(&self) -> &Intake;

    /// Where they come to stand, as the database remembers it.
    fn place(&self) -> &TargetPlace;

    /// Brings staged messages to their place, for good (steps 4 and 5). It may be asked again for
    /// a message of which nobody knows how far it came.
    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome>;

    /// How many messages may be delivered between two records.
    fn group_size(&self) -> usize;

    /// Whether it cannot tell whether it had a message before: those on their way when we are
    /// killed, [`Self::group_size`] at most, are delivered again.
    fn may_deliver_twice(&self) -> bool {
        false
    }

    /// Whether it still takes messages: a slow one does not once the run is ending.
    fn accepts_more(&self) -> bool;

    /// Lets go of what is needed no longer, now that these outcomes are recorded.
    fn forget_delivered(&self, recorded: &[Outcome]);

    /// Looks for messages that earlier runs delivered, for a database that may not know of them. A
    /// target that cannot tell finds none.
    ///
    /// # Errors
    /// It cannot be read.
    fn find_earlier(&self, _suspects: &SoughtMessages) -> Result<(), Error> {
        Ok(())
    }

    /// Whether the last search found something that may be a message with this unique-id.
    fn may_have_found(&self, _unique_id: &[u8]) -> bool {
        false
    }

    /// Recognises a message by its octets among what the last search found, once.
    ///
    /// # Errors
    /// What was found cannot be read.
    fn recognise(&self, _parcel: &StoredMessage) -> Result<Option<Found>, Error> {
        Ok(None)
    }
}

/// A place of an earlier run, opened again.
pub enum Reopened {
    /// Messages can be brought there.
    Target(Box<dyn Target>),
    /// It is no longer there.
    Missing,
    /// It is a spool, and only an MDA can empty it.
    NeedsMda,
    /// It may be there, but cannot be opened now.
    Unreachable(Error),
}

/// Opens a place to which an earlier run wanted to deliver. `tag` tells the account's files.
pub fn reopen(place: &TargetPlace, tag: &str) -> Reopened {
    match place.program {
        Some(_) => Reopened::NeedsMda,
        None => match Maildir::open_existing(&place.path, tag) {
            Ok(maildir) => Reopened::Target(Box::new(maildir)),
            Err(error) if error.is_not_found() => Reopened::Missing,
            Err(error) => Reopened::Unreachable(error),
        },
    }
}

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Maildir cannot be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// What was to be made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else has a say in where the messages go.
    #[error(
        "{} belongs to user {owner}, or is reached by a link of theirs: run as that user, or name \
         another Maildir",
        path.display()
    )]
    Foreign {
        /// The Maildir.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Something failed on the disk.
    #[error("cannot {doing} {}: {source}", path.display())]
    Local {
        /// The verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The MDA did not take a message, or cannot.
    #[error(transparent)]
    Mda(#[from] mda::Error),
    /// A message that the server tells to be large does not fit.
    #[error(
        "there is no room in {}: {octets} octets are needed, and {free} are free",
        path.display()
    )]
    NoRoom {
        /// The folder where it would arrive.
        path: PathBuf,
        /// What is needed, with what is on the way already.
        octets: u64,
        /// What is there.
        free: u64,
    },
    /// A folder that is not empty and no Maildir.
    #[error("{} is no Maildir: it has other things in it, but no tmp/, new/ and cur/", .0.display())]
    NotMaildir(PathBuf),
    /// Nothing can be delivered there.
    #[error("cannot create files in {}: {source}", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A message stays in tmp/.
    #[error("cannot rename {} to {}: {source}", from.display(), to.display())]
    Rename {
        /// Its file in tmp/.
        from: PathBuf,
        /// Its file in new/.
        to: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    fn cannot(doing: &'static str, path: &Path, errno: Errno) -> Self {
        Self::Local {
            doing,
            path: path.to_owned(),
            source: errno.into(),
        }
    }

    fn is_not_found(&self) -> bool {
        matches!(self, Self::Local { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Mda(source) => source.hint(),
            _ => None,
        }
    }

    /// The exit status that it leads to: a full disk may have room at the next run.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Create { source, .. }
            | Self::Local { source, .. }
            | Self::Rename { source, .. }
                if is_full(source) =>
            {
                Exit::Temporary
            }
            Self::Create { .. } | Self::Local { doing: "open", .. } | Self::ReadOnly { .. } => {
                Exit::CannotCreate
            }
            Self::Local { .. } | Self::Rename { .. } => Exit::LocalIo,
            Self::Mda(error) => error.exit(),
            Self::NoRoom { .. } => Exit::Temporary,
            Self::Foreign { .. } | Self::NotMaildir(_) => Exit::Configuration,
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), QuotaExceeded | StorageFull)
}
