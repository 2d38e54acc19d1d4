//! Delivery by a program (MDA: procmail, maildrop …) that reads one message on standard input.
//! Knows nothing of servers; runs no shell.

use std::fs::File;
use std::io::{Read, Seek};
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use std::{env, io};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::intake::{Folder, Intake};
use super::process::Runner;
use super::stdin::Feed;
pub(crate) use super::template::Template;
use super::template::sender;
use super::{Error as DeliveryError, Target};
use crate::exit::Exit;
use crate::mail::custody::{Delivered, Outcome, Staged, TargetPlace};
use crate::mail::headers::HeaderReader;
use crate::os::signals::Interrupt;
use crate::text::ServerText;

/// How long after a signal asked the run to end an MDA may still be started.
const LAST_START: Duration = Duration::from_secs(1);
/// How much of a message is looked at for its Return-Path, in octets.
const HEADER: u64 = 64 * 1024;
/// sysexits(3): try again later.
const EX_TEMPFAIL: i32 = 75;

/// How to run the MDA.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program and its arguments.
    pub command: Template,
    /// How long one message may take.
    pub timeout: Duration,
    /// How many messages it is given at once, each to a process of its own.
    pub jobs: usize,
    /// Whether it may run as root (CVE-2004-0880).
    pub allow_root: bool,
    /// Whether exit status 0 counts although the message was not read to its end.
    pub may_ignore_input: bool,
    /// The account's user, for `%T`.
    pub user: String,
    /// Environment variables that hold secrets, and that the MDA does not get.
    pub hidden_variables: Arc<[String]>,
}

/// Why an MDA cannot be used, or did not take a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It ended before it had read the message.
    #[error(
        "{0} ended with status 0 but did not read the whole message; if that is right, set \
         mda-may-ignore-input = true"
    )]
    IgnoredInput(String),
    /// It was stopped because the run was asked to end.
    #[error("{0} was stopped, as the run was interrupted")]
    Interrupted(String),
    /// The message could not be read from the spool to its end.
    #[error("cannot give a message to {program}: {source}")]
    NotFed {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be run.
    #[error("cannot run {program}: {source}")]
    NotRunnable {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It said no.
    #[error("{program} {status}{words}")]
    Refused {
        /// The program.
        program: String,
        /// How it ended.
        status: Ending,
        /// What it said on standard error.
        words: StderrLine,
    },
    /// It would run as root.
    #[error(
        "{0} would run as root, with whatever a sender wrote as its input; run mailpull as the \
         user, or set mda-allow-root = true"
    )]
    Root(String),
    /// It took too long.
    #[error("{program} did not end within {} s", timeout.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// How long it had.
        timeout: Duration,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }

    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::IgnoredInput(_) | Self::NotFed { .. } => Exit::LocalIo,
            Self::Interrupted(_) | Self::TimedOut { .. } => Exit::Temporary,
            Self::NotRunnable { .. } | Self::Root(_) => Exit::Configuration,
            Self::Refused { status, .. } if status.0.code() == Some(EX_TEMPFAIL) => Exit::Temporary,
            Self::Refused { .. } => Exit::LocalIo,
        }
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Ending(ExitStatus);

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "ended with status {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

/// What a program said on standard error: its first line.
#[derive(Debug, Default)]
pub struct StderrLine(pub(super) ServerText);

impl std::fmt::Display for StderrLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " and said: {}", self.0)
    }
}

/// A program that takes messages, fed from a spool.
///
/// A message is complete and durable in the spool before the program starts, so that what it
/// refuses needs no second download. It sees half of one only if it is over 1 MiB and we are killed
/// outright meanwhile; then it gets the whole of it from the next run.
#[derive(Debug)]
pub struct Mda {
    intake: Intake,
    place: TargetPlace,
    options: Options,
    /// One for each of those that run at once.
    runners: Vec<Runner>,
    interrupt: Interrupt,
    /// Files in the spool whose delivery is recorded: they are removed while a program works.
    spent: Mutex<Vec<String>>,
}

impl Mda {
    /// Opens the spool, an existing folder, and checks that the program can run. `tag` tells the
    /// account's files from others'.
    ///
    /// # Errors
    /// The spool cannot be opened, the program cannot be run, or it would run as root.
    pub fn open(
        options: Options,
        spool: &Path,
        tag: &str,
        interrupt: Interrupt,
    ) -> Result<Self, DeliveryError> {
        let program = options.command.program();
        if geteuid().is_root() && !options.allow_root {
            return Err(Error::Root(program.to_owned()).into());
        }
        find_program(program)?;
        let folder = Folder::open(spool)?;
        let runners = (0..options.jobs).map(|_| Runner::new(&folder, tag, &interrupt));
        let runners = runners.collect::<Result<_, _>>()?;
        let place = TargetPlace {
            path: spool.to_owned(),
            inode: folder.inode()?,
            program: Some(program.to_owned()),
        };
        Ok(Self {
            intake: Intake::new(folder, tag),
            place,
            options,
            runners,
            spent: Mutex::default(),
            interrupt,
        })
    }

