//! The arguments of `show`.

use std::ffi::OsString;

use clap::Args;

/// The arguments of `show`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ShowArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// The message: its unique-id, or '#N' for row N of the last 'list'
    #[arg(value_name = "ID")]
    pub id: OsString,

    /// Show only the header
    #[arg(long)]
    pub headers: bool,

    /// Show the header and the first N lines
    #[arg(long, value_name = "N", conflicts_with = "headers")]
    pub lines: Option<u32>,
}
