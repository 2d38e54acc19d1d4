//! The parts that every command works with.

use std::collections::HashSet;
use std::io::{self, IsTerminal};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::log::time;
use crate::cli::{GlobalArgs, When};
use crate::commands::host_turns::HostTurns;
use crate::config::{
    self, Account, ConfigSource, LogPlace, Overrides, PrintedAccounts, Selection, Selector,
    UnusableAccount,
};
use crate::exit::{Exit, Failure};
use crate::limits;
use crate::mail::memory::ListingMemory;
use crate::moment::Moment;
use crate::net::tls::Connectors;
use crate::os::signals::{Interrupt, RunEnding};
use crate::poll::{Consequence, OtherAccount};
use crate::report::plain::{Audience, Color, Verbosity};
use crate::report::{AccountReporter, Event, EventLog, Json, Plain, Reporter, Terminal};
use crate::seen::{Ledger, StateFolder};

/// The parts that every command works with.
pub(super) struct Context<'a> {
    pub(super) global: &'a GlobalArgs,
    pub(super) reporter: SharedReporter,
    pub(super) verbosity: Verbosity,
    pub(super) interrupt: Interrupt,
    pub(super) connectors: Connectors,
    pub(super) memory: ListingMemory,
    pub(super) turns: HostTurns,
    /// True once a user at a terminal was told that a signal ends the run.
    pub(super) ending_was_announced: Arc<AtomicBool>,
    /// The accounts that a command has printed.
    printed_accounts: PrintedAccounts,
    /// The names of the configured accounts, once they were needed.
    configured_names: Mutex<Option<HashSet<String>>>,
}

/// The reporter that all accounts of a run share.
pub(super) type SharedReporter = Arc<dyn Reporter + Send + Sync>;

impl<'a> Context<'a> {
    pub(super) fn new(global: &'a GlobalArgs, interrupt: Interrupt) -> Self {
        Self {
            global,
            reporter: reporter(global),
            verbosity: verbosity(global),
            interrupt,
            connectors: Connectors::default(),
            memory: ListingMemory::new(listing_memory()),
            turns: HostTurns::default(),
            ending_was_announced: Arc::default(),
            printed_accounts: PrintedAccounts::default(),
            configured_names: Mutex::default(),
        }
    }
}

