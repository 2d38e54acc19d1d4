//! Arguments that several commands share.

use std::num::NonZeroUsize;

use clap::Args;

/// Settings without an option of their own.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct OptionArgs {
    /// Set any configuration key except a password, for this run
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub options: Vec<String>,
}

/// Reads the number of accounts that are worked on at the same time.
pub(crate) fn jobs(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a number from 1 on")
}
