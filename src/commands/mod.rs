//! One verb, one file: each gathers its parts, calls the engine or a service, and reports.
//! What a status is and how an error is shown are decided in `exit` and in the errors themselves.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::{AccountCommand, Cli, CliCommand, GlobalArgs, SeenCommand, When};
use crate::config::{self, Account, Unusable};
use crate::dial::{self, DialStep, Security};
use crate::exit::{Exit, Failure};
use crate::net::Stream;
use crate::net::tls::{Connectors, Proof};
use crate::os::secret::{self, Secret};
use crate::os::signals::Interrupt;
use crate::pop3::{Direction, SessionHints, Trace, Transaction};
use crate::report::plain::{Audience, Color, Verbosity};
use crate::report::{AccountReporter, Event, Json, Plain, Reporter, Terminal};
use crate::seen::{Ledger, StateFolder};

mod account;
mod check;
mod failure;
mod fetch;
mod log;
mod login;
mod login_delay;
mod passwords;
mod seen;
mod tokens;
mod workers;

use passwords::Passwords;

/// Whoever is told what happens, shared by all accounts.
type SharedReporter = Arc<dyn Reporter + Send + Sync>;

/// What every command works with.
struct Context<'a> {
    global: &'a GlobalArgs,
    reporter: SharedReporter,
    verbosity: Verbosity,
    interrupt: Interrupt,
    connectors: Connectors,
    names: Mutex<Option<HashSet<String>>>,
}

/// Runs what was typed, and tells what went wrong with it as a whole.
pub fn run(cli: &Cli) -> Exit {
    secret::keep_memory_private();
    let verbosity = verbosity(&cli.global);
    let reporter = reporter(&cli.global, verbosity);
    let interrupt = match interrupt(&cli.command) {
        Ok(interrupt) => interrupt,
        Err(error) => {
            let what = format!("cannot prepare for signals: {error}");
            let failure = Failure::new(what, Exit::LocalIo);
            AccountReporter::new(&*reporter, "").report(Event::Problem(&failure));
            return failure.exit;
        }
    };
    let context = Context {
        global: &cli.global,
        reporter,
        verbosity,
        interrupt,
        connectors: Connectors::default(),
        names: Mutex::default(),
    };
    let ended = match &cli.command {
        CliCommand::Fetch(arguments) => fetch::run(arguments, &context),
        CliCommand::Check(arguments) => check::run(arguments, &context),
        CliCommand::Account(verb) => account::run(verb, &context),
        CliCommand::Log(arguments) => log::run(arguments, &context),
        CliCommand::Login(arguments) => login::run(arguments, &context),
        CliCommand::Seen(verb) => seen::run(verb, &context),
    };
    let exit = ended.unwrap_or_else(|failure| {
        // A user who interrupted the run knows why it ended.
        if context.interrupt.signal().is_none() {
            context.reporter("").report(Event::Problem(&failure));
        }
        failure.exit
    });
    context.interrupt.signal().map_or(exit, Exit::Signal)
}

/// Signals are taken by what talks to servers and has to end in good order. Everything else they
/// simply end.
fn interrupt(command: &CliCommand) -> io::Result<Interrupt> {
    match command {
        CliCommand::Account(AccountCommand::Add(_) | AccountCommand::Test(_)) => {
            Interrupt::install()
        }
        CliCommand::Account(_)
        | CliCommand::Log(_)
        | CliCommand::Seen(
            SeenCommand::Check
            | SeenCommand::Export(_)
            | SeenCommand::Forget(_)
            | SeenCommand::Import(_)
            | SeenCommand::List(_),
        ) => Interrupt::never(),
        CliCommand::Check(_)
        | CliCommand::Fetch(_)
        | CliCommand::Login(_)
        | CliCommand::Seen(_) => Interrupt::install(),
    }
}

