//! The proof that messages were put in their place. It is needed if a run is killed before it records the
//! deliveries, and a mail reader removes a message before the next run.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::super::Error;
use super::super::folder::Folder;
use super::super::unique_name::{ParsedName, own_file};
use crate::mail::mark::Mark;
use crate::os::boot::boot_id;
use crate::os::sys::{self, File, Mode, OFlags};

/// The proof for the messages of one account: a list of their names in tmp/.
///
/// A name is added while the message is hidden in new/, before a mail reader can see it: from then on only its
/// user removes it. The list is removed once all deliveries in it are recorded. A power cut could undo the
/// rename but keep the list. So the list is valid only until the machine restarts, and its first line is the
/// boot id.
#[derive(Debug, Default)]
pub(super) struct PlacedList {
    /// The lists of this run, by the mark in the names.
    lists: Mutex<BTreeMap<Mark, OpenList>>,
}

/// A list to which this run adds names.
#[derive(Debug)]
struct OpenList {
    file: File,
    /// The messages whose deliveries are not recorded yet.
    unrecorded: HashSet<String>,
    /// True if it also has names from a run that was killed. They may still be needed.
    has_earlier: bool,
}

impl PlacedList {
    /// Adds a message that is hidden in new/.
    pub(super) fn add(&self, tmp: &Folder, name: &str) {
        // An error is ignored: without a proof, the message is fetched again only if this run is killed
        // before it records the delivery, and a mail reader removes the message before the next run.
        let _ = self.try_add(tmp, name);
    }

    fn try_add(&self, tmp: &Folder, name: &str) -> io::Result<()> {
        // Version 0.1.0 staged messages under names without a mark. They have no proof.
        let Some(mark) = mark_of(name) else {
            return Ok(());
        };
        let mut lists = self.lists();
        if let Some(list) = lists.get_mut(&mark) {
            return list.add(name);
        }
        if let Some(mut list) = OpenList::open(tmp, mark)? {
            let added = list.add(name);
            lists.insert(mark, list);
            return added;
        }
        Ok(())
    }

    /// Forgets messages whose delivery is recorded.
    pub(super) fn forget<'a>(&self, tmp: &Folder, names: impl Iterator<Item = &'a str>) {
        let mut lists = self.lists();
        for name in names {
            let Some(mark) = mark_of(name) else { continue };
            let Some(list) = lists.get_mut(&mark) else {
                continue;
            };
            list.unrecorded.remove(name);
            if list.unrecorded.is_empty() {
                if !list.has_earlier {
                    // If it cannot be removed now, a later run removes it.
                    let _ = tmp.remove(file_of(mark).as_ref());
                }
                lists.remove(&mark);
            }
        }
    }

    /// Returns true if an earlier run has put a message in its place.
    ///
    /// # Errors
    /// The list exists and cannot be read.
    pub(super) fn includes(tmp: &Folder, name: &str) -> Result<bool, Error> {
        let (Some(file), Some(boot)) = (mark_of(name).map(file_of), boot_id()) else {
            return Ok(false);
        };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match sys::openat(tmp.handle(), &file, flags, Mode::empty()) {
            Err(Errno::NOENT) => Ok(false),
            opened => opened
                .map_err(io::Error::from)
                .and_then(|mut file| read(&mut file))
                .map(|list| {
                    let mut lines = list.split(|octet| *octet == b'\n');
                    let is_of_this_boot = lines.next() == Some(boot.as_bytes());
                    is_of_this_boot && lines.any(|line| line == name.as_bytes())
                })
                .map_err(|source| Error::Local {
                    doing: "read",
                    path: tmp.path_of(&file),
                    source,
                }),
        }
    }

    fn lists(&self) -> MutexGuard<'_, BTreeMap<Mark, OpenList>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenList {
    /// Opens the list. Keeps the names that an earlier run wrote since the last boot. Returns `None` if the
    /// system has no boot id.
    fn open(tmp: &Folder, mark: Mark) -> io::Result<Option<Self>> {
        let Some(boot) = boot_id() else {
            return Ok(None);
        };
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::APPEND
            | OFlags::NONBLOCK
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = sys::openat(tmp.handle(), file_of(mark), flags, mode)?;
        let earlier = read(&mut file)?;
        let first_line = format!("{boot}\n");
        let has_earlier = earlier.starts_with(first_line.as_bytes());
        if !has_earlier {
            if !earlier.is_empty() {
                file.set_len(0)?;
            }
            file.write_all(first_line.as_bytes())?;
        }
        Ok(Some(Self {
            file,
            unrecorded: HashSet::new(),
            has_earlier,
        }))
    }

    fn add(&mut self, name: &str) -> io::Result<()> {
        // Each name has a line of its own, even if the one before it was cut.
        self.file.write_all(format!("\n{name}\n").as_bytes())?;
        self.unrecorded.insert(name.to_owned());
        Ok(())
    }
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    file.read_to_end(&mut octets).map(|_| octets)
}

fn file_of(mark: Mark) -> String {
    own_file(mark, ".placed")
}

fn mark_of(name: &str) -> Option<Mark> {
    ParsedName::read(name.as_bytes()).and_then(|parsed| parsed.mark)
}
