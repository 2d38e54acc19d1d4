//! Delivery into a Maildir: a message is written to tmp/ and moved to new/. From there a mail
//! reader moves it to cur/ or deletes it, at any time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::folder::Folder;
use super::intake::Intake;
use super::recovered::{Candidates, EarlierFiles, SoughtMessages};
use super::staged_state::StagedState;
use super::unique_name::without_flags;
use super::{Arrivals, Error, FileMode, Target, new_maildir};
use crate::mail::custody::{Delivered, Found, Outcome, Staged, StoredMessage, TargetPlace};
use crate::mail::mark::{FileMarks, Mark};
use crate::os::sys::WorldCalls;
use crate::os::walk::WalkedFolder;
use crate::text::ServerText;

#[cfg(test)]
mod tests;

mod placed_list;
mod placement;

use placed_list::PlacedList;
use placement::{Move, Placement, Spot};

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
    /// The account's own mark.
    mark: Mark,
    /// The way in which messages are put in their place, once it is known.
    placement: OnceLock<Placement>,
    placed: PlacedList,
    /// The files that the last [`Arrivals::find_earlier`] found.
    candidates: Mutex<Candidates>,
}

impl Maildir {
    /// Opens a Maildir. It is created (0700) if it is missing, its parent exists and nothing was delivered
    /// to it before; `earlier` is the place as it was at the last delivery. The names of files get the
    /// account's marks.
    ///
    /// # Errors
    /// It is gone, cannot be created, opened or written, or something else is there.
    pub(crate) fn open(
        path: &Path,
        marks: &FileMarks,
        earlier: Option<&TargetPlace>,
        file_mode: FileMode,
    ) -> Result<Self, Error> {
        let folder = match earlier {
            Some(_) => new_maildir::open_present(path),
            None => new_maildir::open_or_create(path, file_mode),
        }?;
        new_maildir::complete(&folder, path, file_mode)?;
        let mut maildir = Self::of(&folder, path, marks)?;
        maildir.intake = maildir.intake.with_file_mode(file_mode);
        // Checked now, so that nothing is fetched that cannot be delivered.
        maildir.intake.folder().require_writable()?;
        maildir.new.require_writable()?;
        if earlier != Some(&maildir.place) {
            // Nothing was staged for this folder yet. The run that created it, perhaps an earlier one,
            // may have been killed before it flushed the folders.
            new_maildir::flush_with_parent(&folder)?;
        }
        Ok(maildir)
    }

    /// Opens a Maildir that has to exist.
    ///
    /// # Errors
    /// It does not exist or cannot be opened.
    pub(crate) fn open_existing(path: &Path, marks: &FileMarks) -> Result<Self, Error> {
        Self::of(&new_maildir::open(path)?, path, marks)
    }

    fn of(
        folder: &WalkedFolder<WorldCalls>,
        path: &Path,
        marks: &FileMarks,
    ) -> Result<Self, Error> {
        let open = |name| Folder::open_in(folder, name, &path.join(name));
        let [tmp, new, cur] = [open("tmp")?, open("new")?, open("cur")?];
        let (device, inode) = new.identity()?;
        let place = TargetPlace {
            path: path.to_owned(),
            inode,
            device: Some(device),
            program: None,
        };
        Ok(Self {
            intake: Intake::new(tmp, marks),
            new,
            cur,
            place,
            mark: marks.own,
            placement: OnceLock::new(),
            placed: PlacedList::default(),
            candidates: Mutex::default(),
        })
    }

    fn candidates(&self) -> MutexGuard<'_, Candidates> {
        self.candidates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns those of the names that are in new/, or in cur/ with or without flags.
    fn find_in_place<'a>(&self, names: BTreeSet<&'a str>) -> Result<BTreeSet<&'a str>, Error> {
        let mut found = BTreeSet::new();
        for _ in 0..SCANS {
            // In this order: a reader moves files from new/ to cur/.
            for name in &names {
                if self.new.contains(name)? {
                    found.insert(*name);
                }
            }
            found.extend(self.find_in_cur(&names)?);
            if found.len() == names.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Reads cur/ once, and returns those of the names that are in it.
    fn find_in_cur<'a>(&self, names: &BTreeSet<&'a str>) -> Result<BTreeSet<&'a str>, Error> {
        if names.is_empty() {
            return Ok(BTreeSet::new());
        }
        let there = self.cur.names()?;
        let there = there.iter().filter_map(|name| str::from_utf8(name).ok());
        // Some readers move hidden files, too.
        let final_name = |name| {
            let name = without_flags(name);
            name.strip_prefix('.').unwrap_or(name)
        };
        Ok(there
            .filter_map(|name| names.get(final_name(name)).copied())
            .collect())
    }

    /// Makes sure that what is in new/ and cur/ stays there. A run that moved it there may have been killed
    /// before.
    ///
    /// # Errors
    /// A folder cannot be flushed.
    pub(super) fn flush(&self) -> Result<(), Error> {
        self.new.flush()?;
        self.cur.flush()
    }

    /// Finds out where a staged message is.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn locate(&self, staged: &Staged) -> Result<StagedState, Error> {
        let states = self.locate_all(std::slice::from_ref(staged))?;
        Ok(states[0])
    }

    /// Brings a message to new/, unless it is there already or a reader has it. Returns false if it is nowhere
    /// and there is no proof that it was in its place.
    ///
    /// # Errors
    /// It is in tmp/, or hidden in new/.
    fn put(&self, staged: &Staged, in_cur: &BTreeSet<&str>) -> Result<bool, Error> {
        let name = file_name(staged);
        let hidden = hidden(name);
        let tmp = self.intake.folder();
        if in_cur.contains(name) {
            // Another name is still there if the run was killed between link(2) and its removal, or if a
            // power cut brought it back.
            tmp.remove(name.as_ref())?;
            self.new.remove(hidden.as_ref())?;
            return Ok(true);
        }
        let spot = |folder, name| Spot { folder, name };
        let hiding = Move {
            from: spot(tmp, name),
            to: spot(&self.new, &hidden),
        };
        // What an earlier run staged is moved before this is known. Each way goes on to the next one if the
        // file system does not have it.
        let way = self.placement.get().copied();
        let way = way.unwrap_or(Placement::Rename);
        if !hiding.make(way)? {
            // A message of this run has no proof once it is gone from tmp/.
            return Ok(!staged.history().is_fresh && PlacedList::includes(tmp, name)?);
        }
        self.placed.add(tmp, name);
        let showing = Move {
            from: hiding.to,
            to: spot(&self.new, name),
        };
        // If this fails, the next run finds it under its hidden name. It must not return to tmp/: it is on the
        // list, and if another program removed it from there, a mail reader would be taken for the cause.
        showing.make(way)
    }
}

