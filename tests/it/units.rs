//! The units of `contrib/systemd`, run by systemd with all that they forbid.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::mail::{TestMessage, notes};
use crate::support::maildir::MaildirView;
use crate::support::model_server::{ModelServer, PASSWORD, USER};
use crate::support::service_manager::ServiceManager;
use crate::support::tools;

/// Returns an account of the model server. `allow-cleartext` is needed where a unit hides that the server is
/// root's.
fn account(name: &str, server: &ModelServer, delivery: &str) -> String {
    let server = server.address();
    format!(
        "[accounts.{name}]\nserver = '{server}'\nsecurity = 'none'\nallow-cleartext = true\nauth = 'user'\n\
         user = {USER:?}\n{delivery}\nkeep = false\nreport-after = 1\n"
    )
}

fn password() -> String {
    format!("password = {PASSWORD:?}")
}

/// Lets procmail and maildrop deliver to the mailbox of the system, as the manual shows it.
fn configure_agents(machine: &ServiceManager, servers: &[ModelServer; 2], password: &str) {
    let mda = |command| format!("mda = '{command}'\n{password}");
    let config = [
        account("procmail", &servers[0], &mda("procmail -t -f %F")),
        account("maildrop", &servers[1], &mda("maildrop -f %F")),
    ];
    machine.home_file(".config/mailpull/config.toml", config.concat());
}

fn servers() -> [ModelServer; 2] {
    [["p1", "p2"], ["m1", "m2"]].map(|ids| ModelServer::start(notes(ids)))
}

fn unit(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib/systemd")
        .join(name)
}

/// Returns false if an agent is not installed.
fn has_agents() -> bool {
    ["procmail", "maildrop"]
        .iter()
        .all(|agent| tools::find(agent).is_some())
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn the_protected_unit_delivers_by_agents_in_the_home_folder() {
    let Some(machine) = ServiceManager::new().filter(|_| has_agents()) else {
        return;
    };
    let servers = servers();
    configure_agents(&machine, &servers, "password-credential = 'work'");
    machine.home_file(".config/mailpull/work.password", PASSWORD);
    machine.home_file(".procmailrc", "DEFAULT=$HOME/Mail/procmail/\n");
    machine.home_file(".mailfilter", "to \"$HOME/Mail/maildrop\"\n");
    MaildirView::at(machine.home().join("Mail/maildrop")).make();

    let outcome = machine.run_for_user(&unit("mailpull.service"));

    assert_eq!(machine.output(), "");
    outcome.succeeds();
    for (agent, ids) in [("procmail", ["p1", "p2"]), ("maildrop", ["m1", "m2"])] {
        MaildirView::at(machine.home().join("Mail").join(agent)).holds(&notes(ids));
    }
    assert_eq!(servers.map(|server| server.count()), [0, 0]);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn the_unit_for_set_id_agents_delivers_to_the_mail_spool() {
    let Some(machine) = ServiceManager::new().filter(|_| has_agents()) else {
        return;
    };
    let servers = servers();
    configure_agents(&machine, &servers, &password());

    let outcome = machine.run(
        &unit("mailpull-set-id@.service"),
        "mailpull-set-id@mailpull.service",
    );

    assert_eq!(machine.output(), "");
    outcome.succeeds();
    let mailbox = fs::read_to_string(machine.mail().join("mailpull"));
    let mailbox = mailbox.expect("procmail made the mailbox");
    assert_eq!(mailbox.matches("\nSubject: ").count(), 4, "{mailbox}");
    assert_eq!(servers.map(|server| server.count()), [0, 0]);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn the_unit_of_a_shard_delivers_to_maildirs() {
    let Some(machine) = ServiceManager::new() else {
        return;
    };
    let messages: Vec<TestMessage> = notes(["a", "b"]);
    let server = ModelServer::start(messages.clone());
    let keys = format!("maildir = '/var/mail/all/work'\n{}", password());
    let config = account("work", &server, &keys);
    machine.etc_file("config.toml", config);
    machine.etc_file("shards", "SHARDS=1\n");
    fs::create_dir(machine.mail().join("all")).expect("the folder is new");

    let outcome = machine.run(&unit("mailpull@.service"), "mailpull@0.service");

    assert_eq!(machine.output(), "");
    outcome.succeeds();
    MaildirView::at(machine.mail().join("all/work")).holds(&messages);
    assert_eq!(server.count(), 0);
}
