//! A child process with a deadline: started without the passwords of the environment, waited for
//! until a deadline or a signal, and killed with all that it started.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::SigId;
use signal_hook::consts::SIGCHLD;

use super::signals::{Interrupt, WaitError};
use super::walk::{UnsafePath, require_safe_program};

/// The interval at which a child is looked at although no SIGCHLD arrived: the program that started
/// us may have blocked that signal, and exec(2) keeps the mask.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Prepares a program that does not inherit the environment variables in `hidden`, which hold
/// passwords.
pub(crate) fn command(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    hidden: &[String],
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for variable in hidden {
        command.env_remove(variable);
    }
    command
}

/// Returns why a program was not started, if others could exchange it.
pub(crate) fn unsafe_program(error: &io::Error) -> Option<&UnsafePath> {
    error.get_ref()?.downcast_ref()
}

/// The way in which a program ended, in words.
#[derive(Debug)]
pub(crate) struct Ending(pub ExitStatus);

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "ended with status {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

/// The process group of a child.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProcessGroup {
    /// Ours: the child may use the terminal, and Ctrl-C reaches it.
    Ours,
    /// Its own, which is killed as a whole.
    Own,
}

/// A child process. Dropping it kills it if it still runs.
#[derive(Debug)]
pub(crate) struct RunningChild {
    child: Child,
    group: ProcessGroup,
    /// True once nothing is left to be done when it is dropped.
    is_over: bool,
}

/// The reason why the wait for a child ended before the child did.
#[derive(Debug)]
pub(crate) enum Unfinished {
    /// The grace after a signal is over.
    Interrupted,
    /// The deadline passed.
    TimedOut,
    /// One of its pipes failed.
    Pipe(io::Error),
    /// The system cannot say whether it runs.
    Unknown(io::Error),
}

/// The pipes between this program and a child, served while the child is waited for.
pub(crate) trait ChildPipes {
    /// Returns the pipes that are still open, each with the event that it waits for.
    fn awaited(&self) -> Vec<PollFd<'_>>;

    /// Reads and writes as much as is possible without blocking.
    ///
    /// # Errors
    /// A pipe, or what is written to it, fails.
    fn transfer(&mut self) -> io::Result<()>;
}

/// No pipes.
impl ChildPipes for () {
    fn awaited(&self) -> Vec<PollFd<'_>> {
        Vec::new()
    }

    fn transfer(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl RunningChild {
    /// Starts a program.
    ///
    /// # Errors
    /// The system cannot start it, or others could exchange it ([`unsafe_program`]).
    pub(crate) fn start(command: &mut Command, group: ProcessGroup) -> io::Result<Self> {
        require_safe_program(command.get_program()).map_err(io::Error::other)?;
        if group == ProcessGroup::Own {
            command.process_group(0);
        }
        Ok(Self {
            child: command.spawn()?,
            group,
            is_over: false,
        })
    }

    /// Takes our ends of its standard output and standard error, as far as they are pipes.
    pub(crate) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Serves the pipes until the child ends, but not beyond `deadline`, and at most for `grace`
    /// after a signal. Other processes that it leaves behind are not waited for.
    ///
    /// # Errors
    /// The deadline or the grace is over, or a pipe failed. The child still runs.
    pub(crate) fn wait(
        &mut self,
        watch: &ChildWatch,
        pipes: &mut impl ChildPipes,
        deadline: Instant,
        grace: Duration,
    ) -> Result<ExitStatus, Unfinished> {
        loop {
            // Cleared before the child is looked at: a child that ends after the look is noticed by
            // the wait below.
            watch.clear();
            if let Some(status) = self.child.try_wait().map_err(Unfinished::Unknown)? {
                return Ok(status);
            }
            match watch.wait(&pipes.awaited(), deadline, grace) {
                Ok(Woken::Child) => {}
                Ok(Woken::Pipe) => pipes.transfer().map_err(Unfinished::Pipe)?,
                Err(WaitError::Interrupted) => return Err(Unfinished::Interrupted),
                Err(WaitError::TimedOut) => return Err(Unfinished::TimedOut),
            }
        }
    }

    /// Asks the child and all that it started to end (SIGTERM), then kills them (SIGKILL). Waits
    /// after each signal for at most `timeout`, and at most for `grace` after a signal to us.
    #[cfg_attr(
        all(feature = "simulation", not(test)),
        allow(dead_code, reason = "only an MDA is ended, and it is simulated")
    )]
    pub(crate) fn end(mut self, watch: &ChildWatch, timeout: Duration, grace: Duration) {
        // Both signals are sent in any case. The child may have ended by now, but processes that it
        // started may go on and ignore SIGTERM.
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal);
            // After SIGKILL a process can still hang in the kernel, for example on NFS: it is
            // left.
            let _ = self.wait(watch, &mut (), Instant::now() + timeout, grace);
        }
        self.is_over = true;
    }

    fn signal(&mut self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // It may have ended by itself.
        let _ = match self.group {
            ProcessGroup::Ours => rustix::process::kill_process(pid, signal),
            ProcessGroup::Own => kill_process_group(pid, signal),
        };
    }
}

impl Drop for RunningChild {
    fn drop(&mut self) {
        if !self.is_over && matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::KILL);
            // Reaps it; there is nothing to do about an error.
            let _ = self.child.wait();
        }
    }
}

/// Notices the end of child processes (SIGCHLD). The signal does not say which child it was.
#[derive(Debug)]
pub(crate) struct ChildWatch {
    interrupt: Interrupt,
    /// Readable from the first SIGCHLD after [`Self::clear`] on.
    ended: UnixStream,
    registration: SigId,
}

enum Woken {
    /// A child is to be looked at.
    Child,
    /// A pipe is ready.
    Pipe,
}

