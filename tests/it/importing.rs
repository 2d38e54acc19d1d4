//! `mailpull import`: the real old program fetches, `import` takes over, and mailpull fetches exactly the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::dovecot::Dovecot;
use crate::support::mail::{notes, ordinary};
use crate::support::model_server::{PASSWORD, USER};
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;

/// The user id of `mail`. fetchmail and getmail run only for a user whom the system knows.
const MAIL: u32 = 8;

/// A private configuration of another program.
fn old_config(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let path = sandbox.write(format!("home/{name}"), text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    sandbox.give(&path);
    path
}

/// Makes an empty Maildir of the user.
fn old_maildir(sandbox: &Sandbox) -> PathBuf {
    let maildir = sandbox.path("home/Old");
    for folder in ["", "tmp", "new", "cur"] {
        own_folder(sandbox, &maildir.join(folder));
    }
    maildir
}

fn own_folder(sandbox: &Sandbox, path: &Path) {
    fs::create_dir_all(path).expect("the sandbox can be written");
    sandbox.give(path);
}

fn import(sandbox: &Sandbox, words: &[&str]) -> RunOutcome {
    sandbox.mailpull([&["import"], words].concat()).run()
}

/// Lets the old program fetch three messages, imports its account, and fetches the three that came since.
fn switches(sandbox: &Sandbox, dovecot: &Dovecot, program: &str, old_run: &[&str]) {
    dovecot.deliver(&ordinary(1, 3));
    let mut command = sandbox.command(old_run[0]);
    command.args(&old_run[1..]);
    Program::new(command).run().succeeds();
    dovecot.deliver(&notes(["d", "e", "f"]));

    let imported = import(sandbox, &[program]);

    imported
        .succeeds()
        .stdout_has(&format!(
            "3 of 6 messages on the server were known to {program}"
        ))
        .stdout_has("Now stop ")
        .never_says(PASSWORD);
    let config = fs::read_to_string(sandbox.config_file()).expect("the configuration is there");
    assert!(!config.contains(PASSWORD), "{config}");
    let fetched = sandbox.mailpull(["fetch", "--json"]).run();
    fetched.succeeds();
    let log = sandbox.mailpull(["log"]).run().stdout_text();
    assert_eq!(log.lines().count(), 3, "{log}");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(dovecot.count(), 6);
}

#[test]
fn mpop_hands_over_its_accounts_and_its_state() {
    let Some(mpop) = tools::find("mpop") else {
        return;
    };
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::unprivileged_as(MAIL);
    let maildir = old_maildir(&sandbox);
    let config = old_config(
        &sandbox,
        ".mpoprc",
        &format!(
            "defaults\nkeep on\naccount work\nhost 127.0.0.1\nport {}\nuser {USER}\nauth user\n\
             password \"{PASSWORD}\"\ndelivery maildir {}\naccount default : work\n",
            dovecot.address().port(),
            maildir.display()
        ),
    );
    own_folder(&sandbox, &sandbox.path("home/.mpop_uidls"));
    let mpop = mpop.display().to_string();
    let file = config.display().to_string();

    switches(&sandbox, &dovecot, "mpop", &[&mpop, "-C", &file]);
}

#[test]
fn fetchmail_hands_over_its_accounts_and_its_state() {
    let Some(fetchmail) = tools::find("fetchmail") else {
        return;
    };
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::unprivileged_as(MAIL);
    let mda = sandbox.script("mda", "cat >> \"$HOME/delivered\"");
    let config = old_config(
        &sandbox,
        ".fetchmailrc",
        &format!(
            "poll work via 127.0.0.1 with proto POP3 and port {} uidl\n    user '{USER}' there with password \
             \"{PASSWORD}\" is joe here\n    options keep sslproto '' mda \"{}\"\n",
            dovecot.address().port(),
            mda.display()
        ),
    );
    let fetchmail = fetchmail.display().to_string();
    let file = config.display().to_string();

    switches(
        &sandbox,
        &dovecot,
        "fetchmail",
        &[&fetchmail, "-f", &file, "--nosyslog"],
    );
}

#[test]
fn getmail_hands_over_its_account_and_its_state() {
    let Some(getmail) = tools::find("getmail") else {
        return;
    };
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::unprivileged_as(MAIL);
    let maildir = old_maildir(&sandbox);
    let folder = sandbox.path("home/.getmail");
    own_folder(&sandbox, &folder);
    old_config(
        &sandbox,
        ".getmail/getmailrc",
        &format!(
            "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {}\nusername = {USER}\n\
             password = {PASSWORD}\n[destination]\ntype = Maildir\npath = {}/\n[options]\nread_all = false\n",
            dovecot.address().port(),
            maildir.display()
        ),
    );
    let getmail = getmail.display().to_string();
    let folder = folder.display().to_string();

    switches(
        &sandbox,
        &dovecot,
        "getmail",
        &[&getmail, "--getmaildir", &folder],
    );
}

#[test]
fn a_dry_run_writes_nothing_and_connects_to_nothing() {
    let sandbox = Sandbox::new();
    let text = "account work\nhost pop.invalid\nuser joe\ntls on\ndelivery maildir ~/Mail/work\nkillsize 100\n";
    old_config(&sandbox, ".mpoprc", text);

    let shown = import(&sandbox, &["mpop", "--dry-run"]);

    shown
        .succeeds()
        .stdout_has("[accounts.work]\nserver = \"pop.invalid\"\n")
        .stdout_has("# killsize deletes large messages unread")
        .stdout_has("mpop remembers nothing of this account");
    assert!(!sandbox.config_file().exists());
}

#[test]
fn an_unknown_mailbox_is_left_to_the_user() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    dovecot.deliver(&notes(["a", "b"]));
    let sandbox = Sandbox::new();
    let text = format!(
        "account work\nhost 127.0.0.1\nport {}\nuser {USER}\npassword \"{PASSWORD}\"\nuidls_file ~/uidls\n\
         delivery maildir ~/Mail/work\n",
        dovecot.address().port()
    );
    old_config(&sandbox, ".mpoprc", &text);
    sandbox.write("home/uidls", format!(" 1 127.0.0.1 {USER}\nother\n"));

    let first = import(&sandbox, &["mpop"]);

    first
        .fails_with(78)
        .stderr_has("mpop knows none of the 2 messages on the server")
        .stderr_has("--without-state");
    assert!(!sandbox.config_file().exists());
    import(&sandbox, &["mpop", "--without-state"])
        .succeeds()
        .stdout_has("work: added to ");
    sandbox.write(
        "home/uidls",
        format!(" 1 127.0.0.1 {USER}\n{}\n", first_id(&sandbox)),
    );
    let again = import(&sandbox, &["mpop"]);
    again
        .succeeds()
        .stdout_has("the account is in ")
        .stdout_has("1 of 2 messages on the server were known to mpop");
}

