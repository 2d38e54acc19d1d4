//! A child process with a time limit, in its own process group. For claims about what it did see
//! `outcome`.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::DEADLINE;
use super::outcome::RunOutcome;

/// A program that has not been started yet. Without [`Program::stdin`] its standard input is empty.
pub(crate) struct Program {
    command: Command,
    deadline: Duration,
    stdin: Option<Vec<u8>>,
}

impl Program {
    pub(crate) fn new(mut command: Command) -> Self {
        command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            deadline: DEADLINE,
            stdin: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn stdin(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(octets.into());
        self
    }

    /// Runs the program and waits for its end.
    #[track_caller]
    pub(crate) fn run(self) -> RunOutcome {
        self.start().wait()
    }

    /// Starts the program without waiting, for a test that acts while it runs.
    #[track_caller]
    pub(crate) fn start(mut self) -> RunningProgram {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let program = self.command.get_program().to_owned();
        self.command.stdin(match self.stdin {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        });
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run {}: {e}", program.display()));
        let pid = Pid::from_child(&child);
        if let (Some(mut pipe), Some(octets)) = (child.stdin.take(), self.stdin) {
            // A child may leave its input unread. The broken pipe is not an error then.
            thread::spawn(move || drop(pipe.write_all(&octets)));
        }
        RunningProgram {
            deadline: self.deadline,
            pid,
            program: format!("{} {shown}", program.display()),
            stderr: Collector::start(child.stderr.take()),
            stdout: Collector::start(child.stdout.take()),
            status: wait_elsewhere(child),
            ended: None,
        }
    }

    /// Replaces the time limit, for the tests of the time limit itself.
    fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// A running program. It is killed together with its children when dropped.
pub(crate) struct RunningProgram {
    deadline: Duration,
    ended: Option<ExitStatus>,
    pid: Pid,
    program: String,
    status: Receiver<io::Result<ExitStatus>>,
    stderr: Collector,
    stdout: Collector,
}

impl RunningProgram {
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// True if the program has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        if let Ok(status) = self.status.try_recv() {
            self.ended = Some(status.expect("a child can be waited for"));
        }
        self.ended.is_some()
    }

