//! A POP3 server with generated mail on loopback, to try mailpull without an account.
//!
//!     cargo run --example pop3-server -- --messages 200 --port-file /tmp/port
//!
//! The user is `joe`, the password is `open sesame`, and the connection is in cleartext. The server
//! prints its address. It ends at the end of its standard input, or on a signal.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

#[path = "../../tests/it/support/mail.rs"]
#[allow(
    dead_code,
    reason = "the support code of the tests, of which the example needs a part"
)]
mod mail;
#[path = "../../tests/it/support/model_server/mod.rs"]
#[allow(
    dead_code,
    reason = "the support code of the tests, of which the example needs a part"
)]
mod model_server;
#[path = "../../tests/it/support/stream.rs"]
#[allow(
    dead_code,
    reason = "the support code of the tests, of which the example needs a part"
)]
mod stream;

use model_server::{ModelServer, PASSWORD, USER};

const USAGE: &str = "usage: pop3-server [--messages N] [--port-file FILE]";

struct ServerOptions {
    messages: usize,
    port_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    match parse(env::args().skip(1)).and_then(|options| serve(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("pop3-server: {e}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<ServerOptions, Box<dyn Error>> {
    let mut options = ServerOptions {
        messages: 200,
        port_file: None,
    };
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(USAGE)?;
        match flag.as_str() {
            "--messages" => options.messages = value.parse().map_err(|_| USAGE)?,
            "--port-file" => options.port_file = Some(value.into()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn serve(options: &ServerOptions) -> Result<(), Box<dyn Error>> {
    let server = ModelServer::start(mail::ordinary(1, options.messages));
    if let Some(path) = &options.port_file {
        write_whole(path, &format!("{}\n", server.port()))?;
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", server.address())?;
    writeln!(
        stdout,
        "{} messages for user {USER:?}, password {PASSWORD:?}",
        server.count()
    )?;
    stdout.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}

/// Writes a file in one step, so that a program that waits for it never reads half of it.
fn write_whole(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, path));
    written.map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}
