//! A command that prints a password: run, watched, and killed when it takes too long.
//! Does not know whose password it is.
//!
//! On a terminal the command shares it, so that it can ask the user for a passphrase. Elsewhere its
//! standard input is empty, its standard error is kept for the error message, and it runs in a
//! process group of its own, so that nothing it started outlives the deadline.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use crate::config::password::terminal::Saved;
use crate::text::ServerText;

/// Where a command runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Where nobody can be asked.
    Alone,
    /// On the user's terminal.
    Terminal,
}

/// Why a command printed no password.
#[derive(Debug)]
pub enum Problem {
    /// It said no: how, and the first line of its standard error.
    Failed(String, ServerText),
    /// A signal asked to stop.
    Interrupted,
    /// It cannot be run or watched.
    Run(io::Error),
    /// It took so many seconds, and was killed.
    Timeout(u64),
}

impl Problem {
    /// The same in words, about the command of a key.
    pub(super) fn told(&self, key: &str) -> String {
        match self {
            Self::Failed(how, complaint) if complaint.is_empty() => format!("{key} {how}"),
            Self::Failed(how, complaint) => format!("{key} {how}: {complaint}"),
            Self::Interrupted => "interrupted".to_owned(),
            Self::Run(error) => format!("cannot run the {key}: {error}"),
            Self::Timeout(seconds) => {
                format!("{key} has printed nothing useful within {seconds} s, and was killed")
            }
        }
    }
}

/// Runs a command and returns what it printed.
///
/// # Errors
/// It cannot be run, fails, prints more than a password, or takes longer than the deadline;
/// `interrupted` turned true.
pub(super) fn run(
    command: &mut Command,
    place: Place,
    deadline: Duration,
    interrupted: &dyn Fn() -> bool,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut running = Running::start(command, place).map_err(Problem::Run)?;
    let ends = Instant::now() + deadline;
    loop {
        if interrupted() {
            return Err(Problem::Interrupted);
        }
        if Instant::now() >= ends {
            return Err(Problem::Timeout(deadline.as_secs()));
        }
        // Asked before the pipes are emptied: what an ended command printed is all there.
        let status = running.child.try_wait().map_err(Problem::Run)?;
        let patience = if status.is_some() { NONE } else { PULSE };
        let has_read = running.drain(patience).map_err(Problem::Run)?;
        if let (Some(status), false) = (status, has_read) {
            return running.finish(status, interrupted);
        }
    }
}

/// A command under way. Dropping it kills what is left of it.
struct Running {
    child: Child,
    place: Place,
    saved: Option<Saved>,
    stdout: Pipe,
    stderr: Pipe,
}

impl Running {
    fn start(command: &mut Command, place: Place) -> io::Result<Self> {
        command.stdout(Stdio::piped());
        if place == Place::Alone {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
            command.process_group(0);
        }
        let saved = match place {
            Place::Alone => None,
            Place::Terminal => Saved::now(),
        };
        let mut child = command.spawn()?;
        Ok(Self {
            stdout: Pipe::new(child.stdout.take().map(OwnedFd::from)),
            stderr: Pipe::new(child.stderr.take().map(OwnedFd::from)),
            child,
            place,
            saved,
        })
    }

