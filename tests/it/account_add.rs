//! `account add`: what it asks and tries, and what it writes only then.
//! What `account test` shows on the way is told there.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use crate::support::certificates::Authority;
use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::names::{Names, free_address};
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, Server};
use crate::support::terminal::Terminal;

/// Adds the account `work` at a server without TLS, with these further arguments.
fn add(sandbox: &Sandbox, server: &str, further: &[&str]) -> Outcome {
    let arguments = [
        &[
            "account", "add", "work", "--user", "joe", "--server", server,
        ][..],
        &["--security", "none", "--maildir", "home/Mail/work"],
        further,
    ]
    .concat();
    let program = sandbox.mailpull(arguments).env("SECRET", PASSWORD);
    program.run()
}

fn config(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_file()).expect("there is a configuration")
}

fn mode(sandbox: &Sandbox) -> u32 {
    let metadata = fs::metadata(sandbox.config_file()).expect("there is a configuration");
    metadata.permissions().mode() & 0o7777
}

#[test]
fn flags_are_enough_and_what_is_added_is_fetched() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    fs::remove_dir(sandbox.path("config/mailpull")).expect("it is empty");
    let address = server.address().to_string();

    let outcome = add(
        &sandbox,
        &address,
        &["--password-env", "SECRET", "-o", "keep=14 days"],
    );

    outcome
        .succeeds()
        .stderr_is("")
        .stdout_has("maildrop: 2 messages, ")
        .stdout_has("account: work is in ")
        .stdout_has("to fetch it: mailpull fetch work\n");
    let maildir = sandbox.path("home/Mail/work");
    let expected = format!(
        "[accounts.work]\nserver = \"{address}\"\nsecurity = \"none\"\npassword-env = \"SECRET\"\n\
         maildir = \"{}\"\nuser = \"joe\"\nkeep = \"14 days\"\n",
        maildir.display()
    );
    assert_eq!((config(&sandbox), mode(&sandbox)), (expected, 0o600));
    assert!(!sandbox.state().exists() && !maildir.exists());
    let fetch = sandbox.mailpull(["fetch", "work"]).env("SECRET", PASSWORD);
    fetch.run().succeeds().is_silent();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn what_is_written_already_is_not_touched() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let before = "# Mine.\n[accounts.old]   # first\nserver='h'\n\n[defaults]\n  keep = false";
    sandbox.config(before);
    let own = Permissions::from_mode(0o640);
    fs::set_permissions(sandbox.config_file(), own).expect("it is ours");
    let address = server.address().to_string();
    let further = ["--password-env", "SECRET"];

    add(&sandbox, &address, &further).succeeds();

    let after = config(&sandbox);
    assert!(
        after.starts_with(&format!("{before}\n\n[accounts.work]\n")),
        "{after}"
    );
    assert_eq!(mode(&sandbox), 0o640);
    add(&sandbox, &address, &further)
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("there is an account \"work\" in ");
    assert_eq!(config(&sandbox), after);
    let folder = fs::read_dir(sandbox.path("config/mailpull")).expect("it is there");
    assert_eq!(folder.count(), 1, "it left a file behind");
}

#[test]
fn a_configuration_behind_a_link_stays_there() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let real = sandbox.write("home/dotfiles/mailpull.toml", "# Mine.\n");
    std::os::unix::fs::symlink(&real, sandbox.config_file()).expect("a link can be made");

    let address = server.address().to_string();
    add(&sandbox, &address, &["--password-env", "SECRET"]).succeeds();

    let link = fs::symlink_metadata(sandbox.config_file()).expect("it is there");
    assert!(link.is_symlink());
    let text = fs::read_to_string(real).expect("it is there");
    assert!(text.starts_with("# Mine.\n\n[accounts.work]\n"), "{text}");
}

