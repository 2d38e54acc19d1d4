//! Passwords and sign-ins in a real keyring, and keyrings that are locked, missing or silent.
//! The unit tests of the module `keyring` cover a program that was built without that feature.

use std::fs;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;

use crate::support::keyring::{BUS, Keyring};
use crate::support::mail::ordinary;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::oauth2::OidcProvider;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;

const KEYRING: &str = "password-keyring = true";

/// The attributes under which mpop(1) looks for its passwords.
const MPOP_ATTRIBUTES: [&str; 6] = ["host", "127.0.0.1", "service", "pop3", "user", "joe"];

#[test]
fn a_password_stored_for_mpop_is_found() {
    let server = ModelServer::start(ordinary(1, 2));
    let sandbox = Sandbox::with_work(server.address(), KEYRING);
    let Some(keyring) = Keyring::start(&sandbox) else {
        return;
    };
    keyring.store(&MPOP_ATTRIBUTES, PASSWORD);
    let outcome = keyring.mailpull(["fetch", "-vv"]).run();
    outcome.succeeds().never_says(PASSWORD);
    sandbox.work().holds(&ordinary(1, 2));
}

#[test]
fn login_stores_the_typed_password_in_the_keyring() {
    let server = ModelServer::start(ordinary(1, 2));
    let sandbox = Sandbox::with_work(server.address(), KEYRING);
    let Some(keyring) = Keyring::start(&sandbox) else {
        return;
    };
    keyring.store(&MPOP_ATTRIBUTES, "an older one");
    let Some(terminal) = Tmux::open(&sandbox, &[(BUS, keyring.bus())]) else {
        return;
    };
    terminal
        .runs("mailpull login work")
        .shows("Password for joe at 127.0.0.1: ");
    terminal.types(PASSWORD).presses("Enter");
    let shown = terminal.ended_with(0);
    let last = shown.last().expect("the program printed a line");
    assert_eq!(last, "the password of joe is kept in the keyring");
    assert!(!terminal.screen().contains(PASSWORD));
    assert_eq!(keyring.lookup(&MPOP_ATTRIBUTES), PASSWORD);
    keyring.mailpull(["fetch"]).run().succeeds();
    sandbox.work().holds(&ordinary(1, 2));
}

#[test]
fn logout_removes_the_password_from_the_keyring() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", KEYRING);
    let Some(keyring) = Keyring::start(&sandbox) else {
        return;
    };
    keyring.store(&MPOP_ATTRIBUTES, PASSWORD);

    let logout = || keyring.mailpull(["logout", "work"]).run();

    logout()
        .succeeds()
        .stdout_is("the password of joe was removed from the keyring\n");
    logout()
        .succeeds()
        .stdout_is("there is no password of joe in the keyring\n");
    let fetch = keyring.mailpull(["fetch"]).run();
    fetch
        .fails_with(78)
        .stderr_has("the keyring has no password for joe");
}

#[test]
fn a_missing_password_is_reported_before_connecting() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", KEYRING);
    let Some(keyring) = Keyring::start(&sandbox) else {
        return;
    };
    let outcome = keyring.mailpull(["fetch"]).run();
    outcome.fails_with(78).stderr_is(
        "mailpull: work: the keyring has no password for joe at 127.0.0.1. Put it there with: \
         mailpull login work\n",
    );
}

#[test]
fn a_locked_keyring_is_a_temporary_failure() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", KEYRING);
    let Some(keyring) = Keyring::start(&sandbox) else {
        return;
    };
    keyring.store(&MPOP_ATTRIBUTES, PASSWORD);
    keyring.lock();
    // The prompt that would ask the user to unlock it finds no display.
    let outcome = keyring.mailpull(["fetch"]).run();
    outcome.fails_with(75).stderr_is(
        "mailpull: work: the keyring is locked, and was not unlocked. Unlock it, and run mailpull \
             again\n",
    );
}

#[test]
fn a_missing_session_bus_is_a_temporary_failure() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", KEYRING);
    let nowhere = format!("unix:path={}", sandbox.path("bus").display());
    let fetch = sandbox.mailpull(["fetch"]).env(BUS, nowhere);
    fetch
        .run()
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("work: no keyring is running in this session (");
}

#[test]
fn a_signal_ends_the_wait_for_a_keyring() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", KEYRING);
    // Nobody accepts connections to this socket.
    let path = sandbox.path("bus");
    let _listener = UnixListener::bind(&path).expect("the sandbox can be written");
    let silent = format!("unix:path={}", path.display());
    let fetch = sandbox.mailpull(["fetch"]).env(BUS, silent).start();
    fetch.wait_until_it_waits();
    fetch.signal(Signal::TERM);
    fetch.wait().is_killed_by(Signal::TERM).is_silent();
}

#[test]
fn a_sign_in_can_be_stored_in_the_keyring() {
    let Some(provider) = OidcProvider::start() else {
        return;
    };
    let keys = provider.keys() + "oauth2-store = 'keyring'";
    let sandbox = Sandbox::with_work("127.0.0.1:9", &keys);
    let Some(keyring) = Keyring::start(&sandbox) else {
        return;
    };
    let login = keyring.mailpull(["login", "--device", "work"]).start();
    let line = login.prints("or open ");
    provider.agree(line.trim_start_matches("or open "), "joe");
    let outcome = login.wait();
    outcome
        .succeeds()
        .stdout_has("joe has signed in; the tokens are kept in the keyring\n");
    let kept = keyring.lookup(&["service", "mailpull-oauth2", "user", "joe"]);
    let kept: serde_json::Value = serde_json::from_str(&kept).expect("a sign-in is stored as JSON");
    let token = kept["access_token"].as_str().expect("a token is text");
    assert_eq!(provider.introspect(token)["sub"], "joe");

    // No server listens there, but only a run that has a token tries to connect.
    let fetch = keyring.mailpull(["fetch", "-v"]).run();
    fetch.fails_with(75).stderr_has("connecting to 127.0.0.1:9");
    let files = fs::read_dir(sandbox.state().join("tokens")).expect("the folder of locks exists");
    for file in files {
        let file = file.expect("the folder can be read");
        let octets = fs::read(file.path()).expect("the file can be read");
        assert!(octets.is_empty(), "{}", file.path().display());
    }
}
