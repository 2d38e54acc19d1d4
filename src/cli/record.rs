//! What was typed behind `account` and `seen`: the verbs that look into the record and mend it.
//! Does not know what any of it means to an account.

use std::ffi::OsString;

use clap::{Args, Subcommand};

/// What to do with the accounts.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum Account {
    /// Show the accounts: user, server and where the mail goes, one line each
    List,
    /// Forget all that was fetched for an account that the configuration no longer names
    Remove(OneAccount),
    /// Keep what was fetched for an account that has been given another name
    Rename(Rename),
}

/// The arguments of `account rename`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct Rename {
    /// The name it had
    #[arg(value_name = "OLD")]
    pub old: String,

    /// The name it has now
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// What to do with the record of what was seen.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum Seen {
    /// Mark everything on the server as seen without downloading it; it is never deleted
    CatchUp(OneAccount),
    /// Verify the database, and what is on its way against Maildir and spool
    Check,
    /// Forget messages, so that they are fetched again while the server has them
    Forget(Forget),
    /// Show the known messages: state, size and unique-id, one line each
    List(List),
    /// Recognise messages that the server lists under new unique-ids, by their headers
    Rematch(OneAccount),
}

/// One account of the configuration.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct OneAccount {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

/// The arguments of `seen forget`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct Forget {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// What the server calls the messages, as 'seen list' shows it
    #[arg(value_name = "UNIQUE-ID", required = true)]
    pub unique_ids: Vec<OsString>,
}

/// The arguments of `seen list`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct List {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Only messages that could not be fetched or delivered
    #[arg(long)]
    pub failed: bool,
}
