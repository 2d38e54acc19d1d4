//! Runs an MDA on one message after the other: starts it, feeds it the message, waits for its end,
//! and keeps the first line that it printed on standard error.

use std::io::Seek;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::super::Error as DeliveryError;
use super::super::folder::Folder;
use super::Options;
use super::error::{Error, StderrLine};
use super::stdin::StdinPipe;
use crate::mail::mark::FileMarks;
use crate::os::child::{self, ChildWatch, ProcessGroup, RunningChild, Unfinished};
use crate::os::signals::Interrupt;
use crate::os::sys::File;

/// The time that a running MDA has after a signal to mailpull.
const GRACE: Duration = Duration::from_secs(3);
/// The time that it has to end after SIGTERM, before SIGKILL.
const SIGTERM_TIMEOUT: Duration = Duration::from_millis(500);

/// A slot in which one MDA at a time runs.
#[derive(Debug)]
pub(super) struct MdaSlot {
    watch: ChildWatch,
    /// A file without a name for the program's standard error. A pipe could fill up, or be held
    /// open by the processes that the program leaves running.
    stderr: File,
    /// [`GRACE`], except in tests.
    grace: Duration,
}

impl MdaSlot {
    /// Prepares a slot. The name of its file gets the account's marks.
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
        let stderr = folder.unnamed_file(marks)?;
        Ok(Self {
            watch,
            stderr,
            grace: GRACE,
        })
    }

    /// Runs the program on a message, and calls `meanwhile` once it runs. Waits for the program
    /// itself, not for processes that it leaves running. Returns its exit status, and true if it
    /// had read the whole message by then.
    pub(super) fn run(
        &self,
        options: &Options,
        sender: &str,
        mut stdin: StdinPipe,
        meanwhile: impl FnOnce(),
    ) -> Result<(ExitStatus, bool), Error> {
        let program = options.command.program();
        let not_runnable = |source| Error::NotRunnable {
            program: program.to_owned(),
            source,
        };
        let mut stderr = &self.stderr;
        // If it cannot be emptied, only the line in an error message is that of an earlier message.
        let _ = stderr.set_len(0);
        let _ = stderr.rewind();
        let arguments = options.command.arguments(sender);
        let mut command = child::command(program, arguments, &options.hidden_variables);
        command
            .stdin(stdin.read_end().map_err(not_runnable)?)
            .stdout(Stdio::null())
            .stderr(stderr.try_clone().map_err(not_runnable)?);
        // In a group of its own: Ctrl-C on the terminal must not end a delivery that would have
        // been complete in a moment.
        let mut child =
            RunningChild::start(&mut command, ProcessGroup::Own).map_err(not_runnable)?;
        meanwhile();
        let deadline = Instant::now() + options.timeout;
        let unfinished = match child.wait(&self.watch, &mut stdin, deadline, self.grace) {
            Ok(status) => return Ok((status, stdin.was_read())),
            Err(unfinished) => unfinished,
        };
        child.end(&self.watch, SIGTERM_TIMEOUT, self.grace + SIGTERM_TIMEOUT);
        // The pipe is closed only now. A program that still read would take the end of the pipe for
        // the end of the message, and deliver half of it.
        drop(stdin);
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

    /// Returns the first line that the last program printed on standard error.
    pub(super) fn stderr_line(&self) -> StderrLine {
        StderrLine::first_of(&self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Write};
    use std::sync::Arc;

    use super::super::template::Template;
    use super::*;

    const FAR: Duration = Duration::from_secs(60);
    const SOON: Duration = Duration::from_millis(5);
    /// Longer than the largest pipe, so that the end of the message is still to be written.
    const LARGE: usize = 3 << 20;

    /// A slot with a folder of its own.
    struct TestSlot {
        folder: tempfile::TempDir,
        slot: MdaSlot,
        interrupt: Interrupt,
    }

    impl TestSlot {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let interrupt = Interrupt::never().expect("a pair of sockets");
            let spool = Folder::open(folder.path()).expect("the folder can be opened");
            let slot = MdaSlot::new(&spool, &FileMarks::default(), &interrupt).expect("a slot");
            let slot = MdaSlot {
                grace: 20 * SOON,
                ..slot
            };
            Self {
                folder,
                slot,
                interrupt,
            }
        }

        /// Runs a script on a message of this length.
        fn run(
            &self,
            script: &str,
            length: usize,
            timeout: Duration,
        ) -> Result<(ExitStatus, bool), Error> {
            let options = options(script, timeout);
            self.slot.run(&options, "", message(length), || {})
        }
    }

    fn options(script: &str, timeout: Duration) -> Options {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        Options {
            command: Template::new(argv.to_vec(), None).expect("the template is valid"),
            timeout,
            jobs: 1,
            allow_root: true,
            may_ignore_input: false,
            hidden_variables: Arc::new([]),
        }
    }

    fn message(length: usize) -> StdinPipe {
        let mut file = tempfile::tempfile().expect("a file can be made");
        file.write_all(&vec![b'x'; length])
            .expect("the file can be written");
        file.rewind().expect("the file can be read");
        StdinPipe::new(file, length as u64).expect("a pipe can be made")
    }

    #[test]
    fn the_exit_status_and_the_reading_of_the_message_are_reported() {
        let sandbox = TestSlot::new();
        for (script, code, expected) in [
            ("cat >/dev/null", 0, true),
            ("cat >/dev/null; exit 75", 75, true),
            ("exit 0", 0, false),
            ("head -c 1 >/dev/null", 0, false),
            ("exec <&-; exit 67", 67, false),
        ] {
            let (status, was_read) = sandbox.run(script, 4096, FAR).expect("the script runs");
            assert_eq!(
                (status.code(), was_read),
                (Some(code), expected),
                "{script}"
            );
        }
    }

    #[test]
    fn a_program_that_reads_nothing_of_a_large_message_is_not_awaited() {
        let sandbox = TestSlot::new();
        for script in ["exec <&-; exit 0", "exit 0"] {
            let (status, was_read) = sandbox.run(script, LARGE, FAR).expect("no EPIPE");
            assert!(status.success() && !was_read, "{script}");
        }
    }

    #[test]
    fn a_large_message_arrives_as_a_whole() {
        let sandbox = TestSlot::new();
        let count = sandbox.folder.path().join("count");
        let script = format!("wc -c >'{}'", count.display());
        let (status, was_read) = sandbox.run(&script, LARGE, FAR).expect("the script runs");
        assert!(status.success() && was_read);
        let count = fs::read_to_string(count).expect("the script wrote it");
        assert_eq!(count.trim(), LARGE.to_string());
    }

    #[test]
    fn the_first_line_of_standard_error_is_kept() {
        let sandbox = TestSlot::new();
        for (script, line) in [
            (
                "cat >/dev/null; printf '\\nfull\\nmore\\n' >&2; exit 1",
                "full",
            ),
            ("cat >/dev/null", ""),
            ("cat >/dev/null; printf 'a\\033[2J' >&2", "a\\u{1b}[2J"),
        ] {
            sandbox.run(script, 1, FAR).expect("the script runs");
            assert_eq!(sandbox.slot.stderr_line().0.to_string(), line, "{script}");
        }
        // The file has no name.
        let files = fs::read_dir(sandbox.folder.path()).expect("the folder can be read");
        assert_eq!(files.count(), 0);
    }

    #[test]
    fn a_program_that_hangs_is_ended_at_its_deadline() {
        let sandbox = TestSlot::new();
        let error = sandbox.run("exec sleep 60", 1, SOON).expect_err("it hangs");
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        assert!(error.is_in_doubt());
    }

    #[test]
    fn a_signal_ends_a_program_after_its_grace() {
        let sandbox = TestSlot::new();
        let interrupt = sandbox.interrupt.clone();
        let options = options("exec sleep 60", FAR);
        let run = sandbox
            .slot
            .run(&options, "", message(1), || interrupt.raise());
        assert!(matches!(run, Err(Error::Interrupted(_))), "{run:?}");
    }

    #[test]
    fn a_program_that_ends_within_the_grace_has_delivered() {
        let sandbox = TestSlot::new();
        let interrupt = sandbox.interrupt.clone();
        let options = options("cat >/dev/null", FAR);
        let run = sandbox
            .slot
            .run(&options, "", message(1), || interrupt.raise());
        let (status, was_read) = run.expect("it ends in time");
        assert!(status.success() && was_read);
    }

    #[test]
    fn a_program_that_does_not_exist_is_not_runnable() {
        let sandbox = TestSlot::new();
        let mut options = options("", FAR);
        options.command = Template::new(vec!["/nowhere/mda".to_owned()], None).expect("a template");
        let error = sandbox.slot.run(&options, "", message(1), || {});
        match error.expect_err("there is no such program") {
            Error::NotRunnable { source, .. } => assert_eq!(source.kind(), io::ErrorKind::NotFound),
            error => panic!("{error}"),
        }
    }
}
