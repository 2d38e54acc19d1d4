//! Delivery into mail servers by LMTP: scripted ones that refuse, break off and lie, and the real
//! Dovecot. The log of the model server of POP3 shows what was downloaded.

mod account;
mod cuts;
mod dovecot;
mod refusals;

use std::fmt::Display;
use std::fs;

use crate::support::model_server::{ModelServer, USER};
use crate::support::sandbox::Sandbox;

/// Configures the account `work` to deliver to a mail server, for [`USER`].
fn configure(sandbox: &Sandbox, pop3: &ModelServer, lmtp: impl Display, extra: &str) {
    let extra = format!("lmtp = \"{lmtp}\"\nrecipient = {USER:?}\n{extra}");
    sandbox.config("").account("work", pop3.address(), &extra);
}

/// Counts the messages in the spool.
fn spooled(sandbox: &Sandbox) -> usize {
    let spool = fs::read_dir(sandbox.state().join("spool"));
    spool.expect("a run made the spool").count()
}
