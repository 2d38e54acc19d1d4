//! The support code of the integration tests: sandboxes, servers, mail and claims.
#![allow(
    dead_code,
    reason = "the comparison and the benchmark include this folder too, and use a part of it"
)]

pub(crate) mod certificates;
pub(crate) mod claims;
pub(crate) mod cost;
pub(crate) mod cutting_proxy;
pub(crate) mod disk;
pub(crate) mod dns;
pub(crate) mod dovecot;
pub(crate) mod keyring;
pub(crate) mod listing_server;
pub(crate) mod lmtp_server;
pub(crate) mod mail;
pub(crate) mod maildir;
pub(crate) mod mbox;
pub(crate) mod model_server;
pub(crate) mod mount;
pub(crate) mod oauth2;
pub(crate) mod outcome;
pub(crate) mod process;
pub(crate) mod proxies;
pub(crate) mod reference;
pub(crate) mod sandbox;
pub(crate) mod scram;
pub(crate) mod script;
pub(crate) mod service_manager;
pub(crate) mod source;
pub(crate) mod strace;
pub(crate) mod stream;
pub(crate) mod sweep;
pub(crate) mod terminal;
pub(crate) mod tools;

use std::time::Duration;

/// The time after which a test that waits for something fails. It is long enough for a busy
/// machine. No test depends on its length.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
