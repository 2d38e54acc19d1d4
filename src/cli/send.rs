//! The arguments of `send`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// The arguments of `send`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct SendArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// The file with the message; default: standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}
