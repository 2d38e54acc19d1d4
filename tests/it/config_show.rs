//! `config show`: what applies to each account, and where it was written.

use crate::support::sandbox::Sandbox;

/// A configuration with defaults, two accounts, a target and secrets.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(
        "run-timeout = '1 h'\n[defaults]\nkeep = '14 days'\nmaildir = '/m'\n\
         proxy = 'socks5://me:hunter2@127.0.0.1:1080'\n\
         [accounts.'me@h']\nserver = 'h:1'\nuser = 'me'\npassword = 'hunter2'\nkeep = false\n\
         [accounts.b]\nserver = 'h'\nuser = 'you'\npassword-command = ['pass', 'b']\n\
         deliver = 't'\n[targets.t]\nkind = 'maildir'\npath = '/n'\n",
    );
    sandbox
}

#[test]
fn each_setting_is_shown_with_its_place_and_without_secrets() {
    let sandbox = sandbox();
    let at = sandbox.config_file().display().to_string();

    let shown = sandbox.mailpull(["config", "show"]).run();

    let expected = format!(
        "run-timeout = \"1 h\"  # {at}:1\n\n\
         [accounts.\"me@h\"]\n\
         server = \"h:1\"  # {at}:7\n\
         proxy = \"socks5://****@127.0.0.1:1080\"  # {at}:5\n\
         user = \"me\"  # {at}:8\n\
         password = \"****\"  # {at}:9\n\
         maildir = \"/m\"  # {at}:4\n\
         keep = false  # {at}:10\n\n\
         [accounts.b]\n\
         server = \"h\"  # {at}:12\n\
         proxy = \"socks5://****@127.0.0.1:1080\"  # {at}:5\n\
         user = \"you\"  # {at}:13\n\
         password-command = [\"pass\", \"b\"]  # {at}:14\n\
         deliver = \"t\"  # {at}:15\n\
         keep = \"14 days\"  # {at}:3\n\n\
         [targets.t]\n\
         kind = \"maildir\"  # {at}:17\n\
         path = \"/n\"  # {at}:18\n"
    );
    shown.succeeds().stderr_is("").stdout_is(expected);
    assert!(!sandbox.state().exists());
}

#[test]
fn one_account_is_shown_with_its_defaults() {
    let sandbox = sandbox();
    let shown = sandbox.mailpull(["config", "show", "b", "--all"]).run();
    shown
        .succeeds()
        .stdout_has("[accounts.b]\n")
        .stdout_has("security = \"tls\"  # the default\n")
        .stdout_has("max-per-host = 8  # the default\n")
        .never_says("run-timeout")
        .never_says("me@h")
        .never_says("kind = ");
}

#[test]
fn settings_are_available_as_json() {
    let sandbox = sandbox();
    let shown = sandbox.mailpull(["config", "show", "b", "--json"]).run();
    let lines = shown.succeeds().json_lines();
    let keep = lines.iter().find(|line| line["key"] == "keep");
    let keep = keep.expect("the account has the key");
    let place = format!("{}:3", sandbox.config_file().display());
    assert_eq!(
        (&keep["account"], &keep["value"]),
        (&"b".into(), &"14 days".into())
    );
    assert_eq!(
        (&keep["event"], &keep["place"]),
        (&"setting".into(), &place.into())
    );
}

#[test]
fn an_account_of_its_own_file_is_shown() {
    let sandbox = Sandbox::new();
    sandbox.config("accounts-dir = 'accounts.d'\n");
    let file = sandbox.account_file("work", "127.0.0.1:1", "");
    let shown = sandbox.mailpull(["config", "show"]).run();
    let server = format!("server = \"127.0.0.1:1\"  # {}:1\n", file.display());
    shown
        .succeeds()
        .stdout_has("accounts-dir = ")
        .stdout_has("[accounts.work]\n")
        .stdout_has(&server);
    let unknown = sandbox.mailpull(["config", "show", "wrok"]).run();
    unknown
        .fails_with(64)
        .stderr_has("there is no account \"wrok\"");
}
