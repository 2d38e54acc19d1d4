//! Delivery by procmail(1) and maildrop(1).

use super::{configure, spool};
use crate::support::mail::ordinary;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// Claims that `agent` delivers messages as they were sent. The rules make it deliver to the
/// Maildir `inbox`.
fn delivers_unchanged(agent: &str, rules: impl Fn(&Sandbox) -> String) {
    let Some(program) = tools::find(agent) else {
        return;
    };
    let messages = ordinary(1, 30);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let inbox = sandbox.maildir("inbox");
    inbox.make();
    let rules = sandbox.write("rules", rules(&sandbox));
    let mda = format!("{} {}", program.display(), rules.display());
    configure(&sandbox, &server, &mda, "keep = false");
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    inbox.holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
}

#[test]
fn procmail_delivers_messages_unchanged() {
    delivers_unchanged("procmail", |sandbox| {
        let inbox = sandbox.maildir("inbox");
        format!("SHELL=/bin/sh\nDEFAULT={}/\n", inbox.path().display())
    });
}

#[test]
fn maildrop_delivers_messages_unchanged() {
    delivers_unchanged("maildrop", |sandbox| {
        let inbox = sandbox.maildir("inbox");
        format!("to \"{}\"\n", inbox.path().display())
    });
}

#[test]
fn mail_that_maildrop_cannot_deliver_stays_in_the_spool() {
    let Some(program) = tools::find("maildrop") else {
        return;
    };
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let inbox = sandbox.maildir("inbox");
    let filter = format!("to \"{}/new/./\"\n", inbox.path().display());
    let rules = sandbox.write("rules", filter);
    let mda = format!("{} {}", program.display(), rules.display());
    configure(&sandbox, &server, &mda, "keep = false");
    sandbox.mailpull(["fetch"]).run().fails_with(75);
    assert_eq!((server.count(), spool(&sandbox).len()), (2, 2));
    inbox.make();
    sandbox.write("rules", format!("to \"{}\"\n", inbox.path().display()));
    sandbox.mailpull(["fetch"]).run().succeeds();
    inbox.holds(&messages);
    assert_eq!((server.count(), server.log().retrieved.len()), (0, 2));
}
