//! Delivery to an mbox file (mboxrd), which one program at a time writes to. It can be looked at after a crash, so
//! no message is written twice.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::recall::{Recall, Sighting};
use super::spool::Spool;
use super::{Error as DeliveryError, FileMode, Target, envelope_sender};
use crate::digest::Digest;
use crate::mail::custody::{Delivered, NotDelivered, Outcome, Staged, TargetPlace};
use crate::mail::handover::{Claims, Location};
use crate::os::signals::Interrupt;
use crate::text::ServerText;

mod dot_lock;
mod error;
mod format;
mod location;
mod locked;
mod search;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use error::Error;

use format::NotCopied;
use location::{MboxMark, location};
use locked::{LockedMbox, MboxPath};
use search::begun;

/// The time for which another program may keep the file locked.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// The time after a signal during which messages may still be handed over.
const START_TIMEOUT: Duration = Duration::from_secs(1);
/// The most messages that are written before the file is flushed and unlocked.
const GROUP: usize = 64;

/// The configured mbox file.
#[derive(Clone, Debug)]
pub struct MboxOptions {
    /// Its absolute path.
    pub path: PathBuf,
    /// The permissions with which it is created.
    pub file_mode: FileMode,
    /// The locks that other programs respect.
    pub locks: MboxLocks,
}

/// The locks that are taken on an mbox file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MboxLocks {
    /// That of fcntl(2) and a lock file.
    #[default]
    FcntlAndDotLock,
    /// That of fcntl(2).
    Fcntl,
}

impl fmt::Display for MboxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mbox {}", self.path.display())
    }
}

/// The identity of a file on this machine.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct FileId {
    device: u64,
    inode: u64,
}

/// An mbox file that takes messages from a spool.
pub(crate) struct Mbox {
    spool: Arc<Spool>,
    place: TargetPlace,
    options: MboxOptions,
    interrupt: Interrupt,
    path: Arc<MboxPath>,
    lock_timeout: Duration,
    /// The locked file, from the moment at which its length is asked for to the end of the hand-over.
    locked: Mutex<Option<LockedMbox>>,
}

impl Mbox {
    /// Opens the folder of the mbox file.
    ///
    /// # Errors
    /// There is no such folder, or another user has a say in the file.
    pub(crate) fn open(
        options: MboxOptions,
        spool: Arc<Spool>,
        interrupt: Interrupt,
    ) -> Result<Self, DeliveryError> {
        let path = Arc::new(MboxPath::open(&options)?);
        path.remove_left_lock()?;
        Ok(Self {
            place: spool.place_of(options.to_string()),
            spool,
            path,
            options,
            interrupt,
            lock_timeout: LOCK_TIMEOUT,
            locked: Mutex::default(),
        })
    }

    fn lock(&self) -> Result<LockedMbox, Error> {
        self.path.lock(self.lock_timeout, &self.interrupt)
    }

    fn locked(&self) -> MutexGuard<'_, Option<LockedMbox>> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a message. Returns where it is, or `None` if it is not in the spool.
    fn append(
        &self,
        mbox: &mut LockedMbox,
        staged: &Staged,
    ) -> Result<Option<Location>, NotAppended> {
        let unread = |error: DeliveryError| NotAppended::Message(Error::Spool(Box::new(error)));
        let Some(mut message) = self.spool.read(staged).map_err(unread)? else {
            return Ok(None);
        };
        let sender = envelope_sender(&mut message).map_err(NotAppended::unread)?;
        let line = format::from_line(sender.as_deref(), begun(staged));
        let at = mbox.length;
        let separator = mbox.separator_at(at).map_err(NotAppended::File)?;
        let unwritten = mbox.failed("write");
        let mut appender = mbox.appender();
        let before = [separator, line.as_bytes()].concat();
        let copied = format::copy(&before, &mut message, &mut appender);
        let appended = copied.and_then(|()| appender.finish().map_err(NotCopied::Unwritten));
        match appended {
            Ok(octets) => {
                mbox.length += octets;
                Ok(Some(location(mbox.id, at, octets, begun(staged))))
            }
            Err(error) => Err(match (error, mbox.cut_back(at)) {
                (NotCopied::Unread(error), true) => NotAppended::unread(error),
                (NotCopied::Unread(error), false) => NotAppended::Torn(error.into()),
                (NotCopied::Unwritten(error), true) => NotAppended::File(unwritten(error)),
                (NotCopied::Unwritten(error), false) => NotAppended::Torn(unwritten(error)),
            }),
        }
    }

