//! The commands. Each has a file of its own, which gathers the parts, calls the poll or a service,
//! and reports.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::{AccountCommand, Cli, CliCommand, SeenCommand};
use crate::config::shard::Shard;
use crate::exit::{Exit, Failure};
use crate::os::secret;
use crate::os::signals::{self, Interrupt, RunEnding};
use crate::report::Event;
use crate::text::OneLine;

mod account;
mod brake;
mod check;
mod completions;
mod configuration;
mod connect;
mod context;
mod credentials;
mod delete;
mod edit_config;
mod ending;
mod failure;
mod fetch;
mod hooks;
mod host_turns;
mod import;
mod lasting;
mod list;
mod log;
mod login;
mod login_delay;
mod logout;
mod long_output;
mod message_id;
mod metrics_file;
mod questions;
mod rules;
mod run_limit;
mod seen;
mod send;
mod show;
mod status;
mod temporary_file;
mod watch;
mod workers;

use context::Context;

/// Runs a command and reports what went wrong with it as a whole.
///
/// # Errors
/// The system refuses a descriptor or a signal handler. The command was not begun.
pub fn run(cli: &Cli) -> anyhow::Result<Exit> {
    secret::keep_memory_private();
    let interrupt = interrupt(&cli.command).context("cannot prepare for signals")?;
    let context = Context::new(&cli.global, interrupt);
    ending::announce(&context);
    let exit = carry_out(&cli.command, &context).unwrap_or_else(|failure| {
        // A user who interrupted the run knows why it ended.
        if context.interrupt.signal().is_none() {
            context.reporter("").report(Event::Problem(&failure));
        }
        failure.exit
    });
    Ok(match (context.interrupt.ending(), exit) {
        (Some(RunEnding::Signal(signal)), _) => Exit::Signal(signal),
        // What was interrupted takes a signal for the reason.
        (Some(RunEnding::Timeout), Exit::Signal(_)) => Exit::Temporary,
        (Some(RunEnding::Timeout) | None, exit) => exit,
    })
}

/// Returns the status that the process ends with. A process that a signal has asked to end does not return
/// from here: it dies by that signal.
pub fn end(exit: Exit) -> ExitCode {
    if let Exit::Signal(signal) = exit {
        // A reader who closed standard output has seen enough.
        let _ = io::stdout().flush();
        signals::die_by(signal);
    }
    exit.into()
}

fn carry_out(command: &CliCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        CliCommand::Fetch(arguments) => fetch::run(arguments, context),
        CliCommand::Check(arguments) => check::run(arguments, context),
        CliCommand::Candidates(arguments) => Ok(completions::candidates(arguments, context)),
        CliCommand::Completions(arguments) => completions::run(arguments),
        CliCommand::Config(command) => configuration::run(command, context),
        CliCommand::Delete(arguments) => delete::run(arguments, context),
        CliCommand::Account(command) => account::run(command, context),
        CliCommand::Import(arguments) => import::run(arguments, context),
        CliCommand::List(arguments) => list::run(arguments, context),
        CliCommand::Log(arguments) => log::run(arguments, context),
        CliCommand::Login(arguments) => login::run(arguments, context),
        CliCommand::Logout(arguments) => logout::run(arguments, context),
        CliCommand::Rules(command) => rules::run(command, context),
        CliCommand::Seen(command) => seen::run(command, context),
        CliCommand::Send(arguments) => send::run(arguments, context),
        CliCommand::Show(arguments) => show::run(arguments, context),
        CliCommand::Status(arguments) => status::run(arguments, context),
        CliCommand::Watch(arguments) => watch::run(arguments, context),
    }
}

/// Catches signals for the commands that talk to servers and have to end in good order. The others
/// simply end.
fn interrupt(command: &CliCommand) -> io::Result<Interrupt> {
    match command {
        CliCommand::Check(_)
        | CliCommand::Delete(_)
        | CliCommand::Fetch(_)
        | CliCommand::Import(_)
        | CliCommand::List(_)
        | CliCommand::Login(_)
        | CliCommand::Logout(_)
        | CliCommand::Send(_)
        | CliCommand::Show(_)
        | CliCommand::Account(AccountCommand::Add(_) | AccountCommand::Test(_))
        | CliCommand::Seen(SeenCommand::CatchUp(_) | SeenCommand::Rematch(_)) => {
            Interrupt::install()
        }
        CliCommand::Watch(_) => Interrupt::install_for_watch(),
        CliCommand::Account(_)
        | CliCommand::Candidates(_)
        | CliCommand::Completions(_)
        | CliCommand::Config(_)
        | CliCommand::Log(_)
        | CliCommand::Rules(_)
        | CliCommand::Seen(_)
        | CliCommand::Status(_) => Interrupt::never(),
    }
}

/// Reads the value of `--shard`.
fn parse_shard(text: Option<&str>) -> Result<Option<Shard>, Failure> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|why| Failure::new(format_args!("--shard {why}"), Exit::Usage))
    };
    text.map(parse).transpose()
}

/// Prints a line that the user asked for. A reader who closed standard output has seen enough.
fn print_line(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", OneLine(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_makes_no_sense_is_a_usage_error() {
        assert_eq!(parse_shard(None), Ok(None));
        assert_eq!(parse_shard(Some("0/2")), Ok("0/2".parse().ok()));
        let failure = Failure::new(
            "--shard must be K/N, where K counts from 0: 0/3, 1/3 or 2/3",
            Exit::Usage,
        );
        assert_eq!(parse_shard(Some("3/3")), Err(failure));
    }
}
