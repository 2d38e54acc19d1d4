//! The command line without a terminal, as scripts and cron use it: output, statuses and events.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::mail::{self, TestMessage};
use crate::support::model_server::{Behaviour, ModelServer, PASSWORD};
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;

/// A sandbox with the account `work` at a server with these messages.
fn work(messages: Vec<TestMessage>) -> (Sandbox, ModelServer) {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(messages);
    sandbox.account("work", server.address(), "");
    (sandbox, server)
}

/// Prepares a line of shell in the sandbox, in which `$mailpull` is the program.
fn sh(sandbox: &Sandbox, line: &str) -> Program {
    let mut command = sandbox.command("sh");
    command
        .args(["-c", line])
        .env("mailpull", env!("CARGO_BIN_EXE_mailpull"));
    Program::new(command)
}

#[test]
fn an_invalid_command_line_is_one_line_and_64() {
    let sandbox = Sandbox::new();
    for (line, error) in [
        ("--bogus", "unknown option: --bogus. See mailpull --help"),
        ("fetch --bogus", "unknown option: --bogus"),
        ("-j", "--jobs needs a value: N"),
        ("-j 0", "--jobs must be a number from 1 on, not 0"),
        ("acount", "no such command: acount (did you mean account?)"),
        ("work", "To fetch an account or a URL: mailpull fetch work"),
        ("-q -v", "--quiet and --verbose exclude each other"),
        ("fetch -k -d", "exclude each other"),
        ("--color sometimes", "--color must be always, auto or never"),
        (
            "fetch --order",
            "--order needs a value: oldest-first or newest-first",
        ),
        ("--delete check", "mailpull fetch --delete"),
        ("log a b", "unexpected argument: b"),
        ("fetch -o keep", "-o takes KEY=VALUE"),
        ("fetch -o port=x", "-o: \"port\" must be a number"),
        ("fetch --max-size big", "--max-size must be a size such as"),
        ("fetch --keep=soon", "--keep must be true, false or an age"),
        ("fetch -o password=hunter2", "no flag takes a password"),
        ("fetch http://h", "the URL must be pops://USER@HOST"),
        (
            "fetch pops://h",
            "there is no \"user\". Write it before the host",
        ),
        ("fetch pops://me@h w", "a URL cannot be combined"),
    ] {
        let outcome = sandbox.mailpull(line.split(' ')).run();
        outcome
            .fails_with(64)
            .stdout_is("")
            .stderr_has("mailpull: ")
            .stderr_has(error)
            .never_says("hunter2")
            .complains_in_lines(1);
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let sandbox = Sandbox::new();
    for line in [
        "--help",
        "-h",
        "help",
        "fetch --help",
        "help fetch",
        "check -h",
    ] {
        let outcome = sandbox.mailpull(line.split(' ')).run();
        outcome
            .succeeds()
            .stdout_has("Usage: mailpull")
            .stderr_is("");
    }
    let version = concat!("mailpull ", env!("CARGO_PKG_VERSION"), "\n");
    sandbox.mailpull(["-V"]).run().succeeds().stdout_is(version);
    let features = sandbox.mailpull(["--version"]).run();
    features
        .succeeds()
        .stdout_has(version)
        .stdout_has("\nfeatures: ");
}

#[test]
fn an_age_behind_a_bare_keep_is_explained() {
    let (sandbox, _server) = work(Vec::new());
    for age in ["14d", "14 days", "false"] {
        let outcome = sandbox.mailpull(["fetch", "--keep", age]).run();
        outcome
            .fails_with(64)
            .stderr_has(&format!("as in --keep='{age}'"))
            .complains_in_lines(1);
    }
    let outcome = sandbox.mailpull(["fetch", "14d"]).run();
    outcome.fails_with(64).never_says("--keep");
}

#[test]
fn a_url_with_a_password_is_refused_without_being_shown() {
    let sandbox = Sandbox::new();
    for line in [
        "fetch pops://me:hunter2@pop.example.com --maildir m",
        "check pops://me:hunter2@pop.example.com",
        "pops://me:hunter2@pop.example.com",
        "log work pops://me:hunter2@pop.example.com",
        "seen list pops://me:hunter2@pop.example.com",
        "account remove pops://me:hunter2@pop.example.com",
        "fetch work -o proxy=socks5://me:hunter2@proxy.example.com:1080",
    ] {
        let outcome = sandbox.mailpull(line.split(' ')).run();
        outcome
            .fails_with(64)
            .never_says("hunter2")
            .complains_in_lines(1)
            .stderr_has("a URL with a password, which everyone on this machine could read");
    }
}

#[test]
fn a_url_works_without_a_configuration_file() {
    let sandbox = Sandbox::new();
    let messages = mail::ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let url = format!("pop://joe@{}", server.address());
    let maildir = sandbox.home().join("mail");
    let fetch = [
        "fetch",
        &url,
        "-o",
        "security=none",
        "--maildir",
        "home/mail",
    ];
    let outcome = sandbox
        .mailpull(fetch)
        .env("MAILPULL_PASSWORD", PASSWORD)
        .run();
    outcome.succeeds().is_silent();
    crate::support::maildir::MaildirView::at(maildir).holds(&messages);
    let account = format!("joe@{}", server.address());
    let log = sandbox.mailpull(["log", &account]).run();
    assert_eq!(log.succeeds().stdout_text().lines().count(), 2);
    let outcome = sandbox.mailpull(fetch).run();
    outcome
        .fails_with(78)
        .stderr_has("there is no password for joe at 127.0.0.1")
        .complains_in_lines(1);
}

#[test]
fn mailpull_alone_fetches_every_enabled_account() {
    let sandbox = Sandbox::new();
    let messages = mail::ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    sandbox.account("work", server.address(), "");
    sandbox.account("home", server.address(), "");
    sandbox.account("old", server.address(), "enabled = false");
    let no_arguments: [&str; 0] = [];
    sandbox.mailpull(no_arguments).run().succeeds().is_silent();
    sandbox.maildir("work").holds(&messages);
    sandbox.maildir("home").holds(&messages);
    sandbox.maildir("old").holds(&[]);
    sandbox
        .mailpull(["fetch", "old"])
        .run()
        .succeeds()
        .is_silent();
    sandbox.maildir("old").holds(&messages);
}

#[test]
fn flags_of_fetch_work_without_the_word_fetch() {
    let messages = mail::ordinary(1, 3);
    let (sandbox, server) = work(messages.clone());
    let dry = sandbox.mailpull(["--dry-run"]).run();
    dry.succeeds()
        .stdout_has("work: would fetch message 1 (")
        .stdout_has("work: would fetch 3 new messages, ")
        .stdout_has(", 3 kept\n")
        .stderr_is("");
    sandbox.maildir("work").holds(&[]);
    let one = sandbox.mailpull(["--max-messages", "1", "-d"]).run();
    one.succeeds().is_silent();
    sandbox.maildir("work").holds(&messages[..1]);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_dry_run_counts_the_messages_it_would_delete() {
    let (sandbox, server) = work(mail::ordinary(1, 3));
    let dry = sandbox.mailpull(["-n", "-d"]).run();
    dry.succeeds().stdout_has(", 3 would be deleted, 0 kept\n");
    assert_eq!((server.count(), server.log().count("RETR")), (3, 0));
}

#[test]
fn a_successful_run_prints_nothing() {
    let messages = mail::ordinary(1, 3);
    let (sandbox, _server) = work(messages.clone());
    for _ in 0..2 {
        sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    }
    sandbox.maildir("work").holds(&messages);
}

#[test]
fn a_failing_account_prints_one_line_and_stops_no_other() {
    let messages = mail::ordinary(1, 1);
    let (sandbox, server) = work(messages.clone());
    sandbox.account("dead", "127.0.0.1:1", "");
    sandbox.account("wrong", server.address(), "password-command = 'echo no'");
    sandbox.account("last", server.address(), "");
    let outcome = sandbox.mailpull(["fetch"]).run();
    outcome
        .fails_with(77)
        .stdout_is("")
        .stderr_has("mailpull: dead: cannot connect to 127.0.0.1:1: Connection refused")
        .stderr_has("mailpull: wrong: logging in as joe: ")
        .complains_in_lines(2);
    sandbox.maildir("work").holds(&messages);
    sandbox.maildir("last").holds(&messages);
}

#[test]
fn the_cause_of_an_error_appears_once() {
    let (sandbox, _server) = work(Vec::new());
    sandbox.write("file", "");
    let maildir = sandbox.path("file/mail").display().to_string();
    let outcome = sandbox.mailpull(["fetch", "--maildir", &maildir]).run();
    let causes = outcome.fails_with(73).stderr_text();
    assert_eq!(causes.matches("Not a directory").count(), 1, "{causes}");
}

#[test]
fn a_missing_parent_folder_of_the_maildir_is_reported() {
    let (sandbox, _server) = work(Vec::new());
    let outcome = sandbox.mailpull(["fetch", "--maildir", "not/there"]).run();
    outcome
        .fails_with(73)
        .stderr_has("there is no folder ")
        .stderr_has("/not. Create it first: mkdir -p ")
        .complains_in_lines(1);
}

#[test]
fn each_skipped_message_is_reported_once_on_its_own_line() {
    let (sandbox, _server) = work(mail::ordinary(1, 2));
    for lines in [2, 0] {
        let outcome = sandbox.mailpull(["fetch", "--max-size", "1KB"]).run();
        outcome.succeeds().complains_in_lines(lines).stdout_is("");
    }
}

#[test]
fn quiet_prints_only_errors() {
    let (sandbox, _server) = work(mail::ordinary(1, 1));
    sandbox.mailpull(["-q", "-n"]).run().succeeds().is_silent();
    sandbox
        .mailpull(["-q", "check"])
        .run()
        .succeeds()
        .is_silent();
    let outcome = sandbox.mailpull(["-q", "fetch", "nobody"]).run();
    outcome.fails_with(64).complains_in_lines(1);
}

#[test]
fn verbose_shows_what_happens_to_every_message() {
    let messages = mail::ordinary(1, 2);
    let (sandbox, server) = work(messages);
    let outcome = sandbox.mailpull(["-v", "-d"]).run();
    let maildir = sandbox.maildir("work").path().display().to_string();
    outcome
        .succeeds()
        .stdout_is("")
        .stderr_has(&format!("work: connecting to {}\n", server.address()))
        .stderr_has("work: delivered 0000000100000001 (")
        .stderr_has("from \"Sender 1 <sender1@example.com>\": \"Letter 1 about ")
        .stderr_has(&format!("\" to {maildir}\n"))
        .stderr_has("work: deleted 0000000200000001\n")
        .stderr_has("work: 2 new messages, ")
        .stderr_has(", 2 deleted, 0 kept\n")
        .complains_in_lines(6);
}

#[test]
fn a_trace_shows_the_conversation_without_secrets() {
    let encoded = BASE64_STANDARD.encode(format!("\0joe\0{PASSWORD}"));
    for sasl_plain in [true, false] {
        let sandbox = Sandbox::new();
        let behaviour = Behaviour {
            sasl_plain,
            ..Behaviour::default()
        };
        let server = ModelServer::with(mail::ordinary(1, 1), behaviour);
        sandbox.account("work", server.address(), "");
        let outcome = sandbox.mailpull(["-vv"]).run();
        outcome
            .succeeds()
            .stderr_has("Z work: S: +OK model server ready\n")
            .stderr_has("work: C: UIDL\n")
            .stderr_has("****")
            .never_says(PASSWORD)
            .never_says("sesame")
            .never_says(&encoded);
    }
}

#[test]
fn text_from_servers_and_messages_cannot_control_the_terminal() {
    let letter = "From: \x1b[31mjoe\r\nSubject: \x1b]0;owned\x07\u{202e}\r\n\r\na\r\n";
    let (sandbox, _server) = work(vec![TestMessage::new("1\x1b[2J", letter)]);
    for arguments in [&["-vv"][..], &["log"], &["log", "--json"]] {
        let outcome = sandbox.mailpull(arguments).run();
        outcome.succeeds().never_says("\x1b").never_says("\u{202e}");
    }
}

#[test]
fn errors_are_coloured_only_when_asked() {
    let sandbox = Sandbox::new();
    for (arguments, no_color, is_coloured) in [
        (&["fetch"][..], "", false),
        (&["--color=auto", "fetch"], "", false),
        (&["--color=never", "fetch"], "", false),
        (&["--color=always", "fetch"], "", true),
        (&["--color=always", "fetch"], "1", true),
    ] {
        let outcome = sandbox.mailpull(arguments).env("NO_COLOR", no_color).run();
        let has_escape = outcome.fails_with(78).stderr_text().contains('\x1b');
        assert_eq!(has_escape, is_coloured, "{arguments:?}");
    }
}

#[test]
fn progress_bars_without_a_terminal_need_progress_always() {
    for (flag, is_drawn) in [("auto", false), ("never", false), ("always", true)] {
        let (sandbox, _server) = work(mail::ordinary(1, 20));
        let outcome = sandbox.mailpull(["--progress", flag]).run();
        let shown = outcome.succeeds().stdout_is("").stderr_text();
        assert_eq!(shown.contains("/20"), is_drawn, "{shown:?}");
    }
}

#[test]
fn check_reports_new_mail_by_text_and_status() {
    let messages = mail::ordinary(1, 2);
    let octets: usize = messages.iter().map(|message| message.octets.len()).sum();
    let (sandbox, server) = work(messages);
    let outcome = sandbox.mailpull(["check"]).run();
    outcome
        .succeeds()
        .stderr_is("")
        .stdout_has("work: 2 new messages, ");
    let outcome = sandbox.mailpull(["check", "--json"]).run();
    let checked = json!({"event": "checked", "account": "work", "messages": 2, "octets": octets});
    assert_eq!(outcome.succeeds().json_events(), [checked]);
    assert_eq!(server.log().count("RETR"), 0);

    sandbox.mailpull(["fetch"]).run().succeeds();
    let outcome = sandbox.mailpull(["check"]).run();
    outcome
        .fails_with(1)
        .stdout_is("work: 0 new messages\n")
        .stderr_is("");

    sandbox.account("dead", "127.0.0.1:1", "");
    server.add(TestMessage::new("new", "a\r\n"));
    let outcome = sandbox.mailpull(["check"]).run();
    outcome
        .fails_with(75)
        .stdout_has("work: 1 new message, ")
        .complains_in_lines(1);
}

#[test]
fn the_log_shows_delivery_and_deletion_of_every_message() {
    let (sandbox, _server) = work(mail::ordinary(1, 2));
    sandbox.mailpull(["log"]).run().succeeds().is_silent();
    let unknown = sandbox.mailpull(["log", "work"]).run();
    unknown
        .fails_with(64)
        .stderr_is("mailpull: nothing was ever fetched for an account \"work\"\n");

    sandbox.mailpull(["--max-messages", "1"]).run().succeeds();
    sandbox.mailpull(["-d"]).run().succeeds();
    let outcome = sandbox.mailpull(["log", "work"]).run();
    let lines = outcome.succeeds().stderr_is("").stdout_text();
    assert_eq!(lines.lines().count(), 2);
    let maildir = sandbox.maildir("work").path().display().to_string();
    for (n, line) in (1..).zip(lines.lines()) {
        let shown = format!(" from \"Sender {n} <sender{n}@example.com>\": \"Letter {n} about ");
        assert!(line.contains(&shown), "{line}");
        assert!(
            line.contains(&format!("\" to {maildir}, deleted from the server 2")),
            "{line}"
        );
    }
}

#[test]
fn log_ignores_a_closed_pipe_but_not_a_full_disk() {
    let (sandbox, _server) = work(mail::ordinary(1, 3));
    sandbox.mailpull(["fetch"]).run().succeeds();
    // The shell waits until the reader of the pipe has closed it. Then the log is written to it.
    let line = "mkfifo gone; (: <gone) & exec 3>gone; wait; exec $mailpull log >&3";
    sh(&sandbox, line).run().succeeds().is_silent();
    let full = sh(&sandbox, "exec $mailpull log >/dev/full").run();
    full.fails_with(74)
        .stderr_has("cannot write the log: ")
        .complains_in_lines(1);
}

#[test]
fn closed_and_full_outputs_do_not_end_a_run() {
    let messages = mail::ordinary(1, 3);
    for redirections in [
        "2>/dev/full",
        "2>&-",
        ">&- 2>&-",
        "<&- >&- 2>&-",
        ">/dev/full",
    ] {
        let (sandbox, _server) = work(messages.clone());
        let line = format!("exec $mailpull -vv --json --progress=always {redirections}");
        sh(&sandbox, &line).run().succeeds();
        sandbox.maildir("work").holds(&messages);
        sandbox.mailpull(["check"]).run().fails_with(1);
    }
    let sandbox = Sandbox::new();
    for (line, status) in [
        ("exec $mailpull --bogus 2>/dev/full", 64),
        ("exec $mailpull --help >/dev/full", 0),
        ("exec $mailpull fetch 2>&-", 78),
    ] {
        sh(&sandbox, line).run().fails_with(status).is_silent();
    }
}

#[test]
fn explicit_paths_suffice_when_there_is_no_home() {
    let messages = mail::ordinary(1, 1);
    let (sandbox, _server) = work(messages.clone());
    let config = sandbox.config_file().display().to_string();
    let mut fetch = sandbox.mailpull(["-c", &config, "--state-dir", "elsewhere"]);
    for name in [
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "USER",
        "TERM",
        "LC_ALL",
    ] {
        fetch = fetch.env_remove(name);
    }
    fetch.run().succeeds().is_silent();
    sandbox.maildir("work").holds(&messages);
    assert!(sandbox.path("elsewhere/seen.db").exists());
    assert!(!sandbox.state().exists());
}

#[test]
fn a_panic_is_one_line_and_70() {
    let Some(strace) = tools::find("strace") else {
        return;
    };
    let (sandbox, _server) = work(mail::ordinary(1, 1));
    // The first thread starts, and the start of the second one fails: an error that the program does
    // not handle.
    let mut command = sandbox.command(strace);
    command
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,clone3"])
        .args(["-e", "inject=clone,clone3:error=EAGAIN:when=2+"])
        .arg(env!("CARGO_BIN_EXE_mailpull"));
    let outcome = Program::new(command).run();
    outcome
        .fails_with(70)
        .stdout_is("")
        .stderr_has("mailpull: a bug, at ")
        .complains_in_lines(1);
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
}

#[test]
fn every_json_event_of_fetch_has_its_fields() {
    let messages = mail::ordinary(1, 1);
    let (sandbox, _server) = work(messages.clone());
    sandbox.account("dead", "127.0.0.1:1", "");
    let outcome = sandbox.mailpull(["--json", "--delete", "-j1"]).run();
    let events = outcome.fails_with(75).complains_in_lines(1).json_events();
    let stored = messages[0].stored().len();
    let files = sandbox.maildir("work").files("new");
    let file_name = files[0]
        .file_name()
        .expect("a file has a name")
        .to_string_lossy();
    let delivered = &events[1];
    assert_eq!(delivered["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(
        events[..4],
        [
            json!({
                "event": "begun", "account": "work",
                "messages": 1, "octets": messages[0].octets.len(),
            }),
            json!({
                "event": "delivered", "account": "work",
                "unique_id": "0000000100000001",
                "octets": stored,
                "sha256": delivered["sha256"],
                "from": "Sender 1 <sender1@example.com>",
                "subject": delivered["subject"],
                "target": sandbox.maildir("work").path().to_string_lossy(),
                "program": null,
                "file_name": file_name,
            }),
            json!({
                "event": "deleted", "account": "work", "unique_id": "0000000100000001",
            }),
            json!({
                "event": "finished", "account": "work",
                "delivered": 1, "octets": stored, "deleted": 1, "discarded": 0, "kept": 0, "failed": 0,
                "postponed": 0, "unfetched": 0, "dry_run": false, "status": 0,
            }),
        ]
    );
    let error = "cannot connect to 127.0.0.1:1: Connection refused (os error 111)";
    assert_eq!(
        events[4..],
        [
            json!({"event": "error", "account": "dead", "message": error, "status": 75}),
            json!({
                "event": "finished", "account": "dead",
                "delivered": 0, "octets": 0, "deleted": 0, "discarded": 0, "kept": 0, "failed": 0,
                "postponed": 0, "unfetched": 0, "dry_run": false, "status": 75,
            }),
        ]
    );
}

#[test]
fn json_events_of_other_commands_have_their_fields() {
    let messages = mail::ordinary(1, 1);
    let (sandbox, _server) = work(messages.clone());
    let size = messages[0].octets.len();
    let dry = sandbox.mailpull(["--json", "--dry-run"]).run();
    let first = dry.json_events().remove(0);
    let (from, subject) = (&first["from"], &first["subject"]);
    assert!(from.is_string() && subject.is_string(), "{first}");
    assert_eq!(
        dry.succeeds().stderr_is("").json_events(),
        [
            json!({
                "event": "would", "account": "work", "action": "fetch", "number": 1,
                "unique_id": "0000000100000001", "size": size, "from": from, "subject": subject,
            }),
            json!({
                "event": "finished", "account": "work",
                "delivered": 1, "octets": size, "deleted": 0, "discarded": 0, "kept": 1, "failed": 0,
                "postponed": 0, "unfetched": 0, "dry_run": true, "status": 0,
            }),
        ]
    );
    let warned = sandbox.mailpull(["--json", "--max-size", "1KB"]).run();
    let warning = warned
        .succeeds()
        .complains_in_lines(1)
        .json_lines()
        .remove(0);
    assert_eq!(
        (&warning["event"], &warning["account"]),
        (&json!("warning"), &json!("work"))
    );
    assert!(
        warning["message"]
            .as_str()
            .is_some_and(|text| text.contains("max-size"))
    );

    sandbox.mailpull(["fetch"]).run().succeeds();
    let log = sandbox.mailpull(["--json", "log"]).run();
    let [logged] = &log.succeeds().json_lines()[..] else {
        panic!("there should be one line\n{log}");
    };
    let is_time = |value: &Value| value.as_str().is_some_and(|time| time.ends_with('Z'));
    assert!(is_time(&logged["delivered"]), "{logged}");
    assert_eq!(
        *logged,
        json!({
            "event": "logged", "account": "work",
            "unique_id": "0000000100000001",
            "delivered": logged["delivered"],
            "deleted": null,
            "possibly_repeated": false,
            "target": sandbox.maildir("work").path().to_string_lossy(),
                "program": null,
            "file_name": logged["file_name"],
            "octets": messages[0].stored().len(),
            "from": "Sender 1 <sender1@example.com>",
            "subject": logged["subject"],
            "said": null,
        })
    );
}

#[test]
fn a_server_without_tls_leads_to_the_starttls_hint() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(Vec::new());
    sandbox.account("work", server.address(), "security = 'tls'");
    let outcome = sandbox.mailpull(["fetch"]).run();
    outcome
        .fails_with(76)
        .stderr_has("mailpull: work: the TLS handshake with 127.0.0.1 failed: ")
        .stderr_has(
            ". If the server begins without TLS, as on port 110, set security = \"starttls\"\n",
        )
        .never_says("SSL routines")
        .complains_in_lines(1);
}

#[test]
fn a_lost_connection_is_one_line_and_75() {
    let sandbox = Sandbox::new();
    // Some servers close the connection behind a CAPA that they refuse, so it is left out once.
    let server = Script::new("S: +OK hello\n C: CAPA\n S: -ERR\n C: USER joe\n close")
        .then("S: +OK hello\n C: USER joe\n close")
        .serve();
    sandbox.account("work", server.address(), "");
    let outcome = sandbox.mailpull(["fetch"]).run();
    outcome
        .fails_with(75)
        .stderr_has("mailpull: work: ")
        .complains_in_lines(1);
    server.finish();
}