impl Context<'_> {
    /// Returns the reporter of an account; `""` stands for no account, or all of them.
    pub(super) fn reporter<'a>(&'a self, account: &'a str) -> AccountReporter<'a> {
        AccountReporter::new(&*self.reporter, account)
    }

    /// Opens the log of the configuration, if it has one. A failure is only a warning: mail is fetched in any
    /// case.
    pub(super) fn open_log(&self, place: Option<LogPlace>) -> Option<EventLog> {
        let (path, name) = match place? {
            LogPlace::Syslog => (None, "syslog".to_owned()),
            LogPlace::File(path) => {
                let name = path.display().to_string();
                (Some(path), name)
            }
        };
        let opened = EventLog::open(path.as_deref(), now);
        let warn = |error| {
            let reporter = self.reporter("");
            let what = format_args!("cannot log to {name}: {error}");
            reporter.report(Event::Warning(&what));
        };
        opened.map_err(warn).ok()
    }

    /// Forgets what was read of the configuration.
    pub(super) fn forget_configuration(&self) {
        let mut names = self.configured_names.lock();
        *names
            .as_deref_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut()) = None;
        self.printed_accounts.forget();
    }

    /// Opens the folder of the seen-database.
    pub(super) fn state_folder(&self) -> Result<StateFolder, Failure> {
        let path = config::state_folder(self.global.state_dir.as_deref())?;
        Ok(StateFolder::open(&path)?)
    }

    /// Opens the folder of the seen-database for a command that changes nothing.
    pub(super) fn state_folder_to_read(&self) -> Result<StateFolder, Failure> {
        let path = config::state_folder(self.global.state_dir.as_deref())?;
        Ok(StateFolder::open_to_read(&path)?)
    }

    /// Opens the folder of the seen-database for a command that changes nothing, if there is a database.
    pub(super) fn find_state_folder_to_read(&self) -> Result<Option<StateFolder>, Failure> {
        let path = config::state_folder(self.global.state_dir.as_deref())?;
        Ok(StateFolder::find_to_read(&path)?)
    }

    /// Opens an account's rows of the database.
    ///
    /// # Errors
    /// The database cannot be used, or the user has to decide what the account is to its records.
    pub(super) fn open_ledger(
        &self,
        account: &Account,
        folder: &StateFolder,
    ) -> Result<Ledger, Failure> {
        let server = account.dial.net.endpoint.to_string();
        let user = &account.dial.user;
        let ledger = Ledger::open(folder, &account.name, &server, user)?;
        if ledger.is_moved() {
            let name = &account.name;
            let what = "its records were moved away by seen export --move";
            let hint = format!(
                "Fetch it where they were imported, bring them back with mailpull seen import, or \
                 start anew with mailpull account remove {name}"
            );
            return Err(Failure::new(what, Exit::Configuration).with_hint(hint));
        }
        let reporter = self.reporter(&account.name);
        if let Some(former) = ledger.former_name() {
            reporter.report(Event::Warning(&format_args!(
                "this mailbox was fetched as {former} before; messages fetched then are not \
                 fetched again"
            )));
        }
        self.require_no_renaming(account, &ledger)?;
        // If only the port has changed, the listing will show if it is the same mailbox.
        if let Some(former) = ledger.former_place()
            && !ledger.has_another_port()
            && ledger.notices().is_due(ANOTHER_PLACE)?
        {
            reporter.report(Event::Warning(&format_args!(
                "this account was {former} until now; if that was another mailbox, give this \
                 account another name, or messages with the same unique-ids are not fetched"
            )));
        }
        Ok(ledger)
    }

    /// Refuses a new account whose mailbox has records under a name that the configuration no longer
    /// has. It was probably renamed: then everything would be fetched a second time.
    fn require_no_renaming(&self, account: &Account, ledger: &Ledger) -> Result<(), Failure> {
        let namesakes = ledger.namesakes()?;
        if namesakes.is_empty() || account.is_one_shot() {
            return Ok(());
        }
        let Some(former) = self.find_unconfigured(namesakes)? else {
            return Ok(());
        };
        Err(renamed_account(&former, &account.name))
    }

    /// Returns the other accounts that may have the mailbox of an account which knows no message yet.
    /// The listing will show if one has.
    pub(super) fn other_accounts(
        &self,
        account: &Account,
        ledger: &Ledger,
    ) -> Result<Vec<OtherAccount>, Failure> {
        let mut other_accounts = Vec::new();
        for neighbour in ledger.neighbours().all()? {
            let other = &neighbour.name;
            let consequence = match (account.is_one_shot(), neighbour.is_one_shot) {
                (_, true) => Consequence::Continue,
                (true, false) => Consequence::RefuseSamePlace(second_account(other)),
                // Two accounts of the configuration are independent.
                (false, false) if self.find_unconfigured(vec![other.clone()])?.is_none() => {
                    continue;
                }
                (false, false) => Consequence::Refuse(renamed_account(other, &account.name)),
            };
            other_accounts.push(OtherAccount {
                neighbour,
                consequence,
            });
        }
        Ok(other_accounts)
    }

    /// Returns the first of these names that the configuration does not have. The configuration is
    /// read only once, although this is asked for every new account.
    fn find_unconfigured(&self, wanted: Vec<String>) -> Result<Option<String>, Failure> {
        self.with_configured_names(|names| wanted.into_iter().find(|name| !names.contains(name)))
    }

    /// Returns where the configuration comes from.
    pub(super) fn config_source(&self) -> ConfigSource<'_> {
        ConfigSource {
            chosen: self.global.config.as_deref(),
            state_dir: self.global.state_dir.as_deref(),
            interrupt: &self.interrupt,
            printed: &self.printed_accounts,
        }
    }

    /// Finds the accounts that a command works on.
    pub(super) fn accounts(
        &self,
        selector: &Selector<'_>,
        overrides: &Overrides,
    ) -> Result<Selection, Failure> {
        let selection = config::accounts(selector, self.config_source(), overrides)?;
        if let Some(warning) = &selection.warning {
            self.reporter("").report(Event::Warning(warning));
        }
        Ok(selection)
    }

    /// Gives the names of all configured accounts to `look`.
    pub(super) fn with_configured_names<T>(
        &self,
        look: impl FnOnce(&HashSet<String>) -> T,
    ) -> Result<T, Failure> {
        let names = self.configured_names.lock();
        let mut names = names.unwrap_or_else(PoisonError::into_inner);
        let names = match &mut *names {
            Some(names) => names,
            unread => {
                let config = config::load(self.config_source())?;
                unread.insert(config.names().map(str::to_owned).collect())
            }
        };
        Ok(look(names))
    }

    /// Reports what is wrong with accounts that cannot be used. Returns the strongest status.
    pub(super) fn report_unusable(&self, unusable: &[UnusableAccount]) -> Option<Exit> {
        let report = |UnusableAccount { name, error }: &UnusableAccount| {
            // A text that cannot be an account's name must not stand where one is expected.
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
        unusable.iter().map(report).max()
    }

    /// Reports why an account failed, unless the user or the time limit ended the run. Returns the
    /// status.
    pub(super) fn report_failure(&self, reporter: AccountReporter<'_>, failure: &Failure) -> Exit {
        match self.interrupt.ending() {
            Some(RunEnding::Signal(signal)) => return Exit::Signal(signal),
            // The run reports it once for all accounts.
            Some(RunEnding::Timeout) if failure.exit.is_transient() => return Exit::Temporary,
            Some(RunEnding::Timeout) | None => {}
        }
        reporter.report(Event::Problem(failure));
        failure.exit
    }
}

