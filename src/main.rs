//! The program: parse, run the command, end with its status. Decides nothing.

use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::OnceLock;

use mailpull::cli::{self, Cli};
use mailpull::commands;
use mailpull::exit::Exit;

fn main() -> ExitCode {
    static PLACE: OnceLock<String> = OnceLock::new();
    // A panic is told once, below, in one line and without what it was working on.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        PLACE.get_or_init(|| place.unwrap_or_default());
    }));
    let ended = panic::catch_unwind(|| match Cli::parse(std::env::args_os()) {
        Ok(cli) => commands::run(&cli),
        Err(error) if error.use_stderr() => {
            complain(&cli::usage_error(&error));
            Exit::Usage
        }
        Err(answer) => {
            // Who closed standard output does not need the help.
            let _ = answer.print();
            Exit::Done
        }
    });
    ended
        .unwrap_or_else(|_| {
            let place = PLACE.get().map_or("an unknown place", String::as_str);
            complain(&format!(
                "a bug, at {place}: nothing is lost by it; please report it"
            ));
            Exit::Bug
        })
        .into()
}

/// Says what ended the program. It ends in the same way if nobody can hear it.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "mailpull: {what}");
}
