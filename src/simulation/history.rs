//! One history of an account: its runs, what happens to them, and the promises that are checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Counts;
use super::faults::{Fault, Faults};
use super::server::{MailboxMessage, ServerMailbox, ServerStream, SharedMailbox, lock};
use super::state::{NewDatabase, StateDir};
use crate::delivery::Maildir;
use crate::exit::{Exit, Failure};
use crate::mail::policy::{Keep, Policy};
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;
use crate::os::sys::simulated::call_faults::CallFaults;
use crate::os::sys::simulated::disk::{Disk, ROOT, WriteOrder};
use crate::os::sys::simulated::generator::Generator;
use crate::os::sys::simulated::machine::{Machine, Neighbour};
use crate::poll::{Course, Poll, PollOptions};
use crate::pop3::{self, Authorization, Credentials, Mechanism, SessionHints, Transaction};
use crate::report::{AccountReporter, Event, Reporter, Summary};
use crate::seen::{Ledger, StateFolder};

/// The runs of a history with faults, and those without any at its end.
const FAULTY_RUNS: u64 = 6;
const QUIET_RUNS: u64 = 4;
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
    broken: Arc<Mutex<Option<String>>>,
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
        let mailbox = ServerMailbox {
            messages: Vec::new(),
            has_pipelining: world.percent(50),
            cuts: faults.draw(Fault::Cuts),
            refusals: faults.draw(Fault::Refusals),
            deleted: deletion_check(&machine, &broken, keep),
        };
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
            self.run(&state, run, kill_at)?;
            if let Some(chance) = &mut power
                && chance.percent(50)
            {
                self.cut_power(chance);
            }
            if let Some(chance) = &mut clock
                && chance.percent(30)
            {
                self.set_clock(chance);
            }
            self.check_files()?;
        }
        self.end_faults();
        for run in 0..QUIET_RUNS {
            self.run(&state, FAULTY_RUNS + run, None)?;
            self.check_files()?;
        }
        self.check_end()
    }

    fn cut_power(&mut self, chance: &mut Generator) {
        self.count("power cuts");
        let mut state = self.machine.state();
        state.tell(|| "the power fails".into());
        state.boot += 1;
        state.disk.cut_power(chance);
    }

    fn set_clock(&mut self, chance: &mut Generator) {
        self.count("clock jumps");
        let days = chance.below(800);
        let mut state = self.machine.state();
        let far = (state.clock + DAY * days as u32).checked_sub(DAY * 400);
        state.clock = far.unwrap_or(state.clock);
        state.tell(|| format!("the clock is set by {} days", days as i64 - 400));
    }

    /// Ends all faults, but for the mail reader.
    fn end_faults(&self) {
        self.machine.state().faults = CallFaults::default();
        let mut mailbox = lock(&self.mailbox);
        (mailbox.cuts, mailbox.refusals) = (None, None);
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Puts a new message on the server.
    fn send(&mut self) {
        let id = self.sent.len() + 1;
        let message = MailboxMessage {
            unique_id: format!("u{id}"),
            octets: format!(
                "Message-ID: <{id}@example.com>\nSubject: {id}\n\n{}\n",
                format!("line {id}\n").repeat(id % 7 * 20)
            ),
        };
        self.machine
            .state()
            .tell(|| format!("message u{id} arrives"));
        self.sent.push(message.clone());
        lock(&self.mailbox).messages.push(message);
    }

    /// Runs the program once.
    fn run(&mut self, state: &StateFolder, run: u64, kill_at: Option<u64>) -> Result<(), String> {
        self.machine.state().tell(|| format!("run {run} begins"));
        let machine = Arc::clone(&self.machine);
        let (ended, steps) = machine.run(kill_at, || self.fetch(state));
        self.count("runs");
        if let Some(ended) = ended {
            self.steps = steps;
            let how = ended.map_or_else(|failure| failure.to_string(), |()| "well".into());
            self.machine
                .state()
                .tell(|| format!("run {run} ended: {how}"));
        } else {
            self.count("kills");
        }
        *self.counts.entry("steps").or_default() += steps;
        self.machine.state().clock += BETWEEN_RUNS;
        let broken = self
            .broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        broken.map_or(Ok(()), Err)
    }

    /// Does what `mailpull fetch` does for one account.
    fn fetch(&self, folder: &StateFolder) -> Result<(), Failure> {
        let mut ledger = Ledger::open(folder, "work", "pop.example.com:995", "joe")?;
        let _lock = ledger.lock()?;
        let path = Path::new(MAILDIR);
        let earlier = ledger.places().find(path)?;
        let target = Maildir::open(path, ledger.marks(), earlier.as_ref())?;
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

    /// Checks that each file in new/ and cur/ is a whole message, and none is there twice.
    fn check_files(&self) -> Result<(), String> {
        let state = self.machine.state();
        let mut found = BTreeMap::<&[u8], usize>::new();
        for (folder, name) in mail_files(&state.disk) {
            let file = state.disk.find(folder, &name);
            let octets = file.and_then(|file| state.disk.octets(file));
            *found.entry(octets.unwrap_or_default()).or_default() += 1;
        }
        for (octets, count) in found {
            let Some(message) = self
                .sent
                .iter()
                .find(|sent| sent.octets.as_bytes() == octets)
            else {
                return Err(format!(
                    "a file of {} octets is no whole message",
                    octets.len()
                ));
            };
            if count > 1 {
                return Err(format!(
                    "message {} was delivered {count} times",
                    message.unique_id
                ));
            }
        }
        Ok(())
    }

    /// Checks that nothing is lost, and that nothing is stuck.
    fn check_end(&self) -> Result<(), String> {
        let delivered = mail_files(&self.machine.state().disk).len();
        let left = lock(&self.mailbox).messages.len();
        let expected = match self.keep {
            Keep::Never => 0,
            _ => self.sent.len(),
        };
        if (delivered, left) == (self.sent.len(), expected) {
            return Ok(());
        }
        Err(format!(
            "of {} messages, {delivered} were delivered, and {left} are left on the server",
            self.sent.len()
        ))
    }
}

/// Returns the check of each deletion: the message must be safe at that very moment.
fn deletion_check(
    machine: &Arc<Machine>,
    broken: &Arc<Mutex<Option<String>>>,
    keep: Keep,
) -> Box<dyn FnMut(&MailboxMessage) + Send> {
    let (machine, broken) = (Arc::downgrade(machine), Arc::clone(broken));
    Box::new(move |message| {
        let Some(machine) = machine.upgrade() else {
            return;
        };
        let state = machine.state();
        let is_safe = mail_folders(&state.disk).into_iter().any(|folder| {
            let mut files = state.disk.durable_files(folder);
            files.any(|octets| octets == message.octets.as_bytes())
        });
        let what = match (is_safe, keep) {
            (_, Keep::Always) => "was deleted although keep = true",
            (false, _) => "was deleted before a power cut could not harm it",
            (true, _) => return,
        };
        let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get_or_insert(format!("message {} {what}", message.unique_id));
    })
}

/// Returns a mail reader, which moves messages to cur/ at any time.
fn reader(mut chance: Generator) -> Neighbour {
    Box::new(move |disk| {
        let [new, cur] = mail_folders(disk)[..] else {
            return None;
        };
        if !chance.percent(5) {
            return None;
        }
        let names = disk.names(new).ok()?;
        let name = names.into_iter().find(|name| !name.starts_with(b"."))?;
        let read = [&*name, b":2,S"].concat();
        disk.rename((new, &name), (cur, &read)).ok()?;
        Some(format!(
            "the mail reader moves {} to cur/",
            String::from_utf8_lossy(&name)
        ))
    })
}

/// Returns new/ and cur/, as far as they exist.
fn mail_folders(disk: &Disk) -> Vec<u64> {
    let maildir = disk.find(ROOT, b"Mail");
    let folder = |name: &[u8]| disk.find(maildir.ok()?, name).ok();
    [folder(b"new"), folder(b"cur")]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns the messages in new/ and cur/.
fn mail_files(disk: &Disk) -> Vec<(u64, Vec<u8>)> {
    let files = |folder| {
        let names = disk.names(folder).unwrap_or_default();
        names.into_iter().map(move |name| (folder, name))
    };
    let all = mail_folders(disk).into_iter().flat_map(files);
    all.filter(|(_, name)| !name.starts_with(b".")).collect()
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
