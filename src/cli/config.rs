//! The commands of `config`.

use clap::Subcommand;

/// A command of `config`.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum ConfigCommand {
    /// Show all mistakes in the configuration; connect to no server
    Check,
    /// Print the JSON schema of the configuration, for editors
    Schema,
}
