//! The arguments of `delete`.

use std::ffi::OsString;

use clap::Args;

/// The arguments of `delete`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct DeleteArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Unique-ids of the messages, as 'seen list' shows them
    #[arg(value_name = "UNIQUE-ID", required = true)]
    pub unique_ids: Vec<OsString>,

    /// Delete without asking
    #[arg(long)]
    pub yes: bool,
}