/// The subject of the warning that an account has another server or user than before.
const ANOTHER_PLACE: &str = "another place";

/// Returns the octets of memory for all listings. The tests of a debug build may ask for less.
fn listing_memory() -> u64 {
    let chosen = match cfg!(debug_assertions) {
        true => std::env::var("MAILPULL_TEST_LISTING_MEMORY").ok(),
        false => None,
    };
    let chosen = chosen.and_then(|octets| octets.parse().ok());
    chosen.unwrap_or(limits::LISTING_MEMORY)
}

/// The mailbox of a new account has records under a name that the configuration no longer has.
fn renamed_account(former: &str, name: &str) -> Failure {
    let what = format!(
        "this mailbox was fetched for an account {former}, which is no longer in the configuration"
    );
    let hint = format!(
        "If the account has a new name: mailpull account rename {former} {name}. To fetch \
         everything again: mailpull account remove {former}"
    );
    Failure::new(what, Exit::Configuration).with_hint(hint)
}

/// The mailbox of a URL is one that an account delivers to the same place.
fn second_account(name: &str) -> Failure {
    let what = format!("this mailbox was fetched for the account {name}, to the same place");
    let hint = format!(
        "Fetch it by its name: mailpull fetch {name}. To have all its messages a second time, name \
         another Maildir"
    );
    Failure::new(what, Exit::Configuration).with_hint(hint)
}

fn verbosity(global: &GlobalArgs) -> Verbosity {
    match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Trace,
    }
}

/// Formats the present, in UTC.
fn now() -> String {
    time(Moment::now())
}

/// Makes the reporter that the global flags and the kind of standard error ask for.
fn reporter(global: &GlobalArgs) -> SharedReporter {
    let verbosity = verbosity(global);
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
    // The lines of a conversation, or JSON on the same terminal, would tear the bars apart.
    let is_calm = matches!(verbosity, Verbosity::Normal | Verbosity::Verbose)
        && !(global.json && io::stdout().is_terminal());
    let can_draw = on_terminal && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let has_bars = chosen(global.progress, can_draw && is_calm);
    match (global.json, has_bars) {
        (false, false) => Arc::new(plain),
        (false, true) => Arc::new(Terminal::new(plain)),
        (true, false) => Arc::new(Json::new(plain, now)),
        (true, true) => Arc::new(Json::new(Terminal::new(plain), now)),
    }
}
