//! The commands of `seen`, which inspect or repair what mailpull remembers.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// A command of `seen` and its arguments.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum SeenCommand {
    /// Mark all messages on the server as seen without downloading them; they are never deleted
    CatchUp(CatchUpArgs),
    /// Verify the database, and show where messages are whose delivery was interrupted
    Check,
    /// Write what is remembered of accounts as lines that 'seen import' reads
    Export(ExportArgs),
    /// Forget messages, so that they are fetched again if the server still has them
    Forget(ForgetArgs),
    /// Read what 'seen export' wrote in another state directory
    Import(ImportArgs),
    /// List the known messages: state, size, unique-id, and why a message stays on the server
    List(ListArgs),
    /// Recognise messages by their headers after the server gave them new unique-ids
    Rematch(OneAccountArgs),
}

/// The arguments of `seen catch-up`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct CatchUpArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Only messages that arrived before WHEN (2d, yesterday, 2026-11-30)
    #[arg(long, value_name = "WHEN")]
    pub before: Option<String>,
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
    /// Accounts to export; default: all that are known here and were not moved away
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,

    /// Mark the accounts as moved; they are no longer fetched here
    #[arg(long = "move")]
    pub moves: bool,

    /// Write the state of another fetcher, to go back to it: fetchmail, getmail, mpop
    #[arg(
        long,
        value_name = "PROGRAM",
        conflicts_with = "moves",
        hide_possible_values = true
    )]
    pub format: Option<ExportFormat>,

    /// Only export shard K of N (K counts from 0)
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,
}

/// A program whose state can be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ExportFormat {
    /// fetchmail
    Fetchmail,
    /// getmail6
    Getmail,
    /// mpop
    Mpop,
}

/// The arguments of `seen import`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ImportArgs {
    /// File to read; default: standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// The arguments of `seen forget`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ForgetArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Unique-ids of the messages, as 'seen list' shows them
    #[arg(value_name = "UNIQUE-ID", required = true)]
    pub unique_ids: Vec<OsString>,
}

/// The arguments of `seen list`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ListArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Show only messages that could not be fetched or delivered
    #[arg(long)]
    pub failed: bool,
}
