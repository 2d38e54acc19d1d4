//! Does for one account what `mailpull fetch` and `mailpull delete --yes` do.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::locks::lock;
use super::mail_program::{self, FarProgram};
use super::maildir::SPOOL;
use super::promises::SharedWatch;
use super::server::{ServerStream, SharedMailbox};
use crate::delivery::{FileMode, Maildir, Mda, OpenRoute, OpenTarget, Spool, Target};
use crate::exit::{Exit, Failure};
use crate::limits;
use crate::mail::memory::ListingMemory;
use crate::mail::policy::{Keep, Policy};
use crate::mail::suspicion::Suspicion;
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;
use crate::os::sys::simulated::generator::Chance;
use crate::os::sys::simulated::machine::Machine;
use crate::poll::ordered_deletion::{NamedLookup, OrderedDeletion};
use crate::poll::{Course, Poll, PollOptions, session_hints};
use crate::pop3::{self, Authorization, Credentials, Mechanism, SessionHints, Sizes, Transaction};
use crate::report::{AccountReporter, Event, Reporter, Summary};
use crate::seen::{Ledger, RunEnd, StateFolder};

/// The kind of target that a history has, with the number of messages that are handed over at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum SimulatedTarget {
    FarProgram(usize),
    Maildir,
    Program(usize),
}

/// The program, with its configuration.
pub(super) struct Program {
    pub(super) machine: Arc<Machine>,
    pub(super) mailbox: SharedMailbox,
    pub(super) keep: Keep,
    pub(super) destination: SimulatedTarget,
    pub(super) maildir: PathBuf,
    /// True if each run is `mailpull fetch --delete`.
    pub(super) may_delete_many: bool,
    pub(super) descriptors: u64,
    /// Decides when a second run begins while one is at work.
    pub(super) second_runs: RefCell<Option<Chance>>,
    pub(super) watch: SharedWatch,
}

impl Program {
    /// Runs once.
    pub(super) fn fetch(&self, folder: &StateFolder) -> Result<(), Failure> {
        let mut ledger = ledger(folder)?;
        let _lock = match ledger.lock() {
            Ok(lock) => lock,
            Err(error) => {
                ledger.runs().end(&RunEnd::without_session(error.exit()))?;
                return Err(error.into());
            }
        };
        let route = self.open_route(&ledger)?;
        let options = PollOptions {
            rules: Arc::default(),
            filter: None,
            policy: Policy {
                keep: self.keep,
                ..Policy::default()
            },
            configured_keep: self.keep,
            may_delete_many: self.may_delete_many,
            retries_all: false,
            only: Vec::new(),
            silence: Duration::from_secs(60),
            linger: Duration::from_secs(10),
            descriptors: self.descriptors,
            memory: ListingMemory::new(limits::LISTING_MEMORY),
        };
        let reporter = Teller(&self.machine);
        let poll = Poll {
            options: &options,
            ledger: &mut ledger,
            route: route.route(),
            reporter: AccountReporter::new(&reporter, "work"),
            find_other_accounts: &|_| Ok(Vec::new()),
            interrupt: &Interrupt::never().expect("a pair of sockets"),
            summary: &mut Summary::default(),
            course: Course::default(),
        };
        Ok(poll.run(|hints| self.connect(hints, folder))?)
    }

    /// Deletes a message that the user names.
    pub(super) fn delete(&self, folder: &StateFolder, unique_id: &str) -> Result<(), Failure> {
        let mut ledger = ledger(folder)?;
        let _lock = ledger.lock()?;
        let hints = SessionHints {
            sizes: Sizes::Each,
            ..session_hints(&ledger.runs().last()?)
        };
        let mut session = self.connect(&hints, folder)?;
        let failed = |error| Failure::new(error, Exit::Temporary);
        let listing = session.list(Sizes::Each).map_err(failed)?;
        let deletion = OrderedDeletion {
            ledger: &ledger,
            listing: &listing,
        };
        let NamedLookup::Listed(named) = deletion.find(OsStr::new(unique_id))? else {
            return Err(Failure::new("it is not listed once", Exit::Usage));
        };
        let mut named = [*named];
        let interrupt = Interrupt::never().expect("a pair of sockets");
        deletion.read_headers(&mut session, &mut named, &interrupt)?;
        deletion.compare_with_record(&mut named)?;
        if named[0].is_other {
            return Err(Failure::new("it is another message", Exit::Usage));
        }
        let report = |failure| Teller(&self.machine).report("work", Event::Problem(&failure));
        deletion.carry_out(session, &named, report)?;
        Ok(())
    }

