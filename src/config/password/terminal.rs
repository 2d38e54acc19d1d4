//! The user's terminal and its settings, which are restored after an interrupted question.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};

use crate::os::signals::{Interrupt, WaitError};

/// True if nothing is asked on the terminal.
static IS_LEFT_ALONE: AtomicBool = AtomicBool::new(false);

/// Asks nothing from now on, as if there were no terminal: nobody may be there to answer.
pub(crate) fn leave_alone() {
    IS_LEFT_ALONE.store(true, Ordering::Relaxed);
}

/// Returns true if there is a terminal to ask on.
pub(super) fn is_there() -> bool {
    let is_left_alone = IS_LEFT_ALONE.load(Ordering::Relaxed);
    !is_left_alone && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The settings that the terminal had.
pub(super) struct Saved {
    terminal: File,
    settings: Termios,
}

impl Saved {
    /// Saves the settings.
    ///
    /// # Errors
    /// There is no terminal.
    pub(super) fn now() -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let terminal = options.read(true).write(true).open("/dev/tty")?;
        let settings = termios::tcgetattr(&terminal)?;
        Ok(Self { terminal, settings })
    }

    /// Turns the echo off.
    ///
    /// # Errors
    /// The terminal refuses that, so that a password would be seen.
    pub(super) fn hide(&self) -> io::Result<()> {
        let mut settings = self.settings.clone();
        settings.local_modes.remove(LocalModes::ECHO);
        Ok(termios::tcsetattr(
            &self.terminal,
            OptionalActions::Now,
            &settings,
        )?)
    }

    /// Writes a text to the terminal.
    pub(super) fn write(&self, text: &str) -> io::Result<()> {
        (&self.terminal).write_all(text.as_bytes())
    }

    /// Waits until a line was typed.
    pub(super) fn wait(&self, interrupt: &Interrupt, deadline: Instant) -> Result<(), WaitError> {
        let terminal = self.terminal.as_fd();
        interrupt.wait(terminal, PollFlags::IN, deadline, Duration::ZERO)
    }

    /// Returns a reader of what is typed.
    pub(super) fn reader(&self) -> io::Result<File> {
        self.terminal.try_clone()
    }

    /// Restores the settings.
    pub(super) fn put_back(&self) {
        // An error means that the terminal is gone, and then there is nothing to restore.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.settings);
    }

    /// Restores the settings, discards what was typed, and begins a new line.
    pub(super) fn restore(&self) {
        // An error means that the terminal is gone, and the run ends anyway.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Flush, &self.settings);
        let _ = (&self.terminal).write_all(b"\n");
    }
}
