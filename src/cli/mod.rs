//! The command line: its commands, options and help.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{
    ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint,
};

mod account;
mod delete;
mod login;
mod seen;
mod usage_error;

pub use account::{AccountCommand, AddArgs, RenameArgs, TestArgs};
pub use delete::DeleteArgs;
pub use login::LoginArgs;
pub use seen::{ExportArgs, ForgetArgs, ImportArgs, ListArgs, OneAccountArgs, SeenCommand};
pub use usage_error::usage_error;

/// A command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cli {
    /// The options of every command.
    pub global: GlobalArgs,
    /// The command.
    pub command: CliCommand,
}

impl Cli {
    /// Parses the arguments, of which the first is the program's name.
    ///
    /// # Errors
    /// Arguments that make no sense, and the help and version texts. The error repeats no argument
    /// that looks like a URL: it may hold a password.
    pub fn parse<I>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item: Into<OsString> + Clone>,
    {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        usage_error::refuse_passwords(&arguments)?;
        let typed = command()
            .try_get_matches_from(arguments)
            .and_then(|matches| Typed::from_arg_matches(&matches))
            .map_err(usage_error::without_secrets)?;
        let command = match typed.command {
            None => CliCommand::Fetch(FetchArgs {
                accounts: Vec::new(),
                flags: typed.flags,
            }),
            Some(_) if typed.flags != FetchFlags::default() => {
                return Err(usage_error::misplaced_flags());
            }
            Some(command) => command,
        };
        Ok(Self {
            global: typed.global,
            command,
        })
    }
}

/// Returns the definition of the command line, from which the manual and the completions are made.
pub fn command() -> clap::Command {
    Typed::command()
}

/// The options of every command.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct GlobalArgs {
    /// Read FILE instead of the user's configuration
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = GLOBAL)]
    pub config: Option<PathBuf>,

    /// Keep the database, the spool and the locks in DIR
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = GLOBAL)]
    pub state_dir: Option<PathBuf>,

    /// Show only errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    pub quiet: bool,

    /// Show more; -vv also shows the conversation, with secrets masked
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = GLOBAL)]
    pub verbose: u8,

    /// Print each event as a JSON object on a line of its own
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,

    /// Colour the output: auto, always, never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = GLOBAL)]
    #[arg(hide_possible_values = true)]
    pub color: When,

    /// Draw progress bars: auto, always, never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = GLOBAL)]
    #[arg(hide_possible_values = true)]
    pub progress: When,
}

/// The cases in which something that only suits a terminal is done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum When {
    /// In any case.
    Always,
    /// Only if the output is a terminal.
    #[default]
    Auto,
    /// In no case.
    Never,
}

/// A command and its arguments.
#[expect(clippy::large_enum_variant, reason = "a run has one of it")]
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum CliCommand {
    /// Fetch new mail (the default command)
    Fetch(FetchArgs),
    /// Show how many new messages wait; exit with 1 if there are none
    Check(CheckArgs),
    /// Delete messages from the server without fetching them
    Delete(DeleteArgs),
    /// Show what was fetched, where it was delivered and when it was deleted from the server
    Log(LogArgs),
    /// Show when each account was fetched last, what failed, and what waits
    Status(StatusArgs),
    /// Stay in the foreground and fetch each account at its interval
    Watch(WatchArgs),
    /// Sign in to an account's provider, or put its password into the keyring
    Login(LoginArgs),
    /// Add, test and list accounts; rename or remove what is remembered of one
    #[command(subcommand)]
    Account(AccountCommand),
    /// Inspect or repair what mailpull remembers
    #[command(subcommand)]
    Seen(SeenCommand),
}

/// The arguments of `fetch`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
#[command(after_help = EXAMPLES)]
pub struct FetchArgs {
    /// Accounts to fetch, or one pops://USER@HOST; default: all enabled accounts
    #[arg(value_name = "ACCOUNT|URL")]
    pub accounts: Vec<String>,

    /// The options of `fetch`.
    #[command(flatten)]
    pub flags: FetchFlags,
}

/// The options of `fetch`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct FetchFlags {
    /// Leave delivered messages on the server, or delete them at AGE (14days)
    #[arg(short, long, value_name = "AGE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", conflicts_with = "delete")]
    pub keep: Option<String>,

    /// Delete messages from the server once they are delivered
    #[arg(short, long)]
    pub delete: bool,

    /// Deliver to the Maildir DIR
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(conflicts_with_all = ["mbox", "mda", "lmtp"])]
    pub maildir: Option<String>,

    /// Deliver to the mbox file FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["mda", "lmtp"])]
    pub mbox: Option<String>,

    /// Deliver by COMMAND, which reads one message on its standard input
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub mda: Option<String>,

    /// Deliver to the mail server at ADDRESS by LMTP: HOST:PORT or the path of a socket
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::AnyPath, conflicts_with = "mda")]
    pub lmtp: Option<String>,

    /// The recipient of the messages at the mail server
    #[arg(long, value_name = "WHO")]
    pub recipient: Option<String>,

    /// Only show what would be done; download, deliver and delete nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Try at once every message that was set aside or waits
    #[arg(long, conflicts_with = "dry_run")]
    pub retry: bool,

    /// Fetch at most N messages
    #[arg(long, value_name = "N")]
    pub max_messages: Option<String>,

    /// Leave messages larger than SIZE (15MiB) on the server
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,

    /// Fetch at most SIZE in total
    #[arg(long, value_name = "SIZE")]
    pub max_total: Option<String>,

    /// Fetch in this order: oldest-first, newest-first
    #[arg(hide_possible_values = true)]
    #[arg(long, value_name = "ORDER", value_parser = ["oldest-first", "newest-first"])]
    pub order: Option<String>,

    /// Work on at most N accounts at the same time
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Only fetch shard K of N (K counts from 0)
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,

    /// End in good order after TIME (1h); the next run continues
    #[arg(long, value_name = "TIME")]
    pub run_timeout: Option<String>,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}