impl ChildWatch {
    /// Starts watching for the end of child processes.
    ///
    /// # Errors
    /// The system refuses a descriptor or a handler.
    pub(crate) fn new(interrupt: &Interrupt) -> io::Result<Self> {
        let (ended, waker) = UnixStream::pair()?;
        ended.set_nonblocking(true)?;
        Ok(Self {
            interrupt: interrupt.clone(),
            ended,
            registration: signal_hook::low_level::pipe::register(SIGCHLD, waker)?,
        })
    }

    /// Waits until a child has ended since the last [`Self::clear`], a pipe is ready, or
    /// [`LOOK_INTERVAL`] is over, which counts as a child.
    fn wait(
        &self,
        pipes: &[PollFd<'_>],
        deadline: Instant,
        grace: Duration,
    ) -> Result<Woken, WaitError> {
        let mut awaited = vec![PollFd::new(&self.ended, PollFlags::IN)];
        awaited.extend_from_slice(pipes);
        let look = Instant::now() + LOOK_INTERVAL;
        match self
            .interrupt
            .wait_for_any(&awaited, deadline.min(look), grace)
        {
            Ok(0) => Ok(Woken::Child),
            Ok(_) => Ok(Woken::Pipe),
            Err(WaitError::TimedOut) if look < deadline => Ok(Woken::Child),
            Err(error) => Err(error),
        }
    }

    /// Forgets the children that have ended so far.
    fn clear(&self) {
        let mut octets = [0; 64];
        while matches!((&self.ended).read(&mut octets), Ok(1..)) {}
    }
}

impl Drop for ChildWatch {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.registration);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const FAR: Duration = Duration::from_secs(60);

    fn shell(line: &str) -> Command {
        command("/bin/sh", ["-c", line], &[])
    }

    fn watch(interrupt: &Interrupt) -> ChildWatch {
        ChildWatch::new(interrupt).expect("a handler for SIGCHLD")
    }

    fn never() -> Interrupt {
        Interrupt::never().expect("a pair of sockets")
    }

    /// Starts a shell in a group of its own, with a pipe that all that it starts inherits.
    fn start(line: &str) -> (RunningChild, ChildStdout) {
        let mut command = shell(line);
        command.stdout(Stdio::piped());
        let mut child = RunningChild::start(&mut command, ProcessGroup::Own).expect("a child");
        let (stdout, _) = child.take_output();
        (child, stdout.expect("stdout is a pipe"))
    }

    /// Waits until a child has written a line.
    fn await_line(stdout: &mut ChildStdout) {
        stdout.read_exact(&mut [0]).expect("the child writes");
    }

    /// Reads the pipe to its end: no process that inherited it is left.
    fn await_end(mut stdout: ChildStdout) {
        stdout.read_to_end(&mut Vec::new()).expect("the pipe ends");
    }

    #[test]
    fn the_exit_status_of_a_child_is_returned() {
        let watch = watch(&never());
        for status in [0, 75] {
            let (mut child, _stdout) = start(&format!("exit {status}"));
            let ended = child.wait(&watch, &mut (), Instant::now() + FAR, FAR);
            assert_eq!(ended.expect("it ends").code(), Some(status));
        }
    }

    #[test]
    fn the_end_of_a_child_wakes_sooner_than_the_next_look() {
        let watch = watch(&never());
        let (mut child, stdout) = start("exit 0");
        await_end(stdout);
        let woken = watch.wait(&[], Instant::now() + FAR, FAR);
        assert!(matches!(woken, Ok(Woken::Child)));
        let ended = child.wait(&watch, &mut (), Instant::now() + FAR, FAR);
        assert!(ended.expect("it ends").success());
    }

    #[test]
    fn the_deadline_ends_the_wait_for_a_child() {
        let watch = watch(&never());
        let (mut child, _stdout) = start("exec sleep 60");
        let waited = child.wait(&watch, &mut (), Instant::now() + SOON, FAR);
        assert!(matches!(waited, Err(Unfinished::TimedOut)));
    }

    #[test]
    fn a_signal_ends_the_wait_for_a_child() {
        let interrupt = never();
        let watch = watch(&interrupt);
        let (mut child, _stdout) = start("exec sleep 60");
        interrupt.raise();
        let waited = child.wait(&watch, &mut (), Instant::now() + FAR, SOON);
        assert!(matches!(waited, Err(Unfinished::Interrupted)));
    }

    #[test]
    fn ending_a_child_kills_what_ignores_sigterm() {
        let watch = watch(&never());
        let (child, mut stdout) = start("trap '' TERM; echo; sleep 60 & wait");
        await_line(&mut stdout);
        child.end(&watch, SOON, FAR);
        await_end(stdout);
    }

    #[test]
    fn a_child_that_ends_on_sigterm_can_tidy_up() {
        let watch = watch(&never());
        let (child, mut stdout) = start("trap 'echo bye; exit 0' TERM; echo; sleep 60 & wait");
        await_line(&mut stdout);
        child.end(&watch, FAR, FAR);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("the pipe ends");
        assert_eq!(rest, "bye\n");
    }

    #[test]
    fn dropping_a_child_kills_its_group() {
        let (child, mut stdout) = start("echo; sleep 60 & wait");
        await_line(&mut stdout);
        drop(child);
        await_end(stdout);
    }

    #[test]
    fn a_child_does_not_inherit_hidden_variables() {
        let hidden = ["CARGO_MANIFEST_DIR".to_owned()];
        let line = "test -z \"${CARGO_MANIFEST_DIR+set}\"";
        let status = command("/bin/sh", ["-c", line], &hidden).status();
        assert!(status.expect("sh runs").success());
    }
}
