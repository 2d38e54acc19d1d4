//! What was typed behind `account`.
//! Does not know what any of it means to an account.

use clap::{Args, Subcommand, ValueHint};

use super::{OneAccountArgs, OptionArgs};

/// What to do with the accounts.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum AccountCommand {
    /// Find the server, try the login, and write an account into the configuration
    Add(Box<AddArgs>),
    /// Show the accounts: user, server and where the mail goes, one line each
    List,
    /// Forget all that was fetched for an account that the configuration no longer names
    Remove(OneAccountArgs),
    /// Keep what was fetched for an account that has been given another name
    Rename(RenameArgs),
    /// Connect, log in and show what is found out step by step; fetches and deletes nothing
    Test(TestArgs),
}

/// The arguments of `account add`. What no flag says is asked on the terminal.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct AddArgs {
    /// What to call it
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// The user's name at the server, often the mail address
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,

    /// HOST or HOST:PORT; without it, it is looked for in the domain of USER
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,

    /// How TLS begins: tls, starttls, none
    #[arg(long, value_name = "SECURITY", value_parser = ["tls", "starttls", "none"])]
    #[arg(hide_possible_values = true, requires = "server")]
    pub security: Option<String>,

    /// COMMAND prints the password
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub password_command: Option<String>,

    /// FILE holds the password
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<String>,

    /// The environment variable NAME holds the password
    #[arg(long, value_name = "NAME")]
    pub password_env: Option<String>,

    /// Deliver to the Maildir DIR
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "mda")]
    pub maildir: Option<String>,

    /// Deliver by COMMAND, which reads a message on its standard input
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub mda: Option<String>,

    /// Write it without trying the login
    #[arg(long)]
    pub no_test: bool,

    /// Set any other key of the configuration but a password
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub options: Vec<String>,
}

impl AddArgs {
    /// The flags that stand for an account's key, each with the key and its value.
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

/// The arguments of `account rename`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct RenameArgs {
    /// The name it had
    #[arg(value_name = "OLD")]
    pub old: String,

    /// The name it has now
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// The arguments of `account test`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct TestArgs {
    /// The account, or pops://USER@HOST
    #[arg(value_name = "ACCOUNT|URL")]
    pub account: String,

    /// Settings for this run.
    #[command(flatten)]
    pub options: OptionArgs,
}
