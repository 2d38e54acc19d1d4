//! A GNOME keyring, unlocked, on its own session bus.

use std::process::Command;

use super::process::{Program, RunningProgram};
use super::sandbox::Sandbox;
use super::tools::find;

/// The environment variable with the address of the bus.
pub(crate) const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// A running keyring, which keeps its files in a sandbox.
pub(crate) struct Keyring<'a> {
    bus: String,
    sandbox: &'a Sandbox,
    _running: RunningProgram,
}

impl<'a> Keyring<'a> {
    /// Starts a keyring. Returns `None` if a program for it is not installed, see
    /// [`find`].
    pub(crate) fn start(sandbox: &'a Sandbox) -> Option<Self> {
        find("gnome-keyring-daemon")?;
        find("secret-tool")?;
        let session = find("dbus-run-session")?;
        let mut command = sandbox.command(session);
        // A request that comes too early makes the bus start another keyring, which is locked.
        // Therefore this waits until the keyring has its name on the bus.
        command.args(["--", "sh", "-c"]).arg(
            "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null &&
             until dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
                 org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets |
                 grep -q true; do sleep 0.02; done &&
             echo \"bus at $DBUS_SESSION_BUS_ADDRESS\" && exec tail -f /dev/null",
        );
        let running = Program::new(command).start();
        let line = running.prints("bus at ");
        Some(Self {
            bus: line.trim_start_matches("bus at ").to_owned(),
            sandbox,
            _running: running,
        })
    }

    /// The address of its bus.
    pub(crate) fn bus(&self) -> &str {
        &self.bus
    }

    /// Prepares a run of the program with this keyring.
    pub(crate) fn mailpull<const N: usize>(&self, args: [&str; N]) -> Program {
        self.sandbox.mailpull(args).env(BUS, &self.bus)
    }

    /// Stores a password under these attributes, as another program does.
    pub(crate) fn store(&self, attributes: &[&str], password: &str) {
        let mut command = self.secret_tool();
        command.args(["store", "--label=mail"]).args(attributes);
        Program::new(command).stdin(password).run().succeeds();
    }

    /// Returns the password that is stored under these attributes.
    pub(crate) fn lookup(&self, attributes: &[&str]) -> String {
        let mut command = self.secret_tool();
        command.arg("lookup").args(attributes);
        Program::new(command).run().stdout_text()
    }

    /// Locks the keyring, so that the user would have to unlock it.
    pub(crate) fn lock(&self) {
        let mut command = self.secret_tool();
        command.args(["lock", "--collection=login"]);
        // Some versions of secret-tool lock the keyring and then crash.
        Program::new(command).run();
    }

    fn secret_tool(&self) -> Command {
        let mut command = self.sandbox.command("secret-tool");
        command.env(BUS, &self.bus);
        command
    }
}
