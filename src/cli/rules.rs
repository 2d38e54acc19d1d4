//! The commands of `rules`.

use std::path::PathBuf;

use clap::Subcommand;

/// A command of `rules`.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum RulesCommand {
    /// Say which rule takes a message, and why; connect to no server
    Test {
        /// The account
        #[arg(value_name = "ACCOUNT")]
        account: String,

        /// The file with the message, or '-' for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
