//! The command line: its commands, options and help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{
    ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint,
};

mod account;
mod candidates;
mod check;
mod completions;
mod config;
mod delete;
mod fetch;
mod import;
mod list;
mod log;
mod login;
mod logout;
mod options;
mod rules;
mod seen;
mod send;
mod show;
mod status;
mod usage_error;
mod watch;

pub use account::{AccountCommand, AddArgs, RemoveArgs, RenameArgs, TestArgs};
pub use candidates::{CandidateKind, UnfinishedLine};
pub use check::CheckArgs;
pub use completions::{CandidatesArgs, CompletionsArgs, ShellName};
pub use config::{ConfigCommand, ConfigShowArgs};
pub use delete::DeleteArgs;
pub use fetch::{FetchArgs, FetchFlags};
pub use import::{ImportFromArgs, ImportedProgram};
pub use list::ServerListArgs;
pub use log::LogArgs;
pub use login::LoginArgs;
pub use logout::LogoutArgs;
pub use options::OptionArgs;
pub use rules::RulesCommand;
pub use seen::{
    CatchUpArgs, ExportArgs, ExportFormat, ForgetArgs, ImportArgs, ListArgs, OneAccountArgs,
    SeenCommand,
};
pub use send::SendArgs;
pub use show::ShowArgs;
pub use status::StatusArgs;
pub use usage_error::usage_error;
pub use watch::WatchArgs;

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
        read(arguments).map_err(usage_error::without_secrets)
    }
}

/// Reads the arguments. `help COMMAND` is read as `COMMAND --help`.
fn read(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let program = arguments.first().cloned();
    let hidden = CandidatesArgs::augment_args(clap::Command::new(CANDIDATES)).hide(true);
    let matches = command()
        .subcommand(hidden)
        .try_get_matches_from(arguments)?;
    match matches.subcommand() {
        Some((HELP, asked)) => {
            let words = asked.get_many::<OsString>(HELP_WORDS).unwrap_or_default();
            let words = words.cloned().chain([OsString::from("--help")]);
            let matches = command().try_get_matches_from(program.into_iter().chain(words))?;
            Typed::from_arg_matches(&matches)?.complete()
        }
        Some((CANDIDATES, words)) => Ok(Cli {
            global: GlobalArgs::from_arg_matches(&matches)?,
            command: CliCommand::Candidates(CandidatesArgs::from_arg_matches(words)?),
        }),
        _ => Typed::from_arg_matches(&matches)?.complete(),
    }
}

/// Returns the definition of the command line, from which the manual and the completions are made.
pub fn command() -> clap::Command {
    // Clap's own help command would add each command a second time to the completions.
    let words = clap::Arg::new(HELP_WORDS)
        .value_name("COMMAND")
        .help("The command, such as fetch or seen list; default: all commands")
        .num_args(0..)
        .value_parser(clap::value_parser!(OsString));
    let help = clap::Command::new(HELP)
        .about("Explain a command, as its option --help does")
        .arg(words);
    Typed::command().subcommand(help)
}

const HELP: &str = "help";

/// The words behind `help`.
const HELP_WORDS: &str = "command";

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

    /// Show more; -vv also shows the conversation and its times, with secrets masked
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
    /// Show what is on the server: date, size, sender and subject
    List(ServerListArgs),
    /// Print one message without delivering it
    Show(ShowArgs),
    /// Delete messages from the server without fetching them
    Delete(DeleteArgs),
    /// Hand a message to the server, which sends it (XTND XMIT)
    Send(SendArgs),
    /// Show what was fetched, where it was delivered and when it was deleted from the server
    Log(LogArgs),
    /// Show when each account was fetched last, what failed, and what waits
    Status(StatusArgs),
    /// Stay in the foreground and fetch each account at its interval
    Watch(WatchArgs),
    /// Sign in to an account's provider, or put its password into the keyring
    Login(LoginArgs),
    /// Remove the sign-in or the password that login has stored
    Logout(LogoutArgs),
    /// Take over the accounts of another fetcher, and what it has fetched
    Import(ImportFromArgs),
    /// Add, test, list, rename and remove accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Try the rules of an account
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Inspect or repair what mailpull remembers
    #[command(subcommand)]
    Seen(SeenCommand),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Prints what the last word of an unfinished command line can be. Only the completions call it.
    #[command(skip)]
    Candidates(CandidatesArgs),
}

/// The command line as clap reads it. The options of `fetch` are allowed without the word.
#[derive(Parser)]
#[command(name = "mailpull", version, long_version = LONG_VERSION, about = ABOUT)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
#[command(subcommand_value_name = "COMMAND", args_override_self = true)]
struct Typed {
    #[command(flatten)]
    global: GlobalArgs,

    #[command(flatten)]
    flags: FetchFlags,

    #[command(subcommand)]
    command: Option<CliCommand>,
}

impl Typed {
    /// Adds the command that is meant if none is typed.
    fn complete(self) -> Result<Cli, clap::Error> {
        let command = match self.command {
            None => CliCommand::Fetch(FetchArgs {
                accounts: Vec::new(),
                flags: self.flags,
            }),
            Some(_) if self.flags != FetchFlags::default() => {
                return Err(usage_error::misplaced_flags());
            }
            Some(command) => command,
        };
        Ok(Cli {
            global: self.global,
            command,
        })
    }
}

/// The hidden command that the completions call. The manual and the completions do not have it.
const CANDIDATES: &str = "__complete";

const ABOUT: &str = "A POP3 mail fetcher that never loses a message and never delivers it twice";

/// The version and the parts that not every build has.
const LONG_VERSION: &str = match (cfg!(feature = "gssapi"), cfg!(feature = "keyring")) {
    (true, true) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: gssapi, keyring"),
    (true, false) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: gssapi"),
    (false, true) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: keyring"),
    (false, false) => concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: none"),
};

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
    fn the_last_of_two_options_applies() {
        for (twice, once) in [
            ("-c a -c b", "-c b"),
            ("-c a fetch -c b", "-c b fetch"),
            ("--maildir a --maildir b", "--maildir b"),
            ("-k=1d -k=2d", "-k=2d"),
            ("-d -d -n -n", "-d -n"),
            ("--json fetch --json", "--json"),
            ("fetch -j1 -j2 w", "fetch -j2 w"),
            ("--color never --color always", "--color always"),
        ] {
            assert_eq!(parse(twice).ok(), parse(once).ok(), "{twice}");
            assert!(parse(once).is_ok(), "{once}");
        }
        let fetched = fetch("-o port=1 -o port=2").flags.options.options;
        assert_eq!(fetched, ["port=1", "port=2"]);
        assert_eq!(parse("-v -v").map(|cli| cli.global.verbose).ok(), Some(2));
    }

    #[test]
    fn help_shows_what_the_option_help_shows() {
        for (words, option) in [
            ("help", "--help"),
            ("help fetch", "fetch --help"),
            ("help seen list", "seen list --help"),
            ("-q help account", "account --help"),
        ] {
            let [words, option] = [words, option].map(|line| parse(line).expect_err(line));
            assert!(!words.use_stderr());
            assert_eq!(words.to_string(), option.to_string());
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
