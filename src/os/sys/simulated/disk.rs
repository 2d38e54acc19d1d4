//! A disk in memory that knows what a power cut would leave of it. It decides nothing by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use rustix::io::Errno;

use super::generator::Generator;

/// The number of a file or folder.
pub(crate) type Inode = u64;

/// The folder that holds all others.
pub(crate) const ROOT: Inode = 1;

/// The order in which changes of names reach the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WriteOrder {
    /// As they were made: a flush of anything takes all earlier changes with it, as on ext4 and XFS.
    Kept,
    /// Any, as POSIX allows it: a change only waits for those that it rests on.
    Free,
}

/// The disk.
#[derive(Debug)]
pub(crate) struct Disk {
    files: BTreeMap<Inode, FileOctets>,
    folders: BTreeMap<Inode, Names>,
    /// The changes of names that a power cut may undo, in the order in which they were made.
    pending: Vec<NameChange>,
    order: WriteOrder,
    last_inode: Inode,
    changes: u64,
}

#[derive(Debug, Default)]
struct FileOctets {
    octets: Vec<u8>,
    /// This many of them survive a power cut.
    durable: usize,
    /// True if a flush has failed. The system takes the octets for written then, and no later flush writes them
    /// (ext4, XFS, Btrfs).
    is_lost: bool,
}

#[derive(Debug, Default)]
struct Names {
    now: BTreeMap<Vec<u8>, Inode>,
    durable: BTreeMap<Vec<u8>, Inode>,
    /// The number of the last change.
    changed: u64,
}

/// A change of names that is made as a whole or not at all.
#[derive(Clone, Debug)]
struct NameChange {
    /// The file or folder that is named.
    inode: Inode,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    folder: Inode,
    name: Vec<u8>,
    /// The file that has the name from now on, if any.
    inode: Option<Inode>,
}

impl FileOctets {
    fn flush(&mut self) {
        if !self.is_lost {
            self.durable = self.octets.len();
        }
    }
}

impl NameChange {
    /// Returns true if this change is impossible without an earlier one.
    fn rests_on(&self, earlier: &Self) -> bool {
        self.follows(earlier)
            || self
                .entries
                .iter()
                .any(|entry| entry.folder == earlier.inode)
    }

    /// Returns true if an earlier change was about the same file or the same name.
    fn follows(&self, earlier: &Self) -> bool {
        self.inode == earlier.inode
            || self.entries.iter().any(|entry| {
                earlier
                    .entries
                    .iter()
                    .any(|other| (entry.folder, &entry.name) == (other.folder, &other.name))
            })
    }

    fn touches(&self, folder: Inode) -> bool {
        self.entries.iter().any(|entry| entry.folder == folder)
    }
}

impl Disk {
    /// Creates a disk with an empty folder.
    pub(crate) fn new(order: WriteOrder) -> Self {
        Self {
            files: BTreeMap::new(),
            folders: BTreeMap::from([(ROOT, Names::default())]),
            pending: Vec::new(),
            order,
            last_inode: ROOT,
            changes: 0,
        }
    }

    /// Finds a file or folder by its path.
    pub(crate) fn look_up(&self, path: &Path) -> Result<Inode, Errno> {
        path.components()
            .try_fold(ROOT, |folder, component| match component {
                Component::Normal(name) => self.find(folder, name.as_encoded_bytes()),
                _ => Ok(folder),
            })
    }

    /// Finds a name in a folder.
    pub(crate) fn find(&self, folder: Inode, name: &[u8]) -> Result<Inode, Errno> {
        self.names_of(folder)?
            .now
            .get(name)
            .copied()
            .ok_or(Errno::NOENT)
    }

    /// Returns a path that leads to a file or folder, for the story.
    pub(crate) fn path_of(&self, inode: Inode) -> String {
        if inode == ROOT {
            return String::new();
        }
        let mut all = self.folders.iter().flat_map(|(folder, names)| {
            let names = names.now.iter();
            names.map(move |(name, named)| (folder, name, *named))
        });
        match all.find(|(.., named)| *named == inode) {
            Some((folder, name, _)) => self.path_in(*folder, name),
            None => "a removed file".into(),
        }
    }

    /// Returns the path of a name in a folder.
    pub(crate) fn path_in(&self, folder: Inode, name: &[u8]) -> String {
        format!("{}/{}", self.path_of(folder), String::from_utf8_lossy(name))
    }

    /// Returns true if it is a folder.
    pub(crate) fn is_folder(&self, inode: Inode) -> bool {
        self.folders.contains_key(&inode)
    }

    /// Returns the names in a folder.
    pub(crate) fn names(&self, folder: Inode) -> Result<Vec<Vec<u8>>, Errno> {
        Ok(self.names_of(folder)?.now.keys().cloned().collect())
    }

    /// Returns the number of the last change of a folder's names.
    pub(crate) fn changed(&self, inode: Inode) -> u64 {
        self.folders.get(&inode).map_or(0, |names| names.changed)
    }

