//! Owners and permissions of the programs that the configuration names.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools::require_root;

const WRITABLE: &str = "the sandbox is writable";
/// A user id that no user of the system has, and that is not the sandbox's.
const JANE: u32 = 61_222;

/// A program in a folder of its own. It prints the password, and takes a message.
struct ProgramSetup {
    sandbox: Sandbox,
    server: ModelServer,
    folder: PathBuf,
    program: PathBuf,
}

impl ProgramSetup {
    fn new() -> Self {
        let sandbox = Sandbox::unprivileged();
        let folder = sandbox.path("programs");
        fs::create_dir(&folder).expect(WRITABLE);
        sandbox.give(&folder);
        let program = sandbox.script("programs/helper", &format!("echo '{PASSWORD}'; cat >&2"));
        set_mode(&program, 0o755);
        Self {
            server: ModelServer::start(notes(["x"])),
            sandbox,
            folder,
            program,
        }
    }

    /// Checks the account with this key. Nothing is delivered, so the next run does the same.
    fn check(&self, extra: &str) -> RunOutcome {
        self.run("check", extra)
    }

    fn run(&self, command: &str, extra: &str) -> RunOutcome {
        self.sandbox.config("");
        self.sandbox.account("work", self.server.address(), extra);
        let mut process = self.sandbox.command(self.sandbox.program());
        let path = std::env::var("PATH").expect("the tests have a PATH");
        process.env("PATH", format!("{}:{path}", self.folder.display()));
        process.arg(command);
        Program::new(process).run()
    }

    /// The `password-command` in each of its forms.
    fn password_commands(&self) -> [String; 4] {
        let program = self.program.display();
        [
            format!("password-command = ['{program}']"),
            "password-command = ['helper']".to_owned(),
            format!("password-command = '{program} show mail'"),
            "password-command = 'helper show mail'".to_owned(),
        ]
    }

    #[track_caller]
    fn runs(&self) {
        for command in self.password_commands() {
            self.check(&command).succeeds();
        }
    }

    #[track_caller]
    fn is_refused(&self, parts: &[&str]) {
        for command in self.password_commands() {
            let outcome = self.check(&command);
            outcome.fails_with(78).complains_in_lines(1);
            outcome.stderr_has("cannot run the password-command: ");
            for part in parts {
                outcome.stderr_has(part);
            }
        }
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the test owns the file");
}

fn give(path: &Path, owner: u32) {
    require_root();
    lchown(path, Some(owner), Some(owner)).expect("root may give files away");
}

#[test]
fn a_program_that_others_can_exchange_is_not_run() {
    let setup = ProgramSetup::new();
    setup.runs();
    for mode in [0o757, 0o777] {
        set_mode(&setup.program, mode);
        let why = format!("helper can be written by others (mode {mode:04o})");
        setup.is_refused(&[&why, "chmod "]);
    }
    set_mode(&setup.program, 0o755);
    set_mode(&setup.folder, 0o777);
    setup.is_refused(&[
        "helper is not safe: the folder ",
        "programs can be written by others (mode 0777)",
        "chmod go-w ",
    ]);
    // The user's own program cannot be exchanged there.
    set_mode(&setup.folder, 0o1777);
    setup.runs();
}

#[test]
fn each_key_that_names_a_program_is_checked() {
    let setup = ProgramSetup::new();
    set_mode(&setup.program, 0o757);
    let program = setup.program.display();
    for (command, key) in [
        ("fetch", format!("mda = '{program}'")),
        ("fetch", "mda = 'helper'".to_owned()),
        (
            "check",
            format!("tunnel-command = ['{program}']\nallow-cleartext = true"),
        ),
        (
            "check",
            format!(
                "oauth2-token-command = ['{program}']\nauth = 'xoauth2'\nallow-cleartext = true"
            ),
        ),
    ] {
        let outcome = setup.run(command, &key);
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has("helper can be written by others (mode 0757). Let only its owner");
        assert!(setup.server.log().retrieved.is_empty(), "{outcome}");
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_program_may_belong_to_another_user() {
    let setup = ProgramSetup::new();
    give(&setup.program, JANE);
    setup.runs();
    // As in Homebrew: the folder's owner can write through a group of its own.
    give(&setup.folder, JANE);
    set_mode(&setup.folder, 0o775);
    setup.runs();
    give(&setup.folder, 0);
    // Root chose who can write there, as in /usr/local/bin of Debian.
    set_mode(&setup.folder, 0o2775);
    setup.runs();
    // Everybody could have put it there.
    set_mode(&setup.folder, 0o1777);
    setup.is_refused(&["programs/helper belongs to user 61222, neither you nor root"]);
    // Links lead to programs in many package managers.
    fs::rename(&setup.program, setup.sandbox.path("elsewhere")).expect(WRITABLE);
    symlink(setup.sandbox.path("elsewhere"), &setup.program).expect(WRITABLE);
    setup.runs();
    give(&setup.program, JANE);
    setup.is_refused(&["the symbolic link ", "belongs to user 61222"]);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn root_runs_no_program_of_another_user() {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::new();
    let program = sandbox.script("helper", &format!("touch ran; echo '{PASSWORD}'"));
    set_mode(&program, 0o755);
    let command = format!("password-command = ['{}']", program.display());
    sandbox.account("work", server.address(), &command);
    give(&program, JANE);
    sandbox
        .mailpull(["check"])
        .run()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("helper belongs to user 61222, neither you nor root");
    assert!(!sandbox.path("ran").exists());
    give(&program, 0);
    sandbox.mailpull(["check"]).run().succeeds();
}
