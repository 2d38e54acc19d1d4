//! The arguments of `log`.

use clap::Args;

/// The arguments of `log`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct LogArgs {
    /// Show only this account
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,

    /// Show only the last N messages
    #[arg(short = 'n', long = "last", value_name = "N")]
    pub last: Option<u32>,

    /// Show only what was delivered since WHEN (2d, yesterday, 2026-11-30)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,

    /// Show times in UTC on a terminal, too
    #[arg(long)]
    pub utc: bool,
}
