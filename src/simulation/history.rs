//! One history of an account: its runs, what happens to them, and the promises that are checked.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::databases::Databases;
use super::faults::{Counts, FAULTY_RUNS, Fault, Faults};
use super::locks::lock;
use super::mail_program::mail_program;
use super::maildir::{Others, SPOOL, delivered_ids};
use super::message::MailboxMessage;
use super::program::{Program, SimulatedTarget, settled_to_stay, staged_files};
use super::promises::{Ages, Checks, SharedWatch, Watch, deletion_check};
use super::server::{ServerFaults, ServerMailbox, SharedMailbox};
use super::state::NewDatabase;
use super::user::User;
use crate::mail::policy::Keep;
use crate::os::sys::simulated::call_faults::CallFaults;
use crate::os::sys::simulated::disk::{Disk, ROOT, WriteOrder};
use crate::os::sys::simulated::generator::{Chance, Generator};
use crate::os::sys::simulated::machine::Machine;
use crate::seen::{self, Deliveries, StateFolder};

/// The most runs without faults that it may take until all is done.
const MOST_QUIET_RUNS: u64 = 4;
/// The beginning of the simulated time: 2026-12-01.
const BEGINNING: Duration = Duration::from_secs(1_796_083_200);
/// The time between two runs.
const BETWEEN_RUNS: Duration = Duration::from_secs(25 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// One history.
pub(super) struct History<'a> {
    seed: u64,
    faults: Faults,
    new_database: &'a NewDatabase,
    machine: Arc<Machine>,
    mailbox: SharedMailbox,
    /// The messages that ever were on the server.
    sent: Vec<MailboxMessage>,
    watch: SharedWatch,
    user: User,
    second_runs: Option<Chance>,
    /// Decides when the user orders the deletion of a message.
    orders: Option<Chance>,
    destination: SimulatedTarget,
    descriptors: u64,
    /// The steps of the last run that was not killed.
    steps: u64,
    counts: Counts,
}

/// A history that is over.
pub(super) struct Lived {
    /// Its steps, if they were told.
    pub(super) story: Vec<String>,
    /// The number of times that each thing happened.
    pub(super) counts: Counts,
    /// The promise that was broken, if any.
    pub(super) ended: Result<(), String>,
}

impl<'a> History<'a> {
    /// Prepares a history.
    pub(super) fn new(seed: u64, faults: Faults, new_database: &'a NewDatabase) -> Self {
        let mut world = Generator::new(seed, "world");
        let order = match world.percent(50) {
            true => WriteOrder::Kept,
            false => WriteOrder::Free,
        };
        let machine = Machine::new(seed, order, BEGINNING);
        let keep = match world.percent(25) {
            true => Keep::Always,
            false => Keep::Never,
        };
        let has_pipelining = world.percent(50);
        let watch = Watch::new(keep, ages(&faults));
        let deleted = deletion_check(&machine, &watch);
        let mailbox = ServerMailbox::new(has_pipelining, ServerFaults::draw(&faults), deleted);
        Self {
            seed,
            user: User::new(seed, keep, &faults),
            second_runs: faults.draw(Fault::SecondRuns),
            orders: faults.draw(Fault::Orders),
            destination: destination(&faults),
            faults,
            new_database,
            machine,
            mailbox: Arc::new(Mutex::new(mailbox)),
            sent: Vec::new(),
            watch,
            // So that a few messages make several batches.
            descriptors: 36 + world.below(8),
            steps: 100,
            counts: Counts::new(),
        }
    }

    /// Lives the history. If `is_told`, it is recorded step by step.
    pub(super) fn live(mut self, is_told: bool) -> Lived {
        self.machine.state().story = is_told.then(Vec::new);
        let ended = self.try_live();
        let story = self.machine.state().story.take();
        for (fault, struck) in self.faults.struck() {
            self.counts.insert(fault.name(), struck);
        }
        Lived {
            story: story.unwrap_or_default(),
            counts: self.counts,
            ended,
        }
    }

