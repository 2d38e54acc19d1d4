//! `account add`: its flags, its questions, the test login, and the account that it writes.
//! The output of the test itself is in `account_test`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::certificates::TestCertificate;
use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::terminal::Tmux;

/// Adds the account `work` at a server without TLS, with further arguments.
fn add(sandbox: &Sandbox, server: &str, further: &[&str]) -> RunOutcome {
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
    fs::read_to_string(sandbox.config_file()).expect("account add wrote the configuration")
}

fn mode(sandbox: &Sandbox) -> u32 {
    let metadata =
        fs::metadata(sandbox.config_file()).expect("account add wrote the configuration");
    metadata.permissions().mode() & 0o7777
}

#[test]
fn an_account_added_by_flags_alone_can_be_fetched() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    fs::remove_dir(sandbox.path("config/mailpull")).expect("the folder is empty");
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
fn existing_configuration_stays_untouched_when_an_account_is_added() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let before = "# Mine.\n[accounts.old]   # first\nserver='h'\n\n[defaults]\n  keep = false";
    sandbox.config(before);
    let group_readable = Permissions::from_mode(0o640);
    fs::set_permissions(sandbox.config_file(), group_readable).expect("the test owns the file");
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
        .stderr_has("there is already an account \"work\". ");
    assert_eq!(config(&sandbox), after);
    let folder = fs::read_dir(sandbox.path("config/mailpull")).expect("the folder exists");
    assert_eq!(folder.count(), 1, "a temporary file was left behind");
}

#[test]
fn a_link_to_the_configuration_is_followed_not_replaced() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let real = sandbox.write("home/dotfiles/mailpull.toml", "# Mine.\n");
    symlink(&real, sandbox.config_file()).expect("the link can be created");

    let address = server.address().to_string();
    add(&sandbox, &address, &["--password-env", "SECRET"]).succeeds();

    let link = fs::symlink_metadata(sandbox.config_file()).expect("the link exists");
    assert!(link.is_symlink());
    let text = fs::read_to_string(real).expect("the link's target exists");
    assert!(text.starts_with("# Mine.\n\n[accounts.work]\n"), "{text}");
}

#[test]
fn a_dangling_link_to_the_configuration_is_followed_not_replaced() {
    let sandbox = Sandbox::new();
    let target = "../../dotfiles/mailpull.toml";
    symlink(target, sandbox.config_file()).expect("the link can be created");

    add(
        &sandbox,
        "localhost",
        &["-o", "allow-cleartext=true", "--no-test"],
    )
    .succeeds();

    let link = fs::symlink_metadata(sandbox.config_file()).expect("the link exists");
    assert!(link.is_symlink());
    assert!(config(&sandbox).starts_with("[accounts.work]\n"));
}

#[test]
fn the_configuration_must_be_a_regular_file() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.path("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).expect("the sandbox is writable");
    for path in [&fifo, &sandbox.path("home")] {
        let arguments = [
            "-c".as_ref(),
            path.as_os_str(),
            "account".as_ref(),
            "add".as_ref(),
        ];
        sandbox
            .mailpull(arguments)
            .run()
            .fails_with(73)
            .complains_in_lines(1)
            .stderr_has("cannot write ")
            .stderr_has(": it is not a regular file\n");
    }
    let left = fs::symlink_metadata(fifo).expect("the FIFO exists");
    assert!(left.file_type().is_fifo());
}

#[test]
fn a_folder_that_cannot_be_synced_is_not_written_to() {
    let sandbox = Sandbox::unprivileged();
    let folder = sandbox.path("config/mailpull");
    // Without the read bit the folder cannot be opened, so it cannot be flushed either.
    fs::set_permissions(&folder, Permissions::from_mode(0o300)).expect("the folder exists");

    add(&sandbox, "localhost", &["--no-test"])
        .fails_with(73)
        .complains_in_lines(1)
        .stderr_has("Permission denied");

    fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("the folder exists");
    assert!(!sandbox.config_file().exists());
}

#[test]
fn accounts_added_at_the_same_time_are_all_kept() {
    let sandbox = Sandbox::new();
    let names: Vec<_> = (0..8).map(|number| format!("work{number}")).collect();
    let start = |name: &String| {
        let arguments = [
            "account",
            "add",
            name,
            "--user",
            "joe",
            "--server",
            "localhost",
        ];
        let further = ["--maildir", "m", "--no-test"];
        sandbox
            .mailpull([&arguments[..], &further].concat())
            .start()
    };

    let running: Vec<_> = names.iter().map(start).collect();

    for adding in running {
        adding.wait().succeeds();
    }
    let written = config(&sandbox);
    for name in &names {
        assert!(
            written.contains(&format!("[accounts.{name}]\n")),
            "{written}"
        );
    }
}

