//! Delivery targets: a message arrives in a folder, becomes durable there, and is brought to its
//! place, a Maildir, an mbox file or a program (MDA). `targets` has those that are mail servers. Custody steps 1, 2, 4 and 5 are taken here.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::digest::Digest;
use crate::exit::Exit;
use crate::mail::custody::{Found, NotDelivered, Outcome, Staged, StoredMessage, TargetPlace};
use crate::mail::mark::FileMarks;
use crate::os::is_disk_full;
use crate::os::walk::{UnsafePath, WalkError};

mod envelope_sender;
mod file_mode;
mod filter;
mod folder;
mod intake;
mod leftovers;
mod maildir;
mod maildir_copy;
pub(crate) mod mbox;
pub(crate) mod mda;
mod new_maildir;
mod recall;
mod recovered;
mod route;
mod spool;
mod staged_state;
mod unavailable;
pub mod unique_name;

pub(crate) use envelope_sender::{envelope_sender, read_header};
pub use file_mode::FileMode;
pub use filter::FilterOptions;
pub(crate) use filter::{Filter, Filtered};
pub(crate) use intake::{Incoming, Intake};
pub(crate) use leftovers::Leftovers;
pub(crate) use maildir::Maildir;
pub(crate) use maildir_copy::MaildirCopy;
pub(crate) use mbox::Mbox;
pub(crate) use mda::Mda;
pub(crate) use recall::{Recall, Sighting, found_again};
pub(crate) use recovered::{EarlierFiles, SoughtMessages};
#[cfg(test)]
pub(crate) use route::RouteTarget;
pub(crate) use route::{DeliveryRoute, OpenRoute, OpenTarget};
pub(crate) use spool::Spool;
pub(crate) use staged_state::{StagedState, locate, locate_in_maildir};
pub(crate) use unavailable::UnavailableTarget;

/// The place where messages arrive and become durable (custody steps 1 and 2): a Maildir or the spool.
pub(crate) trait Arrivals: Send + Sync {
    /// Returns the folder where messages arrive.
    fn intake(&self) -> &Intake;

    /// Returns the place by which the database remembers where messages are.
    fn place(&self) -> &TargetPlace;

    /// Finds out how messages can be brought to their place. This comes before the first one of a run is
    /// downloaded: where nothing can be delivered, nothing is fetched.
    ///
    /// # Errors
    /// No message can be delivered.
    fn prepare(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Frees what is no longer needed now that the delivery of the messages in these files is recorded.
    fn forget_delivered(&self, file_names: &[String]);

    /// Finds out where staged messages are: perhaps they were staged for a Maildir that the user has moved
    /// here. Moves and removes nothing. The spool has none of them.
    ///
    /// # Errors
    /// The folders cannot be read.
    fn locate_all(&self, staged: &[Staged]) -> Result<Vec<StagedState>, Error> {
        Ok(vec![StagedState::Lost; staged.len()])
    }

    /// Looks for messages that earlier runs delivered, for a database that does not know them. The spool has
    /// none.
    ///
    /// # Errors
    /// The folders cannot be read.
    fn find_earlier(&self, _sought: &SoughtMessages) -> Result<(), Error> {
        Ok(())
    }

    /// Returns what the last [`Self::find_earlier`] showed about files that another database made
    /// for the account.
    fn earlier_files(&self) -> EarlierFiles {
        EarlierFiles::Absent
    }

    /// Returns true if the last [`Self::find_earlier`] found a file that may be a message with this
    /// unique-id.
    fn may_have_found(&self, _unique_id: &[u8]) -> bool {
        false
    }

    /// Takes out of the files that were found the one that has exactly the octets of a message.
    ///
    /// # Errors
    /// A file cannot be read.
    fn recognise(&self, _stored: &StoredMessage) -> Result<Option<Found>, Error> {
        Ok(None)
    }
}

/// A delivery target: it takes messages that are durable where they arrived (custody steps 4 and 5).
pub(crate) trait Target: Send + Sync {
    /// Returns the place by which the database remembers the target.
    fn place(&self) -> &TargetPlace;

    /// Returns a digest of all that the configuration says about the target. If it is another one than
    /// before, what failed is tried again.
    fn configuration(&self) -> Digest {
        Digest::of(self.place().to_string().as_bytes())
    }

    /// Takes staged messages so that they stay where they are brought. A message may come a second time, if a
    /// run was killed before it recorded the outcome.
    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome>;

    /// Returns the most messages that may be delivered before their outcomes are recorded. If we are killed
    /// meanwhile, a target that does not notice what it has already gets that many twice.
    fn group_size(&self) -> usize;

    /// Returns true if the session with the POP3 server does not wait until the target has taken everything: it
    /// is on another machine, or another program may keep it locked.
    fn is_far(&self) -> bool {
        false
    }

    /// Returns the target as one that can be asked what it has, if it can.
    fn recall(&self) -> Option<&dyn Recall> {
        None
    }

    /// Frees what the target no longer needs now that these outcomes are recorded.
    fn forget_taken(&self, _recorded: &[Outcome]) {}