impl FetchFlags {
    /// Returns each option that stands for a configuration key, with the key and its value.
    pub fn settings(&self) -> Vec<(&'static str, &'static str, &str)> {
        let delete = self.delete.then_some("false");
        [
            ("--keep", "keep", self.keep.as_deref()),
            ("--delete", "keep", delete),
            ("--maildir", "maildir", self.maildir.as_deref()),
            ("--mbox", "mbox", self.mbox.as_deref()),
            ("--mda", "mda", self.mda.as_deref()),
            ("--lmtp", "lmtp", self.lmtp.as_deref()),
            ("--recipient", "recipient", self.recipient.as_deref()),
            (
                "--max-messages",
                "max-messages",
                self.max_messages.as_deref(),
            ),
            ("--max-size", "max-size", self.max_size.as_deref()),
            ("--max-total", "max-total", self.max_total.as_deref()),
            ("--order", "order", self.order.as_deref()),
        ]
        .into_iter()
        .filter_map(|(flag, key, value)| Some((flag, key, value?)))
        .collect()
    }
}

/// Settings without an option of their own.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct OptionArgs {
    /// Set any configuration key except a password, for this run
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub options: Vec<String>,
}

/// The arguments of `check`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct CheckArgs {
    /// Accounts to check, or one pops://USER@HOST; default: all enabled accounts
    #[arg(value_name = "ACCOUNT|URL")]
    pub accounts: Vec<String>,

    /// Work on at most N accounts at the same time
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Only check shard K of N (K counts from 0)
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}

/// The arguments of `log`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct LogArgs {
    /// Show only this account
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// The arguments of `status`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct StatusArgs {
    /// Show only these accounts
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,

    /// Print OpenMetrics text for monitoring
    #[arg(long, conflicts_with = "json")]
    pub metrics: bool,
}

/// The arguments of `watch`.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub struct WatchArgs {
    /// Accounts to fetch; default: all enabled accounts
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,

    /// Work on at most N accounts at the same time
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Only fetch shard K of N (K counts from 0)
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,

    /// Settings without an option of their own.
    #[command(flatten)]
    pub options: OptionArgs,
}

fn jobs(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a number from 1 on")
}

/// The command line as clap reads it. The options of `fetch` are allowed without the word.
#[derive(Parser)]
#[command(name = "mailpull", version, about = ABOUT, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, subcommand_value_name = "COMMAND")]
struct Typed {
    #[command(flatten)]
    global: GlobalArgs,

    #[command(flatten)]
    flags: FetchFlags,

    #[command(subcommand)]
    command: Option<CliCommand>,
}

const ABOUT: &str = "A POP3 mail fetcher that never loses a message and never delivers it twice";

const GLOBAL: &str = "Global options";

const EXAMPLES: &str = "\
Examples:
  mailpull                                          fetch all enabled accounts
  mailpull fetch work --delete                      fetch one account; delete delivered mail
  mailpull fetch pops://me%40example.com@pop.example.com --maildir ~/Mail/work
                                                    fetch without a configuration file

See mailpull(1) for the configuration and the exit status.";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::parse(format!("mailpull {line}").split_whitespace())
    }

    fn fetch(line: &str) -> FetchArgs {
        match parse(line).map(|cli| cli.command) {
            Ok(CliCommand::Fetch(fetch)) => fetch,
            other => panic!("{line} is {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn fetch_is_the_default_command() {
        for (bare, named) in [
            ("", "fetch"),
            ("--delete -n", "fetch --delete -n"),
            (
                "-o keep=false --maildir m",
                "fetch -o keep=false --maildir m",
            ),
            ("-k=14days", "fetch --keep=14days"),
            ("-vv --json", "fetch -vv --json"),
        ] {
            assert_eq!(parse(bare).ok(), parse(named).ok());
            assert!(parse(bare).is_ok(), "{bare}");
        }
    }

    #[test]
    fn options_stand_for_keys_and_an_age_needs_its_equals_sign() {
        for (line, settings) in [
            ("-k", &[("--keep", "keep", "true")][..]),
            ("-d", &[("--delete", "keep", "false")]),
            ("fetch --keep=3d", &[("--keep", "keep", "3d")]),
            (
                "--order newest-first",
                &[("--order", "order", "newest-first")],
            ),
            (
                "--mda x --max-size 1KB --max-total 2KB --max-messages 3",
                &[
                    ("--mda", "mda", "x"),
                    ("--max-messages", "max-messages", "3"),
                    ("--max-size", "max-size", "1KB"),
                    ("--max-total", "max-total", "2KB"),
                ],
            ),
        ] {
            assert_eq!(fetch(line).flags.settings(), settings);
        }
        assert_eq!(fetch("fetch -k work").accounts, ["work"]);
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        for line in [
            "work",
            "list",
            "--delete fetch",
            "--delete check",
            "-n log",
            "check --delete",
            "log -o keep=true",
            "log a b",
            "-k -d",
            "--maildir m --mda x",
            "--maildir m --lmtp x",
            "--maildir m --mbox x",
            "--mbox m --mda x",
            "--lmtp m --mda x",
            "--order sideways",
            "--color sometimes",
            "-q -v",
            "--password x",
            "fetch --maildir",
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.use_stderr(), "{line}");
        }
    }
}
