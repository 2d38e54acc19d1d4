//! The program against a real Dovecot: logins, fetching, keeping and deleting.
//! Every claim is checked against the Maildir of Dovecot.

mod keep;
#[cfg(feature = "gssapi")]
mod kerberos;
mod login;
mod sasl;
mod volume;

use crate::support::dovecot::Dovecot;
use crate::support::sandbox::Sandbox;

/// Configures the account `work`, and no other, for the cleartext port.
fn configure(sandbox: &Sandbox, dovecot: &Dovecot, extra: &str) {
    sandbox.config("").account("work", dovecot.address(), extra);
}

/// Runs with `args` and claims that no message crossed the wire.
#[track_caller]
fn retrieves_nothing(sandbox: &Sandbox, args: &[&str]) {
    let outcome = sandbox.mailpull(args).arg("-vv").run();
    outcome
        .succeeds()
        .stderr_has("C: UIDL")
        .never_says("C: RETR")
        .never_says("C: TOP");
}

/// Claims that a run asks for headers and retrieves no message.
#[track_caller]
fn retrieves_only_headers(sandbox: &Sandbox, args: &[&str]) {
    let outcome = sandbox.mailpull(args).arg("-vv").run();
    outcome
        .succeeds()
        .stderr_has("C: TOP")
        .never_says("C: RETR");
}

/// Writes the authority of the server's certificate to a file. Returns the key that names it.
fn trust(sandbox: &Sandbox, dovecot: &Dovecot) -> String {
    let path = sandbox.write("ca.pem", dovecot.authority().pem());
    format!("tls-ca-file = {:?}", path.display().to_string())
}
