//! A terminal with a shell in it, by tmux: a test can type and read the screen.

use std::cell::Cell;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::process::Program;
use super::sandbox::Sandbox;
use super::tools;

/// A terminal in a sandbox. It is closed when dropped.
pub(crate) struct Tmux {
    /// The number of command lines that were run.
    runs: Cell<usize>,
    socket: PathBuf,
    tmux: PathBuf,
}

impl Tmux {
    /// Opens a terminal of 100 columns and 40 rows with these environment variables and the sandbox's. Returns
    /// `None` if tmux is not installed, see [`tools::find`].
    pub(crate) fn open(sandbox: &Sandbox, variables: &[(&str, &str)]) -> Option<Self> {
        Self::open_sized(sandbox, variables, [100, 40])
    }

    /// Opens a terminal with this number of columns and rows.
    pub(crate) fn open_sized(
        sandbox: &Sandbox,
        variables: &[(&str, &str)],
        [columns, rows]: [u16; 2],
    ) -> Option<Self> {
        let tmux = tools::find("tmux")?;
        let socket = sandbox.path("tmux");
        let mut command = sandbox.command(&tmux);
        command
            .arg("-S")
            .arg(&socket)
            .args([
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                &columns.to_string(),
                "-y",
                &rows.to_string(),
            ])
            .arg("exec sh")
            .env("PATH", path_with_program())
            .envs(variables.iter().copied())
            // The tmux server outlives this command, and would keep its pipes open.
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.status().expect("tmux can be run");
        assert!(status.success(), "tmux opens no terminal: {status}");
        let terminal = Self {
            runs: Cell::new(0),
            socket,
            tmux,
        };
        terminal.wait("should have a prompt", |screen| {
            (!screen.trim().is_empty()).then_some(())
        });
        // A prompt could appear between the next command line and its output.
        // Without a trap the shell would skip what follows a program that SIGINT has ended.
        terminal.runs("PS1= && trap : INT");
        terminal.ended_with(0);
        Some(terminal)
    }

    /// Runs a command line in the shell; [`Tmux::ended_with`] waits for its end.
    pub(crate) fn runs(&self, line: &str) -> &Self {
        self.runs.set(self.runs.get() + 1);
        self.types(&format!("{line}; {}", self.show_status()))
            .presses("Enter")
    }

    /// Returns the command that follows each command line. Its text is unique on the screen.
    fn show_status(&self) -> String {
        format!("echo \"run {} ended with $?\"", self.runs.get())
    }

    pub(crate) fn types(&self, text: &str) -> &Self {
        self.tmux(&["send-keys", "-l", "--", text]);
        self
    }

    /// Presses a key by tmux's name: `Enter`, `C-c`.
    pub(crate) fn presses(&self, key: &str) -> &Self {
        self.tmux(&["send-keys", key]);
        self
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> &Self {
        self.wait(&format!("should show {text:?}"), |screen| {
            screen.contains(text).then_some(())
        });
        self
    }

    /// Waits until the last command has ended, and returns its output as it is left on the screen.
    #[track_caller]
    pub(crate) fn ended_with(&self, status: u8) -> Vec<String> {
        let typed = self.show_status();
        let end = format!("\nrun {} ended with ", self.runs.get());
        let (shown, ended) = self.wait("should show the end of the command", |screen| {
            let (_, below) = screen.split_once(&typed)?;
            let (shown, ended) = below.split_once(&end)?;
            let ended = ended.lines().next()?.trim_end().to_owned();
            Some((shown.to_owned(), ended))
        });
        assert_eq!(ended, status.to_string(), "the screen showed{shown}");
        shown
            .lines()
            .skip(1)
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// True if the terminal echoes typed characters.
    pub(crate) fn echoes(&self) -> bool {
        self.runs("stty -a | tr ' ' '\\n' | grep -x -e '-*echo'");
        self.ended_with(0) == ["echo"]
    }

    /// Returns the screen with the lines that have scrolled away. Wrapped lines are joined.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-"])
    }

    /// Returns the visible rows as they stand on the screen, without empty ones.
    pub(crate) fn rows(&self) -> Vec<String> {
        let visible = self.tmux(&["capture-pane", "-p"]);
        let rows = visible.lines().map(|row| row.trim_end().to_owned());
        rows.filter(|row| !row.is_empty()).collect()
    }

    /// Waits until the visible rows are as they should be, and returns them.
    #[track_caller]
    pub(crate) fn has_rows(
        &self,
        claim: &str,
        are_right: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        self.wait(claim, |_| Some(self.rows()).filter(|rows| are_right(rows)))
    }

    /// Makes the terminal so wide.
    pub(crate) fn resize(&self, columns: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string()]);
    }

    /// Returns the visible screen with its colours as escape sequences.
    pub(crate) fn coloured_screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Reads the screen until `look` finds something. tmux does not report when the screen changes.
    #[track_caller]
    fn wait<T>(&self, claim: &str, look: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if let Some(found) = look(&screen) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "the terminal {claim}; it shows\n{screen}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(&self.socket).args(arguments);
        Program::new(command).run().succeeds().stdout_text()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // If the shell has ended, the tmux server has ended too, and there is nothing to kill.
        let _ = Command::new(&self.tmux)
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .output();
    }
}

fn path_with_program() -> std::ffi::OsString {
    let folder = Path::new(env!("CARGO_BIN_EXE_mailpull")).parent();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = folder.map(Path::to_owned).into_iter();
    env::join_paths(folders.chain(env::split_paths(&path))).expect("no folder has a colon")
}
