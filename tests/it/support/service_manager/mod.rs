//! systemd with all protections of a unit. It runs as process 1 of namespaces of its own, so that nothing of
//! this machine is changed. Only root can start it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::outcome::RunOutcome;
use super::process::Program;
use super::sandbox::Sandbox;
use super::tools;

/// A machine that systemd is going to start: its files are in folders of a sandbox.
pub(crate) struct ServiceManager {
    sandbox: Sandbox,
}

/// The program `boot`, which makes the namespaces.
const BOOT: &str = "tests/it/support/service_manager/boot";

/// The drop-in of a unit for the test: it needs no other unit, and systemd ends with it and has its status.
const END_WITH_UNIT: &str = "\
[Unit]
DefaultDependencies=no
SuccessAction=exit-force
FailureAction=exit-force
[Service]
StandardOutput=file:/run/trial/output
StandardError=file:/run/trial/output
";

/// The service that starts the user's own systemd.
const USER_MANAGER: &str = "\
[Service]
User=mailpull
Delegate=yes
Environment=XDG_RUNTIME_DIR=/run/user/61111
ExecStart=/lib/systemd/systemd --user --unit=mailpull.service --log-target=console
";

impl ServiceManager {
    /// Returns `None` if systemd is not installed, as [`tools::find`] does.
    ///
    /// # Panics
    ///
    /// If the test does not run as root.
    pub(crate) fn new() -> Option<Self> {
        tools::require_root();
        tools::find("systemd-analyze")?;
        let sandbox = Sandbox::new();
        for folder in ["cgroups", "etc", "mail", "state", "system"] {
            fs::create_dir_all(sandbox.path(folder)).expect("a folder can be made");
        }
        // The user reaches the home folder by this path, too.
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(sandbox.path(""), open).expect("the folder is ours");
        sandbox.write("output", "");
        let all = Permissions::from_mode(0o666);
        fs::set_permissions(sandbox.path("output"), all).expect("the file is ours");
        Some(Self { sandbox })
    }

    /// Writes a file of the user. Only the user can read it.
    pub(crate) fn home_file(&self, relative: &str, text: impl AsRef<[u8]>) {
        self.sandbox.write(self.home().join(relative), text);
    }

    /// Writes a file in `/etc/mailpull`. It belongs to the user.
    pub(crate) fn etc_file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.sandbox.path("etc/mailpull").join(name);
        self.sandbox.write(path, text);
    }

    /// Returns the user's home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.sandbox.home()
    }

    /// Returns what is `/var/mail` for the unit.
    pub(crate) fn mail(&self) -> PathBuf {
        self.sandbox.path("mail")
    }

    /// Runs a unit of the user, a file in `contrib`, and waits for its end.
    #[track_caller]
    pub(crate) fn run_for_user(&self, unit: &Path) -> RunOutcome {
        let units = self.home().join(".config/systemd/user");
        self.install(unit, &units, "mailpull.service");
        let system = self.sandbox.path("system");
        self.sandbox
            .write(system.join("user.service"), USER_MANAGER);
        self.end_with(&system, "user.service");
        self.boot("user.service")
    }

    /// Runs a unit of the system, a file in `contrib`, as `name`, and waits for its end.
    #[track_caller]
    pub(crate) fn run(&self, unit: &Path, name: &str) -> RunOutcome {
        self.install(unit, &self.sandbox.path("system"), name);
        self.boot(name)
    }

    fn install(&self, unit: &Path, units: &Path, name: &str) {
        let file = unit.file_name().expect("a unit has a name");
        let text = fs::read_to_string(unit).expect("the file is in the repository");
        // The unit offers this line to its users as a comment.
        let text = text.replace("#LoadCredential=", "LoadCredential=");
        self.sandbox.write(units.join(file), text);
        self.end_with(units, name);
    }

    fn end_with(&self, units: &Path, name: &str) {
        let drop_in = units.join(format!("{name}.d/test.conf"));
        self.sandbox.write(drop_in, END_WITH_UNIT);
    }

    #[track_caller]
    fn boot(&self, unit: &str) -> RunOutcome {
        let boot = Path::new(env!("CARGO_MANIFEST_DIR")).join(BOOT);
        let mut command = self.sandbox.command("unshare");
        command.arg("--mount").arg(boot).arg(self.sandbox.path(""));
        command.arg(unit).arg(self.sandbox.program());
        Program::new(command).run()
    }

    /// Returns what the unit has printed.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.sandbox.path("output")).expect("the file was made")
    }
}