#[test]
fn a_login_that_fails_adds_nothing_unless_it_is_not_tried() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let address = server.address().to_string();
    let wrong = ["--password-command", "echo wrong"];

    add(&sandbox, &address, &wrong)
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: logging in as joe")
        .stdout_has("account: not added; --no-test adds it all the same\n");
    assert!(!sandbox.config_file().exists());

    let sessions = server.log().sessions;
    let untried = [&wrong[..], &["--no-test"]].concat();
    add(&sandbox, &address, &untried).succeeds();
    assert!(config(&sandbox).contains("password-command = \"echo wrong\"\n"));
    assert_eq!(server.log().sessions, sessions);
}

#[test]
fn what_is_missing_or_makes_no_sense_is_named_by_its_flag() {
    let sandbox = Sandbox::new();
    for (arguments, status, said) in [
        (
            &["work"][..],
            64,
            "--user is missing, and without a terminal",
        ),
        (&["work", "--user", "joe"], 64, "--server is missing"),
        (
            &["work", "--user", "joe", "--server", "h"],
            64,
            "--maildir is missing",
        ),
        (
            &["work", "--user", "joe", "--server", "a b"],
            64,
            "--server must be a host",
        ),
        (
            &["a b", "--user", "joe", "--server", "h"],
            64,
            "cannot be an account's name",
        ),
        (
            &["work", "--user", "joe", "-o", "password=hunter2"],
            64,
            "no flag takes a password",
        ),
        (
            &["work", "--user", "joe", "--password", "hunter2"],
            64,
            "unexpected argument '--password'",
        ),
        (
            &[
                "work",
                "--user",
                "joe",
                "--server",
                "h",
                "--security",
                "none",
                "--maildir",
                "m",
            ],
            78,
            "would send the password to h:110 for all to read",
        ),
    ] {
        let arguments = [&["account", "add"], arguments].concat();
        let outcome = sandbox.mailpull(arguments).run();
        outcome
            .fails_with(status)
            .complains_in_lines(1)
            .stderr_has(said)
            .never_says("hunter2");
        assert!(!sandbox.config_file().exists());
    }
}

/// A session of an empty maildrop, of a user with a domain.
const SESSION: &str = "
    S: +OK ready
    C: CAPA
    S: -ERR what
    C: USER joe@example.test
    S: +OK
    C: PASS open sesame
    S: +OK
    C: CAPA
    S: -ERR what
    C: NOOP
    S: +OK
    C: UIDL
    S: +OK
    S: .
    C: LIST
    S: +OK
    S: .
    C: QUIT
    S: +OK
    close";

/// A server of this name that is looked at once and then logged in to.
fn server(authority: &Authority, name: &str, stls: &str) -> Server {
    let tls = format!("{stls}tls for {name}\n");
    let session = match stls {
        "" => SESSION.to_owned(),
        _ => SESSION.replacen("S: +OK ready", "", 1),
    };
    let greeting = if stls.is_empty() { "S: +OK ready" } else { "" };
    Script::new([&tls, greeting].concat())
        .then([tls, session].concat())
        .identity(authority.certificate_for(&[name]).acceptor())
        .serve()
}

/// Looks for the server of `joe@example.test` and adds the account.
fn discover(sandbox: &Sandbox, names: &Names, authority: &Authority) -> Outcome {
    let ca = sandbox.write("home/ca.pem", authority.pem());
    let ca = format!("tls-ca-file={}", ca.display());
    let arguments = [
        &["account", "add", "work", "--user", "joe@example.test"][..],
        &["--password-env", "SECRET", "--maildir", "home/Mail/work"],
        &["-o", &*ca][..],
    ]
    .concat();
    let program = names.mailpull(sandbox, &arguments);
    program.env("SECRET", PASSWORD).run()
}

#[test]
fn a_server_is_where_the_domain_says() {
    let authority = Authority::new();
    for (service, stls, security, line) in [
        ("_pop3s._tcp", "", "tls", ""),
        (
            "_pop3._tcp",
            "S: +OK ready\nC: STLS\nS: +OK\n",
            "starttls",
            "security = \"starttls\"\n",
        ),
    ] {
        let sandbox = Sandbox::new();
        let server = server(&authority, "mx.example.test", stls);
        let port = server.port();
        let lines = format!(
            "srv-host={service}.example.test,mx.example.test,{port},0,0\n\
             address=/mx.example.test/127.0.0.1"
        );
        let Some(names) = Names::start(&sandbox, &lines) else {
            return;
        };

        let outcome = discover(&sandbox, &names, &authority);

        outcome.succeeds().stderr_is("").stdout_has(&format!(
            "search: mx.example.test:{port}, as the domain's DNS says, {security}: it answers and \
             proves its name\n"
        ));
        let written = config(&sandbox);
        let server_line = format!("server = \"mx.example.test:{port}\"\n{line}");
        assert!(written.contains(&server_line), "{written}");
        server.finish();
    }
}

