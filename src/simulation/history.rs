//! One history of an account: its runs, what happens to them, and the promises that are checked.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Counts;
use super::faults::{Fault, Faults};
use super::maildir::reader;
use super::message::MailboxMessage;
use super::promises::{self, Broken, deletion_check};
use super::server::{ServerFaults, ServerMailbox, ServerStream, SharedMailbox, lock};
use super::state::{NewDatabase, StateDir};
use crate::delivery::{FileMode, Maildir};
use crate::exit::{Exit, Failure};
use crate::mail::policy::{Keep, Policy};
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;
use crate::os::sys::simulated::call_faults::CallFaults;
use crate::os::sys::simulated::disk::WriteOrder;
use crate::os::sys::simulated::generator::{Chance, Generator};
use crate::os::sys::simulated::machine::Machine;
use crate::poll::{Course, Poll, PollOptions};
use crate::pop3::{self, Authorization, Credentials, Mechanism, SessionHints, Transaction};
use crate::report::{AccountReporter, Event, Reporter, Summary};
use crate::seen::{Ledger, StateFolder};

/// The runs of a history with faults.
const FAULTY_RUNS: u64 = 6;
/// The most runs without faults that it may take until all is done.
const MOST_QUIET_RUNS: u64 = 4;
/// The beginning of the simulated time: 2026-12-01.
const BEGINNING: Duration = Duration::from_secs(1_796_083_200);
/// The time between two runs.
const BETWEEN_RUNS: Duration = Duration::from_secs(25 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const MAILDIR: &str = "/Mail";

/// One history.
pub(super) struct History<'a> {
    seed: u64,
    faults: Faults,
    new_database: &'a NewDatabase,
    machine: Arc<Machine>,
    mailbox: SharedMailbox,
    /// The messages that ever were on the server.
    sent: Vec<MailboxMessage>,
    /// The first promise that was broken, as noticed at a step.
    broken: Broken,
    keep: Keep,
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
        let broken = Arc::new(Mutex::new(None));
        let keep = match world.percent(25) {
            true => Keep::Always,
            false => Keep::Never,
        };
        let has_pipelining = world.percent(50);
        let deleted = deletion_check(&machine, &broken, keep);
        let mailbox = ServerMailbox::new(has_pipelining, ServerFaults::draw(&faults), deleted);
        Self {
            seed,
            faults,
            new_database,
            machine,
            mailbox: Arc::new(Mutex::new(mailbox)),
            sent: Vec::new(),
            broken,
            keep,
            // So that a few messages make several batches.
            descriptors: 36 + world.below(8),
            steps: 100,
            counts: Counts::new(),
        }
    }

    /// Lives the history. If `is_told`, it is recorded step by step.
    pub(super) fn live(mut self, is_told: bool) -> Lived {
        self.machine.state().story = is_told.then(Vec::new);
        let folder = self.new_database.copy(self.seed);
        let ended = folder
            .map_err(|error| error.to_string())
            .and_then(|folder| self.try_live(&folder));
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

    fn try_live(&mut self, folder: &StateDir) -> Result<(), String> {
        let mut arrivals = Generator::new(self.seed, "arrivals");
        let mut kills = self.faults.draw(Fault::Kills);
        let mut power = self.faults.draw(Fault::PowerCuts);
        self.machine
            .set_neighbour(self.faults.draw(Fault::Reader).map(reader));
        let mut clock = self.faults.draw(Fault::ClockJumps);
        let flushes = self.faults.draw(Fault::FailedFlushes);
        let room = self.faults.draw(Fault::FullDisk);
        self.machine.state().faults = CallFaults::new(flushes, room);
        let state = folder.open()?;
        for run in 0..FAULTY_RUNS {
            for _ in 0..arrivals.below(4) {
                self.send();
            }
            let kill_at = kills.as_mut().and_then(|chance| {
                let is_killed = chance.percent(80);
                is_killed.then(|| 1 + chance.below(self.steps + 20))
            });
            let is_killed = self.run(&state, run, kill_at)?;
            kills.iter().filter(|_| is_killed).for_each(Chance::count);
            if let Some(chance) = &mut power
                && chance.strikes(50)
            {
                self.cut_power(chance);
            }
            if let Some(chance) = &mut clock
                && chance.strikes(30)
            {
                self.set_clock(chance);
            }
            self.check_files()?;
        }
        self.end_faults();
        let mut run = FAULTY_RUNS;
        while run < FAULTY_RUNS + MOST_QUIET_RUNS && self.check_end().is_err() {
            self.run(&state, run, None)?;
            self.check_files()?;
            run += 1;
        }
        self.check_end()?;
        // Nothing may happen once all is done.
        self.run(&state, run, None)?;
        self.check_files()?;
        self.check_end()
    }

    fn cut_power(&mut self, chance: &mut Chance) {
        let mut state = self.machine.state();
        state.tell(|| "the power fails".into());
        state.boot += 1;
        state.disk.cut_power(chance.numbers());
    }

    fn set_clock(&mut self, chance: &mut Chance) {
        let days = chance.below(800);
        let mut state = self.machine.state();
        let far = (state.clock + DAY * days as u32).checked_sub(DAY * 400);
        state.clock = far.unwrap_or(state.clock);
        state.tell(|| format!("the clock is set by {} days", days as i64 - 400));
    }

    /// Ends all faults, but for the mail reader.
    fn end_faults(&self) {
        self.machine.state().faults = CallFaults::default();
        lock(&self.mailbox).faults.end();
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

    /// Runs the program once. Returns true if it was killed.
    fn run(&mut self, state: &StateFolder, run: u64, kill_at: Option<u64>) -> Result<bool, String> {
        self.machine.state().tell(|| format!("run {run} begins"));
        lock(&self.mailbox).faults.begin_run();
        let machine = Arc::clone(&self.machine);
        let (ended, steps) = machine.run(kill_at, || self.fetch(state));
        self.count("runs");
        let is_killed = ended.is_none();
        if let Some(ended) = ended {
            self.steps = steps;
            let how = ended.map_or_else(|failure| failure.to_string(), |()| "well".into());
            self.machine
                .state()
                .tell(|| format!("run {run} ended: {how}"));
        }
        *self.counts.entry("steps").or_default() += steps;
        self.machine.state().clock += BETWEEN_RUNS;
        let broken = super::lock(&self.broken).take();
        broken.map_or(Ok(is_killed), Err)
    }

    /// Does what `mailpull fetch` does for one account.
    fn fetch(&self, folder: &StateFolder) -> Result<(), Failure> {
        let mut ledger = Ledger::open(folder, "work", "pop.example.com:995", "joe")?;
        let _lock = ledger.lock()?;
        let path = Path::new(MAILDIR);
        let earlier = ledger.places().find(path)?;
        let target = Maildir::open(path, ledger.marks(), earlier.as_ref(), FileMode::default())?;
        let options = PollOptions {
            policy: Policy {
                keep: self.keep,
                ..Policy::default()
            },
            configured_keep: self.keep,
            may_delete_many: true,
            retries_all: false,
            silence: Duration::from_secs(60),
            descriptors: self.descriptors,
        };
        let reporter = Teller(&self.machine);
        let poll = Poll {
            options: &options,
            ledger: &mut ledger,
            target: &target,
            reporter: AccountReporter::new(&reporter, "work"),
            find_other_accounts: &|_| Ok(Vec::new()),
            interrupt: &Interrupt::never().expect("a pair of sockets"),
            summary: &mut Summary::default(),
            course: Course::default(),
        };
        Ok(poll.run(|hints| self.log_in(hints))?)
    }

    fn log_in(&self, hints: &SessionHints) -> Result<Transaction<ServerStream>, Failure> {
        let log_in = || -> Result<_, pop3::Error> {
            let stream = ServerStream::new(&self.mailbox);
            let mut session = Authorization::open(stream, hints, None)?;
            session.capabilities()?;
            let credentials = Credentials {
                user: "joe",
                secret: &Secret::new(b"secret".to_vec()).expect("it can be sent"),
                host: "pop.example.com",
                binding: None,
            };
            session.login(Mechanism::User, &credentials)
        };
        log_in().map_err(|error| Failure::new(error, Exit::Temporary))
    }

    /// Checks what must be true after each run.
    fn check_files(&self) -> Result<(), String> {
        let cut_copies = &lock(&self.mailbox).cut_copies;
        promises::check_files(
            &self.machine.state().disk,
            &self.sent,
            cut_copies,
            &self.faults,
        )
    }

    /// Checks what must be true in the end.
    fn check_end(&self) -> Result<(), String> {
        let mailbox = lock(&self.mailbox);
        let state = self.machine.state();
        promises::check_end(&state.disk, &self.sent, &mailbox, self.keep, &self.faults)
    }
}

/// Adds to the story what a user would read.
struct Teller<'a>(&'a Machine);

impl Reporter for Teller<'_> {
    fn report(&self, _account: &str, event: Event<'_>) {
        let text = match event {
            Event::Problem(failure) | Event::TransientProblem(failure) => failure.to_string(),
            Event::Warning(what) => what.to_string(),
            _ => return,
        };
        self.0.state().tell(|| format!("mailpull: {text}"));
    }
}
