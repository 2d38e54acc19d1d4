//! Runs an MDA on one message after the other: starts it, feeds it, hears it out, ends it.
//! Knows nothing of custody.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::intake::Folder;
use super::mda::{Error, Options, StderrLine};
use super::stdin::Feed;
use super::{Error as DeliveryError, unique_name};
use crate::os::child::{self, ChildWatch, ProcessGroup, RunningChild, Unfinished};
use crate::os::signals::Interrupt;
use crate::text::{SHOWN_OCTETS, ServerText};

/// How long after a signal an MDA may still work.
const GRACE: Duration = Duration::from_secs(3);
/// How long it may take to end once it was asked to, before it is killed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs one MDA at a time.
#[derive(Debug)]
pub(super) struct Runner {
    watch: ChildWatch,
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
        let watch = ChildWatch::new(interrupt).map_err(|source| DeliveryError::Local {
            doing: "hear of programs for",
            path: folder.path_of(""),
            source,
        })?;
        let words = scratch_file(folder, tag)?;
        Ok(Self { watch, words })
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
        let arguments = options.command.arguments(sender, &options.user);
        let mut command = child::command(program, arguments, &options.hidden_variables);
        command
            .stdin(feed.stdin().map_err(failed)?)
            .stdout(Stdio::null())
            .stderr(words.try_clone().map_err(failed)?);
        let mut child = RunningChild::start(&mut command, ProcessGroup::Own).map_err(failed)?;
        meanwhile();
        let deadline = Instant::now() + options.timeout;
        let unfinished = match child.wait(&self.watch, &mut feed, deadline, GRACE) {
            Ok(status) => return Ok((status, feed.was_read())),
            Err(unfinished) => unfinished,
        };
        // The feed is closed only afterwards: its end would look like that of the message.
        // Whether the program had done its work before is not known: it counts as not delivered.
        child.end(&self.watch, LAST_WORDS, GRACE + LAST_WORDS);
        drop(feed);
        let program = program.to_owned();
        Err(match unfinished {
            Unfinished::Interrupted => Error::Interrupted(program),
            Unfinished::TimedOut => Error::TimedOut {
                program,
                timeout: options.timeout,
            },
            Unfinished::Pipe(source) => Error::NotFed { program, source },
            Unfinished::Unknown(source) => Error::NotRunnable { program, source },
        })
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