#[test]
fn a_server_in_another_domain_is_for_the_user_to_agree_to() {
    let authority = Authority::new();
    let sandbox = Sandbox::new();
    let server = Script::new("tls for mx.elsewhere.test\nS: +OK ready")
        .identity(authority.certificate_for(&["mx.elsewhere.test"]).acceptor())
        .serve();
    let port = server.port();
    let lines = format!(
        "srv-host=_pop3s._tcp.example.test,mx.elsewhere.test,{port},0,0\n\
         address=/mx.elsewhere.test/127.0.0.1"
    );
    let Some(names) = Names::start(&sandbox, &lines) else {
        return;
    };

    discover(&sandbox, &names, &authority)
        .fails_with(64)
        .complains_in_lines(1)
        .stderr_has(&format!(
            "DNS says that the mail of example.test is at mx.elsewhere.test:{port}, which is \
             elsewhere; if that is right, name it: --server mx.elsewhere.test:{port}\n"
        ));

    assert!(!sandbox.config_file().exists());
    server.finish();
}

#[test]
fn a_person_may_agree_to_a_server_in_another_domain() {
    let authority = Authority::new();
    let sandbox = Sandbox::new();
    let server = server(&authority, "mx.elsewhere.test", "");
    let port = server.port();
    let lines = format!(
        "srv-host=_pop3s._tcp.example.test,mx.elsewhere.test,{port},0,0\n\
         address=/mx.elsewhere.test/127.0.0.1"
    );
    let names = Names::start(&sandbox, &lines);
    let terminal = Terminal::open(&sandbox, &[("SECRET", PASSWORD)]);
    let (Some(names), Some(terminal)) = (names, terminal) else {
        return;
    };
    let ca = sandbox.write("home/ca.pem", authority.pem());

    terminal.runs(&format!(
        "{} mailpull account add work --user joe@example.test --password-env SECRET --maildir m \
         -o tls-ca-file={}",
        names.prefix(&sandbox),
        ca.display()
    ));
    terminal.shows("Is it right? [y/N]: ");
    terminal.types("y").presses("Enter");

    terminal.ended_with(0);
    let written = config(&sandbox);
    let server_line = format!("server = \"mx.elsewhere.test:{port}\"\n");
    assert!(written.contains(&server_line), "{written}");
    server.finish();
}

