//! `mailpull login`: sign-ins by a device code and with a browser, and sign-ins that are refused.
//! For the use of the tokens see `fetching`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{env, fs};

use rustix::process::Signal;

use crate::support::oauth2::{OidcProvider, SECRET, kept, kept_file};
use crate::support::process::RunningProgram;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;

/// A port on which no server listens. A sign-in needs no mail server.
const NOWHERE: &str = "127.0.0.1:9";

/// Returns the address in the line that contains `part`, which a sign-in prints.
fn address(login: &RunningProgram, part: &str) -> String {
    let line = login.prints(part);
    let begin = line.find("http").expect("the line has an address");
    line[begin..].to_owned()
}

#[test]
fn a_device_code_sign_in_is_stored_privately() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let sandbox = Sandbox::with_work(NOWHERE, &provider.keys());
    let login = sandbox.mailpull(["login", "-vv", "work"]).start();
    let code = login.prints("and type the code");
    let code = code.rsplit(' ').next().expect("a line has a last word");
    provider.type_code(code, "joe").stdout_has("Success");

    let outcome = login.wait();

    let file = kept_file(&sandbox.state());
    let kept = kept(&sandbox.state());
    let token = kept["access_token"].as_str().expect("a token is text");
    assert_eq!(provider.introspect(token)["sub"], "joe");
    let refresh = kept["refresh_token"].as_str().expect("a token is text");
    assert_eq!(provider.introspect(refresh)["active"], true);
    let path = file.display().to_string();
    outcome
        .succeeds()
        .stdout_has(&format!(
            "joe has signed in; the tokens are kept in {path}\n"
        ))
        .never_says(token)
        .never_says(refresh);
    for (path, mode) in [(file.as_path(), 0o600), (file.parent().unwrap(), 0o700)] {
        let metadata = fs::metadata(path).expect("the path exists");
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_browser_sign_in_is_protected_by_pkce() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let with_secret = format!(
        "{}oauth2-client-secret-command = \"echo '{SECRET}'\"\n",
        provider.keys_of("confidential")
    );
    for keys in [provider.keys(), with_secret] {
        let sandbox = Sandbox::with_work(NOWHERE, &keys);
        let login = sandbox.mailpull(["login", "--browser", "work"]).start();
        let address = address(&login, "code_challenge_method=S256");
        assert!(address.contains("login_hint=joe"), "{address}");
        let page = provider.agree(&address, "joe");
        page.stdout_has("You have signed in. Go back to mailpull.");
        login.wait().succeeds().never_says(SECRET);
        let kept = kept(&sandbox.state());
        let token = kept["access_token"].as_str().expect("a token is text");
        assert_eq!(provider.introspect(token)["sub"], "joe");
    }
}

#[test]
fn a_wrong_client_secret_is_a_configuration_error() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let keys = format!(
        "{}oauth2-client-secret = 'hunter2'",
        provider.keys_of("confidential")
    );
    let sandbox = Sandbox::with_work(NOWHERE, &keys);
    let outcome = sandbox.mailpull(["login", "--device", "work"]).run();
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("refuses the sign-in: invalid_client (")
        .stderr_has(". Check the keys of the account that begin with oauth2-\n")
        .never_says("hunter2");
}

#[test]
fn a_refused_sign_in_stores_nothing() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let sandbox = Sandbox::with_work(NOWHERE, &provider.keys());
    let login = sandbox.mailpull(["login", "--browser", "work"]).start();
    let page = provider.refuse(&address(&login, "code_challenge"), "joe");
    page.stdout_has("You have not signed in. Go back to mailpull.");
    login
        .wait()
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("refuses the sign-in: access_denied (End-User aborted interaction)");
    assert!(!sandbox.state().join("tokens").exists());
}

#[test]
fn a_signal_silently_ends_the_wait_for_the_user() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let sandbox = Sandbox::with_work(NOWHERE, &provider.keys());
    for flag in ["--browser", "--device"] {
        let login = sandbox.mailpull(["login", flag, "work"]).start();
        login.prints("Ctrl-C gives up");
        login.signal(Signal::INT);
        login.wait().is_killed_by(Signal::INT).stderr_is("");
    }
    assert!(!sandbox.state().join("tokens").exists());
}

#[test]
fn a_terminal_user_can_sign_in_or_give_up() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let sandbox = Sandbox::with_work(NOWHERE, &provider.keys());
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal
        .runs("mailpull login work")
        .shows("Ctrl-C gives up");
    let screen = terminal.screen();
    let (_, code) = screen
        .rsplit_once("type the code ")
        .expect("a code is shown");
    let code = code.split_whitespace().next().expect("a code is shown");
    provider.type_code(code, "joe").stdout_has("Success");
    let shown = terminal.ended_with(0);
    let last = shown.last().expect("the program printed a line");
    assert!(last.starts_with("joe has signed in; "), "{last}");

    terminal
        .runs("mailpull login --browser work")
        .shows("code_challenge_method=S256")
        .presses("C-c");
    terminal.ended_with(130);
}

#[test]
fn the_browser_opens_if_there_is_a_display() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let sandbox = Sandbox::with_work(NOWHERE, &provider.keys());
    sandbox.account("other", NOWHERE, "password-env = 'SECRET'");
    let browser = provider.browser_of("joe");
    let opener = format!("[ -z \"$SECRET\" ] && {browser}");
    let opener = sandbox.script("bin/xdg-open", &opener);
    let folder = opener.parent().expect("a file has a folder").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let program = Path::new(env!("CARGO_BIN_EXE_mailpull")).parent();
    let folders = [Some(folder.as_path()), program].into_iter().flatten();
    let path = env::join_paths(folders.map(Path::to_owned).chain(env::split_paths(&path)));
    let path = path.expect("no folder has a colon").into_string();
    let path = path.expect("the path is UTF-8");
    let variables = [("DISPLAY", ":9"), ("PATH", &path), ("SECRET", "hunter2")];
    let Some(terminal) = Tmux::open(&sandbox, &variables) else {
        return;
    };
    terminal.runs("mailpull login work");
    let shown = terminal.ended_with(0);
    let last = shown.last().expect("the program printed a line");
    assert!(last.starts_with("joe has signed in; "), "{shown:?}");
}

#[test]
fn sign_in_instructions_are_available_as_json() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let sandbox = Sandbox::with_work(NOWHERE, &provider.keys());
    let login = sandbox.mailpull(["login", "--json", "work"]).start();
    let line = login.prints("sign-in");
    let event: serde_json::Value = serde_json::from_str(&line).expect("an event is JSON");
    assert_eq!(event["account"], "work");
    let address = event["address"].as_str().expect("an address is text");
    provider.agree(address, "joe");
    let outcome = login.wait();
    let events = outcome.succeeds().json_lines();
    assert_eq!(events[1]["event"], "signed-in");
    assert_eq!(events[1]["user"], "joe");
}

#[test]
fn logout_refuses_an_account_with_a_password() {
    let sandbox = Sandbox::with_work(NOWHERE, "");
    let outcome = sandbox.mailpull(["logout", "work"]).run();
    outcome.fails_with(78).complains_in_lines(1).stderr_has(
        "there is nothing to remove: work has neither oauth2-client-id nor password-keyring",
    );
}

#[test]
fn login_refuses_an_account_with_a_password() {
    let sandbox = Sandbox::with_work(NOWHERE, "");
    let outcome = sandbox.mailpull(["login", "work"]).run();
    outcome.fails_with(78).complains_in_lines(1).stderr_has(
        "there is nothing to sign in to: work has neither oauth2-client-id nor password-keyring",
    );
}
