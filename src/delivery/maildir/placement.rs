//! Puts messages in their place: from tmp/ to new/, without replacing a file (custody step 4).

use std::io;

use rustix::io::Errno;

use super::super::Error;
use super::super::folder::Folder;
use super::super::unique_name::own_file;
use crate::mail::mark::Mark;
use crate::os::sys::{self, AtFlags, Mode, OFlags, RenameFlags, Stat};

/// The way in which a file system lets us put a file in its place without replacing another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Placement {
    /// A rename that refuses to replace a file (`RENAME_NOREPLACE`).
    Rename,
    /// link(2), which never replaces a file. NFS and old FUSE file systems have no such rename.
    Link,
    /// A look that the name is absent, and an ordinary rename. vboxsf and Android's storage have
    /// neither links nor such a rename. No other program makes a file of such a name.
    Look,
}

/// The two folders between which messages are moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folders<'a> {
    pub(super) tmp: &'a Folder,
    pub(super) new: &'a Folder,
}

impl Placement {
    /// Finds out which way works between these folders, with a file whose name begins with a dot. Mail
    /// readers ignore such a file.
    ///
    /// # Errors
    /// No way works: the folders are on different file systems, or no file can be made.
    pub(super) fn find(folders: Folders<'_>, mark: Mark) -> Result<Self, Error> {
        let Folders { tmp, new } = folders;
        // A run that was killed here left files of this name, which no other account has.
        let name = own_file(mark, "");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || {
            sys::openat(tmp.handle(), &name, flags, Mode::RUSR | Mode::WUSR)
                .map_err(|errno| Error::local("create", &tmp.path_of(&name), errno))
        };
        create()?;
        let mut found = folders.try_each(&name);
        if found == Err(Errno::EXIST) {
            new.remove(name.as_ref())?;
            create()?;
            found = folders.try_each(&name);
        }
        let removed = [tmp, new].map(|folder| folder.remove(name.as_ref()));
        let found = found.map_err(|errno| match errno {
            Errno::XDEV => Error::OtherDevice {
                tmp: tmp.path().to_owned(),
                new: new.path().to_owned(),
            },
            errno => folders.cannot(&name, errno),
        })?;
        removed
            .into_iter()
            .collect::<Result<(), _>>()
            .map(|()| found)
    }
}

impl Folders<'_> {
    /// Moves a file in each way until one works.
    fn try_each(self, name: &str) -> Result<Placement, Errno> {
        let (tmp, new) = (self.tmp.handle(), self.new.handle());
        match sys::renameat_with(tmp, name, new, name, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(Placement::Rename),
            Err(errno) if !is_refusal(errno) => return Err(errno),
            Err(_) => {}
        }
        match sys::linkat(tmp, name, new, name, AtFlags::empty()) {
            Ok(()) => Ok(Placement::Link),
            Err(Errno::EXIST) => Err(Errno::EXIST),
            Err(_) => sys::renameat(tmp, name, new, name).map(|()| Placement::Look),
        }
    }

    /// Puts a message in its place. Returns false if it is not in tmp/.
    ///
    /// # Errors
    /// The message stays in tmp/.
    pub(super) fn put(self, name: &str, placement: Placement) -> Result<bool, Error> {
        self.try_put(name, placement)
            .map_err(|errno| self.cannot(name, errno))
    }

    fn try_put(self, name: &str, placement: Placement) -> Result<bool, Errno> {
        match placement {
            Placement::Rename => match self.rename_exclusively(name) {
                // EXIST: a link was made before a kill, and the file in tmp/ was not yet removed. If
                // another file has that name, linking fails, too.
                Err(errno) if errno == Errno::EXIST || is_refusal(errno) => {
                    self.try_put(name, Placement::Link)
                }
                ended => ended,
            },
            Placement::Link => match self.link(name) {
                // FAT answers EPERM, CIFS EOPNOTSUPP, and AFS EXDEV for two folders. If the cause is
                // another one, the rename reports it.
                Err(errno) if errno != Errno::EXIST => self.look_and_rename(name),
                ended => ended,
            },
            Placement::Look => self.look_and_rename(name),
        }
    }

    fn rename_exclusively(self, name: &str) -> Result<bool, Errno> {
        let (tmp, new) = (self.tmp.handle(), self.new.handle());
        match sys::renameat_with(tmp, name, new, name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(self.has_arrived(name)),
            Err(errno) => Err(errno),
        }
    }

    /// Puts a message in its place by link(2), which is the way of qmail.
    pub(super) fn link(self, name: &str) -> Result<bool, Errno> {
        let (tmp, new) = (self.tmp.handle(), self.new.handle());
        let answer = sys::linkat(tmp, name, new, name, AtFlags::empty());
        if answer == Err(Errno::NOENT) {
            return Ok(false);
        }
        self.confirm_link(name, answer)?;
        match sys::unlinkat(tmp, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    /// Finds out if a link was made although link(2) reported an error. NFS repeats a request whose
    /// answer was lost, and the second request fails because the first one succeeded. So the error
    /// counts only if new/ does not have the very file.
    pub(super) fn confirm_link(self, name: &str, answer: Result<(), Errno>) -> Result<(), Errno> {
        let Err(errno) = answer else {
            return Ok(());
        };
        match (look(self.tmp, name), look(self.new, name)) {
            (Ok(ours), Ok(theirs)) if is_same(&ours, &theirs) => Ok(()),
            _ => Err(errno),
        }
    }

    fn look_and_rename(self, name: &str) -> Result<bool, Errno> {
        let (tmp, new) = (self.tmp.handle(), self.new.handle());
        match (look(self.tmp, name), look(self.new, name)) {
            (Err(Errno::NOENT), _) => Ok(false),
            (Ok(ours), Ok(theirs)) if is_same(&ours, &theirs) => {
                sys::unlinkat(tmp, name, AtFlags::empty()).map(|()| true)
            }
            (Ok(_), Ok(_)) => Err(Errno::EXIST),
            (Ok(_), Err(Errno::NOENT)) => match sys::renameat(tmp, name, new, name) {
                Ok(()) => Ok(true),
                Err(Errno::NOENT) => Ok(self.has_arrived(name)),
                Err(errno) => Err(errno),
            },
            (Err(errno), _) | (_, Err(errno)) => Err(errno),
        }
    }

    /// Returns true if a message that left tmp/ during the rename is in new/: NFS repeats a request
    /// whose answer was lost, and the second one fails because the first one succeeded. Otherwise
    /// another program has removed it from tmp/.
    pub(super) fn has_arrived(self, name: &str) -> bool {
        look(self.new, name).is_ok()
    }

    fn cannot(self, name: &str, errno: Errno) -> Error {
        Error::Rename {
            from: self.tmp.path_of(name),
            to: self.new.path_of(name),
            source: io::Error::from(errno),
        }
    }
}

/// Returns true if an error of a rename with `RENAME_NOREPLACE` may mean that the file system or the
/// kernel does not have it.
fn is_refusal(errno: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM].contains(&errno)
}

fn look(folder: &Folder, name: &str) -> Result<Stat, Errno> {
    sys::statat(folder.handle(), name, AtFlags::SYMLINK_NOFOLLOW)
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}
