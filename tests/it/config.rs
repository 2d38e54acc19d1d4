//! The configuration as its users see it: files, their permissions, and the errors about them.
//! The rules for single keys have unit tests in src/config.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mailpull::config::{Config, Overrides, Selector};

use crate::support::mail;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;

const OWNED: &str = "the test owns the file";
const NO_ARGUMENTS: [&str; 0] = [];

/// The configuration of a complete account, whose server no test contacts.
const COMPLETE: &str = "[accounts.work]\nserver = '127.0.0.1:1'\nuser = 'me'\nmaildir = '~/m'\n";

#[test]
fn a_missing_configuration_is_reported_with_path_and_remedy() {
    let sandbox = Sandbox::new();
    let path = sandbox.config_file().display().to_string();
    for command in ["fetch", "check"] {
        sandbox
            .mailpull([command])
            .run()
            .fails_with(78)
            .stdout_is("")
            .stderr_is(&format!(
                "mailpull: there is no {path}. Set up an account: mailpull account add. Or fetch \
                 without one: mailpull fetch pops://USER@HOST --maildir DIR\n"
            ));
    }
    let other = sandbox.mailpull(["-c", "other.toml"]).run();
    other.fails_with(78).stderr_has("there is no other.toml. ");
}

#[test]
fn a_mistake_is_reported_with_file_line_and_remedy() {
    for (line, error) in [
        (
            "pasword = 'hunter2'",
            "unknown key \"pasword\". Did you mean \"password\"?",
        ),
        (
            "max_size = '1 MB'",
            "unknown key \"max_size\". Did you mean \"max-size\"?",
        ),
        (
            "auth = 'ntlm'",
            "\"auth\" must be auto, user, apop, plain, login, cram-md5, digest-md5, scram-sha-1, \
             scram-sha-256, xoauth2, oauthbearer, external or none, not \"ntlm\"",
        ),
        (
            "port = 'pop3s'",
            "\"port\" must be a number from 1 to 65535, not a string",
        ),
        (
            "keep = 14",
            "\"keep\" must be true, false or an age such as \"14 days\", not a number",
        ),
        ("keep = '14'", "\"keep\" must be a duration such as "),
        ("timeout = 30", "\"timeout\" needs a unit. Write \"30s\""),
        (
            "max-size = 0.5",
            "\"max-size\" must be a size such as \"15 MiB\", not a decimal number",
        ),
        (
            "enabled = 'no'",
            "\"enabled\" must be true or false, not a string",
        ),
        (
            "mda = 'x %s'",
            "\"mda\" contradicts \"maildir\". Keep one of them",
        ),
        ("user = 'you'", "\"user\" is there twice"),
        ("password = hunter2", "string values must be quoted"),
        ("password = 'hunter2", "invalid literal string"),
        (
            "security = 'none'\nserver = 'h'",
            "\"server\" is there twice",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.config(&format!("{COMPLETE}{line}\n"));
        let at = sandbox.config_file().display().to_string();
        let outcome = sandbox.mailpull(NO_ARGUMENTS).run();
        outcome
            .fails_with(78)
            .stderr_has(&format!("mailpull: {at}:"))
            .stderr_has(error)
            .never_says("hunter2")
            .complains_in_lines(1);
        let shown = outcome.stderr_text();
        let has_line = shown.contains(&format!("{at}:5: ")) || shown.contains(&format!("{at}:6: "));
        assert!(has_line, "{shown}");
    }
}

#[test]
fn an_incomplete_account_is_reported_with_the_missing_key() {
    for (text, error) in [
        (
            "",
            "names no account. Set up an account: mailpull account add",
        ),
        (
            "[accounts.work]\nuser = 'me'",
            "there is no \"server\". Add server = ",
        ),
        (
            "[accounts.work]\nserver = 'h'",
            "there is no \"user\". Add user = ",
        ),
        (
            "[accounts.work]\nserver = 'h'\nuser = 'me'",
            "there is no destination. Add \"maildir\", \"mbox\", \"mda\", \"lmtp\" or \"deliver\"",
        ),
        (
            "[accounts.work]\nserver = 'h'\nuser = 'me'\nsecurity = 'none'",
            "would send the password to h:110 in cleartext. Use \"tls\"",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.config(text);
        let outcome = sandbox.mailpull(NO_ARGUMENTS).run();
        outcome
            .fails_with(78)
            .stderr_has(error)
            .complains_in_lines(1);
    }
}

#[test]
fn an_unknown_account_name_gets_a_suggestion() {
    let sandbox = Sandbox::new();
    sandbox.config(COMPLETE);
    for command in ["fetch", "check"] {
        sandbox
            .mailpull([command, "wrok"])
            .run()
            .fails_with(64)
            .stderr_is("mailpull: there is no account \"wrok\". Did you mean \"work\"?\n");
    }
}

#[test]
fn an_unreadable_configuration_is_reported_with_the_reason() {
    let sandbox = Sandbox::new();
    let folder = sandbox.mailpull(["-c", "home"]).run();
    folder
        .fails_with(78)
        .stderr_has("cannot read home: is a directory");
    // Root may read every file.
    let sandbox = Sandbox::unprivileged();
    sandbox.config(COMPLETE);
    fs::set_permissions(sandbox.config_file(), Permissions::from_mode(0o000)).expect(OWNED);
    let locked = sandbox.mailpull(NO_ARGUMENTS).run();
    locked
        .fails_with(78)
        .stderr_has("cannot read ")
        .stderr_has("ermission denied");
}

#[test]
fn a_file_with_a_password_must_be_private() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 1));
    sandbox.account("work", server.address(), "");
    let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o644));
    open(&sandbox.config_file()).expect(OWNED);
    let path = sandbox.config_file().display().to_string();
    sandbox
        .mailpull(NO_ARGUMENTS)
        .run()
        .fails_with(78)
        .stderr_is(&format!(
            "mailpull: {path} holds a password and is open to others (mode 0644). Make it private: \
         chmod 600 {path}\n"
        ));

    let password = sandbox.write("password", PASSWORD);
    fs::remove_file(sandbox.config_file()).expect(OWNED);
    let extra = format!("password-file = '{}'", password.display());
    sandbox.account("work", server.address(), &extra);
    open(&sandbox.config_file()).expect(OWNED);
    sandbox.mailpull(["check"]).run().succeeds();
    open(&password).expect(OWNED);
    let outcome = sandbox.mailpull(["check"]).run();
    let advice = format!("chmod 600 {}\n", password.display());
    outcome
        .fails_with(78)
        .stderr_has(&advice)
        .complains_in_lines(1);
}

