//! Databases and exports that somebody else has written: nothing in them runs, becomes a path, or rewrites a
//! terminal.

use std::ffi::OsStr;
use std::fs;

use rusqlite::Connection;

use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// A sandbox whose database knows a delivered message.
fn delivered() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    (sandbox, server)
}

fn change(sandbox: &Sandbox, sql: &str) {
    let database = Connection::open(sandbox.state().join("seen.db"));
    let changed = database.and_then(|database| database.execute_batch(sql));
    changed.expect("the database can be written");
}

#[test]
fn a_database_with_triggers_or_views_is_refused() {
    for sql in [
        "CREATE TRIGGER t AFTER UPDATE ON account BEGIN DELETE FROM seen; END",
        "CREATE VIEW v AS SELECT load_extension('x')",
        "ALTER TABLE account RENAME TO a; CREATE VIEW account AS SELECT * FROM a",
    ] {
        let (sandbox, server) = delivered();
        change(&sandbox, sql);
        let sessions = server.log().sessions;
        for arguments in [&["fetch"][..], &["log"], &["seen", "check"]] {
            sandbox
                .mailpull(arguments)
                .run()
                .fails_with(78)
                .complains_in_lines(1)
                .stderr_has("seen.db has triggers, views or virtual tables");
        }
        assert_eq!(server.log().sessions, sessions);
    }
}

#[test]
fn a_file_name_in_the_database_leads_nowhere() {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let victim = sandbox.write(sandbox.home().join("victim"), "precious");
    for name in ["../../../victim", "victim\u{1b}[2J", ""] {
        // As if the run had been killed before it was delivered.
        change(
            &sandbox,
            &format!(
                "UPDATE seen SET state = 1; UPDATE delivery SET delivered = NULL, file_name = '{name}'"
            ),
        );
        sandbox
            .fetch()
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has("seen.db is damaged: ")
            .stderr_has("a file of a message has an impossible name");
    }
    assert_eq!(fs::read(victim).expect("it is there"), b"precious");
}

#[test]
fn an_import_with_a_path_as_a_file_name_is_refused() {
    let (sandbox, _server) = delivered();
    let lines = sandbox
        .mailpull(["seen", "export"])
        .run()
        .succeeds()
        .stdout_text();
    let name = lines
        .split("\"file_name\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let name = name.expect("a message was delivered");
    let lines = lines.replace(name, "../../evil");
    let state = sandbox.path("two");
    let words = ["seen", "import", "--state-dir"].map(OsStr::new);
    let import = sandbox
        .mailpull(words.into_iter().chain([state.as_os_str()]))
        .stdin(lines);
    import
        .run()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("standard input:2")
        .stderr_has("file_name cannot be that of a message");
}

#[test]
fn imported_text_is_escaped_when_it_is_shown() {
    let (sandbox, _server) = delivered();
    let lines = sandbox
        .mailpull(["seen", "export"])
        .run()
        .succeeds()
        .stdout_text();
    let lines = lines
        .replace("\"account\":\"work\"", "\"account\":\"w\\u202ek\"")
        .replace(
            "\"program\":null",
            "\"program\":\"p\\u001b[2J\\nmailpull: all is well\"",
        );
    let state = sandbox.path("two");
    let run = |words: &[&str]| {
        let words = words.iter().map(OsStr::new);
        sandbox.mailpull(words.chain(["--state-dir".as_ref(), state.as_os_str()]))
    };
    run(&["seen", "import"]).stdin(&*lines).run().succeeds();
    let log = run(&["log"]).run();
    assert_eq!(log.succeeds().stdout_text().lines().count(), 1, "{log}");
    log.stdout_has(" w\\u{202e}k ");
    log.stdout_has(" to p\\u{1b}[2J\\u{a}mailpull: all is well");
    let again = run(&["seen", "import"]).stdin(&*lines).run();
    again
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("w\\u{202e}k");
}
