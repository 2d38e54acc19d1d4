//! What was typed behind `login`.
//! Does not know what an account signs in to.

use clap::Args;

use super::{OneAccountArgs, OptionArgs};

/// The arguments of `login`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct LoginArgs {
    /// The account.
    #[command(flatten)]
    pub account: OneAccountArgs,

    /// Sign in on another device, by a code that is typed there
    #[arg(long, conflicts_with = "browser")]
    pub device: bool,

    /// Sign in with a browser on this machine
    #[arg(long)]
    pub browser: bool,

    /// Settings for this run.
    #[command(flatten)]
    pub options: OptionArgs,
}
