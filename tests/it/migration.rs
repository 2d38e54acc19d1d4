//! The database of a released version, opened by this one.
//!
//! Version 0.1.0 made `tests/fixtures/seen-0.1.0.db` in real runs, and it is never made again;
//! `tests/fixtures/README.md` says how. Each later change of the schema is a migration, and these
//! tests show that a migration keeps everything that the released version recorded.

use std::fs;
use std::os::unix::ffi::OsStrExt;

use rusqlite::{Connection, params};

use crate::support::mail::TestMessage;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// Reads a file of `tests/fixtures`.
fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read(&path).unwrap_or_else(|e| panic!("cannot read {path}: {e}"))
}

/// Makes a sandbox whose state folder holds a copy of the released version's database.
fn released() -> Sandbox {
    let sandbox = Sandbox::new();
    let database = sandbox.state().join("seen.db");
    sandbox.write(database, fixture("seen-0.1.0.db"));
    sandbox
}

/// Configures an account of the fixture. Its server keeps its name, and a tunnel leads to `server`.
fn account(sandbox: &Sandbox, name: &str, server: &ModelServer, extra: &str) {
    let port = server.port();
    let keys = format!(
        "allow-cleartext = true\nauth = 'plain'\ntunnel-command = ['bash', '-c', \
         'exec 3<>/dev/tcp/127.0.0.1/{port} && {{ cat <&3 & cat >&3; }} 2>/dev/null']\n{extra}"
    );
    sandbox.account(name, format!("{name}.example.org:110"), &keys);
}

/// Makes a message as the servers had it from which version 0.1.0 fetched.
fn note(unique_id: &str) -> TestMessage {
    let octets =
        format!("From: Ann <ann@example.org>\r\nSubject: note {unique_id}\r\n\r\n{unique_id}\r\n");
    TestMessage::new(unique_id, octets)
}

/// Puts the files of an account's staged messages into `folder`. They are not part of the fixture.
fn restore_staged(sandbox: &Sandbox, account: &str, folder: &str) {
    let database = Connection::open(sandbox.state().join("seen.db"));
    let database = database.expect("the copy can be opened");
    let sql = "SELECT unique_id, file_name FROM delivery WHERE delivered IS NULL
               AND account = (SELECT id FROM account WHERE name = ?1)";
    let mut staged = database.prepare(sql).expect("version 0.1.0 has this table");
    let mut rows = staged.query([account]).expect("the table can be read");
    while let Some(row) = rows.next().expect("the table can be read") {
        let unique_id: Vec<u8> = row.get(0).expect("unique-ids are blobs");
        let file_name: String = row.get(1).expect("the column has text");
        let message = note(str::from_utf8(&unique_id).expect("the fixture's are ASCII"));
        sandbox.write(format!("{folder}/{file_name}"), message.stored());
    }
}

#[test]
fn a_database_of_a_released_version_passes_seen_check() {
    let sandbox = released();

    let outcome = sandbox.mailpull(["seen", "check"]).run();

    // The files of the staged messages are missing, which is no damage.
    outcome.succeeds().complains_in_lines(0);
    assert_eq!(outcome.stdout_text().lines().count(), 5, "{outcome}");
}

/// Lists the statements that made the tables and indexes of a sandbox's database.
fn schema(sandbox: &Sandbox) -> Vec<String> {
    let database = Connection::open(sandbox.state().join("seen.db"));
    let database = database.expect("the program made it");
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut statements = database
        .prepare(sql)
        .expect("every database has this table");
    let statements = statements.query_map([], |row| row.get(0));
    let statements = statements.expect("the table can be read");
    statements
        .map(|sql| sql.expect("the column has text"))
        .collect()
}

#[test]
fn a_migrated_database_has_the_schema_of_a_new_one() {
    let [old, new] = [released(), Sandbox::new()];
    for sandbox in [&old, &new] {
        sandbox.mailpull(["log"]).run().succeeds();
    }

    assert_eq!(schema(&old), schema(&new));
}

#[test]
fn a_released_database_is_exported_completely() {
    let sandbox = released();
    let words = [
        "seen",
        "export",
        "archive",
        "cut",
        "filed",
        "hasty",
        "locked",
        "moved",
        "new",
        "renumbered",
        "work",
    ];

    let outcome = sandbox.mailpull(words).run();

    // Version 0.1.0 never deleted what might be incomplete. That is a suspicion now, which ends.
    let (forbidden, in_doubt) = (
        r#""undeletable":true,"came_back":false,"#,
        r#""undeletable":false,"came_back":false,"suspicion":"outofstep","#,
    );
    let released = String::from_utf8(fixture("seen-0.1.0.jsonl")).expect("JSON is text");
    let expected = released.replace(forbidden, in_doubt);
    assert_ne!(expected, released);
    outcome.succeeds().stdout_is(expected).stderr_is("");
}

#[test]
fn a_released_account_with_staged_messages_is_not_exported() {
    let sandbox = released();
    for name in ["killed", "lists"] {
        let outcome = sandbox.mailpull(["seen", "export", name]).run();
        outcome.fails_with(78).stdout_is("").complains_in_lines(1);
    }
}

#[test]
fn a_released_database_has_the_log_of_all_deliveries() {
    let sandbox = released();

    let outcome = sandbox.mailpull(["log", "--json"]).run();

    outcome
        .succeeds()
        .stdout_is(fixture("seen-0.1.0.log.jsonl"))
        .stderr_is("");
}

