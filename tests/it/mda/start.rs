//! The checks of an MDA before the run connects to the server.

use std::fs;

use super::{configure, configure_script};
use crate::support::mail::ordinary;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

#[test]
fn an_mda_that_cannot_run_is_reported_before_connecting() {
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::new();
    let no_program = sandbox
        .write("no-program", "#!/bin/sh\n")
        .display()
        .to_string();
    let folder = sandbox.home().display().to_string();
    for (mda, error) in [
        ("/nowhere/mda", "/nowhere/mda"),
        ("no-such-mda -f %F", "no-such-mda"),
        (&no_program, &no_program),
        (&folder, &folder),
        ("cat %u", "%u"),
        ("cat 50%", "%"),
        ("", "mda"),
    ] {
        configure(&sandbox, &server, mda, "");
        let outcome = sandbox.mailpull(["fetch"]).run();
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(error);
    }
    assert_eq!(server.log().sessions, 0);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn root_runs_an_mda_only_if_allowed() {
    tools::require_root();
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::new();
    configure_script(&sandbox, &server, super::DELIVER, "");
    sandbox
        .mailpull(["fetch", "-o", "mda-allow-root=false"])
        .run()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("mda-allow-root");
    assert_eq!(server.log().sessions, 0);
    sandbox.mailpull(["fetch"]).run().succeeds();
}

#[test]
fn an_ordinary_user_may_run_an_mda() {
    let messages = ordinary(1, 3);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::unprivileged();
    let script = sandbox.script(
        "mda",
        r#"file=$(mktemp "$HOME/Mail/XXXXXX") && exec cat >"$file""#,
    );
    let extra = format!("mda = {:?}", script.display().to_string());
    sandbox.account("work", server.address(), &extra);
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    let delivered = fs::read_dir(sandbox.home().join("Mail"));
    assert_eq!(delivered.expect("the folder can be read").count(), 3);
}