#[test]
fn a_key_given_twice_is_refused() {
    let sandbox = Sandbox::new();
    for (arguments, error) in [
        (
            &["--server", "h", "-o", "server=h"][..],
            "--server: \"server\" is also set by -o. Keep",
        ),
        (
            &["--user", "joe", "-o", "user = x"],
            "--user: \"user\" is also set by -o. Keep",
        ),
        (
            &["-o", "keep=true", "-o", "keep=false"],
            "-o: \"keep\" is also set by -o. Keep",
        ),
    ] {
        let arguments = [&["account", "add", "work"], arguments].concat();
        let outcome = sandbox.mailpull(arguments).run();
        outcome
            .fails_with(64)
            .complains_in_lines(1)
            .stderr_has(error);
    }
}

#[test]
fn the_user_can_be_given_as_a_key() {
    let sandbox = Sandbox::new();
    let arguments = ["account", "add", "work", "--server", "h", "--maildir", "/m"];
    let further = ["-o", "user=joe", "--no-test"];
    sandbox
        .mailpull([&arguments[..], &further].concat())
        .run()
        .succeeds();
    let expected = "[accounts.work]\nserver = \"h\"\nmaildir = \"/m\"\nuser = \"joe\"\n";
    assert_eq!(config(&sandbox), expected);
}

#[test]
fn a_failed_login_adds_nothing_unless_the_test_is_skipped() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let address = server.address().to_string();
    let wrong = ["--password-command", "echo wrong"];

    add(&sandbox, &address, &wrong)
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: logging in as joe")
        .stdout_has("account: not added; --no-test adds it anyway\n");
    assert!(!sandbox.config_file().exists());

    let sessions = server.log().sessions;
    let untested = [&wrong[..], &["--no-test"]].concat();
    add(&sandbox, &address, &untested).succeeds();
    assert!(config(&sandbox).contains("password-command = \"echo wrong\"\n"));
    assert_eq!(server.log().sessions, sessions);
}

#[test]
fn a_missing_or_invalid_value_is_named_by_its_flag() {
    let sandbox = Sandbox::new();
    for (arguments, status, error) in [
        (
            &["work"][..],
            64,
            "--user is missing, and there is no terminal",
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
            "unknown option: --password",
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
            "would send the password to h:110 in cleartext",
        ),
    ] {
        let arguments = [&["account", "add"], arguments].concat();
        let outcome = sandbox.mailpull(arguments).run();
        outcome
            .fails_with(status)
            .complains_in_lines(1)
            .stderr_has(error)
            .never_says("hunter2");
        assert!(!sandbox.config_file().exists());
    }
}

/// Types a line at the question that ends with `prompt`.
fn answer(terminal: &Tmux, prompt: &str, line: &str) {
    terminal.shows(prompt);
    if !line.is_empty() {
        terminal.types(line);
    }
    terminal.presses("Enter");
}

#[test]
fn missing_values_are_asked_for_at_a_terminal() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let server_flags = format!("--server {} --security none", server.address());

    terminal.runs(&format!("mailpull account add {server_flags}"));
    answer(&terminal, "Mail address, or user name: ", "joe");
    answer(&terminal, "Name of the account [mail]: ", "work");
    answer(&terminal, " [1]: ", "");
    answer(&terminal, "Password for joe at 127.0.0.1: ", "hunter2");
    answer(&terminal, "Maildir for its mail [~/Mail/work]: ", "");
    answer(&terminal, "  1  type the password again\n", "1");
    answer(&terminal, "1\nPassword for joe at 127.0.0.1: ", PASSWORD);
    answer(&terminal, "Fetch its mail now? [Y/n]: ", "");

    terminal.ended_with(0);
    assert!(!terminal.screen().contains(PASSWORD) && !terminal.screen().contains("hunter2"));
    let written = config(&sandbox);
    assert!(
        written.ends_with("password = \"open sesame\"\n"),
        "{written}"
    );
    assert_eq!(mode(&sandbox), 0o600);
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn the_wizard_goes_back_and_keeps_each_answer() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    fs::remove_dir_all(sandbox.path("home/Mail")).expect("the test owns the folder");
    let Some(terminal) = Tmux::open(&sandbox, &[("SECRET", PASSWORD)]) else {
        return;
    };
    let server_flags = format!("--server {} --security none", server.address());

    terminal.runs(&format!("mailpull account add {server_flags}"));
    answer(&terminal, "Mail address, or user name: ", "jo");
    answer(&terminal, "Name of the account [mail]: ", "<");
    answer(&terminal, "Mail address, or user name [jo]: ", "joe");
    answer(
        &terminal,
        "[mail]: <\nMail address, or user name [jo]: joe\nName of the account [mail]: ",
        "work",
    );
    answer(
        &terminal,
        "  3  a command prints it, such as pass or gpg\n",
        "3",
    );
    answer(&terminal, "(not the password itself): ", PASSWORD);
    terminal.shows("There is no program of this name, so nothing was run.");
    answer(
        &terminal,
        "choose to type it\nWhere is the password?\n",
        "3",
    );
    answer(
        &terminal,
        "3\nCommand that prints the password (not the password itself): ",
        "echo $SECRET",
    );
    answer(&terminal, "Maildir for its mail [~/Mail/work]: ", "");
    answer(&terminal, "/home/Mail. Make it? [Y/n]: ", "");
    answer(&terminal, "Fetch its mail now? [Y/n]: ", "");

    let left = terminal.ended_with(0);
    let fetched = left
        .last()
        .is_some_and(|line| line.starts_with("work: 1 new message, "));
    assert!(fetched, "{left:#?}");
    let written = config(&sandbox);
    assert!(written.contains("user = \"joe\"\n"), "{written}");
    assert!(
        written.contains("password-command = \"echo $SECRET\"\n"),
        "{written}"
    );
}