/// Returns the name that a message has in new/ until it is on the list. Mail readers ignore a name that begins
/// with a dot.
fn hidden(name: &str) -> String {
    format!(".{name}")
}

fn file_name(staged: &Staged) -> &str {
    &staged.stored().file_name
}

impl Arrivals for Maildir {
    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn prepare(&self) -> Result<(), Error> {
        if self.placement.get().is_none() {
            let found = Placement::find(self.intake.folder(), &self.new, self.mark)?;
            // If another call was faster, it has found the same way.
            let _ = self.placement.set(found);
        }
        Ok(())
    }

    fn forget_delivered(&self, file_names: &[String]) {
        let names = file_names.iter().map(String::as_str);
        self.placed.forget(self.intake.folder(), names);
    }

    fn locate_all(&self, staged: &[Staged]) -> Result<Vec<StagedState>, Error> {
        let tmp = self.intake.folder();
        let mut waiting = BTreeSet::new();
        for name in staged.iter().map(file_name) {
            if tmp.contains(name)? || self.new.contains(&hidden(name))? {
                waiting.insert(name);
            }
        }
        let others = staged.iter().map(file_name);
        let others = others.filter(|name| !waiting.contains(name)).collect();
        let delivered = self.find_in_place(others)?;
        let state = |name| {
            Ok(if waiting.contains(name) {
                StagedState::Waiting
            } else if delivered.contains(name) {
                StagedState::Delivered
            } else if PlacedList::includes(tmp, name)? {
                StagedState::Taken
            } else {
                StagedState::Lost
            })
        };
        staged.iter().map(file_name).map(state).collect()
    }

    fn find_earlier(&self, sought: &SoughtMessages) -> Result<(), Error> {
        let candidates = Candidates::search([&self.new, &self.cur], sought)?;
        self.flush()?;
        *self.candidates() = candidates;
        Ok(())
    }

    fn earlier_files(&self) -> EarlierFiles {
        self.candidates().earlier()
    }

    fn may_have_found(&self, unique_id: &[u8]) -> bool {
        self.candidates().may_include(unique_id)
    }

    fn recognise(&self, stored: &StoredMessage) -> Result<Option<Found>, Error> {
        self.candidates().take(stored, [&self.new, &self.cur])
    }
}

impl Target for Maildir {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let recalled = staged.iter().filter(|staged| !staged.history().is_fresh);
        // If the folder cannot be read, the search for missing messages says so.
        let in_cur = self.find_in_cur(&recalled.map(file_name).collect());
        let in_cur = in_cur.unwrap_or_default();
        let put: Vec<_> = staged
            .iter()
            .map(|staged| self.put(staged, &in_cur))
            .collect();
        let all = staged.iter().zip(&put);
        let missing = all.filter(|(_, put)| matches!(put, Ok(false)));
        let missing = missing.map(|(staged, _)| file_name(staged)).collect();
        let found = self.find_in_place(missing).map(|found| {
            let is_found = |staged| found.contains(file_name(staged));
            staged.iter().map(is_found).collect::<Vec<_>>()
        });
        // One flush for all of them: a rename survives a power cut only once the folder is flushed
        // (custody step 5).
        let flushed = self.new.flush();
        staged
            .into_iter()
            .zip(put)
            .enumerate()
            .map(|(at, (staged, put))| {
                let failed = match (&put, &found, &flushed) {
                    (Err(error), _, _) | (Ok(false), Err(error), _) => error,
                    (Ok(false), Ok(found), _) if !found[at] => {
                        return staged.lost();
                    }
                    (Ok(_), _, Err(error)) => error,
                    (Ok(_), _, Ok(())) => {
                        return Outcome::Delivered(Delivered::new(staged, ServerText::default()));
                    }
                };
                staged.kept(failed.not_delivered())
            })
            .collect()
    }

    fn group_size(&self) -> usize {
        usize::MAX
    }

    fn accepts_more(&self) -> bool {
        true
    }
}
