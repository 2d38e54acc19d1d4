//! The arguments of `fetch`.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use clap::{Args, ValueHint};

use crate::cli::options::jobs;
use crate::cli::{EXAMPLES, OptionArgs};

/// The arguments of `fetch`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
#[command(after_help = EXAMPLES)]
pub struct FetchArgs {
    /// Accounts to fetch, or one pops://USER@HOST; default: all enabled accounts
    #[arg(value_name = "ACCOUNT|URL")]
    pub accounts: Vec<String>,

    /// The options of `fetch`.
    #[command(flatten)]
    pub flags: FetchFlags,
}

/// The options of `fetch`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct FetchFlags {
    /// Leave delivered messages on the server, or delete them at AGE (14days)
    #[arg(short, long, value_name = "AGE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", conflicts_with = "delete")]
    pub keep: Option<String>,

    /// Delete messages from the server once they are delivered
    #[arg(short, long)]
    pub delete: bool,

    /// Deliver to the Maildir DIR
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(conflicts_with_all = ["mbox", "mda", "lmtp"])]
    pub maildir: Option<String>,

    /// Deliver to the mbox file FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["mda", "lmtp"])]
    pub mbox: Option<String>,

    /// Deliver by COMMAND, which reads one message on its standard input
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub mda: Option<String>,

    /// Deliver to the mail server at ADDRESS by LMTP: HOST:PORT or the path of a socket
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::AnyPath, conflicts_with = "mda")]
    pub lmtp: Option<String>,

    /// The recipient of the messages at the mail server
    #[arg(long, value_name = "WHO")]
    pub recipient: Option<String>,

    /// Only show what would be done, with senders and subjects
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Try at once every message that was set aside or waits
    #[arg(long, conflicts_with = "dry_run")]
    pub retry: bool,

    /// Fetch only this message: its unique-id, or '#N' of the last 'list'
    #[arg(long, value_name = "ID", conflicts_with_all = ["dry_run", "max_messages", "max_size", "max_total"])]
    pub only: Vec<OsString>,

    /// Fetch at most N messages
    #[arg(long, value_name = "N")]
    pub max_messages: Option<String>,

    /// Leave messages larger than SIZE (15MiB) on the server
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,

    /// Fetch at most SIZE in total
    #[arg(long, value_name = "SIZE")]
    pub max_total: Option<String>,

    /// Fetch in this order: oldest-first, newest-first
    #[arg(hide_possible_values = true)]
    #[arg(long, value_name = "ORDER", value_parser = ["oldest-first", "newest-first"])]
    pub order: Option<String>,

    /// Work on at most N accounts at the same time
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Only fetch shard K of N (K counts from 0)
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,

    /// End in good order after TIME (1h); the next run continues
    #[arg(long, value_name = "TIME")]
    pub run_timeout: Option<String>,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}

impl FetchFlags {
    /// Returns each option that stands for a configuration key, with the key and its value.
    pub fn settings(&self) -> Vec<(&'static str, &'static str, &str)> {
        let delete = self.delete.then_some("false");
        [
            ("--keep", "keep", self.keep.as_deref()),
            ("--delete", "keep", delete),
            ("--maildir", "maildir", self.maildir.as_deref()),
            ("--mbox", "mbox", self.mbox.as_deref()),
            ("--mda", "mda", self.mda.as_deref()),
            ("--lmtp", "lmtp", self.lmtp.as_deref()),
            ("--recipient", "recipient", self.recipient.as_deref()),
            (
                "--max-messages",
                "max-messages",
                self.max_messages.as_deref(),
            ),
            ("--max-size", "max-size", self.max_size.as_deref()),
            ("--max-total", "max-total", self.max_total.as_deref()),
            ("--order", "order", self.order.as_deref()),
        ]
        .into_iter()
        .filter_map(|(flag, key, value)| Some((flag, key, value?)))
        .collect()
    }
}
