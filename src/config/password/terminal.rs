//! The user's terminal: whether there is one, and its settings, to be put back after a disturbance.
//! Does not know what is asked there.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// Whether somebody is there to be asked.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The settings that the terminal had.
pub(super) struct Saved {
    terminal: File,
    settings: Termios,
}

impl Saved {
    /// Remembers the settings, if there is a terminal.
    pub(super) fn now() -> Option<Self> {
        let mut options = OpenOptions::new();
        let terminal = options.read(true).write(true).open("/dev/tty").ok()?;
        let settings = termios::tcgetattr(&terminal).ok()?;
        Some(Self { terminal, settings })
    }

    /// Lets nothing that is typed from now on be seen.
    pub(super) fn hide(&self) {
        let mut settings = self.settings.clone();
        settings.local_modes.remove(LocalModes::ECHO);
        // A terminal that refuses this refuses to be read blindly, too, and that is an error.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &settings);
    }

    /// Puts them back.
    pub(super) fn put_back(&self) {
        // The terminal may be what has gone away.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.settings);
    }

    /// Puts them back, forgets what was typed, and begins a new line, as far as the terminal is
    /// still there.
    pub(super) fn restore(&self) {
        // The terminal may be what has gone away, and the run ends anyway.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Flush, &self.settings);
        let _ = (&self.terminal).write_all(b"\n");
    }
}
