//! A command that prints a password, with a deadline.
//!
//! On a terminal the command shares the terminal, so that it can ask the user for a passphrase.
//! Without a terminal its standard input is empty, its standard error is kept for the error message,
//! and it runs in a process group of its own, so that nothing that it started outlives the deadline.

use std::fmt;
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::config::password::terminal::Saved;
use crate::os::child::{ChildWatch, ProcessGroup, RunningChild, Unfinished, unsafe_program};
use crate::os::child_output::ChildOutput;
use crate::os::signals::Interrupt;
use crate::os::walk::UnsafePath;
use crate::text::ServerText;

/// The surroundings of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Without a terminal.
    Alone,
    /// On the user's terminal.
    Terminal,
}

/// The reason why a command printed no password.
#[derive(Debug)]
pub enum Problem {
    /// It failed: how, and the first line of its standard error.
    Failed(FailedStatus, ServerText),
    /// A signal arrived.
    Interrupted,
    /// The system cannot run it.
    Run(io::Error),
    /// It was killed after this number of seconds.
    Timeout(u64),
    /// It printed something that cannot be a password.
    Unusable(&'static str),
}

/// The way in which a command failed.
#[derive(Clone, Copy, Debug)]
pub struct FailedStatus(ExitStatus);

impl FailedStatus {
    /// sysexits(3): a temporary failure.
    const EX_TEMPFAIL: i32 = 75;

    /// Returns true if the command itself says that it may work later: a locked keyring, a missing network.
    pub(super) fn is_transient(self) -> bool {
        self.0.code() == Some(Self::EX_TEMPFAIL)
    }
}

impl fmt::Display for FailedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed ({})", self.0)
    }
}

impl Problem {
    /// Returns what the user can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Run(error) => unsafe_program(error).map(UnsafePath::hint),
            _ => None,
        }
    }

    /// Returns the message about the command of a key.
    pub(super) fn about(&self, key: &str) -> String {
        match self {
            Self::Failed(how, complaint) if complaint.is_empty() => format!("{key} {how}"),
            Self::Failed(how, complaint) => format!("{key} {how}: {complaint}"),
            Self::Interrupted => "interrupted".to_owned(),
            Self::Run(error) => format!("cannot run the {key}: {error}"),
            Self::Unusable(how) => format!("{key} {how}"),
            Self::Timeout(seconds) => {
                format!("{key} did not end within {seconds} s and was killed")
            }
        }
    }
}

/// Runs a command and returns its output.
///
/// # Errors
/// It cannot be run, fails, prints more than a password, or takes longer than the deadline; a signal
/// arrived.
pub(super) fn run(
    command: &mut Command,
    place: Place,
    deadline: Duration,
    interrupt: &Interrupt,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    command.stdout(Stdio::piped());
    let (group, saved) = match place {
        Place::Alone => {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
            (ProcessGroup::Own, None)
        }
        Place::Terminal => (ProcessGroup::Ours, Saved::now().ok()),
    };
    let watch = ChildWatch::new(interrupt).map_err(Problem::Run)?;
    let mut child = RunningChild::start(command, group).map_err(Problem::Run)?;
    let mut output = ChildOutput::of(&mut child, LIMIT).map_err(Problem::Run)?;
    let ends = Instant::now() + deadline;
    match child.wait(&watch, &mut output, ends, Duration::ZERO) {
        // Ctrl-C on the terminal ends the command as well as us.
        Ok(status) if !status.success() && interrupt.signal().is_some() => {
            Err(Problem::Interrupted)
        }
        Ok(status) => password(output, status),
        Err(unfinished) => {
            drop(child);
            if let Some(saved) = saved {
                saved.restore();
            }
            Err(match unfinished {
                Unfinished::Interrupted => Problem::Interrupted,
                Unfinished::TimedOut => Problem::Timeout(deadline.as_secs()),
                Unfinished::Pipe(error) | Unfinished::Unknown(error) => Problem::Run(error),
            })
        }
    }
}

