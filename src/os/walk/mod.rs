//! Opens files and folders one component of the path after the other, and judges each of them, so that no
//! other user can lead us to another place.
//!
//! Each component is opened in the folder before it (openat(2)) without following a symbolic link, and is
//! judged by what fstat(2) says about the open folder. A link is followed only if nobody else can have made
//! it. What was judged stays what it is, even if its path means something else a moment later.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::sys::{self, Facts, Kind, Mode, OFlags, PathCalls, RealCalls};

mod error;
mod folder;
mod program;
mod rule;
mod unknown_root;

pub(crate) use error::{UnsafePath, WalkError, shown};
pub(crate) use folder::WalkedFolder;
pub(crate) use program::require_safe_program;
pub(crate) use rule::ROOT;
pub(crate) use unknown_root::find as find_unknown_root;

use rule::{Reason, Users};

/// The requirement for the folders on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PathRule {
    /// Nobody else can exchange what is found: what the file says is done or trusted.
    Strict,
    /// The same, but the root of a volume may have any permissions: they were chosen when it was mounted.
    Volume,
    /// Another user may own it, unless we are root, but only its owner can exchange what is found. What is found
    /// is a program that the user named.
    Program,
    /// Only links must be trusted. Another user may own folders on the way, but can then only take the
    /// place away, and cannot lead to another one.
    Links,
}

/// A file that was opened and judged. It is not a folder.
#[derive(Debug)]
pub(crate) struct WalkedFile {
    pub(crate) file: <RealCalls as PathCalls>::Handle,
    /// The owner is [`ROOT`] also where this user namespace does not know root.
    pub(crate) facts: Facts,
}

/// The answer to missing folders.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum IfMissing {
    Refuse,
    /// Only the last one is made, and not where a symbolic link leads: the disk may not be mounted.
    MakeLast,
    MakeAll,
}

/// Opens a regular file. One that another process handed over (`/dev/stdin`, `/dev/fd/3`) may be a pipe.
///
/// # Errors
/// The system refuses it, it is not a regular file, or another user could exchange it.
pub(crate) fn open_file(path: &Path) -> Result<WalkedFile, WalkError> {
    if is_inherited(path) {
        let system = |source: Errno| system_error(path, source);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = RealCalls::open(path, flags).map_err(system)?;
        let facts = RealCalls::facts(&file).map_err(system)?;
        return Ok(WalkedFile { file, facts });
    }
    Walk::begin(path, PathRule::Strict)?.into_file()
}

/// Opens a regular file in a folder. `path` is its path in errors.
///
/// # Errors
/// As [`open_file`].
pub(crate) fn open_file_in(
    folder: &WalkedFolder<RealCalls>,
    name: &OsStr,
    path: &Path,
) -> Result<WalkedFile, WalkError> {
    let handle = folder.handle.try_clone();
    let mut walk = Walk::<RealCalls> {
        rule: PathRule::Strict,
        users: Users::here(),
        asked: path.to_owned(),
        folder: WalkedFolder {
            handle: handle.map_err(|source| WalkError::System {
                path: folder.path.clone(),
                source,
            })?,
            facts: folder.facts,
            path: folder.path.clone(),
        },
        doubt: None,
        rest: VecDeque::new(),
        links: 0,
        is_behind_last_link: false,
        has_made: false,
    };
    walk.rest.push_front(name.to_owned());
    walk.into_file()
}

/// Opens a folder.
///
/// # Errors
/// The system refuses it, it is not a folder, or the rule refuses a component.
pub(crate) fn open_folder<C: PathCalls>(
    path: &Path,
    rule: PathRule,
) -> Result<WalkedFolder<C>, WalkError> {
    let mut walk = Walk::begin(path, rule)?;
    walk.go(IfMissing::Refuse)?;
    Ok(walk.folder)
}

