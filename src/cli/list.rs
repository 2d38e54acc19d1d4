//! The arguments of `list`.

use std::num::NonZeroUsize;

use clap::Args;

use crate::cli::OptionArgs;
use crate::cli::options::jobs;

/// The arguments of `list`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerListArgs {
    /// Accounts to look at, or one pops://USER@HOST; default: all enabled accounts
    #[arg(value_name = "ACCOUNT|URL")]
    pub accounts: Vec<String>,

    /// Show only new messages
    #[arg(long)]
    pub new: bool,

    /// Work on at most N accounts at the same time
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}