/// Leads the connections of a port, of an address of our own, to a server.
fn lead(from: (Ipv4Addr, u16), to: SocketAddr) {
    let listener = TcpListener::bind(from).expect("nobody else has that address");
    thread::spawn(move || {
        for client in listener.incoming() {
            let relay = client.and_then(|client| Ok((client, TcpStream::connect(to)?)));
            let Ok((client, server)) = relay else {
                // The program notices.
                continue;
            };
            for (mut from, mut to) in [
                (client.try_clone(), server.try_clone()),
                (Ok(server), Ok(client)),
            ]
            .map(|(from, to)| (from.expect("it is open"), to.expect("it is open")))
            {
                thread::spawn(move || {
                    // Whichever side leaves, the other is told.
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
}

#[test]
fn a_server_that_the_domain_does_not_name_is_found_by_what_it_is_called() {
    let authority = Authority::new();
    for (name, port, stls, lines) in [
        (
            "mail.example.test",
            995,
            "",
            "server = \"mail.example.test\"\n",
        ),
        (
            "pop.example.test",
            110,
            "S: +OK ready\nC: STLS\nS: +OK\n",
            "server = \"pop.example.test\"\nsecurity = \"starttls\"\n",
        ),
    ] {
        let sandbox = Sandbox::new();
        let server = server(&authority, name, stls);
        let address = free_address();
        let Some(names) = Names::start(&sandbox, &format!("address=/{name}/{address}")) else {
            return;
        };
        lead((address, port), server.address());

        let outcome = discover(&sandbox, &names, &authority);

        outcome
            .succeeds()
            .stdout_has("search: pop3.example.test:995, as such servers are often called, tls: ")
            .stdout_has(&format!(
                "search: {name}:{port}, as such servers are often called, "
            ));
        assert!(config(&sandbox).contains(lines), "{}", config(&sandbox));
        server.finish();
    }
}

#[test]
fn a_person_is_asked_for_what_is_missing() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    let Some(terminal) = Terminal::open(&sandbox, &[]) else {
        return;
    };
    let server_flags = format!("--server {} --security none", server.address());

    terminal.runs(&format!("mailpull account add {server_flags}"));
    terminal.shows("Mail address, or user name: ");
    terminal.types("joe").presses("Enter");
    terminal.shows("Name of the account [mail]: ");
    terminal.types("work").presses("Enter");
    terminal.shows("-: ask at every run): ");
    terminal.presses("Enter");
    terminal.shows("Password for joe at 127.0.0.1: ");
    terminal.types("hunter2").presses("Enter");
    terminal.shows("Maildir for its mail [~/Mail/work]: ");
    terminal.presses("Enter");
    terminal.shows("Type the password again? [y/N]: ");
    terminal.types("y").presses("Enter");
    terminal.shows("y\nPassword for joe at 127.0.0.1: ");
    terminal.types(PASSWORD).presses("Enter");

    terminal.ended_with(0);
    assert!(!terminal.screen().contains(PASSWORD) && !terminal.screen().contains("hunter2"));
    let written = config(&sandbox);
    assert!(
        written.ends_with("password = \"open sesame\"\n"),
        "{written}"
    );
    assert_eq!(mode(&sandbox), 0o600);
    terminal.runs("mailpull fetch");
    terminal.ended_with(0);
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn whoever_has_to_sign_in_is_told_how() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Terminal::open(&sandbox, &[]) else {
        return;
    };

    terminal.runs("mailpull account add gmail --user me@gmail.com --server pop.gmail.com");
    terminal.shows("note: a token needs the scope https://mail.google.com/");
    terminal.shows("Client id, to sign in by OAuth 2.0 (Enter: with a password): ");
    terminal.types("some.id").presses("Enter");
    terminal.shows("Command that prints the client's secret (Enter: it has none): ");
    terminal.types("pass show it").presses("Enter");
    terminal.shows("Maildir for its mail [~/Mail/gmail]: ");
    terminal.presses("Enter");

    terminal.ended_with(0);
    terminal.shows("to sign in: mailpull login gmail");
    let written = config(&sandbox);
    for line in [
        "oauth2 = \"google\"\n",
        "oauth2-client-id = \"some.id\"\n",
        "oauth2-client-secret-command = \"pass show it\"\n",
    ] {
        assert!(written.contains(line), "{written}");
    }
}

#[test]
fn whoever_breaks_off_or_says_no_gets_nothing_written() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let Some(terminal) = Terminal::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull account add");
    terminal.shows("user name: ").presses("C-c");
    terminal.ended_with(130);
    terminal.runs("mailpull account add");
    terminal.shows("user name: ").presses("C-d");
    terminal.ended_with(64);
    let flags = format!(
        "--user joe --server {} --security none --maildir m --password-command 'echo no'",
        server.address()
    );
    terminal.runs(&format!("mailpull account add work {flags}"));
    terminal
        .shows("Add it all the same? [y/N]: ")
        .presses("Enter");
    terminal.ended_with(77);
    assert!(!sandbox.config_file().exists());
    assert!(terminal.echoes());

    terminal.runs(&format!("mailpull account add work {flags}"));
    terminal.shows("Add it all the same? [y/N]: ");
    terminal.types("y").presses("Enter");
    terminal.ended_with(77);
    assert!(config(&sandbox).starts_with("[accounts.work]\n"));
}