    /// Creates a file or a folder under a name that is free.
    pub(crate) fn create(
        &mut self,
        folder: Inode,
        name: &[u8],
        is_folder: bool,
    ) -> Result<Inode, Errno> {
        if self.find(folder, name).is_ok() {
            return Err(Errno::EXIST);
        }
        self.last_inode += 1;
        let inode = self.last_inode;
        if is_folder {
            self.folders.insert(inode, Names::default());
        } else {
            self.files.insert(inode, FileOctets::default());
        }
        self.change(inode, vec![(folder, name, Some(inode))])?;
        Ok(inode)
    }

    /// Gives a file another name that is free.
    pub(crate) fn link(&mut self, from: (Inode, &[u8]), to: (Inode, &[u8])) -> Result<(), Errno> {
        let inode = self.find(from.0, from.1)?;
        if self.find(to.0, to.1).is_ok() {
            return Err(Errno::EXIST);
        }
        self.change(inode, vec![(to.0, to.1, Some(inode))])
    }

    /// Renames a file. It replaces another one.
    pub(crate) fn rename(&mut self, from: (Inode, &[u8]), to: (Inode, &[u8])) -> Result<(), Errno> {
        let inode = self.find(from.0, from.1)?;
        self.change(
            inode,
            vec![(from.0, from.1, None), (to.0, to.1, Some(inode))],
        )
    }

    /// Removes a name.
    pub(crate) fn unlink(&mut self, folder: Inode, name: &[u8]) -> Result<(), Errno> {
        let inode = self.find(folder, name)?;
        self.change(inode, vec![(folder, name, None)])
    }

    fn change(
        &mut self,
        inode: Inode,
        entries: Vec<(Inode, &[u8], Option<Inode>)>,
    ) -> Result<(), Errno> {
        self.changes += 1;
        for (folder, name, named) in &entries {
            let names = self.folders.get_mut(folder).ok_or(Errno::NOTDIR)?;
            names.changed = self.changes;
            match named {
                Some(named) => names.now.insert(name.to_vec(), *named),
                None => names.now.remove(*name),
            };
        }
        let entries = entries.into_iter().map(|(folder, name, inode)| Entry {
            folder,
            name: name.to_vec(),
            inode,
        });
        self.pending.push(NameChange {
            inode,
            entries: entries.collect(),
        });
        Ok(())
    }

    fn names_of(&self, folder: Inode) -> Result<&Names, Errno> {
        self.folders.get(&folder).ok_or(Errno::NOTDIR)
    }

    /// Returns the octets of a file.
    pub(crate) fn octets(&self, file: Inode) -> Result<&[u8], Errno> {
        self.files
            .get(&file)
            .map(|file| &*file.octets)
            .ok_or(Errno::ISDIR)
    }

    /// Writes octets, from a place in the file on.
    pub(crate) fn write(&mut self, file: Inode, at: usize, octets: &[u8]) -> Result<(), Errno> {
        let file = self.files.get_mut(&file).ok_or(Errno::ISDIR)?;
        file.durable = file.durable.min(at);
        file.octets.truncate(at);
        file.octets.resize(at, 0);
        file.octets.extend_from_slice(octets);
        Ok(())
    }

    /// Cuts a file, or appends zeros.
    pub(crate) fn set_length(&mut self, file: Inode, length: usize) -> Result<(), Errno> {
        let file = self.files.get_mut(&file).ok_or(Errno::ISDIR)?;
        file.octets.resize(length, 0);
        file.durable = file.durable.min(length);
        Ok(())
    }

