//! `seen export` and `seen import`, which move accounts from one state directory to another.

use std::ffi::OsStr;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::support::mail::{self, TestMessage, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, kill_when_staged};
use crate::support::tools;

/// Runs a command with the state directory of this name.
fn at(sandbox: &Sandbox, state: &str, words: &[&str]) -> RunOutcome {
    program(sandbox, state, words).run()
}

fn program(sandbox: &Sandbox, state: &str, words: &[&str]) -> Program {
    let program = sandbox.mailpull(words).arg("--state-dir");
    program.arg(sandbox.path(state))
}

/// Exports from a state directory with these arguments, and returns the lines.
#[track_caller]
fn export(sandbox: &Sandbox, state: &str, words: &[&str]) -> String {
    let words = [&["seen", "export"], words].concat();
    at(sandbox, state, &words).succeeds().stdout_text()
}

/// Imports the lines into a state directory.
fn import(sandbox: &Sandbox, state: &str, lines: &str) -> RunOutcome {
    program(sandbox, state, &["seen", "import"])
        .stdin(lines)
        .run()
}

/// Records a message of every kind: delivered, deleted, failed, too large, marked as seen, with a
/// shared unique-id, and with a unique-id that is not text.
fn every_kind_of_record() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["gone"]));
    let sandbox = Sandbox::with_work(server.address(), "max-size = 1000");
    at(&sandbox, "one", &["fetch", "--delete"]).succeeds();
    server.add(note("caught-up"));
    at(&sandbox, "one", &["seen", "catch-up", "work"]).succeeds();
    let latin = b"From: J\xfcrgen\r\nSubject: gr\xfc\xdfe\r\n\r\n";
    for message in [
        note("a"),
        note("a"),
        note("refused"),
        TestMessage::new(b"\xff\x1b{", "Subject: \u{1b}\r\n\r\n"),
        TestMessage::new("latin", latin.to_vec()),
        mail::one_line(5000),
    ] {
        server.add(message);
    }
    server.change(|behaviour| behaviour.refused = vec![b"refused".to_vec()]);
    at(&sandbox, "one", &["fetch"]).fails_with(75);
    (sandbox, server)
}

#[test]
fn an_export_carries_every_record_of_an_account() {
    let (sandbox, _server) = every_kind_of_record();
    let lines = export(&sandbox, "one", &[]);
    for part in [
        "\"state\":\"delivered\"",
        "\"state\":\"gone\"",
        "\"state\":\"failed\"",
        "\"state\":\"seen\"",
        "\"record\":\"notice\"",
        "\"copy\":1",
        "{\"hex\":",
    ] {
        assert!(lines.contains(part), "no {part} in\n{lines}");
    }
    assert!(!lines.contains("sesame"));

    import(&sandbox, "two", &lines).succeeds().is_silent();

    assert_eq!(export(&sandbox, "two", &[]), lines);
    for words in [&["seen", "list", "work"][..], &["log"], &["check"]] {
        let (one, two) = (at(&sandbox, "one", words), at(&sandbox, "two", words));
        assert_eq!(one.stdout_text(), two.stdout_text());
    }
    at(&sandbox, "two", &["seen", "check"]).succeeds();
}

#[test]
fn every_column_survives_export_and_import() {
    let (sandbox, _server) = every_kind_of_record();
    // The columns are read and set by SQL, because no command shows all of them.
    let one = Connection::open(sandbox.path("one/seen.db")).expect("the database can be opened");
    one.execute_batch(
        "UPDATE account SET failures = 2, cut_off = 1, lost_step = 3, recognitions = 4, login = 'x',
             logged_in = 5, clock_behind = 9;
         UPDATE seen SET suspicion = 4, undeletable = 1, came_back = 1, vanished = 4, gone = 5,
             proven_gone = 1, quit_sent = 8, left_by = 9;
         UPDATE delivery SET program = 'p', deleted = 6, canonical = digest, body = digest,
             message_id = digest, date = digest;
         INSERT INTO target (name) VALUES ('p');
         INSERT INTO handover (delivery, target, begun, taken, repeated, words, location)
             SELECT d.id, t.id, 10, d.delivered, 7, x'ff', 'l' || d.id FROM delivery d JOIN target t ON true
             WHERE d.delivered IS NOT NULL;",
    )
    .expect("the tables have these columns");
    let lines = export(&sandbox, "one", &[]);
    import(&sandbox, "two", &lines).succeeds();
    let two = Connection::open(sandbox.path("two/seen.db")).expect("the database can be opened");
    for table in [
        "account", "seen", "delivery", "notice", "target", "handover",
    ] {
        for column in columns(&one, table) {
            let values = values(&one, table, &column);
            let is_set = |value: &Value| !matches!(value, Value::Null | Value::Integer(0));
            let is_tried = values.iter().any(is_set) || column == "copy";
            assert!(is_tried, "this test does not set {table}.{column}");
            let arrived = self::values(&two, table, &column);
            assert_eq!(arrived, values, "{table}.{column}");
        }
    }
}