/// Opens a folder, and makes it and those above it (mode 0700) if they are missing.
///
/// # Errors
/// As [`open_folder`].
pub(crate) fn make_folders(
    path: &Path,
    rule: PathRule,
) -> Result<WalkedFolder<RealCalls>, WalkError> {
    let mut walk = Walk::begin(path, rule)?;
    walk.go(IfMissing::MakeAll)?;
    Ok(walk.folder)
}

/// Opens a folder whose parent exists, and makes it (mode 0700) if it is missing. Also returns true if it was
/// made.
///
/// # Errors
/// As [`open_folder`].
pub(crate) fn make_folder<C: PathCalls>(
    path: &Path,
    rule: PathRule,
) -> Result<(WalkedFolder<C>, bool), WalkError> {
    let mut walk = Walk::begin(path, rule)?;
    walk.go(IfMissing::MakeLast)?;
    Ok((walk.folder, walk.has_made))
}

/// Goes to the folder of a file that need not exist, and makes missing folders (mode 0700). Symbolic links to
/// the file are followed. Returns the name that the file has there.
///
/// # Errors
/// As [`open_folder`].
pub(crate) fn make_folder_of(
    path: &Path,
) -> Result<(WalkedFolder<RealCalls>, OsString), WalkError> {
    let mut walk = Walk::<RealCalls>::begin(path, PathRule::Strict)?;
    loop {
        let Some(name) = walk.go_to_last(IfMissing::MakeAll)? else {
            return Err(is_a_folder(walk.asked));
        };
        if !walk.folder.is_link(&name) {
            return Ok((walk.folder, name));
        }
        walk.follow(&name, Errno::LOOP)?;
    }
}

/// Returns true if a path names an open file of this process.
fn is_inherited(path: &Path) -> bool {
    let Some(path) = path.to_str() else {
        return false;
    };
    let number = |prefix| path.strip_prefix(prefix);
    let number = number("/dev/fd/").or_else(|| number("/proc/self/fd/"));
    path == "/dev/stdin" || number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// A walk along a path.
struct Walk<C: PathCalls> {
    rule: PathRule,
    users: Users,
    asked: PathBuf,
    /// The folder that was reached.
    folder: WalkedFolder<C>,
    /// The reason why another user can exchange what is in it.
    doubt: Option<Reason>,
    rest: VecDeque<OsString>,
    links: usize,
    /// True once the last component of the path was a symbolic link.
    is_behind_last_link: bool,
    /// True if a folder was made.
    has_made: bool,
}

impl Walk<RealCalls> {
    /// Goes to the end of the path, which is a regular file.
    fn into_file(mut self) -> Result<WalkedFile, WalkError> {
        // A FIFO that nobody writes to would block without O_NONBLOCK.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let Some(name) = self.go_to_last(IfMissing::Refuse)? else {
            return Err(is_a_folder(self.asked));
        };
        let (file, mut facts) = self.open_last(name, flags)?;
        self.learn_about_root(&facts);
        if self.users.is_of_unknown_root(&facts, &self.folder.facts) {
            facts.owner = ROOT;
        }
        match facts.kind {
            Kind::File => Ok(WalkedFile { file, facts }),
            Kind::Folder => Err(is_a_folder(self.asked)),
            Kind::Link | Kind::Other => Err(WalkError::System {
                path: self.asked,
                source: io::Error::other("it is not a regular file"),
            }),
        }
    }
}

impl<C: PathCalls> Walk<C> {
    fn begin(path: &Path, rule: PathRule) -> Result<Self, WalkError> {
        let start = start_of(path);
        let handle = C::open(start, C::SEARCH | OFlags::CLOEXEC);
        let handle = handle.map_err(|errno| system_error(start, errno))?;
        let facts = C::facts(&handle).map_err(|errno| system_error(start, errno))?;
        let mut walk = Self {
            rule,
            users: Users::here(),
            asked: path.to_owned(),
            folder: WalkedFolder {
                handle,
                facts,
                path: match path.is_absolute() {
                    true => start.to_owned(),
                    false => PathBuf::new(),
                },
            },
            doubt: None,
            rest: VecDeque::new(),
            links: 0,
            is_behind_last_link: false,
            has_made: false,
        };
        walk.judge(None)?;
        walk.add(path);
        Ok(walk)
    }