#[test]
fn every_source_of_a_password_works() {
    let netrc = format!("machine 127.0.0.1 login joe password \"{PASSWORD}\"\n");
    for extra in [
        format!("password-command = 'echo {PASSWORD}'"),
        format!("password-command = ['echo', '{PASSWORD}']"),
        "password-env = 'SECRET'".to_owned(),
        "password-file = '~/secret'".to_owned(),
        "".to_owned(),
    ] {
        let sandbox = Sandbox::new();
        let server = ModelServer::start(mail::ordinary(1, 1));
        sandbox.write("home/secret", format!("{PASSWORD}\n"));
        let netrc_only = "password-command = 'false'";
        if extra.is_empty() {
            sandbox.write("home/.netrc", &netrc);
            sandbox.account("work", server.address(), netrc_only);
            let config =
                fs::read_to_string(sandbox.config_file()).expect("the configuration exists");
            sandbox.config(&config.replace(netrc_only, ""));
        } else {
            sandbox.account("work", server.address(), &extra);
        }
        let outcome = sandbox.mailpull(["check"]).env("SECRET", PASSWORD).run();
        outcome.succeeds().stderr_is("");
    }
}

#[test]
fn a_failed_password_command_is_reported_with_its_output() {
    let sandbox = Sandbox::new();
    let command = "password-command = 'echo the key is locked >&2; exit 2'";
    sandbox.account("work", "127.0.0.1:1", command);
    let outcome = sandbox.mailpull(["check"]).run();
    outcome
        .fails_with(77)
        .stderr_has("mailpull: work: password-command ")
        .stderr_has(": the key is locked\n")
        .complains_in_lines(1);
}

#[test]
fn options_override_the_account_which_overrides_the_defaults() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 4));
    let config = format!(
        "[defaults]\nmax-messages = 3\nserver = '{}'\nuser = 'joe'\nsecurity = 'none'\n\
         password-command = 'echo {PASSWORD}'\n\
         [accounts.three]\nmaildir = '~/Mail/three'\n\
         [accounts.two]\nmaildir = '~/Mail/two'\nmax-messages = 2\n",
        server.address()
    );
    sandbox.config(&config);
    sandbox.mailpull(NO_ARGUMENTS).run().succeeds().is_silent();
    assert_eq!(sandbox.maildir("three").count("new"), 3);
    assert_eq!(sandbox.maildir("two").count("new"), 2);
    let one = [
        "fetch",
        "two",
        "-o",
        "max-messages=1",
        "-o",
        "maildir=home/Mail/one",
    ];
    sandbox.mailpull(one).run().succeeds().is_silent();
    assert_eq!(sandbox.maildir("one").count("new"), 1);
}

