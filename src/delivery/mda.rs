//! Delivery by a program (MDA: procmail, maildrop …) that reads one message on standard input.
//! Knows nothing of servers; runs no shell.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, geteuid, kill_process_group};

use super::feed::Feed;
use super::intake::{Folder, Intake};
pub use super::template::{BadTemplate, Template};
use super::{Error as DeliveryError, Target, unique_name};
use crate::custody::{Delivered, Outcome, Place, Staged, sender};
use crate::exit::Exit;
use crate::headers::HeaderReader;
use crate::interrupt::{Broken, Interrupt, Task};
use crate::text::ServerText;

/// How long after a signal asked the run to end an MDA may still be started.
const LAST_START: Duration = Duration::from_secs(1);
/// How long one may still work after it.
const GRACE: Duration = Duration::from_secs(3);
/// How long it may take to end once it was asked to, before it is killed.
const LAST_WORDS: Duration = Duration::from_millis(500);
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
        words: LastWords,
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
pub struct LastWords(ServerText);

impl std::fmt::Display for LastWords {
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
    place: Place,
    options: Options,
    /// What each of those that run at once says.
    words: Vec<File>,
    interrupt: Interrupt,
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
        let words = (0..options.jobs).map(|_| scratch_file(&folder, tag));
        let words = words.collect::<Result<_, _>>()?;
        let place = Place {
            path: spool.to_owned(),
            inode: folder.inode()?,
            program: Some(program.to_owned()),
        };
        Ok(Self {
            intake: Intake::new(folder, tag),
            place,
            options,
            words,
            interrupt,
        })
    }

    /// Hands one message over; what the program said although it took it. `Ok(None)`: it is not in
    /// the spool.
    fn hand_over(
        &self,
        staged: &Staged,
        words: &File,
    ) -> Result<Option<ServerText>, DeliveryError> {
        let folder = self.intake.folder();
        let name = staged.parcel().file_name.as_str();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let message = match rustix::fs::openat(folder.fd(), name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(DeliveryError::cannot("open", &folder.path_of(name), errno)),
        };
        let (ended, was_read) = self.run(message, staged.parcel().octets, words)?;
        let program = || self.options.command.program().to_owned();
        if !ended.success() {
            return Err(Error::Refused {
                program: program(),
                status: Ending(ended),
                words: last_words(words),
            }
            .into());
        }
        if !was_read && !self.options.may_ignore_input {
            return Err(Error::IgnoredInput(program()).into());
        }
        Ok(Some(last_words(words).0))
    }

    fn outcome(&self, staged: Staged, words: &File) -> Outcome {
        match self.hand_over(&staged, words) {
            Ok(Some(words)) => Outcome::Delivered(Delivered::new(staged, words)),
            Ok(None) => Outcome::Lost(staged.parcel().identity.clone()),
            Err(DeliveryError::Mda(
                error @ (Error::Interrupted(_) | Error::NotFed { .. } | Error::TimedOut { .. }),
            )) => staged.kept_in_doubt(error),
            Err(error) => staged.kept(&error, error.exit().is_transient()),
        }
    }

    /// Hands messages over, as many at once as the account wants.
    fn deliver_at_once(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(staged.len());
        let mut staged = staged.into_iter().peekable();
        while staged.peek().is_some() {
            // In this order: a message that is taken out is handed over.
            let group = self.words.iter().zip(staged.by_ref());
            outcomes.extend(thread::scope(|scope| {
                let running: Vec<_> = group
                    .map(|(words, staged)| scope.spawn(move || self.outcome(staged, words)))
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

    /// Runs the program on a message in a process group of its own, so that Ctrl-C does not reach
    /// it, and waits for it alone, not for what it leaves running; how it ended, and whether all was
    /// read by then.
    fn run(
        &self,
        mut message: File,
        octets: u64,
        mut words: &File,
    ) -> Result<(ExitStatus, bool), Error> {
        let program = self.options.command.program();
        let failed = |source| Error::NotRunnable {
            program: program.to_owned(),
            source,
        };
        let sender = self.sender(&mut message).map_err(failed)?;
        let _ = words.set_len(0);
        let _ = words.rewind();
        let mut feed = Feed::new(message, octets).map_err(|source| self.not_fed(source))?;
        let mut command = Command::new(program);
        command
            .args(self.options.command.arguments(&sender, &self.options.user))
            .stdin(feed.stdin().map_err(failed)?)
            .stdout(Stdio::null())
            .stderr(words.try_clone().map_err(failed)?)
            .process_group(0);
        for variable in self.options.hidden_variables.iter() {
            command.env_remove(variable);
        }
        let mut child = command.spawn().map_err(failed)?;
        let group = Pid::from_child(&child);
        let ending = self.interrupt.spawn(move || child.wait()).map_err(failed)?;
        let Err(error) = self.attend(&ending, &mut feed) else {
            let ended = ending.join().map_err(failed)?;
            return Ok((ended, feed.was_read()));
        };
        // The feed is closed only afterwards: its end would look like that of the message.
        for signal in [Signal::TERM, Signal::KILL] {
            // The group may have ended just now. Where only the program itself has, what it
            // started may be left and deaf to SIGTERM: both signals are sent in any case.
            let _ = kill_process_group(group, signal);
            let _ = ending.wait(Instant::now() + LAST_WORDS, GRACE + LAST_WORDS);
        }
        // Whether it had done its work before is not known: it counts as not delivered.
        Err(error)
    }

    /// Feeds the program until it ends.
    fn attend<T>(&self, ending: &Task<T>, feed: &mut Feed) -> Result<(), Error> {
        let broken = |broken| {
            let program = self.options.command.program().to_owned();
            let timeout = self.options.timeout;
            match broken {
                Broken::Interrupted => Error::Interrupted(program),
                Broken::TimedOut => Error::TimedOut { program, timeout },
            }
        };
        let deadline = Instant::now() + self.options.timeout;
        while let Some(rest) = feed.rest() {
            if ending
                .wait_or_write(rest, deadline, GRACE)
                .map_err(broken)?
            {
                return Ok(());
            }
            feed.push().map_err(|source| self.not_fed(source))?;
        }
        ending.wait(deadline, GRACE).map_err(broken)
    }

    fn not_fed(&self, source: io::Error) -> Error {
        let program = self.options.command.program().to_owned();
        Error::NotFed { program, source }
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

    fn place(&self) -> &Place {
        &self.place
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let [alone] = &*self.words else {
            return self.deliver_at_once(staged);
        };
        staged
            .into_iter()
            .map(|staged| self.outcome(staged, alone))
            .collect()
    }

    fn may_repeat(&self) -> bool {
        true
    }

    fn stride(&self) -> usize {
        self.options.jobs
    }

    fn takes_more(&self) -> bool {
        !self.interrupt.is_over(LAST_START)
    }

    fn release(&self, recorded: &[Outcome]) {
        for outcome in recorded {
            if let Outcome::Delivered(delivered) = outcome {
                // What cannot be removed now is swept up by the next run.
                let _ = self
                    .intake
                    .folder()
                    .remove(delivered.parcel().file_name.as_ref());
            }
        }
    }
}

fn last_words(mut words: &File) -> LastWords {
    let mut octets = vec![0; crate::text::SHOWN_OCTETS + 1];
    let read = words
        .seek(SeekFrom::Start(0))
        .and_then(|_| words.read(&mut octets))
        .unwrap_or(0);
    let line = octets[..read]
        .split(|&octet| octet == b'\n')
        .find(|line| !line.is_empty());
    LastWords(line.map_or_else(ServerText::default, ServerText::new))
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

/// A file without a name, for what programs say on standard error: a pipe could fill up, or be
/// held open by what a program leaves running.
fn scratch_file(folder: &Folder, tag: &str) -> Result<File, DeliveryError> {
    // With the account's tag, so that it is swept up if a kill comes before its removal.
    let name = format!(
        "words.P{}_mp{tag}.words.{}",
        std::process::id(),
        unique_name::host()
    );
    let cannot = |errno| DeliveryError::cannot("create", &folder.path_of(&name), errno);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::TRUNC;
    let mode = Mode::RUSR | Mode::WUSR;
    let fd = rustix::fs::openat(folder.fd(), name.as_str(), flags, mode).map_err(cannot)?;
    folder.remove(name.as_ref())?;
    Ok(fd.into())
}
