//! The arguments of `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// The arguments of `import`.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
pub struct ImportFromArgs {
    /// The program until now: fdm, fetchmail, getmail, mpop, thunderbird
    #[arg(value_name = "PROGRAM", hide_possible_values = true)]
    pub program: ImportedProgram,

    /// Its configuration; default: the usual place
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Only show what would be written, and what is known; connect to no server
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Add the accounts only: the first fetch downloads everything on the server
    #[arg(long)]
    pub without_state: bool,

    /// Print the password of an account, for its password-command
    #[arg(long, value_name = "ACCOUNT", hide = true)]
    pub password_of: Option<String>,
}

/// A program whose configuration and state can be taken over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ImportedProgram {
    /// fdm
    Fdm,
    /// fetchmail
    Fetchmail,
    /// getmail6
    Getmail,
    /// mpop
    Mpop,
    /// Thunderbird
    Thunderbird,
}