#[test]
fn a_released_database_lists_every_state() {
    let sandbox = released();
    let server = ModelServer::start(Vec::new());
    for name in ["work", "killed", "lists"] {
        account(&sandbox, name, &server, "");
    }
    for (name, expected) in [
        (
            "work",
            "delivered 51 octets a\n\
             delivered 51 octets b\n\
             seen 67 octets caught-up, was only marked as seen\n\
             gone 63 octets deleted\n\
             failed 63 octets refused, failed 2 times in a row, the next run tries it again\n\
             gone 65 octets returned\n\
             failed 67 octets set-aside, failed 5 times in a row, the next run tries it again\n\
             gone 65 octets stubborn\n\
             gone 65 octets stubborn (copy 1)\n\
             delivered 59 octets twice\n\
             delivered 60 octets twice (copy 1)\n\
             delivered 71 octets undeletable, may be another message; the next run compares it\n\
             delivered 65 octets vanished\n\
             delivered 56 octets \\xff\\u{1b}{\n",
        ),
        (
            "killed",
            "delivered 59 octets known\n\
             staged 61 octets staged, the next run delivers it\n\
             staged 69 octets staged-too, the next run delivers it\n",
        ),
        (
            "lists",
            "delivered 59 octets again\n\
             staged 55 octets bad, failed 3 times in a row, the next run tries it again\n\
             staged 57 octets busy, the next run delivers it\n\
             staged 59 octets kills, the next run delivers it\n\
             delivered 59 octets plain\n\
             delivered 61 octets speaks\n",
        ),
    ] {
        let outcome = sandbox.mailpull(["seen", "list", name]).run();
        outcome.succeeds().stdout_is(expected).stderr_is("");
    }
}

#[test]
fn known_messages_of_a_released_database_are_not_fetched_again() {
    let server = ModelServer::start(["a", "b", "caught-up", "refused", "fresh"].map(note).into());
    let sandbox = released();
    account(&sandbox, "work", &server, "");

    sandbox.fetch().succeeds().is_silent();

    // A message that has failed before is asked for last.
    let retrieved = [&b"fresh"[..], b"refused"];
    assert_eq!(server.log().retrieved, retrieved);
    sandbox.work().holds(&["refused", "fresh"].map(note));
}

#[test]
fn known_messages_of_a_released_database_are_deleted_when_due() {
    let server = ModelServer::start(["a", "b", "caught-up"].map(note).into());
    let sandbox = released();
    account(&sandbox, "work", &server, "");

    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();

    assert_eq!(server.log().count("RETR"), 0);
    assert_eq!(server.unique_ids(), [b"caught-up"]);
}

#[test]
fn a_released_database_remembers_its_maildirs() {
    let server = ModelServer::start(vec![note("fresh")]);
    let sandbox = released();
    account(&sandbox, "work", &server, "");
    let maildir = sandbox.maildir("work");
    let database = Connection::open(sandbox.state().join("seen.db"));
    let moved = database.expect("the copy can be opened").execute(
        "UPDATE delivery SET target = ?1 WHERE account = (SELECT id FROM account WHERE name = 'work')",
        params![maildir.path().as_os_str().as_bytes()],
    );
    assert!(moved.is_ok_and(|moved| moved > 0));

    let outcome = sandbox.fetch();

    outcome.fails_with(73).stderr_has("is gone");
    assert_eq!(server.log().sessions, 0);
    maildir.make();
    sandbox.fetch().succeeds();
    maildir.holds(&[note("fresh")]);
}

#[test]
fn staged_messages_of_a_released_database_reach_the_maildir() {
    let messages = ["known", "staged", "staged-too", "fresh"].map(note);
    let server = ModelServer::start(messages.into());
    let sandbox = released();
    account(&sandbox, "killed", &server, "");
    let maildir = sandbox.maildir("killed");
    maildir.make();
    restore_staged(&sandbox, "killed", "home/Mail/killed/tmp");
    let database = Connection::open(sandbox.state().join("seen.db"));
    let moved = database.expect("the copy can be opened").execute(
        "UPDATE delivery SET target = ?1 WHERE delivered IS NULL AND program IS NULL",
        params![maildir.path().as_os_str().as_bytes()],
    );
    assert_eq!(moved, Ok(2));

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.log().retrieved, [b"fresh"]);
    maildir.holds(&["staged", "staged-too", "fresh"].map(note));
    let check = sandbox.mailpull(["seen", "export", "killed"]).run();
    check.succeeds().complains_in_lines(0);
}

#[test]
fn staged_messages_of_a_released_database_reach_the_mda() {
    let messages = ["again", "plain", "speaks", "bad", "busy", "kills"].map(note);
    let server = ModelServer::start(messages.into());
    let sandbox = released();
    let keys = "mda = ['sh', '-c', 'cat >> ~/got']\nmda-allow-root = true";
    account(&sandbox, "lists", &server, keys);
    restore_staged(&sandbox, "lists", "state/mailpull/spool");

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.log().count("RETR"), 0);
    let got = fs::read_to_string(sandbox.home().join("got")).expect("the MDA wrote it");
    let mut subjects: Vec<_> = got
        .lines()
        .filter(|line| line.starts_with("Subject"))
        .collect();
    subjects.sort_unstable();
    let expected = ["bad", "busy", "kills"].map(|name| format!("Subject: note {name}"));
    assert_eq!(subjects, expected);
    let log = sandbox.mailpull(["log", "lists"]).run();
    let said = log.succeeds().stdout_text();
    assert_eq!(
        said.matches("possibly delivered before").count(),
        2,
        "{log}"
    );
}

#[test]
fn a_released_account_that_moved_away_stays_away() {
    let server = ModelServer::start(["here", "there"].map(note).into());
    let sandbox = released();
    account(&sandbox, "moved", &server, "");

    sandbox.fetch().fails_with(78).complains_in_lines(1);

    assert_eq!(server.log().sessions, 0);
}
