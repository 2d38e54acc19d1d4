//! The arguments of `delete`.

use std::ffi::OsString;

use clap::Args;

/// The arguments of `delete`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct DeleteArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// The messages: unique-ids, or '#N' for row N of the last 'list'
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<OsString>,

    /// Delete without asking; the messages must be named by their unique-ids
    #[arg(long)]
    pub yes: bool,
}