    /// Appends messages, up to the first one that cannot be written.
    fn append_all(&self, mbox: &mut LockedMbox, staged: Vec<Staged>) -> Appended {
        let mut appended = Appended::default();
        let mut broken: Option<Error> = None;
        for staged in staged {
            if let Some(error) = &broken {
                appended.others.push(staged.kept(error.not_delivered()));
                continue;
            }
            match self.append(mbox, &staged) {
                Ok(Some(location)) => appended.written.push((staged, location)),
                Ok(None) => appended.others.push(staged.lost()),
                Err(NotAppended::Message(error)) => {
                    appended.others.push(staged.kept(error.not_delivered()));
                }
                Err(NotAppended::File(error)) => {
                    appended.others.push(staged.kept(error.not_delivered()));
                    broken = Some(error);
                }
                Err(NotAppended::Torn(error)) => {
                    let hint = error.hint();
                    appended.others.push(staged.kept_in_doubt(&error, hint));
                    broken = Some(error);
                }
            }
        }
        appended
    }

    /// Makes sure that what was appended stays.
    fn keep(&self, mbox: &mut LockedMbox, appended: Appended, begin: u64) -> Vec<Outcome> {
        let Appended {
            written,
            others: mut outcomes,
        } = appended;
        if written.is_empty() {
            return outcomes;
        }
        let kept = mbox.flush().and_then(|()| mbox.require_in_its_place());
        let Err(error) = kept else {
            let delivered = written.into_iter().map(|(staged, location)| {
                let delivered = Delivered::new(staged, ServerText::default());
                Outcome::Delivered(delivered.at(Some(location)))
            });
            outcomes.extend(delivered);
            return outcomes;
        };
        let is_certain = !matches!(error, Error::Replaced(_)) && mbox.cut_back(begin);
        outcomes.extend(written.into_iter().map(|(staged, _)| match is_certain {
            true => staged.kept(error.not_delivered()),
            false => staged.kept_in_doubt(&error, error.hint()),
        }));
        outcomes
    }
}

/// Messages that were to be appended.
#[derive(Default)]
struct Appended {
    /// Those that are in the file, and where.
    written: Vec<(Staged, Location)>,
    /// What became of the others.
    others: Vec<Outcome>,
}

/// The reason why a message was not appended.
enum NotAppended {
    /// It cannot be read. The file is as before.
    Message(Error),
    /// The file cannot be written. It is as before.
    File(Error),
    /// A part of the message may be in the file.
    Torn(Error),
}

impl NotAppended {
    fn unread(error: io::Error) -> Self {
        Self::Message(error.into())
    }
}

/// Tests if an mbox file can be locked, and leaves it as it is. Returns its length, or `None` if there is no such
/// file. No lock is tried then, as that would create it.
///
/// # Errors
/// It cannot be locked, or another user has a say in it.
pub(crate) fn look_at(options: &MboxOptions, interrupt: &Interrupt) -> Result<Option<u64>, Error> {
    let path = Arc::new(MboxPath::open(options)?);
    match path.is_there()? {
        true => Ok(Some(path.lock(Duration::ZERO, interrupt)?.length)),
        false => Ok(None),
    }
}

impl Target for Mbox {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn configuration(&self) -> Digest {
        Digest::of(format!("{:?}", self.options).as_bytes())
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        self.spool.remove_forgotten();
        let locked = self.locked().take();
        let mut mbox = match locked.map_or_else(|| self.lock(), Ok) {
            Ok(mbox) => mbox,
            Err(error) => {
                let kept = staged.iter().map(|it| it.kept(error.not_delivered()));
                return kept.collect();
            }
        };
        let begin = mbox.length;
        let appended = self.append_all(&mut mbox, staged);
        self.keep(&mut mbox, appended, begin)
    }

    fn recall(&self) -> Option<&dyn Recall> {
        Some(self)
    }

    fn is_far(&self) -> bool {
        true
    }

    fn group_size(&self) -> usize {
        GROUP
    }

    fn accepts_more(&self) -> bool {
        !self.interrupt.is_over(START_TIMEOUT)
    }
}

impl Recall for Mbox {
    fn earliest(&self) -> Result<Location, NotDelivered> {
        let mbox = self.lock().map_err(|error| error.not_delivered())?;
        let mark = MboxMark {
            id: mbox.id,
            length: mbox.length,
            modified: mbox.modified,
        };
        *self.locked() = Some(mbox);
        Ok(mark.to_location())
    }

    fn settling_time(&self) -> Duration {
        // A process that was killed writes nothing any more.
        Duration::ZERO
    }

    fn find(&self, sought: &[Staged], claims: &Claims) -> Result<Vec<Sighting>, NotDelivered> {
        let found = self
            .lock()
            .and_then(|mut mbox| search::find(&mut mbox, &self.spool, sought, claims));
        found.map_err(|error| error.not_delivered())
    }
}