    /// Makes a file or folder survive a power cut: the octets of a file, the names in a folder.
    pub(crate) fn flush(&mut self, inode: Inode) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.flush();
        }
        match self.order {
            WriteOrder::Kept => self.commit(|_| true),
            WriteOrder::Free => self.commit(|change| change.touches(inode)),
        }
    }

    /// Makes everything survive a power cut.
    pub(crate) fn flush_all(&mut self) {
        self.files.values_mut().for_each(FileOctets::flush);
        self.commit(|_| true);
    }

    /// Fails to flush a file or folder. Names can still be flushed later.
    pub(crate) fn lose(&mut self, inode: Inode) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.is_lost = true;
        }
    }

    /// Fails to flush the octets of all files.
    pub(crate) fn lose_all(&mut self) {
        let files = self.files.values_mut();
        let unflushed = files.filter(|file| file.durable < file.octets.len());
        unflushed.for_each(|file| file.is_lost = true);
    }

    /// Makes some changes durable, and those that they follow. POSIX does not promise that the flush
    /// of a folder saves the name of the folder itself.
    fn commit(&mut self, is_wanted: impl Fn(&NameChange) -> bool) {
        let mut taken = BTreeSet::new();
        for at in (0..self.pending.len()).rev() {
            let is_needed = |later: &usize| self.pending[*later].follows(&self.pending[at]);
            if is_wanted(&self.pending[at]) || taken.iter().any(is_needed) {
                taken.insert(at);
            }
        }
        let mut at = 0;
        let (durable, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|_| {
                at += 1;
                taken.contains(&(at - 1))
            });
        self.pending = pending;
        durable.iter().for_each(|change| self.make_durable(change));
    }

    fn make_durable(&mut self, change: &NameChange) {
        for entry in &change.entries {
            let Some(names) = self.folders.get_mut(&entry.folder) else {
                continue;
            };
            match entry.inode {
                Some(inode) => names.durable.insert(entry.name.clone(), inode),
                None => names.durable.remove(&entry.name),
            };
        }
    }

    /// Cuts the power: some of the pending changes survive, and a part of the octets that were not
    /// flushed.
    pub(crate) fn cut_power(&mut self, chance: &mut Generator) {
        let pending = std::mem::take(&mut self.pending);
        let prefix = chance.below(pending.len() as u64 + 1) as usize;
        let mut undone: Vec<NameChange> = Vec::new();
        for (at, change) in pending.into_iter().enumerate() {
            let survives = match self.order {
                WriteOrder::Kept => at < prefix,
                WriteOrder::Free => {
                    chance.percent(50) && !undone.iter().any(|other| change.rests_on(other))
                }
            };
            if survives {
                self.make_durable(&change);
            } else {
                undone.push(change);
            }
        }
        for names in self.folders.values_mut() {
            names.now = names.durable.clone();
        }
        for file in self.files.values_mut() {
            let unflushed = file.octets.len() - file.durable;
            if chance.percent(50) {
                let left = chance.below(unflushed as u64 + 1) as usize;
                file.octets.truncate(file.durable + left);
            } else {
                file.octets[file.durable..].fill(0);
            }
            file.durable = file.octets.len();
            file.is_lost = false;
        }
    }

    /// Returns true if a power cut would not touch the names that lead to a folder.
    fn is_durable(&self, folder: Inode) -> bool {
        let has_name = |names: &Names| names.durable.values().any(|inode| *inode == folder);
        let mut parents = self.folders.iter();
        folder == ROOT || parents.any(|(parent, names)| has_name(names) && self.is_durable(*parent))
    }

    /// Returns the octets of the files in a folder that a power cut would not touch.
    pub(crate) fn durable_files(&self, folder: Inode) -> impl Iterator<Item = &[u8]> {
        let names = self.folders.get(&folder);
        names
            .filter(|_| self.is_durable(folder))
            .into_iter()
            .flat_map(|names| names.durable.values())
            .filter_map(|inode| self.files.get(inode))
            .filter(|file| file.durable == file.octets.len())
            .map(|file| &*file.octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the power cuts, out of a hundred, that leave a file in new/ with all its octets.
    fn survivals(order: WriteOrder, steps: fn(&mut Disk, [Inode; 3])) -> usize {
        let survives = |seed: &u64| {
            let mut disk = Disk::new(order);
            let tmp = disk.create(ROOT, b"tmp", true).expect("the name is free");
            let new = disk.create(ROOT, b"new", true).expect("the name is free");
            disk.flush_all();
            let file = disk.create(tmp, b"F", false).expect("the name is free");
            disk.write(file, 0, b"octets").expect("it is a file");
            disk.rename((tmp, b"F"), (new, b"F")).expect("it is there");
            steps(&mut disk, [file, tmp, new]);
            disk.cut_power(&mut Generator::new(*seed, "test"));
            let found = disk.find(new, b"F");
            found.is_ok_and(|file| disk.octets(file) == Ok(b"octets"))
        };
        (0..100).filter(survives).count()
    }

    #[test]
    fn only_what_is_flushed_survives_each_power_cut() {
        for order in [WriteOrder::Kept, WriteOrder::Free] {
            let all = survivals(order, |disk, [file, _, new]| {
                disk.flush(file);
                disk.flush(new);
            });
            assert_eq!(all, 100, "{order:?}");
            let without_octets = survivals(order, |disk, [_, _, new]| disk.flush(new));
            assert!((1..100).contains(&without_octets), "{order:?}");
            let nothing = survivals(order, |_, _| {});
            assert!((1..100).contains(&nothing), "{order:?}");
        }
    }

    #[test]
    fn a_flushed_folder_keeps_its_own_name_on_an_ordered_disk_only() {
        for (order, is_durable) in [(WriteOrder::Kept, true), (WriteOrder::Free, false)] {
            let mut disk = Disk::new(order);
            let folder = disk.create(ROOT, b"folder", true).expect("it is new");
            let file = disk.create(folder, b"file", false).expect("it is new");
            disk.flush(file);
            disk.flush(folder);
            assert_eq!(disk.durable_files(folder).count() == 1, is_durable);
            disk.flush(ROOT);
            assert_eq!(disk.durable_files(folder).count(), 1);
        }
    }

    #[test]
    fn no_flush_after_a_failed_one_saves_the_octets() {
        let saved = survivals(WriteOrder::Kept, |disk, [file, _, new]| {
            disk.lose(file);
            disk.flush(file);
            disk.flush(new);
        });
        assert!((1..100).contains(&saved));
    }

    #[test]
    fn a_flushed_file_keeps_its_name_on_an_ordered_disk_only() {
        let flush = |disk: &mut Disk, [file, ..]: [Inode; 3]| disk.flush(file);
        assert_eq!(survivals(WriteOrder::Kept, flush), 100);
        assert!((1..100).contains(&survivals(WriteOrder::Free, flush)));
    }
}