/// Lists the columns of a table that an export contains. It leaves out row ids, values that belong
/// to one database, values of messages that are not delivered yet, and facts about the server and the
/// target that the next runs find out again. Deletions count as proven after an import, because the
/// mailbox may have got equal mail in between, and no mail may be lost.
fn columns(database: &Connection, table: &str) -> Vec<String> {
    let sql = format!("SELECT name FROM pragma_table_info('{table}')");
    let mut names = database.prepare(&sql).expect("the statement is valid");
    let names = names
        .query_map([], |row| row.get(0))
        .expect("the database can be read");
    let left_out = [
        "absent",
        "account",
        "begun",
        "doubt",
        "earliest",
        "equal_contents",
        "generation",
        "id",
        "last_success",
        "listing_memory",
        "lock_changed",
        "mark",
        "mark_drawn_in",
        "moved",
        "on_server",
        "other_headers",
        "pipelining_breaks",
        "pipelining_doubt",
        "pipelining_flight",
        "problem",
        "problem_at",
        "recognised",
        "rules",
        "searched",
        "short_again",
        "surplus",
        "target",
        "target_proven",
        "total_deleted",
        "refusals",
        "refused_at",
        "refused_mark",
        "total_delivered",
        "total_failed",
        "total_octets",
        "total_runs",
        "unproven",
        "visited",
    ];
    names
        .map(|name| name.expect("the name of a column is text"))
        .filter(|name: &String| !left_out.contains(&name.as_str()))
        .filter(|name| table != "handover" || !["attempts", "next_try"].contains(&name.as_str()))
        .collect()
}

fn values(database: &Connection, table: &str, column: &str) -> Vec<Value> {
    let sql = format!("SELECT {column} FROM {table} ORDER BY {column}");
    let mut values = database.prepare(&sql).expect("the statement is valid");
    let values = values.query_map([], |row| row.get(0));
    let values = values.expect("the database can be read");
    values
        .map(|value| value.expect("the database can be read"))
        .collect()
}

#[test]
fn an_imported_account_deletes_but_does_not_fetch_again() {
    let server = ModelServer::start(mail::ordinary(1, 20));
    let sandbox = Sandbox::with_work(server.address(), "");
    at(&sandbox, "one", &["fetch"]).succeeds();

    let lines = export(&sandbox, "one", &["--move"]);
    import(&sandbox, "two", &lines).succeeds();

    at(&sandbox, "two", &["fetch"]).succeeds().is_silent();
    server.add(note("new"));
    at(&sandbox, "two", &["fetch", "--delete"])
        .succeeds()
        .is_silent();
    assert_eq!(server.log().count("RETR"), 21);
    assert_eq!(server.count(), 0);
    sandbox
        .work()
        .holds(&[mail::ordinary(1, 20), notes(["new"])].concat());
}

#[test]
fn a_moved_account_is_not_fetched_until_it_comes_back() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    at(&sandbox, "one", &["fetch"]).succeeds();
    let lines = export(&sandbox, "one", &["--move"]);
    let sessions = server.log().sessions;

    for words in [
        &["fetch"][..],
        &["fetch", "-n"],
        &["check"],
        &["seen", "list", "work"],
    ] {
        let outcome = at(&sandbox, "one", words);
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has("moved away by seen export --move");
    }
    assert_eq!(server.log().sessions, sessions);
    assert_eq!(export(&sandbox, "one", &[]), "");
    assert_eq!(export(&sandbox, "one", &["work"]), lines);

    import(&sandbox, "two", &lines).succeeds();
    server.add(note("c"));
    at(&sandbox, "two", &["fetch"]).succeeds();
    let lines = export(&sandbox, "two", &["--move"]);
    import(&sandbox, "one", &lines).succeeds();
    server.add(note("d"));
    at(&sandbox, "one", &["fetch"]).succeeds().is_silent();
    sandbox.work().holds(&notes(["a", "b", "c", "d"]));
    assert_eq!(server.log().count("RETR"), 4);
}

#[test]
fn a_moved_account_can_start_anew_after_account_remove() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    at(&sandbox, "one", &["fetch"]).succeeds();
    export(&sandbox, "one", &["--move"]);

    at(&sandbox, "one", &["account", "remove", "work"]).succeeds();

    at(&sandbox, "one", &["fetch"])
        .succeeds()
        .stderr_has("recognised by their files");
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn an_export_without_move_changes_nothing() {
    let (sandbox, server) = every_kind_of_record();
    let lines = export(&sandbox, "one", &[]);
    at(&sandbox, "one", &["fetch", "--max-size=1GB"]);
    assert!(server.log().retrieved.contains(&b"line-5000".to_vec()));
    assert_ne!(export(&sandbox, "one", &[]), lines);
}

#[test]
fn an_import_skips_only_accounts_that_are_already_known() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.account("home", server.address(), "");
    at(&sandbox, "one", &["fetch"]).succeeds();
    let lines = export(&sandbox, "one", &[]);
    at(&sandbox, "two", &["fetch", "work"]).succeeds();
    let before = export(&sandbox, "two", &["work"]);

    let outcome = import(&sandbox, "two", &lines);

    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: the account is known here already");
    assert_eq!(export(&sandbox, "two", &["work"]), before);
    assert_eq!(
        export(&sandbox, "two", &["home"]),
        export(&sandbox, "one", &["home"])
    );
}

