//! Delivery to an mbox file: its form, its locks, other programs at work, and kills.

mod account;
mod delivery;
mod kills;
mod locks;

use crate::support::mbox::MboxView;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// Configures the account `work` to deliver to an mbox file.
fn configure(sandbox: &Sandbox, pop3: &ModelServer, extra: &str) {
    let mbox = MboxView::of(sandbox);
    let keys = format!("mbox = {:?}\n{extra}", mbox.path());
    sandbox.account("work", pop3.address(), &keys);
}
