//! Runs a filter on one message after the other.

use std::io::{Seek, SeekFrom};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::super::Error as DeliveryError;
use super::super::folder::Folder;
use super::super::mda::{Error, StderrLine};
use super::FilterOptions;
use crate::mail::mark::FileMarks;
use crate::os::child::{self, ChildWatch, ProcessGroup, RunningChild, Unfinished};
use crate::os::signals::Interrupt;
use crate::os::sys::File;

/// The time that a running filter has after a signal to mailpull.
const GRACE: Duration = Duration::from_secs(1);
/// The time that it has to end after SIGTERM, before SIGKILL.
const SIGTERM_TIMEOUT: Duration = Duration::from_millis(500);

/// The process of a filter, and the files for what it prints. They have no names.
#[derive(Debug)]
pub(super) struct FilterProcess {
    watch: ChildWatch,
    stdout: File,
    stderr: File,
}

impl FilterProcess {
    /// Creates the files.
    ///
    /// # Errors
    /// A file cannot be created in the folder, or the system refuses a descriptor or a handler.
    pub(super) fn new(
        folder: &Folder,
        marks: &FileMarks,
        interrupt: &Interrupt,
    ) -> Result<Self, DeliveryError> {
        let watch = ChildWatch::new(interrupt).map_err(|source| DeliveryError::Local {
            doing: "watch the programs of",
            path: folder.path().to_owned(),
            source,
        })?;
        Ok(Self {
            watch,
            stdout: folder.unnamed_file(marks)?,
            stderr: folder.unnamed_file(marks)?,
        })
    }

    /// Runs the program, with the message as its standard input.
    pub(super) fn run(&self, options: &FilterOptions, message: File) -> Result<ExitStatus, Error> {
        let [program, arguments @ ..] = &*options.command else {
            return Err(Error::NoProgram(String::new()));
        };
        let not_runnable = |source| Error::NotRunnable {
            program: program.clone(),
            source,
        };
        for mut file in [&self.stdout, &self.stderr] {
            file.set_len(0).map_err(not_runnable)?;
            file.rewind().map_err(not_runnable)?;
        }
        let mut command = child::command(program, arguments, &options.hidden_variables);
        let stdout = match options.rewrites {
            true => Stdio::from(self.stdout.try_clone().map_err(not_runnable)?),
            false => Stdio::null(),
        };
        let stderr = self.stderr.try_clone().map_err(not_runnable)?;
        command.stdin(message).stdout(stdout).stderr(stderr);
        let mut child =
            RunningChild::start(&mut command, ProcessGroup::Own).map_err(not_runnable)?;
        let deadline = Instant::now() + options.timeout;
        let unfinished = match child.wait(&self.watch, &mut (), deadline, GRACE) {
            Ok(status) => return Ok(status),
            Err(unfinished) => unfinished,
        };
        child.end(&self.watch, SIGTERM_TIMEOUT, GRACE + SIGTERM_TIMEOUT);
        let program = program.clone();
        Err(match unfinished {
            Unfinished::Interrupted => Error::Interrupted(program),
            Unfinished::TimedOut => Error::TimedOut {
                program,
                timeout: options.timeout,
            },
            Unfinished::Pipe(source) | Unfinished::Unknown(source) => {
                Error::NotRunnable { program, source }
            }
        })
    }

    /// Returns what the last program has printed on standard output, if it is not empty.
    pub(super) fn output(&self) -> Option<File> {
        let mut file = self.stdout.try_clone().ok()?;
        let octets = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(0)).ok()?;
        (octets > 0).then_some(file)
    }

    /// Returns the first line that the last program printed on standard error.
    pub(super) fn stderr_line(&self) -> StderrLine {
        StderrLine::first_of(&self.stderr)
    }
}
