//! The options of a poll: what the account and the command line ask for.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::FilterOptions;
use crate::mail::memory::ListingMemory;
use crate::mail::policy::{Keep, Policy};
use crate::rules::Rules;

/// The options of a poll.
#[derive(Clone, Debug)]
pub(crate) struct PollOptions {
    /// The account's rules for its messages.
    pub policy: Policy,
    /// The rules that decide about new messages.
    pub rules: Arc<Rules>,
    /// The program that decides about messages which have arrived, if there is one.
    pub filter: Option<FilterOptions>,
    /// `keep` as it is configured, whatever `--keep` or `--delete` says for this run.
    pub configured_keep: Keep,
    /// True if the user asked for deletions on the command line, so that they need no confirmation.
    pub may_delete_many: bool,
    /// True if everything is tried at once that was set aside or waits.
    pub retries_all: bool,
    /// The messages that the user has named, as the server or mailpull spells their unique-ids. If there are any,
    /// no other new message is fetched.
    pub only: Vec<OsString>,
    /// The longest time without a command while messages are delivered.
    pub silence: Duration,
    /// The time that a session waits for a target on another machine.
    pub linger: Duration,
    /// The number of files that the poll may have open at the same time.
    pub descriptors: u64,
    /// The memory that the listings of all accounts share.
    pub memory: ListingMemory,
}
