//! The user's terminal and its settings, which are restored after an interrupted question.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

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
    /// Saves the settings, if there is a terminal.
    pub(super) fn now() -> Option<Self> {
        let mut options = OpenOptions::new();
        let terminal = options.read(true).write(true).open("/dev/tty").ok()?;
        let settings = termios::tcgetattr(&terminal).ok()?;
        Some(Self { terminal, settings })
    }

    /// Turns the echo off.
    pub(super) fn hide(&self) {
        let mut settings = self.settings.clone();
        settings.local_modes.remove(LocalModes::ECHO);
        // If the terminal refuses this, it also refuses rpassword, which then returns an error.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &settings);
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