/// Returns the unique-id of the first message on the server.
fn first_id(sandbox: &Sandbox) -> String {
    let lines = sandbox.mailpull(["list", "--json"]).run().json_lines();
    lines[0]["unique_id"]
        .as_str()
        .expect("it has one")
        .to_owned()
}

#[test]
fn an_account_is_added_only_with_its_state() {
    let server = Script::new("S: +OK\nC: CAPA\nreached CAPA\nstall").serve();
    let sandbox = Sandbox::new();
    let text = format!(
        "account work\nhost 127.0.0.1\nport {}\nuser {USER}\npassword x\nuidls_file ~/uidls\n\
         delivery maildir ~/Mail/work\n",
        server.address().port()
    );
    old_config(&sandbox, ".mpoprc", &text);
    sandbox.write("home/uidls", format!(" 1 127.0.0.1 {USER}\na\n"));

    let running = sandbox.mailpull(["import", "mpop"]).start();
    server.reached("CAPA");
    running.kill();

    assert!(!sandbox.config_file().exists());
}

#[test]
fn a_password_is_printed_to_a_program_only() {
    let sandbox = Sandbox::new();
    let text = format!("poll h proto pop3 user joe password '{PASSWORD}'\n");
    old_config(&sandbox, ".fetchmailrc", &text);
    let file = sandbox.path("home/.fetchmailrc").display().to_string();

    import(&sandbox, &["fetchmail", &file, "--password-of", "h"])
        .succeeds()
        .stdout_is(PASSWORD);
    import(&sandbox, &["fetchmail", &file, "--password-of", "other"])
        .fails_with(78)
        .never_says(PASSWORD);
}

#[test]
fn a_mistake_in_the_old_configuration_names_its_line() {
    let sandbox = Sandbox::new();
    for (program, name, text, error) in [
        (
            "mpop",
            ".mpoprc",
            "account a\nhots x\n",
            ".mpoprc: line 2: ",
        ),
        (
            "fetchmail",
            ".fetchmailrc",
            "poll h\nusr x\n",
            ".fetchmailrc: line 2: ",
        ),
        (
            "getmail",
            ".getmail/getmailrc",
            "a = b\n",
            "getmailrc: line 1: ",
        ),
    ] {
        import(&sandbox, &[program])
            .fails_with(64)
            .stderr_has("has no configuration at");
        old_config(&sandbox, name, text);
        import(&sandbox, &[program])
            .fails_with(78)
            .stderr_has(error);
    }
}
