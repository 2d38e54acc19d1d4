//! The program against a real Dovecot: every way in, and what is fetched, kept and deleted.
//! What is stored in Dovecot's Maildir is the truth that all claims are held against.

mod keep;
#[cfg(feature = "gssapi")]
mod kerberos;
mod login;
mod sasl;
mod volume;

use crate::support::dovecot::Dovecot;
use crate::support::sandbox::Sandbox;

/// Configures the account `work` for the cleartext port.
fn configure(sandbox: &Sandbox, dovecot: &Dovecot, extra: &str) {
    // What was configured before goes.
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

/// Writes the authority of the server's certificate where `tls-ca-file` finds it.
fn trust(sandbox: &Sandbox, dovecot: &Dovecot) -> String {
    let path = sandbox.write("ca.pem", dovecot.authority().pem());
    format!("tls-ca-file = {:?}", path.display().to_string())
}
