//! The spool: messages wait here, complete and durable, until an MDA or a mail server has taken them.

use std::mem;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::folder::Folder;
use super::intake::Intake;
use super::{Arrivals, Error};
use crate::mail::custody::{Staged, TargetPlace};
use crate::mail::mark::FileMarks;
use crate::os::sys::{self, File, Mode, OFlags};

/// The spool of an account.
#[derive(Debug)]
pub(crate) struct Spool {
    intake: Intake,
    place: TargetPlace,
    /// The files whose delivery is recorded. They are removed when that costs no time.
    removable: Mutex<Vec<String>>,
}

impl Spool {
    /// Opens the spool, an existing folder. The names of files get the account's marks. `takers` is the
    /// text by which the database remembers who takes the messages.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub(crate) fn open(path: &Path, marks: &FileMarks, takers: String) -> Result<Self, Error> {
        let folder = Folder::open(path)?;
        let (device, inode) = folder.identity()?;
        let place = TargetPlace {
            path: path.to_owned(),
            inode,
            device: Some(device),
            program: Some(takers),
        };
        Ok(Self {
            intake: Intake::new(folder, marks),
            place,
            removable: Mutex::default(),
        })
    }

    /// Returns the place of a target that takes the messages. The database knows it by this name.
    pub(crate) fn place_of(&self, taker: String) -> TargetPlace {
        TargetPlace {
            program: Some(taker),
            ..self.place.clone()
        }
    }

    pub(super) fn folder(&self) -> &Folder {
        self.intake.folder()
    }

    /// Opens the file of a message. Returns `None` if it is not in the spool.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn read(&self, staged: &Staged) -> Result<Option<File>, Error> {
        let folder = self.intake.folder();
        let name = staged.stored().file_name.as_str();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match sys::openat(folder.handle(), name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::local("open", &folder.path_of(name), errno)),
        }
    }

    fn removable(&self) -> MutexGuard<'_, Vec<String>> {
        self.removable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the files that are no longer needed.
    pub(crate) fn remove_forgotten(&self) {
        // Another message may be handed over at the same time: it need not wait until the files are gone.
        let names = mem::take(&mut *self.removable());
        for name in names {
            // If a file cannot be removed now, the next run removes it.
            let _ = self.intake.folder().remove(name.as_ref());
        }
    }
}

impl Arrivals for Spool {
    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn forget_delivered(&self, file_names: &[String]) {
        self.removable().extend_from_slice(file_names);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.remove_forgotten();
    }
}
