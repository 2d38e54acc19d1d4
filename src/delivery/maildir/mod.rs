//! Delivery into a Maildir: a message is written to tmp/ and moved to new/. From there a mail
//! reader moves it to cur/ or deletes it, at any time.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::folder::Folder;
use super::intake::Intake;
use super::recovered::{Candidates, SoughtMessages};
use super::staged_state::StagedState;
use super::unique_name::is_name_of;
use super::{Error, Target, new_maildir};
use crate::mail::custody::{Delivered, Found, Outcome, Staged, StoredMessage, TargetPlace};
use crate::moment::Moment;
use crate::text::ServerText;

#[cfg(test)]
mod tests;

/// The time during which a staged message that is nowhere must have been taken by a mail reader.
/// The rules of Maildir allow anybody to clean up tmp/ after 36 hours.
const TMP_IS_SAFE: Duration = Duration::from_secs(36 * 3600);
/// The number of searches for a file before it counts as gone: readdir(3) may miss a file that is
/// being renamed.
const SCANS: usize = 5;

/// A Maildir.
#[derive(Debug)]
pub(crate) struct Maildir {
    intake: Intake,
    new: Folder,
    cur: Folder,
    place: TargetPlace,
    /// The files that the last [`Target::find_earlier`] found.
    candidates: Mutex<Candidates>,
}

impl Maildir {
    /// Opens a Maildir, and creates it (0700) if it is missing and its parent exists. `tag` marks
    /// the account's files.
    ///
    /// # Errors
    /// It cannot be created, opened or written, or something else is there.
    pub(crate) fn open(path: &Path, tag: &str) -> Result<Self, Error> {
        new_maildir::require_ours(path)?;
        new_maildir::create(path)?;
        let maildir = Self::open_existing(path, tag)?;
        // Checked now, so that nothing is fetched that cannot be delivered.
        maildir.intake.folder().require_writable()?;
        maildir.new.require_writable()?;
        Ok(maildir)
    }

    /// Opens a Maildir that has to exist.
    ///
    /// # Errors
    /// It does not exist or cannot be opened.
    pub(crate) fn open_existing(path: &Path, tag: &str) -> Result<Self, Error> {
        let tmp = Folder::open(&path.join("tmp"))?;
        let new = Folder::open(&path.join("new"))?;
        let cur = Folder::open(&path.join("cur"))?;
        let place = TargetPlace {
            path: path.to_owned(),
            inode: new.inode()?,
            program: None,
        };
        Ok(Self {
            intake: Intake::new(tmp, tag),
            new,
            cur,
            place,
            candidates: Mutex::default(),
        })
    }

    fn candidates(&self) -> MutexGuard<'_, Candidates> {
        self.candidates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves a message from tmp/ to new/ (custody step 4). Returns false if it is not in tmp/.
    fn move_to_new(&self, name: &str) -> Result<bool, Error> {
        let tmp = self.intake.folder();
        let cannot = |errno| Error::Rename {
            from: tmp.path_of(name),
            to: self.new.path_of(name),
            source: io::Error::from(errno),
        };
        match rustix::fs::renameat_with(tmp.fd(), name, self.new.fd(), name, RenameFlags::NOREPLACE)
        {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            // INVAL, NOSYS: the file system (NFS, old FUSE) or the kernel has no RENAME_NOREPLACE,
            // and an ordinary rename would silently replace a file. link(2) never does.
            // EXIST: such a link was made before a kill, and its file in tmp/ was not yet unlinked.
            // If another file has that name, linking fails, too.
            Err(Errno::INVAL | Errno::NOSYS | Errno::EXIST) => {
                self.link(name).map_err(cannot)?;
                Ok(true)
            }
            Err(errno) => Err(cannot(errno)),
        }
    }

    /// Moves a message by link and unlink, which is the way of qmail.
    fn link(&self, name: &str) -> Result<(), Errno> {
        let tmp = self.intake.folder().fd();
        let answer = rustix::fs::linkat(tmp, name, self.new.fd(), name, AtFlags::empty());
        self.confirm_link(name, answer)?;
        match rustix::fs::unlinkat(tmp, name, AtFlags::empty()) {
            // NFS sent the request twice, and the first one removed the file.
            Err(Errno::NOENT) => Ok(()),
            unlinked => unlinked,
        }
    }

