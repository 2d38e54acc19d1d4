//! What was typed behind `account`.
//! Does not know what any of it means to an account.

use clap::{Args, Subcommand};

use super::{OneAccount, Options};

/// What to do with the accounts.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum Account {
    /// Show the accounts: user, server and where the mail goes, one line each
    List,
    /// Forget all that was fetched for an account that the configuration no longer names
    Remove(OneAccount),
    /// Keep what was fetched for an account that has been given another name
    Rename(Rename),
    /// Connect, log in and show what is found out step by step; fetches and deletes nothing
    Test(Test),
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

/// The arguments of `account test`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct Test {
    /// The account, or pops://USER@HOST
    #[arg(value_name = "ACCOUNT|URL")]
    pub account: String,

    /// Settings for this run.
    #[command(flatten)]
    pub options: Options,
}