impl Context<'_> {
    fn reporter<'a>(&'a self, account: &'a str) -> AccountReporter<'a> {
        AccountReporter::new(&*self.reporter, account)
    }

    /// Opens the folder of the seen-database.
    fn state_folder(&self) -> Result<StateFolder, Failure> {
        let path = config::state_folder(self.global.state_dir.as_deref())?;
        Ok(StateFolder::open(&path)?)
    }

    /// Opens an account's rows of the database.
    fn open_ledger(&self, account: &Account, folder: &StateFolder) -> Result<Ledger, Failure> {
        let server = account.dial.net.endpoint.to_string();
        let user = &account.dial.user;
        let ledger = Ledger::open(folder, &account.name, &server, user)?;
        if ledger.is_moved() {
            let name = &account.name;
            let what = format!(
                "its record was moved away by seen export --move: fetch it where that was \
                 imported; to fetch it here again, bring it back with seen import, or begin anew \
                 without it: mailpull account remove {name}"
            );
            return Err(Failure::new(what, Exit::Configuration));
        }
        if let Some(former) = ledger.former_name() {
            self.reporter(&account.name)
                .report(Event::Warning(&format_args!(
                    "this maildrop was fetched as {former} before; what was fetched then is not \
                     fetched again"
                )));
        }
        self.insist_it_is_new(account, &ledger)?;
        if let Some(former) = ledger.former_place() {
            self.reporter(&account.name)
                .report(Event::Warning(&format_args!(
                    "this account was {former} until now; if it is another maildrop, give it \
                     another name, or messages with the same unique-ids are not fetched"
                )));
        }
        Ok(ledger)
    }

    /// Asks what an unknown account is to the record, where its maildrop is known by a name that the
    /// configuration no longer has: fetching everything again is not for us to decide.
    fn insist_it_is_new(&self, account: &Account, ledger: &Ledger) -> Result<(), Failure> {
        let namesakes = ledger.namesakes()?;
        if namesakes.is_empty() || account.is_one_shot() {
            return Ok(());
        }
        let Some(former) = self.find_unconfigured(namesakes)? else {
            return Ok(());
        };
        let name = &account.name;
        let what = format!(
            "this maildrop was fetched for an account {former}, which the configuration no longer \
             has: either mailpull account rename {former} {name}, or mailpull account remove \
             {former} to fetch everything again"
        );
        Err(Failure::new(what, Exit::Configuration))
    }

    /// The first of these names that the configuration does not have; it is read again only once.
    fn find_unconfigured(&self, wanted: Vec<String>) -> Result<Option<String>, Failure> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let names = match &mut *names {
            Some(names) => names,
            unread => {
                let config = config::load(self.global.config.as_deref())?;
                unread.insert(config.names().map(str::to_owned).collect())
            }
        };
        Ok(wanted.into_iter().find(|name| !names.contains(name)))
    }

    /// What connects and logs in to an account, as often as it is called; the password is got once.
    fn connector<'a>(
        &'a self,
        account: &'a Account,
        passwords: &'a Passwords,
    ) -> impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure> + 'a {
        self.watched_connector(account, passwords, &|_| {})
    }

    /// The same, with somebody looking on.
    fn watched_connector<'a>(
        &'a self,
        account: &'a Account,
        passwords: &'a Passwords,
        watcher: &'a dyn Fn(DialStep<'_>),
    ) -> impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure> + 'a {
        if matches!(account.dial.tls.proof, Proof::Nothing)
            && account.dial.security != Security::None
        {
            self.reporter(&account.name).report(Event::Warning(&format_args!(
                "tls-verify = false: whoever answers in the place of {} gets the password and the \
                 mail; without it the error says what to put into tls-pin",
                account.dial.net.endpoint
            )));
        }
        let mut password = None;
        move |opening| {
            let password = match &mut password {
                Some(password) => password,
                unknown => unknown.insert(passwords.of(account, self)?),
            };
            let call = |password: &Secret| {
                let endpoint = &account.dial.net.endpoint;
                let reporter = self.reporter(&account.name);
                reporter.report(Event::Note(&format_args!("connecting to {endpoint}")));
                dial::Dialer {
                    options: &account.dial,
                    connectors: &self.connectors,
                    secret: password,
                    trace: &|| self.trace(account),
                    interrupt: &self.interrupt,
                    watcher,
                }
                .dial(opening)
            };
            match tokens::sign_in(account, self)? {
                None => Ok(call(password)?),
                Some(sign_in) => tokens::show(account, &sign_in, password, call),
            }
        }
    }

    fn obtain_password(&self, account: &Account) -> Result<Secret, Failure> {
        if let Some(sign_in) = tokens::sign_in(account, self)? {
            return tokens::token(account, &sign_in);
        }
        Ok(account.obtain_password(&self.interrupt)?)
    }

    /// Passes the conversation on to the reporter, for `-vv`.
    fn trace(&self, account: &Account) -> Option<Trace> {
        if self.verbosity < Verbosity::Trace {
            return None;
        }
        let (reporter, account) = (Arc::clone(&self.reporter), account.name.clone());
        Some(Box::new(move |direction, line| {
            let who = match direction {
                Direction::Client => "C",
                Direction::Server => "S",
            };
            reporter.report(&account, Event::Trace(who, line));
        }))
    }

    /// Tells what is wrong with accounts that cannot be used, and what status that is.
    fn report_unusable(&self, unusable: &[Unusable]) -> Option<Exit> {
        let tell = |Unusable { name, error }: &Unusable| {
            // What is no account's name does not stand where one does.
            let name = if config::is_account_name(name) {
                name
            } else {
                ""
            };
            let failure = Failure {
                hint: error.hint(),
                ..Failure::new(error, error.exit())
            };
            self.reporter(name).report(Event::Problem(&failure));
            failure.exit
        };
        unusable.iter().map(tell).max()
    }

    /// Tells why an account failed, unless the user broke it off, and what status that is.
    fn report_failure(&self, reporter: AccountReporter<'_>, failure: &Failure) -> Exit {
        if let Some(signal) = self.interrupt.signal() {
            return Exit::Signal(signal);
        }
        reporter.report(Event::Problem(failure));
        failure.exit
    }
}

fn verbosity(global: &GlobalArgs) -> Verbosity {
    match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Trace,
    }
}

fn reporter(global: &GlobalArgs, verbosity: Verbosity) -> SharedReporter {
    let on_terminal = io::stderr().is_terminal();
    let chosen = |when: When, otherwise: bool| match when {
        When::Always => true,
        When::Auto => otherwise,
        When::Never => false,
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = if chosen(global.color, on_terminal && !no_color) {
        Color::Ansi
    } else {
        Color::None
    };
    let audience = if on_terminal {
        Audience::Terminal
    } else {
        Audience::Anyone
    };
    let plain = Plain::new(verbosity, audience, color);
    // The lines of a conversation, or JSON on the same terminal, and a bar would tear each other.
    let is_calm = matches!(verbosity, Verbosity::Normal | Verbosity::Verbose)
        && !(global.json && io::stdout().is_terminal());
    let can_draw = on_terminal && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let has_bars = chosen(global.progress, can_draw && is_calm);
    match (global.json, has_bars) {
        (false, false) => Arc::new(plain),
        (false, true) => Arc::new(Terminal::new(plain)),
        (true, false) => Arc::new(Json::new(plain)),
        (true, true) => Arc::new(Json::new(Terminal::new(plain))),
    }
}

/// Writes what the user asked for; who closed standard output has seen enough.
fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}
