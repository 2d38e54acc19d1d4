//! The state folders of a history, and what happens to their databases between two runs.

use super::faults::{Fault, Faults};
use super::state::{NewDatabase, StateDir};
use crate::os::sys::simulated::generator::Chance;
use crate::os::sys::simulated::machine::Machine;
use crate::seen::StateFolder;

/// The state folders.
pub(super) struct Databases<'a> {
    new_database: &'a NewDatabase,
    folders: Vec<(StateDir, Option<StateFolder>)>,
    /// The folder of the next run.
    current: usize,
    lost: Option<Chance>,
    old: Option<Chance>,
    copied: Option<Chance>,
    has_backup: bool,
}

impl<'a> Databases<'a> {
    /// Creates the first state folder.
    pub(super) fn create(
        seed: u64,
        faults: &Faults,
        new_database: &'a NewDatabase,
    ) -> Result<Self, String> {
        let first = new_database.copy(seed).map_err(|error| error.to_string())?;
        Ok(Self {
            new_database,
            folders: vec![(first, None)],
            current: 0,
            lost: faults.draw(Fault::LostDatabase),
            old: faults.draw(Fault::OldDatabase),
            copied: faults.draw(Fault::CopiedDatabase),
            has_backup: false,
        })
    }

    /// Opens the state folder of the next run, unless it is open.
    pub(super) fn open(&mut self) -> Result<&StateFolder, String> {
        let (dir, open) = &mut self.folders[self.current];
        if open.is_none() {
            *open = Some(dir.open()?);
        }
        Ok(open.as_ref().expect("it was opened"))
    }

    /// Lets something happen to the databases.
    pub(super) fn strike(&mut self, machine: &Machine) -> Result<(), String> {
        self.lose(machine)
            .and_then(|()| self.put_back(machine))
            .and_then(|()| self.copy(machine))
            .map_err(|error| error.to_string())
    }

    /// Uses each folder in turn, and lets nothing more happen.
    pub(super) fn end_faults(&mut self) {
        (self.lost, self.old, self.copied) = (None, None, None);
    }

    /// Chooses the next folder.
    pub(super) fn turn(&mut self) {
        self.current = (self.current + 1) % self.folders.len();
    }

    fn lose(&mut self, machine: &Machine) -> std::io::Result<()> {
        let Some(chance) = &mut self.lost else {
            return Ok(());
        };
        if !chance.strikes(20) {
            return Ok(());
        }
        let with_locks = chance.percent(50);
        let locks = if with_locks { " with its locks" } else { "" };
        machine
            .state()
            .tell(|| format!("the database is lost{locks}"));
        let (dir, open) = &mut self.folders[0];
        *open = None;
        dir.lose(self.new_database, with_locks)
    }

    fn put_back(&mut self, machine: &Machine) -> std::io::Result<()> {
        let Some(chance) = &mut self.old else {
            return Ok(());
        };
        let (dir, open) = &mut self.folders[0];
        if self.has_backup && chance.strikes(40) {
            let in_place = chance.percent(50);
            machine
                .state()
                .tell(|| "an old database is put back".to_owned());
            *open = None;
            dir.put_back(in_place)?;
            self.has_backup = false;
        } else if !self.has_backup && chance.percent(50) {
            machine
                .state()
                .tell(|| "the database is backed up".to_owned());
            *open = None;
            dir.back_up()?;
            self.has_backup = true;
        }
        Ok(())
    }

    fn copy(&mut self, machine: &Machine) -> std::io::Result<()> {
        let Some(chance) = &mut self.copied else {
            return Ok(());
        };
        if self.folders.len() == 1 && chance.strikes(40) {
            machine
                .state()
                .tell(|| "the state folder is copied, and both are used".to_owned());
            let (dir, open) = &mut self.folders[0];
            *open = None;
            let copy = dir.copy()?;
            self.folders.push((copy, None));
        }
        if chance.percent(50) {
            self.turn();
        }
        Ok(())
    }
}
