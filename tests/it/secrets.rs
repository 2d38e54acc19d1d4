//! The sources of a password and their failures: commands, credentials of systemd, `.netrc`.
//! For the keyring see `keyring`, for a password that is typed see `terminal`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::login::{EMPTY, greeting};
use crate::support::mail::ordinary;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;

/// A port on which no server listens. Without a password no server is called.
const NOWHERE: &str = "127.0.0.1:9";

#[test]
fn invalid_output_of_a_password_command_is_never_shown() {
    for (command, error) in [
        ("true", "printed nothing"),
        ("echo; echo hunter2", "printed an empty line first"),
        (
            "printf 'hunter2\\rx'",
            "printed a CR or a NUL in the first line",
        ),
        (
            "printf 'hunter2\\000x'",
            "printed a CR or a NUL in the first line",
        ),
        (
            "yes hunter2 | tr -d '\\n' | head -c 100000",
            "printed more than a password",
        ),
        ("echo hunter2; exit 3", "failed (exit status: 3)"),
        ("echo hunter2; kill -9 $$", "failed (signal: 9 (SIGKILL))"),
    ] {
        for key in ["password-command", "oauth2-token-command"] {
            let keys = format!("{key} = '''{command}'''");
            let sandbox = Sandbox::with_work(NOWHERE, &keys);
            let outcome = sandbox.fetch();
            outcome
                .fails_with(77)
                .never_says("hunter")
                .stderr_is(&format!("mailpull: work: {key} {error}\n"));
        }
    }
}

#[test]
fn a_password_command_may_print_notes_or_fail_for_now() {
    let server = ModelServer::start(ordinary(1, 1));
    let command = format!("password-command = 'printf \"{PASSWORD}\\nuser: joe\\n\"'");
    let sandbox = Sandbox::with_work(server.address(), &command);
    sandbox.fetch().succeeds();

    let sandbox = Sandbox::with_work(NOWHERE, "password-command = 'exit 75'");
    sandbox.fetch().fails_with(75);
}

#[test]
fn a_client_secret_error_names_its_key() {
    let sandbox = Sandbox::with_work(
        NOWHERE,
        "oauth2 = 'microsoft'\noauth2-client-id = 'me'\n\
         oauth2-client-secret-command = 'echo locked >&2; exit 2'",
    );
    let outcome = sandbox.mailpull(["login", "--device", "work"]).run();
    outcome
        .fails_with(77)
        .stderr_is("mailpull: oauth2-client-secret-command failed (exit status: 2): locked\n");
}

#[test]
fn a_systemd_credential_can_be_the_password() {
    let server = ModelServer::start(ordinary(1, 2));
    let keys = "password-credential = 'mail.work'";
    let sandbox = Sandbox::with_work(server.address(), keys);
    let credential = sandbox.write("credentials/mail.work", format!("{PASSWORD}\n"));
    let folder = credential.parent().expect("a file has a folder");
    let fetch = sandbox.mailpull(["fetch", "-vv"]);
    let outcome = fetch.env("CREDENTIALS_DIRECTORY", folder).run();
    outcome.succeeds().never_says(PASSWORD);
    sandbox.work().holds(&ordinary(1, 2));
}

#[test]
fn the_program_of_a_url_does_not_inherit_the_passwords_of_accounts() {
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::with_work(NOWHERE, "password-env = 'SECRET'");
    let url = format!("pop://joe@{}", server.address());
    let print = format!(
        "sh -c 'env >{}; cat >/dev/null'",
        sandbox.path("env").display()
    );

    let fetch = sandbox
        .mailpull([
            "fetch",
            &url,
            "-o",
            "security=none",
            "-o",
            "mda-allow-root=true",
            "--mda",
            &print,
        ])
        .env("MAILPULL_PASSWORD", PASSWORD)
        .env("SECRET", "hunter2")
        .run();

    fetch.succeeds();
    let seen = fs::read_to_string(sandbox.path("env")).expect("the program has run");
    assert!(seen.contains("PATH="), "{seen}");
    assert!(
        !seen.contains("hunter2") && !seen.contains(PASSWORD),
        "{seen}"
    );
}

#[test]
fn a_missing_credential_is_reported_with_its_remedy() {
    let sandbox = Sandbox::with_work(NOWHERE, "password-credential = 'mail'");
    sandbox.fetch().fails_with(78).stderr_is(
        "mailpull: work: there is no credential mail: $CREDENTIALS_DIRECTORY is not set. Use \
         password-credential in a systemd service with LoadCredential=mail:PATH\n",
    );
    let folder = sandbox.path("credentials");
    let fetch = sandbox.mailpull(["fetch"]);
    let outcome = fetch.env("CREDENTIALS_DIRECTORY", &folder).run();
    let path = folder.join("mail").display().to_string();
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has(&format!("work: cannot read {path}: "));
    for name in ["../mail", "a/b", ".", ""] {
        let keys = format!("password-credential = {name:?}");
        let sandbox = Sandbox::with_work(NOWHERE, &keys);
        let outcome = sandbox.fetch();
        outcome.fails_with(78).stderr_has("\"password-credential\"");
    }
}

#[test]
fn a_netrc_readable_by_others_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.account("work", NOWHERE, "password-env = 'X'");
    let config = fs::read_to_string(sandbox.config_file()).expect("there is a configuration");
    sandbox.config(&config.replace("password-env = 'X'", ""));
    let netrc = "machine 127.0.0.1 login joe password hunter2\n";
    let netrc = sandbox.write("home/.netrc", netrc);
    open_to_others(&netrc);
    let outcome = sandbox.fetch();
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has(
            " holds a password and is open to others (mode 0644). Make it private: chmod 600 ",
        )
        .never_says("hunter");
}