#[test]
fn keys_of_other_fetchers_are_refused_by_name() {
    for (key, said) in [
        ("auth = 'ntlm'", "\"auth\" must be "),
        ("auth = 'msn'", "\"auth\" must be "),
        ("auth = 'otp'", "\"auth\" must be "),
        ("auth = 'kerberos'", "\"auth\" must be "),
        ("port = 'pop3s'", "\"port\" must be a number "),
        ("interface = 'tun0'", "unknown key \"interface\""),
        ("tls-min = '1.1'", "\"tls-min\" must be "),
        ("tls-ciphers = 'ALL'", "unknown key \"tls-ciphers\""),
        ("tls-crl-file = '/crl'", "unknown key \"tls-crl-file\""),
        ("tls-pin = 'md5:00'", "\"tls-pin\" must be sha256: and "),
        (
            "tls-client-cert = 'pkcs11:token=x'",
            "\"tls-client-cert\" must begin with / or ~/",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.config(&format!("{COMPLETE}{key}\n"));

        let outcome = sandbox.mailpull(NO_ARGUMENTS).run();

        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(said);
    }
}

#[test]
fn the_example_configuration_is_valid() {
    is_configuration("examples/config.toml", &read("examples/config.toml"));
}

#[test]
fn every_configuration_in_the_documents_is_valid() {
    for name in ["README.md", "docs/guide.md", "docs/targets.md"] {
        let document = read(name);
        let blocks: Vec<_> = document.split("```toml\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{name} shows a configuration");
        for block in blocks {
            let text = block.split("```").next().unwrap_or_default();
            is_configuration(name, text);
        }
    }
}

#[test]
fn the_configuration_in_the_manual_is_valid() {
    let page = read("man/mailpull.1").replace("\\-", "-");
    let (_, section) = page
        .split_once(".SH CONFIGURATION")
        .expect("the manual has this section");
    let (_, block) = section
        .split_once(".EX\n")
        .expect("the section has an example");
    is_configuration(
        "man/mailpull.1",
        block.split(".EE").next().unwrap_or_default(),
    );
}

/// Claims that a text is a valid configuration and that all its accounts are complete.
#[track_caller]
fn is_configuration(name: &str, text: &str) {
    let sandbox = Sandbox::new();
    let path = sandbox.write("config.toml", text);
    let home = Some(PathBuf::from("/home/me"));
    let config = Config::read(&path, home).unwrap_or_else(|e| panic!("{name}: {e}"));
    let selection = config.select(&Selector::default(), &Overrides::default());
    let selection = selection.unwrap_or_else(|e| panic!("{name}: {e}"));
    for account in &selection.accounts {
        let has_destination = account.destinations().len() > 0;
        assert!(has_destination, "{name}: {}", account.name);
    }
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn a_configuration_writable_by_others_is_refused() {
    let sandbox = Sandbox::new();
    let without = "[accounts.a]\nserver = 'localhost'\nuser = 'joe'\nmda = 'true'\n";
    let file = sandbox.write("others.toml", without);
    fs::set_permissions(&file, Permissions::from_mode(0o666)).expect(OWNED);

    let outcome = sandbox.mailpull(["check", "-c"]).arg(&file).run();

    outcome
        .fails_with(78)
        .stderr_has("can be written by others");
}

#[test]
fn a_local_user_cannot_become_an_option_of_the_mda() {
    let sandbox = Sandbox::new();
    let account =
        "[accounts.a]\nserver = 'localhost'\nuser = 'a'\nmda = 'true %L'\nlocal-user = '-x'";
    let file = sandbox.write("option.toml", account);

    let outcome = sandbox.mailpull(["fetch", "-c"]).arg(&file).run();

    outcome
        .fails_with(78)
        .stderr_has("must be the name of a user of this machine");
}

#[test]
fn words_for_a_shell_are_refused_before_any_login() {
    for key in [
        "mda = 'spamc | procmail'",
        "password-command = ['pass', 'mail', '|', 'head', '-1']",
        "tunnel-command = ['nc', '$GATE', '110']",
    ] {
        let sandbox = Sandbox::new();
        let account = format!("[accounts.a]\nserver = 'localhost'\nuser = 'me'\n{key}\n");
        let file = sandbox.write("shell.toml", &account);

        let outcome = sandbox.mailpull(["fetch", "-c"]).arg(&file).run();

        outcome
            .fails_with(78)
            .stderr_has("[\"sh\", \"-c\", \"...\"]");
    }
}

#[test]
fn the_user_at_the_server_is_never_the_local_recipient() {
    let sandbox = Sandbox::new();
    let account = "[accounts.a]\nserver = 'localhost'\nuser = 'root'\nmda = 'procmail -d %T'\n";
    let file = sandbox.write("procmail.toml", account);

    let outcome = sandbox.mailpull(["fetch", "-c"]).arg(&file).run();

    outcome
        .fails_with(78)
        .stderr_has("Write %L, and add local-user = \"NAME\"");
}
