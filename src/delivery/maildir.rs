//! Delivery into a Maildir: tmp/, then new/, and then the mail reader's business.
//! Knows nothing of servers or of the database.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::intake::{Folder, Intake};
use super::recovered::{Candidates, SoughtMessages};
use super::staged_state::StagedState;
use super::{Error, Target};
use crate::mail::custody::{Delivered, Found, Outcome, Staged, StoredMessage, TargetPlace};
use crate::moment::Moment;
use crate::text::ServerText;

/// A staged message that is nowhere was taken by a mail reader, for so long as nobody may have
/// cleaned tmp/ up (the Maildir rules allow that after 36 hours).
const READER_TOOK_IT: Duration = Duration::from_secs(36 * 3600);
/// How often cur/ is read again for a file that was not found: readdir may miss what is being
/// renamed.
const SCANS: usize = 5;

/// What stands between a file's name and the flags of a mail reader.
pub(super) const FLAGS: [char; 4] = [':', ';', ',', '!'];

/// A Maildir.
#[derive(Debug)]
pub struct Maildir {
    intake: Intake,
    new: Folder,
    cur: Folder,
    place: TargetPlace,
    traces: Mutex<Candidates>,
}

impl Maildir {
    /// Opens a Maildir; one that is missing is made (0700) if its parent exists. `tag` tells the
    /// account's files from others'.
    ///
    /// # Errors
    /// It cannot be made, opened or written, or is something else.
    pub fn open(path: &Path, tag: &str) -> Result<Self, Error> {
        require_ours(path)?;
        create(path)?;
        let maildir = Self::open_existing(path, tag)?;
        // Found out before anything is fetched.
        maildir.intake.folder().require_writable()?;
        maildir.new.require_writable()?;
        Ok(maildir)
    }