    /// Waits for a line with this text on standard output, and returns the line.
    #[track_caller]
    pub(crate) fn prints(&self, part: &str) -> String {
        let begun = Instant::now();
        loop {
            let printed = self.stdout.so_far();
            // The last line may be incomplete.
            let mut lines = printed
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            if let Some(line) = lines.find(|line| line.contains(part)) {
                return line.trim_end().to_owned();
            }
            assert!(
                begun.elapsed() < self.deadline,
                "{} never printed {part:?}\n--- stdout\n{printed}\n--- stderr\n{}",
                self.program,
                self.stderr.so_far()
            );
            // The collector does not report new output, so it has to be asked.
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal to the program, but not to its children.
    pub(crate) fn signal(&self, signal: Signal) -> &Self {
        kill_process(self.pid, signal).expect("the program still runs");
        self
    }

    /// Sends a signal and waits until it is no longer pending.
    #[track_caller]
    pub(crate) fn signal_and_see_it_taken(&self, signal: Signal) -> &Self {
        self.signal(signal);
        let begun = Instant::now();
        while self.has_pending_signals() {
            assert!(begun.elapsed() < self.deadline, "it never took {signal:?}");
            thread::yield_now();
        }
        self
    }

    /// Waits until its first thread sleeps, usually because it waits for a server.
    #[track_caller]
    pub(crate) fn wait_until_it_waits(&self) -> &Self {
        let begun = Instant::now();
        let status = format!("/proc/{}/status", self.pid());
        let is_asleep = || fs::read_to_string(&status).is_ok_and(|it| it.contains("State:\tS"));
        while !is_asleep() {
            assert!(begun.elapsed() < self.deadline, "it never waited");
            thread::yield_now();
        }
        self
    }

    fn has_pending_signals(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the program still runs");
        let mut masks = status.lines().filter_map(|line| {
            let (name, mask) = line.split_once(':')?;
            matches!(name, "ShdPnd" | "SigPnd").then_some(mask)
        });
        masks.any(|mask| mask.trim().bytes().any(|digit| digit != b'0'))
    }

    /// Sends a signal repeatedly until the program ends, so that it is also interrupted while it
    /// reacts to the first one.
    #[track_caller]
    pub(crate) fn signal_until_it_ends(mut self, signal: Signal) -> RunOutcome {
        let begun = Instant::now();
        while !self.is_over() && begun.elapsed() < self.deadline {
            // The program may have ended in the meantime.
            let _ = kill_process(self.pid, signal);
            thread::yield_now();
        }
        self.wait()
    }

    /// Waits until the program ends.
    ///
    /// # Panics
    ///
    /// If the time limit passes. The message shows everything that the program has printed.
    #[track_caller]
    pub(crate) fn wait(mut self) -> RunOutcome {
        if !self.is_over() {
            match self.status.recv_timeout(self.deadline) {
                Ok(status) => self.ended = Some(status.expect("a child can be waited for")),
                Err(_) => {
                    self.kill_group();
                    panic!(
                        "{} still ran after {:?}\n--- stdout\n{}\n--- stderr\n{}",
                        self.program,
                        self.deadline,
                        self.stdout.so_far(),
                        self.stderr.so_far()
                    );
                }
            }
        }
        let status = self.ended.expect("the program has ended");
        RunOutcome {
            program: self.program.clone(),
            stderr: self.stderr.all(self.deadline),
            status,
            stdout: self.stdout.all(self.deadline),
        }
    }

    /// Waits until the program ends. After `limit` it is killed with all its children, and there is
    /// no outcome. This is for other fetchers, some of which never end.
    pub(crate) fn wait_within(mut self, limit: Duration) -> Option<RunOutcome> {
        if let Ok(status) = self.status.recv_timeout(limit) {
            self.ended = Some(status.expect("a child can be waited for"));
            return Some(self.wait());
        }
        self.kill();
        None
    }

    /// Kills the program and all its children, and waits for its end.
    #[track_caller]
    pub(crate) fn kill(self) -> RunOutcome {
        self.kill_group();
        self.wait()
    }

    fn kill_group(&self) {
        // The process group is gone if the program has ended by itself.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // After a wait the process id may already belong to another program.
        if self.ended.is_none() {
            self.kill_group();
        }
    }
}

fn wait_elsewhere(mut child: Child) -> Receiver<io::Result<ExitStatus>> {
    let (sender, receiver) = mpsc::channel();
    // The receiver is gone if the test has already failed.
    thread::spawn(move || drop(sender.send(child.wait())));
    receiver
}

/// Collects the output of a child, so that its pipe never fills up.
struct Collector {
    done: Receiver<()>,
    octets: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    fn start(pipe: Option<impl Read + Send + 'static>) -> Self {
        let octets = Arc::new(Mutex::new(Vec::new()));
        let (sender, done) = mpsc::channel();
        let mut pipe = pipe.expect("both outputs are piped");
        let shared = Arc::clone(&octets);
        thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(n @ 1..) = pipe.read(&mut chunk) {
                shared
                    .lock()
                    .expect("no thread panics while collecting")
                    .extend_from_slice(&chunk[..n]);
            }
            drop(sender);
        });
        Self { done, octets }
    }

    /// Waits for the end of the output. A child of the child may hold the pipe open. Then this
    /// returns what has come within the time limit.
    fn all(&self, deadline: Duration) -> Vec<u8> {
        // Nothing is ever sent: the thread drops the sender at the end of the output.
        let _ = self.done.recv_timeout(deadline);
        self.octets
            .lock()
            .expect("no thread panics while collecting")
            .clone()
    }

    fn so_far(&self) -> String {
        let octets = self
            .octets
            .lock()
            .expect("no thread panics while collecting");
        String::from_utf8_lossy(&octets).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::new(command)
    }

    #[test]
    fn both_outputs_and_the_status_are_collected() {
        let outcome = sh("cat; echo err >&2; exit 75").stdin("out").run();
        outcome.fails_with(75).stdout_is("out").stderr_is("err\n");
    }

    #[test]
    #[should_panic(expected = "still ran after")]
    fn a_program_that_hangs_fails_the_test() {
        sh("exec tail -f /dev/null")
            .deadline(Duration::from_millis(50))
            .run();
    }

    #[test]
    fn wait_within_kills_a_program_that_hangs() {
        let limit = Duration::from_millis(50);
        let hanging = sh("exec tail -f /dev/null").start();
        assert!(hanging.wait_within(limit).is_none());
        let ending = sh("exit 3").start().wait_within(DEADLINE);
        ending.expect("exit ends the shell").fails_with(3);
    }

    #[test]
    fn a_signal_is_seen_in_the_outcome() {
        let running = sh("exec tail -f /dev/null").start();
        running.signal(Signal::KILL);
        running.wait().is_killed_by(Signal::KILL);
    }
}
