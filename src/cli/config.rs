//! The commands of `config`.

use clap::{Args, Subcommand};

/// A command of `config`.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum ConfigCommand {
    /// Show all mistakes in the configuration; connect to no server
    Check,
    /// Show what applies to each account, and where it was written
    Show(ConfigShowArgs),
    /// Edit the configuration; it is replaced only if it has no mistakes
    Edit,
    /// Print the JSON schema of the configuration, for editors
    Schema,
}

/// The arguments of `config show`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigShowArgs {
    /// The accounts; default: all, and the targets
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,

    /// Also show the defaults of keys that nobody has set
    #[arg(long)]
    pub all: bool,
}