    /// Returns true if there is still time for a delivery. A slow target has none after a signal.
    fn accepts_more(&self) -> bool;
}

/// The result of opening the place of an earlier run again.
pub(crate) enum Reopened {
    /// It is a Maildir, and messages can be delivered there.
    Maildir(Box<Maildir>),
    /// It no longer exists.
    Missing,
    /// It is a spool, which only an MDA can empty.
    NeedsMda,
    /// It cannot be opened now.
    Unreachable(Error),
}

/// Opens the place to which an earlier run wanted to deliver.
pub(crate) fn reopen(place: &TargetPlace, marks: &FileMarks) -> Reopened {
    match place.program {
        Some(_) => Reopened::NeedsMda,
        None => match Maildir::open_existing(&place.path, marks) {
            Ok(maildir) => Reopened::Maildir(Box::new(maildir)),
            Err(error) if error.is_not_found() => Reopened::Missing,
            Err(error) => Reopened::Unreachable(error),
        },
    }
}

/// The reason why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A folder of the Maildir cannot be created.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A Maildir to which messages were delivered is not there.
    #[error("the Maildir {} is gone; messages were delivered to it before", .0.display())]
    Gone(PathBuf),
    /// The disk or the file system failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Local {
        /// The verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The mbox file cannot be used.
    #[error(transparent)]
    Mbox(#[from] mbox::Error),
    /// The MDA did not accept a message, or cannot run.
    #[error(transparent)]
    Mda(#[from] mda::Error),
    /// The folder in which the Maildir would be created is missing.
    #[error("cannot create {}: there is no folder {}", path.display(), parent.display())]
    NoParent {
        /// The Maildir.
        path: PathBuf,
        /// The missing folder.
        parent: PathBuf,
    },
    /// The disk has no room for a message, according to the size that the server reported.
    #[error(
        "there is no room in {}: {octets} octets are needed, and {free} are free",
        path.display()
    )]
    NoRoom {
        /// The folder where the message would arrive.
        path: PathBuf,
        /// The octets that are needed for it and for the messages that arrive before it.
        octets: u64,
        /// The octets that are free.
        free: u64,
    },
    /// A folder is neither empty nor a Maildir.
    #[error("{} is not a Maildir: it has other files, but no tmp/, new/ and cur/", .0.display())]
    NotMaildir(PathBuf),
    /// The folders of a Maildir are on different file systems, so no file can be renamed.
    #[error("{} and {} are not on the same file system", tmp.display(), new.display())]
    OtherDevice {
        /// The folder in which messages arrive.
        tmp: PathBuf,
        /// The folder to which they are renamed.
        new: PathBuf,
    },
    /// Nothing can be delivered there.
    #[error("cannot create files in {}: {source}", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another user has a say in where the messages go.
    #[error(transparent)]
    Path(#[from] UnsafePath),
    /// A message stays in tmp/.
    #[error("cannot rename {} to {}: {source}", from.display(), to.display())]
    Rename {
        /// Its file in tmp/.
        from: PathBuf,
        /// Its file in new/.
        to: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// Returns the error for a folder that was not reached.
    fn walk(doing: &'static str, error: WalkError) -> Self {
        match error {
            WalkError::System { path, source } => Self::Local {
                doing,
                path,
                source,
            },
            WalkError::Unsafe(path) => path.into(),
        }
    }

    fn local(doing: &'static str, path: &Path, errno: Errno) -> Self {
        Self::Local {
            doing,
            path: path.to_owned(),
            source: errno.into(),
        }
    }

    fn is_not_found(&self) -> bool {
        matches!(self, Self::Local { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Gone(path) => Some(format!(
                "Is its disk mounted? To begin with a new Maildir: {}",
                new_maildir::command(path)
            )),
            Self::Mbox(source) => source.hint(),
            Self::Mda(source) => source.hint().map(str::to_owned),
            Self::NoParent { parent, .. } => {
                Some(format!("Create it first: mkdir -p {}", parent.display()))
            }
            Self::NotMaildir(_) => {
                Some("Choose an empty folder, or one that does not exist yet".to_owned())
            }
            Self::Path(path) => Some(path.hint()),
            Self::OtherDevice { .. } => Some(
                "A Maildir's tmp/ and new/ must be folders of one file system: neither may be a mount \
                 point of its own"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Returns the kind of the error: its text without what is particular to a message, such as the
    /// name of a file or the output of an MDA.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Local { doing, source, .. } => format!("{doing}: {}", source.kind()),
            Self::Rename { source, .. } => format!("rename: {}", source.kind()),
            Self::Mda(error) => error.kind(),
            _ => self.to_string(),
        }
    }

    /// Returns what the database and the user are told about a message that was not delivered.
    pub(crate) fn not_delivered(&self) -> NotDelivered {
        NotDelivered {
            why: self.to_string(),
            kind: self.kind(),
            hint: self.hint(),
            exit: self.exit(),
        }
    }

    /// Returns the exit status that it leads to. A full disk may have room at the next run.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Create { source, .. }
            | Self::Local { source, .. }
            | Self::Rename { source, .. }
                if is_disk_full(source) =>
            {
                Exit::Temporary
            }
            Self::Create { .. }
            | Self::Gone(_)
            | Self::Local { doing: "open", .. }
            | Self::NoParent { .. }
            | Self::OtherDevice { .. }
            | Self::ReadOnly { .. } => Exit::CannotCreate,
            Self::Local { .. } | Self::Rename { .. } => Exit::LocalIo,
            Self::Mbox(error) => error.exit(),
            Self::Mda(error) => error.exit(),
            Self::NoRoom { .. } => Exit::Temporary,
            Self::NotMaildir(_) | Self::Path(_) => Exit::Configuration,
        }
    }
}
