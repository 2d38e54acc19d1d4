//! The words that the integration tests are written in: sandboxes, servers and mail.
//! Knows the program only by its interface.
#![allow(
    dead_code,
    reason = "a vocabulary: not every word is spoken in every state of the tests"
)]

pub(crate) mod certificates;
pub(crate) mod claims;
pub(crate) mod cost;
pub(crate) mod disk;
pub(crate) mod dns;
pub(crate) mod dovecot;
pub(crate) mod keyring;
pub(crate) mod mail;
pub(crate) mod maildir;
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
pub(crate) mod source;
pub(crate) mod strace;
pub(crate) mod stream;
pub(crate) mod sweep;
pub(crate) mod terminal;
pub(crate) mod tools;

use std::time::Duration;

/// How long a test waits for anything before it fails: long enough for a busy machine, short
/// enough that a hanging test is found the same day. Nothing measures against it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
