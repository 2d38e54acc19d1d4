//! The arguments of `check`.

use std::num::NonZeroUsize;

use clap::Args;

use crate::cli::OptionArgs;
use crate::cli::options::jobs;

/// The arguments of `check`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct CheckArgs {
    /// Accounts to check, or one pops://USER@HOST; default: all enabled accounts
    #[arg(value_name = "ACCOUNT|URL")]
    pub accounts: Vec<String>,

    /// Work on at most N accounts at the same time
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Only check shard K of N (K counts from 0)
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}
