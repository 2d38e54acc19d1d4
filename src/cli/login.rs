//! The arguments of `login`.

use clap::Args;

use super::{OneAccountArgs, OptionArgs};

/// The arguments of `login`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct LoginArgs {
    /// The account.
    #[command(flatten)]
    pub account: OneAccountArgs,

    /// Sign in on another device, where a code is typed
    #[arg(long, conflicts_with = "browser")]
    pub device: bool,

    /// Sign in with a browser on this machine
    #[arg(long)]
    pub browser: bool,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}
