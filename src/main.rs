//! The program: parse the command line, run the command, exit with its status.

#[cfg(feature = "simulation")]
compile_error!("a program with the feature simulation would lose all mail that it fetches");

use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::OnceLock;

use mailpull::cli::{self, Cli};
use mailpull::commands;
use mailpull::exit::Exit;

fn main() -> ExitCode {
    static PLACE: OnceLock<String> = OnceLock::new();
    // A panic is reported once, below, in one line. Its message is left out: it may show what was
    // worked on, a message or a password.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        PLACE.get_or_init(|| place.unwrap_or_default());
    }));
    let exit = match panic::catch_unwind(run) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            print_error(&format!("{error:#}"));
            Exit::LocalIo
        }
        Err(_) => {
            let place = PLACE.get().map_or("an unknown place", String::as_str);
            print_error(&format!(
                "a bug, at {place}: no mail is lost. Please report it"
            ));
            Exit::Bug
        }
    };
    commands::end(exit)
}

/// Parses the command line and runs the command.
///
/// # Errors
/// The system refuses what every command needs, so that no command was begun.
fn run() -> anyhow::Result<Exit> {
    match Cli::parse(std::env::args_os()) {
        Ok(cli) => commands::run(&cli),
        Err(error) if error.use_stderr() => {
            print_error(&cli::usage_error(&error));
            Ok(Exit::Usage)
        }
        Err(answer) => {
            // A reader who closed standard output does not need the help.
            let _ = answer.print();
            Ok(Exit::Done)
        }
    }
}

/// Prints what ended the program. If standard error is closed the exit status still says it.
fn print_error(what: &str) {
    let _ = writeln!(io::stderr(), "mailpull: {what}");
}
