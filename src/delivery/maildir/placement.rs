//! Moves a message on its way from tmp/ to new/, without replacing a file (custody step 4).

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

/// A name in a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) folder: &'a Folder,
    pub(super) name: &'a str,
}

/// A move of a file from one spot to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move<'a> {
    pub(super) from: Spot<'a>,
    pub(super) to: Spot<'a>,
}

impl Placement {
    /// Finds out which way works between these folders, with a file whose name begins with a dot. Mail
    /// readers ignore such a file.
    ///
    /// # Errors
    /// No way works: the folders are on different file systems, or no file can be made.
    pub(super) fn find(tmp: &Folder, new: &Folder, mark: Mark) -> Result<Self, Error> {
        // A run that was killed here left files of this name, which no other account has.
        let name = own_file(mark, "");
        let spot = |folder| Spot {
            folder,
            name: &name,
        };
        let attempt = Move {
            from: spot(tmp),
            to: spot(new),
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || {
            sys::openat(tmp.handle(), &name, flags, Mode::RUSR | Mode::WUSR)
                .map_err(|errno| Error::local("create", &tmp.path_of(&name), errno))
        };
        create()?;
        let mut found = attempt.try_each();
        if found == Err(Errno::EXIST) {
            new.remove(name.as_ref())?;
            create()?;
            found = attempt.try_each();
        }
        let removed = [tmp, new].map(|folder| folder.remove(name.as_ref()));
        let found = found.map_err(|errno| match errno {
            Errno::XDEV => Error::OtherDevice {
                tmp: tmp.path().to_owned(),
                new: new.path().to_owned(),
            },
            errno => attempt.cannot(errno),
        })?;
        removed
            .into_iter()
            .collect::<Result<(), _>>()
            .map(|()| found)
    }
}

impl Move<'_> {
    /// Moves a file in each way until one works.
    fn try_each(self) -> Result<Placement, Errno> {
        match self.rename_exclusively() {
            Ok(()) => return Ok(Placement::Rename),
            Err(errno) if !is_refusal(errno) => return Err(errno),
            Err(_) => {}
        }
        match self.link() {
            Ok(()) => Ok(Placement::Link),
            Err(Errno::EXIST) => Err(Errno::EXIST),
            Err(_) => self.rename().map(|()| Placement::Look),
        }
    }

    /// Moves the file. Returns true if it is at its goal, and false if it is at neither spot.
    ///
    /// # Errors
    /// It stays where it was.
    pub(super) fn make(self, placement: Placement) -> Result<bool, Error> {
        match self.try_make(placement) {
            Ok(()) => Ok(true),
            // An earlier run has moved it. Or NFS has repeated a request whose answer was lost, and the
            // second one failed because the first one succeeded. Otherwise another program has removed it.
            Err(Errno::NOENT) => Ok(self.to.look().is_ok()),
            Err(errno) => Err(self.cannot(errno)),
        }
    }

    fn try_make(self, placement: Placement) -> Result<(), Errno> {
        match placement {
            Placement::Rename => match self.rename_exclusively() {
                // EXIST: a link was made before a kill, and the first name was not yet removed. If
                // another file has that name, linking fails, too.
                Err(errno) if errno == Errno::EXIST || is_refusal(errno) => {
                    self.try_make(Placement::Link)
                }
                ended => ended,
            },
            Placement::Link => match self.link_and_unlink() {
                // FAT answers EPERM, CIFS EOPNOTSUPP, and AFS EXDEV for two folders. If the cause is
                // another one, the rename reports it.
                Err(errno) if errno != Errno::EXIST && errno != Errno::NOENT => {
                    self.look_and_rename()
                }
                ended => ended,
            },
            Placement::Look => self.look_and_rename(),
        }
    }

    fn rename_exclusively(self) -> Result<(), Errno> {
        let (from, to) = (self.from, self.to);
        sys::renameat_with(
            from.folder.handle(),
            from.name,
            to.folder.handle(),
            to.name,
            RenameFlags::NOREPLACE,
        )
    }

    fn rename(self) -> Result<(), Errno> {
        let (from, to) = (self.from, self.to);
        sys::renameat(from.folder.handle(), from.name, to.folder.handle(), to.name)
    }

    fn link(self) -> Result<(), Errno> {
        let (from, to) = (self.from, self.to);
        sys::linkat(
            from.folder.handle(),
            from.name,
            to.folder.handle(),
            to.name,
            AtFlags::empty(),
        )
    }

    /// Moves the file by link(2), which is the way of qmail.
    fn link_and_unlink(self) -> Result<(), Errno> {
        self.confirm_link(self.link())?;
        self.from.unlink()
    }

    /// Finds out if a link was made although link(2) reported an error. NFS repeats a request whose
    /// answer was lost, and the second request fails because the first one succeeded. So the error
    /// counts only if the goal is not the very file.
    pub(super) fn confirm_link(self, answer: Result<(), Errno>) -> Result<(), Errno> {
        answer.or_else(|errno| match (self.from.look(), self.to.look()) {
            (Ok(ours), Ok(theirs)) if is_same(&ours, &theirs) => Ok(()),
            _ => Err(errno),
        })
    }

    fn look_and_rename(self) -> Result<(), Errno> {
        let ours = self.from.look()?;
        match self.to.look() {
            Ok(theirs) if is_same(&ours, &theirs) => self.from.unlink(),
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) => self.rename(),
            Err(errno) => Err(errno),
        }
    }

    fn cannot(self, errno: Errno) -> Error {
        Error::Rename {
            from: self.from.folder.path_of(self.from.name),
            to: self.to.folder.path_of(self.to.name),
            source: io::Error::from(errno),
        }
    }
}

impl Spot<'_> {
    fn look(self) -> Result<Stat, Errno> {
        sys::statat(self.folder.handle(), self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Removes the name, unless it is gone already.
    fn unlink(self) -> Result<(), Errno> {
        match sys::unlinkat(self.folder.handle(), self.name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            ended => ended,
        }
    }
}

/// Returns true if an error of a rename with `RENAME_NOREPLACE` may mean that the file system or the
/// kernel does not have it.
fn is_refusal(errno: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM].contains(&errno)
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}
