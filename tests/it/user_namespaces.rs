//! User namespaces, in which the files of root look like those of an unknown user: containers without root, and
//! systemd units with `PrivateUsers=`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

const WRITABLE: &str = "the sandbox is writable";
/// The group of the sandbox's user.
const OUR_GROUP: u32 = 61_111;

/// The user namespaces in which the program runs: as ourselves, as root, and one within the other.
const NAMESPACES: [&[&str]; 3] = [
    &["-U", "--map-current-user"],
    &["-Ur"],
    &["-U", "--map-current-user", "unshare", "-Ur"],
];

/// Returns false if this system makes no user namespaces for users.
fn has_namespaces(sandbox: &Sandbox) -> bool {
    let mut command = sandbox.command("unshare");
    command.args(["-Ur", "true"]);
    let works = command.status().is_ok_and(|status| status.success());
    if !works {
        tools::skip(format_args!(
            "user namespaces, which this system does not allow"
        ));
    }
    works
}

fn run_in(namespace: &[&str], sandbox: &Sandbox, arguments: &[&str]) -> RunOutcome {
    let mut command: Command = sandbox.command("unshare");
    command.args(namespace).arg("--").arg(sandbox.program());
    command.args(arguments);
    Program::new(command).run()
}

/// Gives a file to root. Our group can read it.
fn give_to_root(path: &Path, mode: u32) {
    tools::require_root();
    chown(path, Some(0), Some(OUR_GROUP)).expect("root may give files away");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("root may do that");
}

/// A sandbox whose configuration is in a folder of root, and a server. A unit hides that the server is root's.
fn with_config_of_root(keys: &str) -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::unprivileged();
    let keys = format!("allow-cleartext = true\n{keys}");
    sandbox.account("work", server.address(), &keys);
    fs::create_dir(sandbox.path("etc")).expect(WRITABLE);
    let config = sandbox.path("etc/config.toml");
    fs::rename(sandbox.config_file(), &config).expect(WRITABLE);
    give_to_root(&config, 0o640);
    give_to_root(&sandbox.path("etc"), 0o755);
    (sandbox, server)
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn files_of_root_are_trusted_where_root_is_unknown() {
    let (sandbox, _server) = with_config_of_root("password-file = '~/password'");
    if !has_namespaces(&sandbox) {
        return;
    }
    let secret = sandbox.home().join("password");
    fs::write(&secret, PASSWORD).expect(WRITABLE);
    give_to_root(&secret, 0o640);
    let with_config = ["-c", "etc/config.toml", "check", "work"];
    for namespace in NAMESPACES {
        run_in(namespace, &sandbox, &with_config).succeeds();
    }
    give_to_root(&secret, 0o644);
    for namespace in NAMESPACES {
        run_in(namespace, &sandbox, &with_config)
            .fails_with(78)
            .stderr_has("password holds a password and is open to others (mode 0644)");
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_file_of_root_in_our_folder_is_trusted() {
    let (sandbox, _server) = with_config_of_root("");
    if !has_namespaces(&sandbox) {
        return;
    }
    fs::rename(sandbox.path("etc/config.toml"), sandbox.config_file()).expect(WRITABLE);
    for namespace in NAMESPACES {
        run_in(namespace, &sandbox, &["check"]).succeeds();
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn no_file_is_roots_where_everybody_can_make_one() {
    let (sandbox, server) = with_config_of_root("");
    if !has_namespaces(&sandbox) {
        return;
    }
    for (mode, why) in [
        (0o1777, "belongs to user 65534, neither you nor root"),
        (0o777, "etc can be written by others (mode 0777)"),
    ] {
        give_to_root(&sandbox.path("etc"), mode);
        for namespace in NAMESPACES {
            run_in(namespace, &sandbox, &["-c", "etc/config.toml", "check"])
                .fails_with(78)
                .complains_in_lines(1)
                .stderr_has(why);
        }
    }
    assert_eq!(server.log().sessions, 0);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn programs_of_root_run_where_root_is_unknown() {
    let (sandbox, _server) = with_config_of_root("password-command = ['cat', 'password']");
    if !has_namespaces(&sandbox) {
        return;
    }
    sandbox.write("password", PASSWORD);
    for namespace in NAMESPACES {
        run_in(namespace, &sandbox, &["-c", "etc/config.toml", "check"]).succeeds();
    }
}