    /// Hands one message over; what the program said although it took it. `Ok(None)`: it is not in
    /// the spool.
    fn hand_over(
        &self,
        staged: &Staged,
        runner: &Runner,
    ) -> Result<Option<ServerText>, DeliveryError> {
        let folder = self.intake.folder();
        let name = staged.stored().file_name.as_str();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut message = match rustix::fs::openat(folder.fd(), name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(DeliveryError::cannot("open", &folder.path_of(name), errno)),
        };
        let program = || self.options.command.program().to_owned();
        let not_fed = |source| Error::NotFed {
            program: program(),
            source,
        };
        let sender = self.sender(&mut message).map_err(not_fed)?;
        let feed = Feed::new(message, staged.stored().octets).map_err(not_fed)?;
        let (ended, was_read) = runner.run(&self.options, &sender, feed, || self.tidy())?;
        if !ended.success() {
            return Err(Error::Refused {
                program: program(),
                status: Ending(ended),
                words: runner.last_words(),
            }
            .into());
        }
        if !was_read && !self.options.may_ignore_input {
            return Err(Error::IgnoredInput(program()).into());
        }
        Ok(Some(runner.last_words().0))
    }

    /// Removes what is recorded as delivered.
    fn tidy(&self) {
        let spent = mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner));
        for name in spent {
            // What cannot be removed now is swept up by the next run.
            let _ = self.intake.folder().remove(name.as_ref());
        }
    }

    fn outcome(&self, staged: Staged, runner: &Runner) -> Outcome {
        match self.hand_over(&staged, runner) {
            Ok(Some(words)) => Outcome::Delivered(Delivered::new(staged, words)),
            Ok(None) => Outcome::Lost(staged.stored().identity.clone()),
            Err(DeliveryError::Mda(
                error @ (Error::Interrupted(_) | Error::NotFed { .. } | Error::TimedOut { .. }),
            )) => staged.kept_in_doubt(error),
            Err(error) => staged.kept(&error, error.hint(), error.exit().is_transient()),
        }
    }

    /// Hands messages over, as many at once as the account wants.
    fn deliver_at_once(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(staged.len());
        let mut staged = staged.into_iter().peekable();
        while staged.peek().is_some() {
            // In this order: a message that is taken out is handed over.
            let group = self.runners.iter().zip(staged.by_ref());
            outcomes.extend(thread::scope(|scope| {
                let running: Vec<_> = group
                    .map(|(runner, staged)| scope.spawn(move || self.outcome(staged, runner)))
                    .collect();
                let join = |running: thread::ScopedJoinHandle<'_, Outcome>| {
                    let ended = running.join();
                    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                running.into_iter().map(join).collect::<Vec<_>>()
            }));
        }
        outcomes
    }

    /// The envelope sender, where the command line asks for it.
    fn sender(&self, message: &mut File) -> io::Result<String> {
        if !self.options.command.asks_for_sender() {
            return Ok(String::new());
        }
        let mut octets = Vec::new();
        message.by_ref().take(HEADER).read_to_end(&mut octets)?;
        message.rewind()?;
        let mut reader = HeaderReader::default();
        reader.push(&octets);
        Ok(sender(reader.finish().return_path.as_ref()).to_owned())
    }
}

impl Target for Mda {
    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let [alone] = &*self.runners else {
            return self.deliver_at_once(staged);
        };
        staged
            .into_iter()
            .map(|staged| self.outcome(staged, alone))
            .collect()
    }

    fn may_deliver_twice(&self) -> bool {
        true
    }

    fn group_size(&self) -> usize {
        self.options.jobs
    }

    fn accepts_more(&self) -> bool {
        !self.interrupt.is_over(LAST_START)
    }

    fn forget_delivered(&self, recorded: &[Outcome]) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in recorded {
            if let Outcome::Delivered(delivered) = outcome {
                spent.push(delivered.stored().file_name.clone());
            }
        }
    }
}

impl Drop for Mda {
    fn drop(&mut self) {
        self.tidy();
    }
}

/// Looks for a program as execvp would, so that a wrong name is found before anything is fetched.
fn find_program(program: &str) -> Result<(), Error> {
    let is_runnable =
        |path: PathBuf| path.is_file() && rustix::fs::access(&path, Access::EXEC_OK).is_ok();
    let found = if program.contains('/') {
        is_runnable(program.into())
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|folder| is_runnable(folder.join(program)))
    };
    if found {
        return Ok(());
    }
    Err(Error::NotRunnable {
        program: program.to_owned(),
        source: io::Error::other("there is no such program that may be executed"),
    })
}
