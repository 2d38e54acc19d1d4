//! Runs an MDA on one message after the other: starts it, feeds it, hears it out, ends it.
//! Knows nothing of custody.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process_group};

use super::intake::Folder;
use super::mda::{Error, Options, StderrLine};
use super::stdin::Feed;
use super::{Error as DeliveryError, unique_name};
use crate::os::signals::{ChildWatch, Interrupt, WaitError};
use crate::text::{SHOWN_OCTETS, ServerText};

/// How long after a signal an MDA may still work.
const GRACE: Duration = Duration::from_secs(3);
/// How long it may take to end once it was asked to, before it is killed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs one MDA at a time.
#[derive(Debug)]
pub(super) struct Runner {
    knell: ChildWatch,
    /// What the program says on standard error: a pipe could fill up, or be held open by what a
    /// program leaves running.
    words: File,
}

impl Runner {
    /// Gets ready. `tag` tells the account's files from others'.
    ///
    /// # Errors
    /// A file cannot be made in the folder, or the system refuses a descriptor or a handler.
    pub(super) fn new(
        folder: &Folder,
        tag: &str,
        interrupt: &Interrupt,
    ) -> Result<Self, DeliveryError> {
        let knell = interrupt.watch_children();
        let knell = knell.map_err(|source| DeliveryError::Local {
            doing: "hear of programs for",
            path: folder.path_of(""),
            source,
        })?;
        let words = scratch_file(folder, tag)?;
        Ok(Self { knell, words })
    }

    /// Runs the program on a message, in a process group of its own, so that Ctrl-C does not reach
    /// it, does something else `meanwhile`, and waits for it alone, not for what it leaves running;
    /// how it ended, and whether all was read by then.
    pub(super) fn run(
        &self,
        options: &Options,
        sender: &str,
        mut feed: Feed,
        meanwhile: impl FnOnce(),
    ) -> Result<(ExitStatus, bool), Error> {
        let program = options.command.program();
        let failed = |source| Error::NotRunnable {
            program: program.to_owned(),
            source,
        };
        let mut words = &self.words;
        let _ = words.set_len(0);
        let _ = words.rewind();
        let mut command = Command::new(program);
        command
            .args(options.command.arguments(sender, &options.user))
            .stdin(feed.stdin().map_err(failed)?)
            .stdout(Stdio::null())
            .stderr(words.try_clone().map_err(failed)?)
            .process_group(0);
        for variable in options.hidden_variables.iter() {
            command.env_remove(variable);
        }
        let mut child = command.spawn().map_err(failed)?;
        meanwhile();
        match self.attend(&mut child, &mut feed, options) {
            Ok(ended) => Ok((ended, feed.was_read())),
            // The feed is closed only afterwards: its end would look like that of the message.
            // Whether the program had done its work before is not known: it counts as not delivered.
            Err(error) => {
                self.end(&mut child);
                Err(error)
            }
        }
    }

    /// What the program said last.
    pub(super) fn last_words(&self) -> StderrLine {
        let mut words = &self.words;
        let mut octets = vec![0; SHOWN_OCTETS + 1];
        let read = words
            .seek(SeekFrom::Start(0))
            .and_then(|_| words.read(&mut octets))
            .unwrap_or(0);
        let line = octets[..read]
            .split(|&octet| octet == b'\n')
            .find(|line| !line.is_empty());
        StderrLine(line.map_or_else(ServerText::default, ServerText::new))
    }

    /// Feeds the program until it ends.
    fn attend(
        &self,
        child: &mut Child,
        feed: &mut Feed,
        options: &Options,
    ) -> Result<ExitStatus, Error> {
        let program = options.command.program();
        let broken = |broken| match broken {
            WaitError::Interrupted => Error::Interrupted(program.to_owned()),
            WaitError::TimedOut => Error::TimedOut {
                program: program.to_owned(),
                timeout: options.timeout,
            },
        };
        let deadline = Instant::now() + options.timeout;
        loop {
            self.knell.clear();
            let ended = child.try_wait().map_err(|source| Error::NotRunnable {
                program: program.to_owned(),
                source,
            })?;
            if let Some(ended) = ended {
                return Ok(ended);
            }
            let heard = self.knell.wait_or_write(feed.rest(), deadline, GRACE);
            if !heard.map_err(broken)? {
                feed.push().map_err(|source| Error::NotFed {
                    program: program.to_owned(),
                    source,
                })?;
            }
        }
    }

    /// Ends the program and what it started. The group may have ended just now; where only the
    /// program itself has, what it started may be left and deaf to SIGTERM: both signals are sent in
    /// any case.
    fn end(&self, child: &mut Child) {
        let group = Pid::from_child(child);
        for signal in [Signal::TERM, Signal::KILL] {
            let _ = kill_process_group(group, signal);
            let deadline = Instant::now() + LAST_WORDS;
            let grace = GRACE + LAST_WORDS;
            loop {
                self.knell.clear();
                let is_running = matches!(child.try_wait(), Ok(None));
                if !is_running || self.knell.wait_or_write(None, deadline, grace).is_err() {
                    break;
                }
            }
        }
    }
}

/// A file without a name.
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
