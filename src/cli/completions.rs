//! The arguments of `completions`, and of the hidden command that the completions call.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

/// The arguments of `completions`.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
pub struct CompletionsArgs {
    /// The shell: bash, zsh, fish
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub shell: ShellName,
}

/// A shell for which there are completions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ShellName {
    /// GNU Bash.
    Bash,
    /// fish.
    Fish,
    /// Z shell.
    Zsh,
}

/// The arguments of the hidden command.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct CandidatesArgs {
    /// The words after the program's name, up to the one that is being typed
    #[arg(
        value_name = "WORD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<OsString>,
}
