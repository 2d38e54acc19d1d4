//! The program: parse, run the command, end with its status. Decides nothing.

use std::panic;
use std::process::ExitCode;

use mailpull::cli::Cli;
use mailpull::commands;
use mailpull::exit::Exit;

fn main() -> ExitCode {
    // A panic is told once, below, in one line and without what it was working on.
    panic::set_hook(Box::new(|_| {}));
    let ended = panic::catch_unwind(|| match Cli::parse(std::env::args_os()) {
        Ok(cli) => commands::run(&cli),
        Err(error) => {
            // Who closed the terminal does not need the usage.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        }
    });
    ended
        .unwrap_or_else(|_| {
            eprintln!("mailpull: a bug: it stopped where it should not; nothing is lost by that");
            Exit::Bug
        })
        .into()
}
