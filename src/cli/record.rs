//! What was typed behind `seen`: the verbs that look into the record and mend it.
//! Does not know what any of it means to an account.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// What to do with the record of what was seen.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum SeenCommand {
    /// Mark everything on the server as seen without downloading it; it is never deleted
    CatchUp(OneAccountArgs),
    /// Verify the database, and what is on its way against Maildir and spool
    Check,
    /// Write what is known of accounts as lines that 'seen import' reads
    Export(ExportArgs),
    /// Forget messages, so that they are fetched again while the server has them
    Forget(ForgetArgs),
    /// Take up accounts from what 'seen export' wrote in another state directory
    Import(ImportArgs),
    /// Show the known messages: state, size and unique-id, one line each
    List(ListArgs),
    /// Recognise messages that the server lists under new unique-ids, by their headers
    Rematch(OneAccountArgs),
}

/// One account of the configuration.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct OneAccountArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

/// The arguments of `seen export`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ExportArgs {
    /// The accounts; without any, all that are known here and were not moved away
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,

    /// Refuse to fetch them here from now on: their record goes on elsewhere
    #[arg(long = "move")]
    pub moves: bool,

    /// Only export shard K of N (K counts from 0)
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,
}

/// The arguments of `seen import`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ImportArgs {
    /// The file to read; without one, standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// The arguments of `seen forget`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ForgetArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// What the server calls the messages, as 'seen list' shows it
    #[arg(value_name = "UNIQUE-ID", required = true)]
    pub unique_ids: Vec<OsString>,
}

/// The arguments of `seen list`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ListArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Only messages that could not be fetched or delivered
    #[arg(long)]
    pub failed: bool,
}
