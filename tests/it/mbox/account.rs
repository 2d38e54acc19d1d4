//! The configuration of an mbox file, and `account test`.

use super::configure;
use crate::support::mail::notes;
use crate::support::mbox::MboxView;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;

#[test]
fn account_test_locks_the_file_and_writes_nothing() {
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, "");
    let mbox = MboxView::of(&sandbox);
    let path = mbox.path().display();
    let test = || sandbox.mailpull(["account", "test", "work"]).run();

    let outcome = test();
    outcome.succeeds().stderr_is("");
    outcome.stdout_has(&format!(
        "target: mbox {path} will be created\npromise: exactly once\n"
    ));
    assert!(!mbox.path().exists());

    sandbox.write("home/mbox", "From x\n\n\n");
    let outcome = test();
    outcome.succeeds().stdout_has(&format!(
        "lock: fcntl and dotlock can be taken\ntarget: mbox {path} has 9 octets\npromise: exactly once\n"
    ));
    assert_eq!(mbox.octets(), b"From x\n\n\n");
    let list = sandbox.mailpull(["account", "list"]).run();
    list.succeeds().stdout_has(&format!(" to mbox {path}\n"));
}

#[test]
fn a_target_of_its_own_can_be_an_mbox() {
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let mbox = MboxView::of(&sandbox);
    let target = format!(
        "[targets.box]\nkind = \"mbox\"\npath = {:?}\nmbox-lock = \"fcntl\"\n",
        mbox.path()
    );
    sandbox
        .config(&target)
        .account("work", pop3.address(), "deliver = \"box\"");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(mbox.messages().len(), 1);
}

#[test]
fn a_flag_names_an_mbox_for_a_url() {
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let mbox = MboxView::of(&sandbox);
    let url = format!("pop://joe@{}", pop3.address());
    let path = mbox.path().display().to_string();
    let fetch = sandbox.mailpull(["fetch", &url, "--mbox", &path, "-o", "security=none"]);
    let fetch = fetch.env("MAILPULL_PASSWORD", PASSWORD);
    fetch.run().succeeds().is_silent();
    assert_eq!(mbox.messages().len(), 1);
}

#[test]
fn what_is_no_mbox_is_never_written_to() {
    for text in ["alias ls=ls\n", "from x\n"] {
        let pop3 = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, "keep = false");
        sandbox.write("home/mbox", text);
        let outcome = sandbox.fetch();
        outcome.fails_with(78).stderr_has(
            "/mbox is not an mbox: it does not begin with \"From \"; messages that wait: 1. Name another file",
        );
        assert_eq!(MboxView::of(&sandbox).octets(), text.as_bytes());
        assert_eq!(pop3.count(), 1);
    }
}

#[test]
fn a_missing_folder_keeps_mail_at_the_provider() {
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let path = sandbox.home().join("missing/mbox");
    sandbox.account("work", pop3.address(), &format!("mbox = {path:?}"));
    let outcome = sandbox.fetch();
    outcome.fails_with(73).stderr_has(
        "missing/mbox: No such file or directory (os error 2). Create its folder first: mkdir -p ",
    );
    assert_eq!(pop3.log().count("RETR"), 0);
}

#[test]
fn a_folder_in_place_of_the_file_is_a_mistake() {
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, "");
    sandbox.write("home/mbox/file", "");
    let outcome = sandbox.fetch();
    outcome
        .fails_with(78)
        .stderr_has("/mbox is not a regular file. Name a file; for a Maildir the key is maildir");
}