#[test]
fn an_account_has_exactly_one_secret() {
    for (keys, error) in [
        (
            "password-keyring = true\npassword-env = 'X'",
            "\"password-env\" contradicts \"password-keyring\"",
        ),
        (
            "password-env = 'X'\noauth2-client-id = 'me'",
            "\"oauth2-client-id\" contradicts \"password-env\"",
        ),
        (
            "oauth2-token-command = 'x'\noauth2-client-id = 'me'",
            "\"oauth2-client-id\" contradicts \"oauth2-token-command\"",
        ),
        (
            "password-keyring = false",
            "\"password-keyring\" must be true. Leave the key out",
        ),
        (
            "oauth2-client-id = 'me'",
            "there is no provider. Add oauth2 = \"google\"",
        ),
        (
            "oauth2-client-id = 'me'\noauth2-token-url = 'https://h/t'",
            "there is no \"oauth2-scope\"",
        ),
        (
            "oauth2-client-id = 'me'\noauth2-token-url = 'https://h/t'\noauth2-scope = 'x'",
            "there is no way to sign in. Add \"oauth2-device-url\" or \"oauth2-auth-url\"",
        ),
        (
            "oauth2-client-id = 'me'\noauth2 = 'yahoo'",
            "\"oauth2\" must be google or microsoft, not \"yahoo\"",
        ),
    ] {
        let sandbox = Sandbox::with_work(NOWHERE, keys);
        let outcome = sandbox.fetch();
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(error);
    }
    let sandbox = Sandbox::new();
    let keys = "server = 'h'\nuser = 'me'\nmaildir = '~/Mail/x'\noauth2 = 'google'";
    sandbox.config(&format!("[accounts.work]\n{keys}\n"));
    let outcome = sandbox.fetch();
    outcome
        .fails_with(78)
        .stderr_has("there is no \"oauth2-client-id\". Add the client id");
}

#[test]
fn a_client_secret_must_be_as_private_as_a_password() {
    let keys = "oauth2 = 'google'\noauth2-client-id = 'me'\noauth2-client-secret = 'hunter2'";
    let sandbox = Sandbox::with_work(NOWHERE, keys);
    open_to_others(&sandbox.config_file());
    let outcome = sandbox.fetch();
    outcome
        .fails_with(78)
        .stderr_has(" holds a password and is open to others (mode 0644)");
    let typed = ["fetch", "-o", "oauth2-client-secret=hunter2"];
    let outcome = sandbox.mailpull(typed).run();
    outcome
        .fails_with(64)
        .complains_in_lines(1)
        .never_says("hunter");
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn only_root_can_read_the_memory_of_a_run() {
    // Only root can run a program as another user.
    tools::require_root();
    let login = "C: AUTH PLAIN AGpvZQBvcGVuIHNlc2FtZQ==\nS: +OK";
    let held = EMPTY.replacen("S: +OK", "reached session\nhold session\nS: +OK", 1);
    let server = Script::new([&*greeting(&["SASL PLAIN"]), login, &held].concat()).serve();
    let sandbox = Sandbox::unprivileged();
    sandbox.account("work", server.address(), "");
    let fetch = sandbox.mailpull(["fetch"]).start();
    server.reached("session");
    // The files of a process that can be dumped would belong to its user.
    let memory =
        fs::metadata(format!("/proc/{}/mem", fetch.pid())).expect("the program is running");
    assert_eq!(memory.uid(), 0);
    server.release("session");
    fetch.wait().succeeds();
    server.finish();
}

fn open_to_others(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o644))
        .expect("the tests may change their files");
}

#[test]
fn a_server_cannot_make_a_secret_visible() {
    let encoded = |octets: &str| STANDARD.encode(octets);
    for (password, said) in [
        ("hunter2", "HUNTER2".to_owned()),
        ("hunter2", encoded("hunter2")),
        ("hunter2", encoded("\0joe\0hunter2")),
        ("hunter2", "68756e74657232".to_owned()),
        ("h/nter 2", "h%2Fnter%202".to_owned()),
        ("is", "this is it".to_owned()),
    ] {
        let greeting = format!("S: +OK {said}\nC: CAPA\nS: +OK\nS: {said}\nS: .\n");
        let login = format!("C: USER joe\nS: +OK {said}\nC: PASS {password}\nS: -ERR no, {said}");
        let session = [greeting, login].concat();
        let server = Script::new(session).serve();
        let sandbox = Sandbox::with_work(server.address(), &format!("password = {password:?}"));

        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

        outcome
            .fails_with(77)
            .stderr_has("(hidden)")
            .never_says(&said);
        server.finish();
    }
}

#[test]
fn a_proxy_cannot_make_its_password_visible() {
    for said in ["hunter2", "bWU6aHVudGVyMg"] {
        let conversation = format!(
            "C: CONNECT pop.example.com:110 HTTP/1.1\nC: Host: pop.example.com:110\n\
             C: Proxy-Authorization: Basic bWU6aHVudGVyMg==\nC: \nS: HTTP/1.1 502 {said}\nS: "
        );
        let server = Script::new(conversation).serve();
        let keys = format!(
            "security = 'none'\nallow-cleartext = true\nproxy = 'http://me:hunter2@{}'",
            server.address()
        );
        let sandbox = Sandbox::with_work("pop.example.com:110", &keys);

        sandbox
            .fetch()
            .fails_with(75)
            .stderr_has("502")
            .never_says(said);

        server.finish();
    }
}