    /// Lives two runs, each of which fetches a message and deletes it. Returns the steps of each.
    pub(super) fn live_plainly(mut self) -> Result<Vec<Vec<String>>, String> {
        self.user.keep = Keep::Never;
        let mut databases = Databases::create(self.seed, &self.faults, self.new_database)?;
        let mut stories = Vec::new();
        for run in 0..2 {
            self.machine.state().story = Some(Vec::new());
            self.send();
            self.run(&mut databases, run, None)?;
            stories.extend(self.machine.state().story.take());
        }
        self.check_files(&mut databases)?;
        self.check_end()?;
        Ok(stories)
    }

    fn try_live(&mut self) -> Result<(), String> {
        let mut arrivals = Generator::new(self.seed, "arrivals");
        let mut kills = self.faults.draw(Fault::Kills);
        let mut power = self.faults.draw(Fault::PowerCuts);
        let others = Others {
            moving: self.faults.draw(Fault::Reader),
            removing: self.faults.draw(Fault::RemovingReader),
            emptying: self.faults.draw(Fault::EmptiedTmp),
        };
        let others = others.work(Arc::clone(&self.watch));
        self.machine.set_neighbour(Some(others));
        if let Some(chance) = self.faults.draw(Fault::MailProgram) {
            make_spool(&mut self.machine.state().disk)?;
            let program = mail_program(chance, Arc::clone(&self.watch));
            self.machine.set_mail_program(program);
        }
        let mut clock = self.faults.draw(Fault::ClockJumps);
        let flushes = self.faults.draw(Fault::FailedFlushes);
        let room = self.faults.draw(Fault::FullDisk);
        self.machine.state().faults = CallFaults::new(flushes, room);
        let mut databases = Databases::create(self.seed, &self.faults, self.new_database)?;
        for run in 0..FAULTY_RUNS {
            for _ in 0..arrivals.below(4) {
                self.send();
            }
            let kill_at = kills.as_mut().and_then(|chance| {
                let is_killed = chance.percent(80);
                is_killed.then(|| 1 + chance.below(self.steps + 20))
            });
            if run > 0 {
                databases.strike(&self.machine)?;
                self.user.strike(&mut self.machine.state());
            }
            if let Some(unique_id) = self.draw_order() {
                self.delete(&mut databases, run, &unique_id, kill_at)?;
            }
            let is_killed = self.run(&mut databases, run, kill_at)?;
            kills.iter().filter(|_| is_killed).for_each(Chance::count);
            if let Some(chance) = &mut power
                && chance.strikes(50)
            {
                self.cut_power(chance, &mut databases)?;
            }
            if let Some(chance) = &mut clock
                && chance.strikes(30)
            {
                self.set_clock(chance);
            }
            self.check_files(&mut databases)?;
        }
        self.end_faults();
        databases.end_faults();
        let mut run = FAULTY_RUNS;
        while run < FAULTY_RUNS + MOST_QUIET_RUNS && self.check_end().is_err() {
            self.run_quietly(&mut databases, run)?;
            run += 1;
        }
        self.check_end()?;
        // Nothing may happen once all is done.
        self.run_quietly(&mut databases, run)?;
        self.check_end()
    }

    /// Runs once without faults, with each of the state folders in turn.
    fn run_quietly(&mut self, databases: &mut Databases<'_>, run: u64) -> Result<(), String> {
        self.run(databases, run, None)?;
        self.check_files(databases)?;
        let staying = self.ask(databases, settled_to_stay)?;
        lock(&self.watch).staying.extend(staying);
        databases.turn();
        Ok(())
    }

    fn cut_power(
        &mut self,
        chance: &mut Chance,
        databases: &mut Databases<'_>,
    ) -> Result<(), String> {
        let mut state = self.machine.state();
        state.tell(|| "the power fails".into());
        state.boot += 1;
        state.disk.cut_power(chance.numbers());
        let present = delivered_ids(&state.disk);
        drop(state);
        if self.faults.have(Fault::RemovingReader) {
            let staged = self.ask(databases, staged_files)?;
            lock(&self.watch).note_power_cut(staged, &present);
        }
        Ok(())
    }