    /// Waits for output, and reads some of it if there is any.
    fn drain(&mut self, patience: Timespec) -> io::Result<bool> {
        let mut pipes: Vec<&mut Pipe> = [&mut self.stdout, &mut self.stderr]
            .into_iter()
            .filter(|pipe| pipe.fd.is_some())
            .collect();
        let mut fds: Vec<PollFd<'_>> = pipes
            .iter()
            .filter_map(|pipe| Some(PollFd::new(pipe.fd.as_ref()?, PollFlags::IN)))
            .collect();
        match poll(&mut fds, Some(&patience)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (pipe, _) in pipes.iter_mut().zip(&ready).filter(|(_, ready)| **ready) {
            pipe.read()?;
        }
        Ok(ready.contains(&true))
    }

    fn finish(
        mut self,
        status: ExitStatus,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let how = match status.success() {
            // Ctrl-C ends the command as well as us.
            false if interrupted() => return Err(Problem::Interrupted),
            false => format!("failed ({status})"),
            true if self.stdout.has_overflowed() => "printed more than a password".to_owned(),
            true => return Ok(self.stdout.take()),
        };
        let stderr = first_line(self.stderr.octets());
        Err(Problem::Failed(how, stderr))
    }

    fn kill(&mut self) {
        // Nothing is left to be done when it cannot be killed or waited for.
        let _ = match self.place {
            Place::Alone => kill_process_group(Pid::from_child(&self.child), Signal::KILL)
                .map_err(io::Error::from),
            Place::Terminal => self.child.kill(),
        };
        let _ = self.child.wait();
        if let Some(saved) = &self.saved {
            saved.restore();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}

/// What comes out of a command, as far as it is wanted; the rest is read and forgotten.
struct Pipe {
    fd: Option<OwnedFd>,
    /// Of its full size from the start: a vector that grows leaves copies behind.
    buffer: Zeroizing<Vec<u8>>,
    length: usize,
}

impl Pipe {
    fn new(fd: Option<OwnedFd>) -> Self {
        Self {
            fd,
            buffer: Zeroizing::new(vec![0; LIMIT + 1]),
            length: 0,
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let Some(fd) = &self.fd else {
            return Ok(());
        };
        // The surplus goes where one octet too many is, again and again.
        let start = self.length.min(LIMIT);
        match rustix::io::read(fd, &mut self.buffer[start..])? {
            0 => self.fd = None,
            count => self.length = start + count,
        }
        Ok(())
    }

    fn has_overflowed(&self) -> bool {
        self.length > LIMIT
    }

    fn octets(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    fn take(&mut self) -> Zeroizing<Vec<u8>> {
        self.buffer.truncate(self.length);
        mem::take(&mut self.buffer)
    }
}

fn first_line(octets: &[u8]) -> ServerText {
    let mut lines = octets.split(|octet| matches!(octet, b'\r' | b'\n'));
    ServerText::new(lines.find(|line| !line.is_empty()).unwrap_or_default())
}

/// The most octets that are kept of each stream; OAuth2 tokens have a few thousand.
const LIMIT: usize = 8 << 10;

const NONE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// How often a silent command is looked after.
const PULSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn run_line(line: &str, deadline: Duration) -> Result<Vec<u8>, Problem> {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        let never = || false;
        run(&mut command, Place::Alone, deadline, &never).map(|octets| octets.to_vec())
    }

    #[test]
    fn what_a_command_prints_is_returned_as_it_is() {
        for (line, octets) in [
            ("echo hunter2", &b"hunter2\n"[..]),
            ("printf 'a\\0b\\r\\n\\n'", b"a\0b\r\n\n"),
            ("true", b""),
            ("cat; echo x", b"x\n"),
            ("echo noise >&2; echo x", b"x\n"),
            ("echo x; exec >&- 2>&-; sleep 0.05", b"x\n"),
        ] {
            let printed = run_line(line, Duration::from_secs(20)).expect("it succeeds");
            assert_eq!(printed, octets, "{line}");
        }
    }

    #[test]
    fn a_child_that_lives_on_with_the_pipe_is_not_waited_for() {
        let begun = Instant::now();
        let printed = run_line("sleep 15 & echo x", Duration::from_secs(10));
        assert_eq!(printed.expect("it succeeds"), b"x\n");
        assert!(begun.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn the_error_of_a_failing_command_shows_its_complaint_and_never_its_output() {
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
                "head -c 100000 /dev/zero",
                "password-command printed more than a password",
            ),
        ] {
            let error = run_line(line, Duration::from_secs(20)).expect_err("it fails");
            assert_eq!(error.told("password-command"), message);
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
            // It is read to its end when nobody is left who could write to it.
            let reader = scope.spawn(|| std::fs::read(&fifo));
            let error = run_line(&line, Duration::from_secs(1)).expect_err("it hangs");
            assert!(matches!(error, Problem::Timeout(1)), "{error:?}");
            reader.join().expect("it does not panic").expect("it ends");
        });
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_signal_ends_the_wait_for_a_command() {
        let begun = Instant::now();
        let mut command = Command::new("sleep");
        let interrupted = || begun.elapsed() > Duration::from_millis(50);
        let answer = run(
            command.arg("30"),
            Place::Alone,
            Duration::from_secs(20),
            &interrupted,
        );
        assert!(matches!(answer, Err(Problem::Interrupted)));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_does_not_exist_is_named_as_such() {
        let mut command = Command::new("/does/not/exist");
        let error = run(&mut command, Place::Alone, Duration::from_secs(1), &|| {
            false
        })
        .expect_err("it cannot be run");
        assert!(
            error
                .told("password-command")
                .starts_with("cannot run the password-command: ")
        );
    }
}