    fn open_route(&self, ledger: &Ledger) -> Result<OpenRoute<'_>, Failure> {
        let marks = ledger.marks();
        let jobs = match self.destination {
            SimulatedTarget::Maildir => {
                let earlier = ledger.places().find(&self.maildir)?;
                let mode = FileMode::default();
                let maildir = Maildir::open(&self.maildir, marks, earlier.as_ref(), mode)?;
                return Ok(OpenRoute::into_maildir(maildir));
            }
            SimulatedTarget::Program(jobs) | SimulatedTarget::FarProgram(jobs) => jobs,
        };
        let options = mail_program::options(jobs);
        let taker = options.command.program().to_owned();
        let spool = Arc::new(Spool::open(Path::new(SPOOL), marks, taker)?);
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let program = Mda::open(options, Arc::clone(&spool), marks, interrupt)?;
        let target: Arc<dyn Target> = match self.destination {
            SimulatedTarget::FarProgram(_) => Arc::new(FarProgram(program)),
            _ => Arc::new(program),
        };
        let target = OpenTarget {
            target,
            names: &[],
            is_usual: true,
        };
        Ok(OpenRoute::through(spool, vec![target]))
    }

    fn connect(
        &self,
        hints: &SessionHints,
        folder: &StateFolder,
    ) -> Result<Transaction<ServerStream>, Failure> {
        self.run_again(folder);
        self.log_in(hints)
            .map_err(|error| Failure::new(error, Exit::Temporary))
    }

    /// Begins a second run, which must end at once.
    fn run_again(&self, folder: &StateFolder) {
        // The second run begins no third one.
        let Some(mut chance) = self.second_runs.take() else {
            return;
        };
        if chance.strikes(50) {
            self.machine
                .state()
                .tell(|| "a second run begins".to_owned());
            if self.fetch(folder).is_ok() {
                lock(&self.watch).break_promise("two runs were at work".to_owned());
            }
        }
        self.second_runs.replace(Some(chance));
    }

    fn log_in(&self, hints: &SessionHints) -> Result<Transaction<ServerStream>, pop3::Error> {
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
    }
}

fn ledger(folder: &StateFolder) -> Result<Ledger, crate::seen::Error> {
    Ledger::open(folder, "work", "pop.example.com:995", "joe")
}

/// Returns the names of the files of all messages that are staged.
pub(super) fn staged_files(folder: &StateFolder) -> Result<BTreeSet<Vec<u8>>, String> {
    let ledger = ledger(folder).map_err(|error| error.to_string())?;
    let staged = ledger.custody().staged();
    let staged = staged.map_err(|error| error.to_string())?.into_iter();
    Ok(staged
        .map(|one| one.into_file_name().into_bytes())
        .collect())
}

/// Returns the unique-ids of messages that stay on the server for good, as the user was told.
pub(super) fn settled_to_stay(folder: &StateFolder) -> Result<BTreeSet<Vec<u8>>, String> {
    let ledger = ledger(folder).map_err(|error| error.to_string())?;
    let entries = ledger.messages().entries();
    let entries = entries.map_err(|error| error.to_string())?.into_iter();
    Ok(entries
        .filter(|entry| entry.known.suspicion == Suspicion::Unsettled || entry.known.is_undeletable)
        .map(|entry| entry.unique_id.as_octets().to_vec())
        .collect())
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