    /// Asks the database in a process: only that can read the clock, which the ledger does.
    fn ask<T: Send>(
        &self,
        databases: &mut Databases<'_>,
        question: impl FnOnce(&StateFolder) -> Result<T, String> + Send,
    ) -> Result<T, String> {
        let folder = databases.open()?;
        let (answer, _) = self.machine.run(None, || question(folder));
        answer.unwrap_or_else(|| Err("it was killed".into()))
    }

    fn set_clock(&mut self, chance: &mut Chance) {
        let days = chance.below(800);
        let mut state = self.machine.state();
        let far = (state.clock + DAY * days as u32).checked_sub(DAY * 400);
        state.clock = far.unwrap_or(state.clock);
        state.tell(|| format!("the clock is set by {} days", days as i64 - 400));
    }

    /// Ends all faults, but for the mail readers.
    fn end_faults(&mut self) {
        self.user.end_faults();
        // The checks of the end are those of the usual `keep`, which may not have been that of the last run.
        lock(&self.watch).keep = self.user.keep;
        self.second_runs = None;
        self.machine.state().faults = CallFaults::default();
        lock(&self.mailbox).faults.end();
        lock(&self.watch).is_quiet = true;
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Puts a new message on the server.
    fn send(&mut self) {
        let message = MailboxMessage::new(self.sent.len() + 1);
        let id = message.id;
        self.machine
            .state()
            .tell(|| format!("message {id} arrives"));
        self.sent.push(message.clone());
        lock(&self.mailbox).receive(message);
    }

    /// Returns the unique-id of a message whose deletion the user orders now, if any.
    fn draw_order(&mut self) -> Option<String> {
        let chance = self.orders.as_mut()?;
        let mailbox = lock(&self.mailbox);
        let count = mailbox.messages.len() as u64;
        if count == 0 || !chance.strikes(40) {
            return None;
        }
        let message = &mailbox.messages[chance.below(count) as usize];
        let (id, unique_id) = (message.id, message.unique_id.clone());
        lock(&self.watch).ordered.insert(id);
        self.machine
            .state()
            .tell(|| format!("the user orders the deletion of message {id} ({unique_id})"));
        Some(unique_id)
    }

    /// Deletes a message that the user names. It takes fewer steps than a run, so a kill comes earlier.
    fn delete(
        &mut self,
        databases: &mut Databases<'_>,
        run: u64,
        unique_id: &str,
        kill_at: Option<u64>,
    ) -> Result<(), String> {
        let folder = databases.open()?;
        let program = self.program(run);
        let kill_at = kill_at.map(|step| 1 + step % 20);
        let (ended, _) = self
            .machine
            .run(kill_at, || program.delete(folder, unique_id));
        self.second_runs = program.second_runs.take();
        let how = match ended {
            None => "by a kill".to_owned(),
            Some(Ok(())) => "well".to_owned(),
            Some(Err(failure)) => failure.to_string(),
        };
        self.machine
            .state()
            .tell(|| format!("the deletion ended: {how}"));
        lock(&self.watch).broken()
    }

    /// Returns the program with its present configuration.
    fn program(&mut self, run: u64) -> Program {
        let now = self.machine.state().clock;
        let mut watch = lock(&self.watch);
        (watch.keep, watch.run, watch.now) = (self.user.keep, run, now);
        Program {
            machine: Arc::clone(&self.machine),
            mailbox: Arc::clone(&self.mailbox),
            keep: self.user.keep,
            destination: self.destination,
            maildir: self.user.maildir.clone(),
            may_delete_many: self.user.may_delete_many,
            descriptors: self.descriptors,
            second_runs: RefCell::new(self.second_runs.take()),
            watch: Arc::clone(&self.watch),
        }
    }

    /// Runs the program once. Returns true if it was killed.
    fn run(
        &mut self,
        databases: &mut Databases<'_>,
        run: u64,
        kill_at: Option<u64>,
    ) -> Result<bool, String> {
        let folder = databases.open()?;
        self.machine.state().tell(|| format!("run {run} begins"));
        let program = self.program(run);
        lock(&self.mailbox).faults.begin_run();
        let (ended, steps) = self.machine.run(kill_at, || program.fetch(folder));
        self.second_runs = program.second_runs.take();
        self.count("runs");
        let is_killed = ended.is_none();
        if lock(&self.watch).has_unproven() {
            let staged = self.ask(databases, staged_files)?;
            lock(&self.watch).note_staged(&staged);
        }
        if let Some(ended) = ended {
            self.steps = steps;
            let how = ended.map_or_else(|failure| failure.to_string(), |()| "well".into());
            self.machine
                .state()
                .tell(|| format!("run {run} ended: {how}"));
        }
        *self.counts.entry("steps").or_default() += steps;
        self.machine.state().clock += BETWEEN_RUNS;
        lock(&self.watch).broken()?;
        Ok(is_killed)
    }

    /// Checks what must be true after each run.
    fn check_files(&self, databases: &mut Databases<'_>) -> Result<(), String> {
        let told = told_repetitions(databases.open()?)?;
        self.check(|checks, watch| checks.after_run(watch, told))
    }

    /// Checks what must be true in the end.
    fn check_end(&self) -> Result<(), String> {
        let deleting = [Fault::KeepChanges, Fault::DeletesRetrieved];
        let was_deleted = deleting.into_iter().any(|fault| self.faults.have(fault));
        self.check(|checks, watch| checks.in_the_end(watch, was_deleted))
    }

    fn check<T>(&self, check: impl FnOnce(Checks<'_>, &mut Watch) -> T) -> T {
        let mailbox = lock(&self.mailbox);
        let state = self.machine.state();
        let checks = Checks {
            disk: &state.disk,
            sent: &self.sent,
            mailbox: &mailbox,
            faults: &self.faults,
        };
        check(checks, &mut lock(&self.watch))
    }
}

/// Returns how the ages of messages count in a history with these faults.
fn ages(faults: &Faults) -> Ages {
    let databases = [
        Fault::LostDatabase,
        Fault::OldDatabase,
        Fault::CopiedDatabase,
    ];
    if faults.have(Fault::ClockJumps) {
        return Ages::Unknown;
    }
    match databases.into_iter().any(|fault| faults.have(fault)) {
        true => Ages::FromDownload,
        false => Ages::FromDelivery,
    }
}

/// Draws the kind of the target.
fn destination(faults: &Faults) -> SimulatedTarget {
    let Some(mut program) = faults.draw(Fault::MailProgram) else {
        return SimulatedTarget::Maildir;
    };
    let jobs = 1 + program.below(2) as usize;
    match faults.draw(Fault::FarTarget) {
        Some(far) => {
            far.count();
            SimulatedTarget::FarProgram(jobs)
        }
        None => SimulatedTarget::Program(jobs),
    }
}

/// Makes the spool, which is a part of the state folder and so is there before the first run.
fn make_spool(disk: &mut Disk) -> Result<(), String> {
    let name = SPOOL.trim_start_matches('/').as_bytes();
    let made = disk.create(ROOT, name, true);
    made.map_err(|errno| errno.to_string())?;
    disk.flush_all();
    Ok(())
}

/// Returns the number of deliveries that the log marks as possibly repeated.
fn told_repetitions(folder: &StateFolder) -> Result<usize, String> {
    let mut told = 0;
    let deliveries = Deliveries::open(folder).map_err(|error| error.to_string())?;
    let counted = deliveries.for_each(None, 0, |delivery| -> Result<(), seen::Error> {
        told += usize::from(delivery.was_repeated);
        Ok(())
    });
    counted.map_err(|error| error.to_string())?;
    Ok(told)
}
