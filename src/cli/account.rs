//! The commands of `account`.

use clap::{Args, Subcommand, ValueHint};

use super::OptionArgs;

/// A command of `account` and its arguments.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum AccountCommand {
    /// Find the server, try the login, and add an account to the configuration
    Add(Box<AddArgs>),
    /// List the accounts: user, server and where the mail goes
    List,
    /// Remove an account from the configuration, and forget what was fetched for it
    Remove(RemoveArgs),
    /// Give an account another name, in the configuration and in the record
    Rename(RenameArgs),
    /// Connect, log in and show each step; fetch and delete nothing
    Test(TestArgs),
}

/// The arguments of `account add`. Missing ones are asked for on the terminal.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct AddArgs {
    /// Name of the account
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// User name at the server, often the mail address
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,

    /// HOST or HOST:PORT; default: found by the domain of USER
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,

    /// Encrypt with: tls, starttls, none
    #[arg(long, value_name = "SECURITY", value_parser = ["tls", "starttls", "none"])]
    #[arg(hide_possible_values = true, requires = "server")]
    pub security: Option<String>,

    /// Take the password that COMMAND prints
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub password_command: Option<String>,

    /// Read the password from FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<String>,

    /// Read the password from the environment variable NAME
    #[arg(long, value_name = "NAME")]
    pub password_env: Option<String>,

    /// Deliver to the Maildir DIR
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "mda")]
    pub maildir: Option<String>,

    /// Deliver by COMMAND, which reads one message on its standard input
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub mda: Option<String>,

    /// Add the account without trying the login
    #[arg(long)]
    pub no_test: bool,

    /// Set any other configuration key except a password
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub options: Vec<String>,
}

impl AddArgs {
    /// Returns each option that stands for a configuration key, with the key and its value.
    pub fn settings(&self) -> Vec<(&'static str, &'static str, &str)> {
        [
            ("--server", "server", &self.server),
            ("--security", "security", &self.security),
            (
                "--password-command",
                "password-command",
                &self.password_command,
            ),
            ("--password-file", "password-file", &self.password_file),
            ("--password-env", "password-env", &self.password_env),
            ("--maildir", "maildir", &self.maildir),
            ("--mda", "mda", &self.mda),
            ("--user", "user", &self.user),
        ]
        .into_iter()
        .filter_map(|(flag, key, value)| Some((flag, key, value.as_deref()?)))
        .collect()
    }
}

/// The arguments of `account remove`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct RemoveArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Remove it without asking
    #[arg(long)]
    pub yes: bool,
}

/// The arguments of `account rename`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct RenameArgs {
    /// Old name
    #[arg(value_name = "OLD")]
    pub old: String,

    /// New name
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// The arguments of `account test`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct TestArgs {
    /// Account, or pops://USER@HOST
    #[arg(value_name = "ACCOUNT|URL")]
    pub account: String,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}