    /// Opens a Maildir that has to exist.
    ///
    /// # Errors
    /// It does not exist or cannot be opened.
    pub fn open_existing(path: &Path, tag: &str) -> Result<Self, Error> {
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
            traces: Mutex::default(),
        })
    }

    fn traces(&self) -> MutexGuard<'_, Candidates> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves a message from tmp/ to new/. `Ok(false)`: it is not in tmp/.
    fn promote(&self, name: &str) -> Result<bool, Error> {
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
            // File systems without RENAME_NOREPLACE (NFS, old FUSE), and the leftover of such a
            // link whose unlink a kill prevented.
            Err(Errno::INVAL | Errno::NOSYS | Errno::EXIST) => {
                self.link(name).map_err(cannot)?;
                Ok(true)
            }
            Err(errno) => Err(cannot(errno)),
        }
    }

    fn link(&self, name: &str) -> Result<(), Errno> {
        let tmp = self.intake.folder().fd();
        let answer = rustix::fs::linkat(tmp, name, self.new.fd(), name, AtFlags::empty());
        self.confirm_link(name, answer)?;
        match rustix::fs::unlinkat(tmp, name, AtFlags::empty()) {
            // The first of two requests did it, too.
            Err(Errno::NOENT) => Ok(()),
            unlinked => unlinked,
        }
    }

    /// Whether a link was made, whatever was answered: NFS repeats a request whose answer was lost,
    /// and the second fails because of the first. Only the file itself tells.
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

    /// Whether a mail reader has the file: in new/ as it is, in cur/ with flags behind its name.
    fn is_with_reader(&self, name: &str) -> Result<bool, Error> {
        for _ in 0..SCANS {
            if self.new.holds(name)? {
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

    /// Where a staged message is.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn locate(&self, staged: &Staged) -> Result<StagedState, Error> {
        let name = &staged.stored().file_name;
        if self.intake.folder().holds(name)? {
            return Ok(StagedState::Waiting);
        }
        Ok(match (self.is_with_reader(name)?, self.was_taken(staged)) {
            (true, _) => StagedState::Delivered,
            (false, true) => StagedState::Taken,
            (false, false) => StagedState::Lost,
        })
    }

    /// Whether a message of an earlier run that is nowhere can only have been taken by a reader:
    /// this is the very Maildir it was meant for, and nobody had a reason to clean tmp/ up.
    fn was_taken(&self, staged: &Staged) -> bool {
        !staged.history().is_fresh
            && staged.place() == &self.place
            && Moment::now()
                .since(staged.history().since)
                .is_some_and(|age| age < READER_TOOK_IT)
    }

    fn deliver_one(&self, staged: &Staged) -> Result<bool, Error> {
        let name = &staged.stored().file_name;
        Ok(self.promote(name)? || self.is_with_reader(name)? || self.was_taken(staged))
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

    fn find_earlier(&self, suspects: &SoughtMessages) -> Result<(), Error> {
        let traces = Candidates::search([&self.new, &self.cur], suspects)?;
        // Whoever moved them there may have been stopped before that was sure to stay.
        self.new.flush()?;
        self.cur.flush()?;
        *self.traces() = traces;
        Ok(())
    }

    fn may_have_found(&self, unique_id: &[u8]) -> bool {
        self.traces().has(unique_id)
    }

    fn recognise(&self, stored: &StoredMessage) -> Result<Option<Found>, Error> {
        self.traces().take(stored, [&self.new, &self.cur])
    }
}

/// Whether a file in cur/ is the one that was delivered under this name.
pub(super) fn is_name_of(name: &str, found: &[u8]) -> bool {
    found.strip_prefix(name.as_bytes()).is_some_and(|rest| {
        rest.first()
            .is_none_or(|next| FLAGS.contains(&char::from(*next)))
    })
}

/// Insists that nobody but us, and root, has a say in where messages go: who can turn a symbolic link
/// elsewhere has files made there in our name (CVE-2004-0880), and whose Maildir it is could not read
/// what we make in it.
fn require_ours(path: &Path) -> Result<(), Error> {
    const ROOT: u32 = 0;
    let us = rustix::process::geteuid().as_raw();
    // One that is missing is made, and what cannot be looked at cannot be opened either.
    let owners = [path.symlink_metadata(), path.metadata()];
    let owners = owners.into_iter().flatten().map(|found| found.uid());
    match owners.into_iter().find(|owner| ![us, ROOT].contains(owner)) {
        None => Ok(()),
        Some(owner) => Err(Error::Foreign {
            path: path.to_owned(),
            owner,
        }),
    }
}

/// Makes what is missing of a Maildir whose parent exists, and makes that survive a power cut.
fn create(path: &Path) -> Result<(), Error> {
    const FOLDERS: [&str; 3] = ["tmp", "new", "cur"];
    let is_new = make_folder(path)?;
    // A folder that holds other things is not turned into a Maildir behind its user's back; one
    // that a kill left half made is completed, and one that another account is making at this moment
    // is begun once it is not empty.
    let is_begun = || FOLDERS.iter().any(|name| path.join(name).is_dir());
    if !is_new && !is_empty(path)? && !is_begun() {
        return Err(Error::NotMaildir(path.to_owned()));
    }
    let mut was_incomplete = false;
    for name in FOLDERS {
        was_incomplete |= make_folder(&path.join(name))?;
    }
    if was_incomplete {
        flush(path)?;
        flush(path.parent().unwrap_or(Path::new("/")))?;
    }
    Ok(())
}

fn flush(folder: &Path) -> Result<(), Error> {
    let cannot = |source| Error::Local {
        doing: "flush",
        path: folder.to_owned(),
        source,
    };
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(cannot)
}

fn is_empty(path: &Path) -> Result<bool, Error> {
    let cannot = |source| Error::Local {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    Ok(fs::read_dir(path).map_err(cannot)?.next().is_none())
}

/// Makes a folder (0700) unless it exists; whether it had to.
fn make_folder(path: &Path) -> Result<bool, Error> {
    use std::os::unix::fs::DirBuilderExt;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) => Err(Error::Create {
            path: PathBuf::from(path),
            source: explain(error, path),
        }),
    }
}

/// A parent that is missing may be a typing error or a disk that is not mounted: it is never made.
fn explain(error: io::Error, path: &Path) -> io::Error {
    match path.parent() {
        Some(parent) if error.kind() == io::ErrorKind::NotFound && !parent.exists() => {
            let parent = parent.display();
            io::Error::new(
                error.kind(),
                format!("there is no folder {parent}; make it first: mkdir -p {parent}"),
            )
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_when_the_file_says_so_whatever_was_answered() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let maildir = Maildir::open(&folder.path().join("work"), "0badcafe").expect("it is ours");
        let path = |name| folder.path().join("work").join(name);
        for name in ["linked", "other", "tmp-only"] {
            fs::write(path("tmp").join(name), name).expect("it can be written");
        }
        fs::hard_link(path("tmp").join("linked"), path("new").join("linked"))
            .expect("it can be linked");
        fs::write(path("new").join("other"), "other").expect("it can be written");
        for errno in [Errno::EXIST, Errno::IO, Errno::PERM] {
            for (name, expected) in [
                ("linked", Ok(())),
                ("other", Err(errno)),
                ("tmp-only", Err(errno)),
                ("nowhere", Err(errno)),
            ] {
                assert_eq!(maildir.confirm_link(name, Err(errno)), expected, "{name}");
            }
        }
        assert_eq!(maildir.confirm_link("nowhere", Ok(())), Ok(()));
    }
}
