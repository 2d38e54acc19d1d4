//! Owners and permissions of the folders and links on the way to a file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::tools::require_root;

const WRITABLE: &str = "the sandbox is writable";
/// A user id that no user of the system has, and that is not the sandbox's.
const JANE: u32 = 61_222;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the test owns the file");
}

fn give(path: &Path, owner: u32) {
    require_root();
    lchown(path, Some(owner), Some(owner)).expect("root may give files away");
}

/// A sandbox with the account `work`, and its server, which has a message.
fn work() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["x"]));
    (Sandbox::with_work(server.address(), ""), server)
}

/// Runs with the configuration at another path.
fn fetch_with(sandbox: &Sandbox, config: &Path) -> RunOutcome {
    let arguments = ["-c".as_ref(), config.as_os_str(), "fetch".as_ref()];
    sandbox.mailpull(arguments).run()
}

#[track_caller]
fn is_refused(outcome: &RunOutcome, parts: &[&str]) {
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .never_says(PASSWORD);
    for part in parts {
        outcome.stderr_has(part);
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_configuration_of_another_user_is_refused() {
    let (sandbox, server) = work();
    // Without a password, but with a command, which would run as root.
    let command = format!(
        "[accounts.work]\nserver = '{}'\nuser = 'joe'\npassword-command = 'touch {}'\n",
        server.address(),
        sandbox.path("ran").display()
    );
    sandbox.config(&command);
    let file = sandbox.config_file();
    give(&file, JANE);
    is_refused(
        &sandbox.fetch(),
        &["config.toml belongs to user 61222, neither you nor root"],
    );
    give(&file, 0);
    let folder = file.parent().expect("the file is in a folder");
    for (folder, owner) in [(folder, JANE), (&sandbox.path("config"), JANE)] {
        give(folder, owner);
        let folder_text = format!("the folder {} belongs to user", folder.display());
        is_refused(&sandbox.fetch(), &["config.toml is not safe", &folder_text]);
        give(folder, 0);
    }
    assert!(!sandbox.path("ran").exists());
    assert_eq!(server.log().sessions, 0);
}

#[test]
fn a_configuration_in_a_folder_that_others_can_write_is_refused() {
    let (sandbox, _server) = work();
    let folder = sandbox.path("config");
    for (mode, is_accepted) in [
        (0o777, false),
        (0o1777, true),
        (0o703, false),
        (0o755, true),
    ] {
        set_mode(&folder, mode);
        let outcome = sandbox.fetch();
        if is_accepted {
            outcome.succeeds();
        } else {
            let why = format!("can be written by others (mode {mode:04o})");
            is_refused(&outcome, &["config.toml is not safe", &why, "chmod "]);
        }
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_group_may_write_if_the_folder_is_of_root_or_it_has_one_member() {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::unprivileged();
    sandbox.account("work", server.address(), "");
    let folder = sandbox.path("config");
    set_mode(&folder, 0o770);
    sandbox.fetch().succeeds();
    // Many users are in the group of root, or root itself.
    chown(&folder, None, Some(12_345)).expect("root may give files away");
    is_refused(
        &sandbox.fetch(),
        &["config can be written by others (mode 0770)"],
    );
    set_mode(&folder, 0o775);
    chown(&folder, Some(0), Some(12_345)).expect("root may give files away");
    sandbox.fetch().succeeds();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_link_to_the_configuration_is_followed_if_it_is_trusted() {
    let (sandbox, _server) = work();
    let shared = sandbox.path("shared");
    fs::create_dir(&shared).expect(WRITABLE);
    set_mode(&shared, 0o1777);
    let link = shared.join("config.toml");
    symlink(sandbox.config_file(), &link).expect(WRITABLE);
    fetch_with(&sandbox, &link).succeeds();
    // Links upon links, as NixOS makes them.
    let second = sandbox.path("second");
    symlink("shared/config.toml", &second).expect(WRITABLE);
    fetch_with(&sandbox, &second).succeeds();
    give(&link, JANE);
    let why = "shared/config.toml belongs to user 61222";
    is_refused(&fetch_with(&sandbox, &second), &["the symbolic link ", why]);
    // Nobody else can have put it there, but its folder is jane's.
    give(&link, 0);
    give(&shared, JANE);
    is_refused(
        &fetch_with(&sandbox, &second),
        &["the folder ", "shared belongs to user 61222"],
    );
}

#[test]
fn a_relative_path_begins_in_the_current_folder() {
    let (sandbox, _server) = work();
    let mut command = sandbox.command("sh");
    let script = "cd \"$0/mailpull\" && \"$1\" -c config.toml fetch && \"$1\" -c ../mailpull/config.toml fetch";
    command.args(["-c", script]);
    command.arg(sandbox.path("config")).arg(sandbox.program());
    crate::support::process::Program::new(command)
        .run()
        .succeeds();
}

#[test]
fn no_fifo_hangs_a_run() {
    let (sandbox, server) = work();
    let fifo = sandbox.path("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR).expect(WRITABLE);
    let reason = "fifo: it is not a regular file";
    is_refused(&fetch_with(&sandbox, &fifo), &[reason]);
    for key in ["password-file", "tls-client-cert"] {
        let keys = format!(
            "[accounts.work]\nserver = '{}'\nuser = 'joe'\nmaildir = '~/Mail/work'\nsecurity = 'tls'\n{key} = '{}'\n",
            server.address(),
            fifo.display()
        );
        let keys = match key {
            "password-file" => keys,
            _ => format!("{keys}password-command = 'echo x'\n"),
        };
        sandbox.config(&keys);
        is_refused(&sandbox.fetch(), &[reason]);
    }
}

#[test]
fn a_configuration_may_come_through_a_pipe() {
    let (sandbox, _server) = work();
    let mut command = sandbox.command("bash");
    command.args(["-c", "exec \"$0\" -c <(cat \"$1\") fetch"]);
    command.arg(sandbox.program()).arg(sandbox.config_file());
    crate::support::process::Program::new(command)
        .run()
        .succeeds();
    sandbox.work().holds(&notes(["x"]));
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_secret_in_a_folder_of_another_user_is_refused() {
    let (sandbox, server) = work();
    let folder = sandbox.path("secrets");
    fs::create_dir(&folder).expect(WRITABLE);
    let file = sandbox.write(folder.join("password"), PASSWORD);
    set_mode(&file, 0o600);
    sandbox.config(&format!(
        "[accounts.work]\nserver = '{}'\nuser = 'joe'\nmaildir = '~/Mail/work'\nsecurity = 'none'\n\
         password-file = '{}'\n",
        server.address(),
        file.display()
    ));
    sandbox.fetch().succeeds();
    give(&folder, JANE);
    is_refused(
        &sandbox.fetch(),
        &[
            "password is not safe: the folder ",
            "secrets belongs to user 61222",
        ],
    );
}

#[test]
fn two_names_of_an_account_file_make_one_account() {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::new();
    sandbox.config("accounts-dir = 'accounts.d'\n");
    let file = sandbox.account_file("work", server.address(), "");
    let folder = sandbox.accounts_dir();
    symlink("work.toml", folder.join("a.toml")).expect(WRITABLE);
    fs::hard_link(&file, folder.join("z.toml")).expect(WRITABLE);
    let outcome = sandbox.fetch();
    outcome.fails_with(78).complains_in_lines(2);
    for name in ["a", "z"] {
        outcome.stderr_has(&format!("mailpull: {name}: "));
        outcome.stderr_has(&format!(
            "{name}.toml is the same file as {}",
            file.display()
        ));
    }
    sandbox.maildir("work").holds(&notes(["x"]));
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn account_files_and_their_folder_must_be_trusted() {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::new();
    sandbox.config("accounts-dir = 'accounts.d'\n");
    let file = sandbox.account_file("work", server.address(), "");
    let folder = sandbox.accounts_dir();
    let elsewhere: PathBuf = sandbox.path("elsewhere.toml");
    fs::rename(&file, &elsewhere).expect(WRITABLE);
    symlink(&elsewhere, &file).expect(WRITABLE);
    sandbox.fetch().succeeds();
    give(&file, JANE);
    is_refused(
        &sandbox.fetch(),
        &[
            "work: ",
            "the symbolic link ",
            "work.toml belongs to user 61222",
        ],
    );
    give(&folder, JANE);
    is_refused(
        &sandbox.fetch(),
        &["the folder ", "accounts.d belongs to user 61222"],
    );
}

/// Sets the Maildir of the account `work`.
fn deliver_to(sandbox: &Sandbox, server: &ModelServer, maildir: &Path) {
    sandbox.config(&format!(
        "[accounts.work]\nserver = '{}'\nuser = 'joe'\npassword = '{PASSWORD}'\n\
         security = 'none'\nmaildir = '{}'\n",
        server.address(),
        maildir.display()
    ));
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn root_delivers_through_no_link_of_a_user() {
    let (sandbox, server) = work();
    let home = sandbox.path("home");
    let elsewhere = sandbox.path("elsewhere");
    fs::create_dir(&elsewhere).expect(WRITABLE);
    symlink(&elsewhere, home.join("link")).expect(WRITABLE);
    // A link of root is followed, and so is the folder of the user.
    deliver_to(&sandbox, &server, &home.join("link/work"));
    sandbox.fetch().succeeds();
    give(&home, JANE);
    deliver_to(&sandbox, &server, &home.join("Mail/root"));
    sandbox.fetch().succeeds();
    for owner in [0, JANE] {
        // Also the link of root: the user may have brought it here from another place.
        give(&home.join("link"), owner);
        for maildir in ["link/work", "link/new", "link"] {
            deliver_to(&sandbox, &server, &home.join(maildir));
            is_refused(
                &sandbox.fetch(),
                &["the symbolic link ", "of user 61222"].map(|part| {
                    if owner == JANE {
                        part.trim_start_matches("of ")
                    } else {
                        part
                    }
                }),
            );
        }
    }
    let names = fs::read_dir(&elsewhere).expect("the folder exists").count();
    assert_eq!(names, 1, "something was created through the link");
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_maildir_that_others_can_empty_is_refused() {
    let (sandbox, _server) = work();
    sandbox.fetch().succeeds();
    let maildir = sandbox.work().path().to_owned();
    for folder in ["tmp", "new", "cur", ""] {
        let folder = maildir.join(folder);
        set_mode(&folder, 0o777);
        is_refused(
            &sandbox.fetch(),
            &["can be written by others (mode 0777)", "chmod go-w"],
        );
        for mode in [0o2770, 0o1777, 0o700] {
            set_mode(&folder, mode);
            sandbox.fetch().succeeds();
        }
        give(&folder, JANE);
        is_refused(
            &sandbox.fetch(),
            &["belongs to user 61222, neither you nor root"],
        );
        give(&folder, 0);
    }
}

#[test]
fn a_maildir_whose_new_is_a_link_is_refused() {
    let (sandbox, _server) = work();
    sandbox.fetch().succeeds();
    let maildir = sandbox.work().path().to_owned();
    let elsewhere = sandbox.path("elsewhere");
    fs::rename(maildir.join("new"), &elsewhere).expect(WRITABLE);
    symlink(&elsewhere, maildir.join("new")).expect(WRITABLE);
    sandbox
        .fetch()
        .fails_with(73)
        .complains_in_lines(1)
        .stderr_has("work/new");
    assert_eq!(fs::read_dir(&elsewhere).expect("it exists").count(), 1);
}

#[test]
fn no_maildir_is_created_where_a_link_leads_nowhere() {
    let (sandbox, server) = work();
    let disk = sandbox.path("disk");
    fs::create_dir(&disk).expect(WRITABLE);
    symlink(disk.join("Mail"), sandbox.home().join("link")).expect(WRITABLE);
    deliver_to(&sandbox, &server, &sandbox.home().join("link"));
    sandbox
        .fetch()
        .fails_with(73)
        .complains_in_lines(1)
        .stderr_has("cannot create ");
    fs::create_dir(disk.join("Mail")).expect(WRITABLE);
    sandbox.fetch().succeeds();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_state_folder_through_a_link_of_another_user_is_refused() {
    let (sandbox, server) = work();
    let elsewhere = sandbox.path("elsewhere");
    fs::create_dir(&elsewhere).expect(WRITABLE);
    let link = sandbox.path("link");
    symlink(&elsewhere, &link).expect(WRITABLE);
    let state = link.join("mailpull");
    let run = |command: &str| {
        let chosen = ["--state-dir".as_ref(), state.as_os_str()];
        sandbox
            .mailpull([chosen[0], chosen[1], command.as_ref()])
            .run()
    };
    run("log").succeeds();
    give(&link, JANE);
    for command in ["fetch", "log"] {
        is_refused(
            &run(command),
            &["the symbolic link ", "belongs to user 61222", "--state-dir"],
        );
    }
    give(&link, 0);
    give(&elsewhere, JANE);
    is_refused(
        &run("fetch"),
        &["elsewhere belongs to user 61222", "--state-dir"],
    );
    give(&elsewhere, 0);
    for folder in ["spool", "locks"] {
        give(&elsewhere.join("mailpull").join(folder), JANE);
        is_refused(
            &run("fetch"),
            &[folder, "belongs to user 61222, and mailpull runs as user 0"],
        );
        give(&elsewhere.join("mailpull").join(folder), 0);
    }
    give(&elsewhere.join("mailpull/seen.db"), JANE);
    is_refused(&run("fetch"), &["seen.db belongs to user 61222"]);
    assert_eq!(server.log().sessions, 0);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_state_folder_on_a_volume_says_who_owns_it() {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::unprivileged();
    sandbox.account("work", server.address(), "");
    let volume = sandbox.path("volume");
    fs::create_dir(&volume).expect(WRITABLE);
    let fetch = |state: &Path| {
        sandbox
            .mailpull(["--state-dir".as_ref(), state.as_os_str(), "fetch".as_ref()])
            .run()
    };
    let outcome = fetch(&volume);
    is_refused(
        &outcome,
        &["volume belongs to user 0, and mailpull runs as user 61111"],
    );
    outcome.stderr_has("Name a folder below it");
    let below = volume.join("mailpull");
    for command in ["fetch", "log"] {
        let arguments = ["--state-dir".as_ref(), below.as_os_str(), command.as_ref()];
        sandbox
            .mailpull(arguments)
            .run()
            .fails_with(73)
            .complains_in_lines(1)
            .stderr_has("mailpull: Permission denied")
            .stderr_has("volume belongs to user 0, and mailpull runs as user 61111")
            .stderr_has("--state-dir");
    }
    // Kubernetes gives a volume to a group (fsGroup).
    chown(&volume, Some(0), Some(61_111)).expect("root may give files away");
    set_mode(&volume, 0o2775);
    fetch(&volume.join("mailpull")).succeeds();
}

#[test]
fn certificates_that_others_can_exchange_are_refused() {
    let (sandbox, server) = work();
    let file = sandbox.write(sandbox.path("ca.pem"), "no certificate");
    sandbox.config(&format!(
        "[accounts.work]\nserver = '{}'\nuser = 'joe'\npassword = '{PASSWORD}'\n\
         maildir = '~/Mail/work'\nsecurity = 'tls'\ntls-ca-file = '{}'\n",
        server.address(),
        file.display()
    ));
    set_mode(&file, 0o646);
    is_refused(
        &sandbox.fetch(),
        &["ca.pem can be written by others (mode 0646)", "chmod go-w"],
    );
    set_mode(&file, 0o644);
    is_refused(
        &sandbox.fetch(),
        &["ca.pem: there is no PEM certificate in it"],
    );
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_run_in_the_home_of_another_user_is_refused() {
    let (sandbox, server) = work();
    let home = sandbox.home();
    give(&home, JANE);
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(sandbox.program());
        // As sudo leaves it without -H.
        command.args(arguments);
        command
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME");
        crate::support::process::Program::new(command).run()
    };
    let url = format!("pop://joe@{}", server.address());
    let by_url = [
        "fetch",
        &url,
        "-o",
        "security=none",
        "-o",
        "maildir=/tmp/never",
    ];
    for arguments in [&["fetch"][..], &["check"], &["log"], &by_url] {
        let why = "which belongs to user 61222, and mailpull runs as user 0";
        is_refused(&run(arguments), &["HOME is ", why, "sudo -u '#61222'"]);
    }
    assert_eq!(fs::read_dir(&home).expect("it is there").count(), 1);
    assert_eq!(server.log().sessions, 0);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_secret_of_root_says_what_works_in_a_container() {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::unprivileged();
    let file = sandbox.write(sandbox.path("password"), PASSWORD);
    let keys = format!(
        "[accounts.work]\nserver = '{}'\nuser = 'joe'\nmaildir = '~/Mail/work'\nsecurity = 'none'\n",
        server.address()
    );
    sandbox.config(&format!("{keys}password-file = '{}'\n", file.display()));
    give(&file, 0);
    set_mode(&file, 0o444);
    let command = format!("password-command = [\"cat\", \"{}\"]", file.display());
    is_refused(
        &sandbox.fetch(),
        &[
            "is open to others (mode 0444)",
            "Only root can make it private",
            "fsGroup",
            &command,
        ],
    );
    sandbox.config(&format!("{keys}{command}\n"));
    sandbox.fetch().succeeds();
    sandbox.config(&format!("{keys}password-file = '{}'\n", file.display()));
    chown(&file, Some(0), Some(61_111)).expect("root may give files away");
    set_mode(&file, 0o440);
    sandbox.fetch().succeeds();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_maildir_can_be_shared_with_a_group() {
    const GROUP: u32 = 61_333;
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::new();
    sandbox.account("work", server.address(), "file-mode = '0660'");
    let folder = sandbox.home().join("Mail");
    chown(&folder, None, Some(GROUP)).expect("root may change groups");
    set_mode(&folder, 0o2770);
    let mut command = sandbox.command("sh");
    command
        .args(["-c", "umask 077 && exec \"$0\" fetch"])
        .arg(sandbox.program());
    crate::support::process::Program::new(command)
        .run()
        .succeeds();
    let maildir = sandbox.work().path().to_owned();
    let new = fs::read_dir(maildir.join("new")).expect("the Maildir was made");
    let file = new
        .flatten()
        .next()
        .expect("a message was delivered")
        .path();
    for (path, mode) in [
        (maildir.clone(), 0o2770),
        (maildir.join("tmp"), 0o2770),
        (maildir.join("new"), 0o2770),
        (maildir.join("cur"), 0o2770),
        (file, 0o660),
    ] {
        let found = fs::metadata(&path).expect("it is there");
        assert_eq!(found.mode() & 0o7777, mode, "{}", path.display());
        assert_eq!(found.gid(), GROUP, "{}", path.display());
    }
    sandbox
        .config("")
        .account("work", server.address(), "file-mode = '0666'");
    is_refused(&sandbox.fetch(), &["\"file-mode\" must be \"0600\", "]);
}
