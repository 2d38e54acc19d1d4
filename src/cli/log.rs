//! The arguments of `log`.

use clap::Args;

/// The arguments of `log`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct LogArgs {
    /// Show only this account
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,
}