    /// Finds out if a link was made although link(2) reported an error. NFS repeats a request whose
    /// answer was lost, and the second request fails because the first one succeeded. So the error
    /// counts only if new/ does not have the very file.
    fn confirm_link(&self, name: &str, answer: Result<(), Errno>) -> Result<(), Errno> {
        let Err(errno) = answer else {
            return Ok(());
        };
        let look = |folder| rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        let ours = look(self.intake.folder().fd());
        match (ours, look(self.new.fd())) {
            (Ok(ours), Ok(theirs))
                if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino) =>
            {
                Ok(())
            }
            _ => Err(errno),
        }
    }

    /// Returns true if the file is in new/, or in cur/ with or without flags.
    fn is_in_place(&self, name: &str) -> Result<bool, Error> {
        for _ in 0..SCANS {
            // In this order: a reader moves files from new/ to cur/.
            if self.new.contains(name)? {
                return Ok(true);
            }
            if self
                .cur
                .names()?
                .iter()
                .any(|found| is_name_of(name, found))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Finds out where a staged message is.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn locate(&self, staged: &Staged) -> Result<StagedState, Error> {
        let name = &staged.stored().file_name;
        if self.intake.folder().contains(name)? {
            return Ok(StagedState::Waiting);
        }
        Ok(match (self.is_in_place(name)?, self.was_taken(staged)) {
            (true, _) => StagedState::Delivered,
            (false, true) => StagedState::Taken,
            (false, false) => StagedState::Lost,
        })
    }

    /// Returns true if a message of an earlier run that is nowhere must have been taken by a mail
    /// reader: it was staged for this very Maildir (the same path and inode), and so lately that
    /// nobody was allowed to remove it from tmp/.
    fn was_taken(&self, staged: &Staged) -> bool {
        !staged.history().is_fresh
            && staged.place() == &self.place
            && Moment::now()
                .since(staged.history().since)
                .is_some_and(|age| age < TMP_IS_SAFE)
    }

    /// Brings a message to new/, unless it is there already. Returns false if it is lost.
    fn deliver_one(&self, staged: &Staged) -> Result<bool, Error> {
        let name = &staged.stored().file_name;
        Ok(self.move_to_new(name)? || self.is_in_place(name)? || self.was_taken(staged))
    }
}

impl Target for Maildir {
    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let moved: Vec<_> = staged
            .into_iter()
            .map(|staged| (self.deliver_one(&staged), staged))
            .collect();
        // One flush for all of them: a rename survives a power cut only once the folder is flushed
        // (custody step 5).
        let flushed = self.new.flush();
        moved
            .into_iter()
            .map(|(moved, staged)| {
                let failed = match (&moved, &flushed) {
                    (Err(error), _) => error,
                    (Ok(false), _) => return Outcome::Lost(staged.stored().identity.clone()),
                    (Ok(true), Ok(())) => {
                        return Outcome::Delivered(Delivered::new(staged, ServerText::default()));
                    }
                    (Ok(true), Err(error)) => error,
                };
                staged.kept(failed, failed.hint(), failed.exit().is_transient())
            })
            .collect()
    }

    fn group_size(&self) -> usize {
        usize::MAX
    }

    fn accepts_more(&self) -> bool {
        true
    }

    fn forget_delivered(&self, _recorded: &[Outcome]) {}

    fn find_earlier(&self, sought: &SoughtMessages) -> Result<(), Error> {
        let candidates = Candidates::search([&self.new, &self.cur], sought)?;
        // The run that moved them there may have been killed before it flushed the folders.
        self.new.flush()?;
        self.cur.flush()?;
        *self.candidates() = candidates;
        Ok(())
    }

    fn may_have_found(&self, unique_id: &[u8]) -> bool {
        self.candidates().may_include(unique_id)
    }

    fn recognise(&self, stored: &StoredMessage) -> Result<Option<Found>, Error> {
        self.candidates().take(stored, [&self.new, &self.cur])
    }
}
