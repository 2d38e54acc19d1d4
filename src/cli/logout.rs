//! The arguments of `logout`.

use clap::Args;

use super::OneAccountArgs;

/// The arguments of `logout`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct LogoutArgs {
    /// The account.
    #[command(flatten)]
    pub account: OneAccountArgs,
}