#[test]
fn a_certificate_that_nobody_vouches_for_can_be_pinned() {
    const STLS: &str = "S: +OK ready\nC: STLS\nS: +OK\n";
    let stls = |rest: &str| [STLS, rest].concat();
    // The wizard tries TLS first, looks at the certificate again, and looks once more with the pin.
    let server = Script::new("S: +OK ready\nstall")
        .then(stls("tls refused"))
        .then(stls("tls"))
        .then(stls("tls"))
        .then(stls("tls\nreached session\nstall"))
        .identity(TestCertificate::self_signed().acceptor())
        .serve();
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[("SECRET", PASSWORD)]) else {
        return;
    };

    terminal.runs(
        "mailpull account add work --user joe --password-env SECRET --maildir home/Mail/work",
    );
    answer(
        &terminal,
        "Server of your provider (HOST or HOST:PORT): ",
        &format!("localhost:{}", server.port()),
    );
    terminal.shows("certificate: for localhost");
    answer(
        &terminal,
        "  1  trust this certificate: I have compared its fingerprint",
        "1",
    );
    server.reached("session");
    terminal.presses("C-c");
    terminal.ended_with(130);
    terminal.shows("To go on later: mailpull account add work ");
    let screen = terminal.screen();
    assert!(
        screen.contains(" -o tls-pin=sha256:") && screen.contains(" --security starttls"),
        "{screen}"
    );
    server.finish();
}

#[test]
fn an_oauth2_account_explains_how_to_sign_in() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };

    terminal.runs("mailpull account add gmail --user me@gmail.com --server pop.gmail.com");
    terminal.shows("note: a token needs the scope https://mail.google.com/");
    answer(
        &terminal,
        "  1  sign in at Gmail with a browser (OAuth 2.0)\n",
        "",
    );
    terminal.shows("Client id of OAuth 2.0 (docs/guide.md says how to get one): ");
    terminal.types("some.id").presses("Enter");
    terminal.shows("Command that prints the client's secret (Enter: it has none): ");
    terminal.types("pass show it").presses("Enter");
    terminal.shows("Maildir for its mail [~/Mail/gmail]: ");
    terminal.presses("Enter");
    answer(&terminal, "Sign in now? [Y/n]: ", "n");

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
fn an_aborted_dialogue_writes_nothing() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull account add");
    terminal.shows("user name: ").presses("C-c");
    terminal.ended_with(130);
    terminal.runs("mailpull account add");
    terminal.shows("user name: ").presses("C-d");
    terminal.ended_with(64);
    assert!(!sandbox.config_file().exists());
    assert!(terminal.echoes());
}

/// Adds an account whose login fails, and chooses what the wizard calls `choice`.
fn choose_after_refusal(choice: &str, number: &str) -> Option<Sandbox> {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let terminal = Tmux::open(&sandbox, &[])?;
    let flags = format!(
        "--user joe --server {} --security none --maildir m --password-command 'echo no'",
        server.address()
    );
    terminal.runs(&format!("mailpull account add work {flags}"));
    terminal.shows(&format!("  {number}  {choice}\n"));
    answer(&terminal, "1 to 6 [1]: ", number);
    terminal.ended_with(77);
    Some(sandbox)
}

#[test]
fn a_refused_login_can_be_left_unchanged() {
    if let Some(sandbox) = choose_after_refusal("stop, and change nothing", "6") {
        assert!(!sandbox.config_file().exists());
    }
}

#[test]
fn an_account_with_a_refused_login_can_be_added() {
    if let Some(sandbox) = choose_after_refusal("add the account as it is", "5") {
        assert!(config(&sandbox).starts_with("[accounts.work]\n"));
    }
}
