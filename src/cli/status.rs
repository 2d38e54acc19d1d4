//! The arguments of `status`.

use clap::Args;

/// The arguments of `status`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct StatusArgs {
    /// Show only these accounts
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,

    /// Print OpenMetrics text for monitoring
    #[arg(long, conflicts_with = "json")]
    pub metrics: bool,
}