    /// Puts the components of a path in front of the rest.
    fn add(&mut self, path: &Path) {
        for component in path.components().rev() {
            if let Component::Normal(_) | Component::ParentDir = component {
                self.rest.push_front(component.as_os_str().to_owned());
            }
        }
    }

    /// Goes to the end of the path, which is a folder.
    fn go(&mut self, missing: IfMissing) -> Result<(), WalkError> {
        while let Some(name) = self.rest.pop_front() {
            self.enter(&name, missing)?;
        }
        Ok(())
    }

    /// Goes to the folder of the last component. Returns its name; `None` if the path has none.
    fn go_to_last(&mut self, missing: IfMissing) -> Result<Option<OsString>, WalkError> {
        loop {
            let Some(name) = self.rest.pop_front() else {
                return Ok(None);
            };
            if self.rest.is_empty() && name != ".." {
                return Ok(Some(name));
            }
            self.enter(&name, missing)?;
        }
    }

    /// Opens the last component. Symbolic links are followed.
    fn open_last(
        &mut self,
        mut name: OsString,
        flags: OFlags,
    ) -> Result<(C::Handle, Facts), WalkError> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            match C::openat(&self.folder.handle, &name, flags) {
                Ok(file) => {
                    let facts = C::facts(&file);
                    let facts = facts.map_err(|errno| self.refused_at(&name, errno))?;
                    return Ok((file, facts));
                }
                Err(errno) => self.follow(&name, errno)?,
            }
            let next = self.go_to_last(IfMissing::Refuse)?;
            name = next.ok_or_else(|| is_a_folder(self.asked.clone()))?;
        }
    }

    /// Goes to a folder in this one, or to where a symbolic link leads.
    fn enter(&mut self, name: &OsStr, missing: IfMissing) -> Result<(), WalkError> {
        let flags = C::SEARCH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match C::openat(&self.folder.handle, name, flags) {
            Err(Errno::NOENT) if self.may_make(missing) => {
                self.make(name)?;
                C::openat(&self.folder.handle, name, flags)
            }
            opened => opened,
        };
        let handle = match handle {
            Ok(handle) => handle,
            Err(errno) => return self.follow(name, errno),
        };
        let facts = C::facts(&handle).map_err(|errno| self.refused_at(name, errno))?;
        let above = self.folder.facts;
        let mut path = self.folder.path.clone();
        match name == ".." && path.file_name().is_some() {
            true => drop(path.pop()),
            false => path.push(name),
        }
        self.folder = WalkedFolder {
            handle,
            facts,
            path,
        };
        self.judge(Some(&above))
    }

    fn may_make(&self, missing: IfMissing) -> bool {
        match missing {
            IfMissing::Refuse => false,
            IfMissing::MakeLast => self.rest.is_empty() && !self.is_behind_last_link,
            IfMissing::MakeAll => true,
        }
    }

    fn make(&mut self, name: &OsStr) -> Result<(), WalkError> {
        match C::mkdirat(&self.folder.handle, name, Mode::RWXU) {
            Ok(()) => {
                self.has_made = true;
                Ok(())
            }
            // Another run was faster, or a link leads nowhere.
            Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(self.refused_at(name, errno)),
        }
    }

    /// Judges the folder that was reached.
    fn judge(&mut self, above: Option<&Facts>) -> Result<(), WalkError> {
        let facts = self.folder.facts;
        self.learn_about_root(&facts);
        let users = match self.rule {
            PathRule::Program => self.users.for_program_in(&facts),
            _ => self.users.clone(),
        };
        let judged = users.judge_folder(&facts, |group| has_other_members(group, users.us));
        self.doubt = judged.err();
        let is_accepted = match self.rule {
            PathRule::Strict | PathRule::Program => self.doubt.is_none(),
            PathRule::Volume => self.doubt.is_none() || rule::is_volume(&facts, above),
            PathRule::Links => true,
        };
        match self.doubt {
            Some(reason) if !is_accepted => {
                Err(self.unsafe_path(self.folder.path.clone(), Kind::Folder, reason))
            }
            _ => Ok(()),
        }
    }

    /// Finds out how root is shown here, once something belongs neither to us nor to root.
    fn learn_about_root(&mut self, facts: &Facts) {
        if !self.users.is_trusted(facts.owner) && self.users.unknown_root.is_none() {
            self.users.unknown_root = unknown_root::find();
        }
    }

    /// Goes on to where a symbolic link leads. `errno` is the error if it is not one.
    fn follow(&mut self, name: &OsStr, errno: Errno) -> Result<(), WalkError> {
        // Linux says ENOTDIR if a folder was wanted, and ELOOP if not; FreeBSD says EMLINK.
        let may_be_link = [Errno::LOOP, Errno::NOTDIR, Errno::MLINK].contains(&errno);
        let facts = C::facts_at(&self.folder.handle, name);
        let Some(facts) = facts
            .ok()
            .filter(|facts| may_be_link && facts.kind == Kind::Link)
        else {
            return Err(self.refused_at(name, errno));
        };
        self.learn_about_root(&facts);
        let component = self.folder.path.join(name);
        let judged = match self.rule {
            PathRule::Program => self.users.judge_program_owner(&facts, &self.folder.facts),
            _ => self.users.judge_owner(&facts, &self.folder.facts),
        };
        let reason = match (judged, self.doubt) {
            (Err(reason), _) => Some(reason),
            (Ok(()), Some(Reason::Foreign { owner })) => Some(Reason::InFolderOf { owner }),
            (Ok(()), doubt) => doubt,
        };
        if let Some(reason) = reason {
            return Err(self.unsafe_path(component, Kind::Link, reason));
        }
        self.is_behind_last_link |= self.rest.is_empty();
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(self.refused_at(name, Errno::LOOP));
        }
        let target = C::readlinkat(&self.folder.handle, name);
        let target = PathBuf::from(target.map_err(|errno| self.refused_at(name, errno))?);
        if target.is_absolute() {
            let root = Self::begin(Path::new("/"), self.rule)?;
            (self.folder, self.doubt) = (root.folder, root.doubt);
        }
        self.add(&target);
        Ok(())
    }

    fn unsafe_path(&self, mut component: PathBuf, kind: Kind, reason: Reason) -> WalkError {
        let path = self.asked.clone();
        if component.as_os_str().is_empty() {
            component.push(".");
        }
        UnsafePath {
            path,
            component,
            kind,
            reason,
            has_fixed_modes: C::has_fixed_modes(&self.folder.handle),
        }
        .into()
    }

    fn refused_at(&self, name: &OsStr, errno: Errno) -> WalkError {
        system_error(&self.folder.path.join(name), errno)
    }
}

fn start_of(path: &Path) -> &'static Path {
    Path::new(if path.is_absolute() { "/" } else { "." })
}

fn is_a_folder(path: PathBuf) -> WalkError {
    WalkError::System {
        path,
        source: io::ErrorKind::IsADirectory.into(),
    }
}

fn system_error(path: &Path, errno: Errno) -> WalkError {
    WalkError::System {
        path: path.to_owned(),
        source: errno.into(),
    }
}

/// Returns true if a group has other members than user number `us`.
fn has_other_members(group: u32, us: u32) -> bool {
    let [passwd, groups] = ["/etc/passwd", "/etc/group"].map(|path| {
        // A container may have neither.
        sys::read_to_string(path).unwrap_or_default()
    });
    rule::has_other_members(group, us, &passwd, &groups)
}

/// The most symbolic links on the way to a file; the limit of Linux, too.
const MOST_LINKS: usize = 40;