#[test]
fn an_import_replaces_an_account_without_records() {
    let (sandbox, _server) = every_kind_of_record();
    let lines = export(&sandbox, "one", &[]);
    let state = format!("--state-dir={}", sandbox.path("two").display());
    sandbox
        .mailpull(["seen", "rematch", "work", &state])
        .run()
        .succeeds();

    import(&sandbox, "two", &lines).succeeds().is_silent();

    assert_eq!(export(&sandbox, "two", &[]), lines);
}

#[test]
fn an_account_with_unfinished_messages_is_not_exported() {
    if tools::find("strace").is_none() {
        return;
    }
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    kill_when_staged(&sandbox, &["fetch"], &sandbox.work());
    sandbox.account("home", server.address(), "");
    sandbox.mailpull(["fetch", "home"]).run().succeeds();

    let outcome = sandbox.mailpull(["seen", "export", "--move"]).run();

    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: messages that are still on their way: 2");
    assert_eq!(
        outcome
            .stdout_text()
            .matches("\"record\":\"account\"")
            .count(),
        1
    );
    sandbox.mailpull(["fetch", "work"]).run().succeeds();
    let outcome = sandbox.mailpull(["seen", "export", "--move"]).run();
    import(&sandbox, "two", &outcome.succeeds().stdout_text()).succeeds();
    at(&sandbox, "two", &["fetch", "work"])
        .succeeds()
        .is_silent();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_failed_write_does_not_move_the_account() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let mut full = sandbox.command("sh");
    full.args(["-c", "exec \"$0\" seen export --move > /dev/full"])
        .arg(sandbox.program());

    let outcome = Program::new(full).run();

    outcome
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("it was not moved");
    sandbox.fetch().succeeds();
}

#[test]
fn a_truncated_export_is_not_imported() {
    let (sandbox, _server) = every_kind_of_record();
    let lines = export(&sandbox, "one", &[]);
    let ends: Vec<_> = lines.match_indices('\n').map(|(at, _)| at).collect();
    for end in ends.iter().flat_map(|&end| [end - 1, end, end + 1]) {
        if end + 1 >= lines.len() {
            break;
        }
        let outcome = import(&sandbox, "two", &lines[..end]);
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has("mailpull: standard input:");
        assert_eq!(export(&sandbox, "two", &[]), "");
    }
    let without_a_message: Vec<_> = lines
        .lines()
        .enumerate()
        .filter(|(n, _)| *n != 2)
        .map(|(_, line)| line)
        .collect();
    let outcome = import(&sandbox, "two", &(without_a_message.join("\n") + "\n"));
    outcome
        .fails_with(78)
        .stderr_has("the account work is not complete");
}

#[test]
fn invalid_lines_are_refused_with_their_line_number() {
    let sandbox = Sandbox::new();
    let end = "{\"record\":\"end\",\"messages\":0,\"notices\":0}\n";
    for (text, said) in [
        ("\n", "standard input:1: not a line of seen export"),
        ("hello\n", "standard input:1: not a line of seen export"),
        (end, "standard input:1: an account should begin here"),
        ("{}", "standard input:1: the line is cut off"),
        (
            &"x".repeat(2_000_000),
            "standard input:1: the line is cut off",
        ),
        ("\u{1b}[2J\n", "standard input:1: not a line of seen export"),
    ] {
        let outcome = import(&sandbox, "two", text);
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .never_says("\u{1b}")
            .stderr_has(said);
    }
    import(&sandbox, "two", "").succeeds();
    let outcome = at(&sandbox, "two", &["seen", "import", "nowhere"]);
    outcome.fails_with(74).stderr_has("cannot read nowhere");
    let outcome = at(&sandbox, "two", &["seen", "export", "nobody"]);
    outcome
        .fails_with(64)
        .stderr_has("nothing was ever fetched for an account \"nobody\"");
}

#[test]
fn a_killed_import_leaves_a_whole_account_or_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let (sandbox, _server) = every_kind_of_record();
    let lines = export(&sandbox, "one", &[]);
    let file = sandbox.write("lines", &lines);
    let mut killed = 0;
    for nth in 1.. {
        let state = sandbox.path(format!("killed-{nth}"));
        let words = ["seen", "import", "--state-dir"].map(OsStr::new);
        let words = words
            .into_iter()
            .chain([state.as_os_str(), file.as_os_str()]);
        let point = Point {
            call: "pwrite64".to_owned(),
            line: String::new(),
            nth,
            threads: Threads::Any,
        };
        let outcome = faulty(&sandbox, words, &point, Injection::Kill).run();
        let state = format!("killed-{nth}");
        let left = export(&sandbox, &state, &[]);
        assert!(left == lines || left.is_empty(), "{nth}: {left}");
        if outcome.status.success() {
            break;
        }
        killed += 1;
        if left.is_empty() {
            import(&sandbox, &state, &lines).succeeds();
            assert_eq!(export(&sandbox, &state, &[]), lines);
        }
    }
    assert!(killed > 10, "{killed}");
}