/// Returns the password that a command which has ended printed.
fn password(output: ChildOutput, status: ExitStatus) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let printed = output.finish().map_err(Problem::Run)?;
    if !status.success() {
        return Err(Problem::Failed(FailedStatus(status), printed.complaint));
    }
    // Notes may follow the first line, and they may be long.
    let has_line = memchr::memchr(b'\n', &printed.stdout).is_some();
    if printed.is_cut && !has_line {
        return Err(Problem::Unusable("printed more than a password"));
    }
    Ok(printed.stdout)
}

/// The most octets that are kept of each stream. OAuth 2.0 tokens have a few thousand.
const LIMIT: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn run_line(line: &str, deadline: Duration) -> Result<Vec<u8>, Problem> {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        run(&mut command, Place::Alone, deadline, &never()).map(|octets| octets.to_vec())
    }

    fn never() -> Interrupt {
        Interrupt::never().expect("a pair of sockets")
    }

    #[test]
    fn the_output_of_a_command_is_returned_unchanged() {
        for (line, octets) in [
            ("echo hunter2", &b"hunter2\n"[..]),
            ("printf 'a\\0b\\r\\n\\n'", b"a\0b\r\n\n"),
            ("true", b""),
            ("cat; echo x", b"x\n"),
            ("echo noise >&2; echo x", b"x\n"),
            ("echo x; exec >&- 2>&-; sleep 0.05", b"x\n"),
        ] {
            let printed = run_line(line, Duration::from_secs(20)).expect("the command succeeds");
            assert_eq!(printed, octets, "{line}");
        }
    }

    #[test]
    fn a_background_child_with_the_pipe_is_not_waited_for() {
        let begun = Instant::now();
        let printed = run_line("sleep 15 & echo x", Duration::from_secs(10));
        assert_eq!(printed.expect("the command succeeds"), b"x\n");
        assert!(begun.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn an_error_shows_standard_error_but_never_the_output() {
        for (line, message) in [
            (
                "echo hunter2; exit 3",
                "password-command failed (exit status: 3)",
            ),
            (
                "echo hunter2; printf '\\n\\033[1mno key\\nmore\\n' >&2; exit 1",
                "password-command failed (exit status: 1): \\u{1b}[1mno key",
            ),
            (
                "echo hunter2; kill -9 $$",
                "password-command failed (signal: 9 (SIGKILL))",
            ),
            (
                "head -c 100000 /dev/zero; echo",
                "password-command printed more than a password",
            ),
        ] {
            let error = run_line(line, Duration::from_secs(20)).expect_err("the command fails");
            assert_eq!(error.about("password-command"), message);
        }
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_all_it_started() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let fifo = folder.path().join("fifo");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &fifo, FileType::Fifo, mode, 0).expect("a FIFO can be made");
        let line = format!("exec 3>'{}'; sleep 60 & wait", fifo.display());
        let begun = Instant::now();
        thread::scope(|scope| {
            // It reaches its end when no process is left that could write to it.
            let reader = scope.spawn(|| std::fs::read(&fifo));
            let error = run_line(&line, Duration::from_secs(1)).expect_err("the command hangs");
            assert!(matches!(error, Problem::Timeout(1)), "{error:?}");
            reader
                .join()
                .expect("the reader does not panic")
                .expect("the FIFO can be read");
        });
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_signal_ends_the_wait_for_a_command() {
        let interrupt = never();
        interrupt.raise();
        let mut command = Command::new("sleep");
        let answer = run(
            command.arg("30"),
            Place::Alone,
            Duration::from_secs(20),
            &interrupt,
        );
        assert!(matches!(answer, Err(Problem::Interrupted)));
    }

    #[test]
    fn a_missing_program_is_reported() {
        let mut command = Command::new("/does/not/exist");
        let error = run(&mut command, Place::Alone, Duration::from_secs(1), &never())
            .expect_err("the program is missing");
        assert!(
            error
                .about("password-command")
                .starts_with("cannot run the password-command: ")
        );
    }
}
