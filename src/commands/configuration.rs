//! `mailpull config`: looks at the configuration.

use std::io::{self, Write};

use super::{Context, print_line};
use crate::cli::ConfigCommand;
use crate::config;
use crate::exit::{Exit, Failure};
use crate::report::Event;
use crate::report::plain::Verbosity;

/// Runs a command of `config`.
pub(super) fn run(command: &ConfigCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check => check(context),
        ConfigCommand::Schema => {
            // A reader who closed standard output has seen enough.
            let _ = io::stdout().lock().write_all(config::schema().as_bytes());
            Ok(Exit::Done)
        }
    }
}

/// Shows all mistakes, each with its place and with what to write instead.
fn check(context: &Context<'_>) -> Result<Exit, Failure> {
    let checked = config::check(context.global.config.as_deref())?;
    for mistake in &checked.mistakes {
        let failure = Failure {
            hint: mistake.hint(),
            ..Failure::new(mistake, Exit::Configuration)
        };
        context.reporter("").report(Event::Problem(&failure));
    }
    if !checked.mistakes.is_empty() {
        return Ok(Exit::Configuration);
    }
    if context.verbosity > Verbosity::Quiet && !context.global.json {
        let config::CheckedConfig { path, accounts, .. } = checked;
        print_line(&format!("{path}: no mistakes; accounts: {accounts}"));
    }
    Ok(Exit::Done)
}
