//! `mailpull import`: takes over the accounts of another fetcher, and what it has fetched.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::{env, fs};

use places::{read, unreadable, usual_places};

use super::{Context, print_line, seen};
use crate::cli::{ImportFromArgs, ImportedProgram};
use crate::config::{self, Account, NewAccount};
use crate::exit::{Exit, Failure};
use crate::import::{KnownIds, OldAccount, OldProgram, OldSurroundings, Translation};
use crate::mail::maildrop::Position;

mod places;
mod sides;
mod stop;

/// Translates the configuration of another fetcher, marks as seen what it has fetched of each account, and adds the
/// account to mailpull's configuration. An account that is there already is not changed, so that an import that
/// was interrupted can be repeated.
pub(super) fn run(arguments: &ImportFromArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let program = match arguments.program {
        ImportedProgram::Fdm => OldProgram::Fdm,
        ImportedProgram::Fetchmail => OldProgram::Fetchmail,
        ImportedProgram::Getmail => OldProgram::Getmail,
        ImportedProgram::Mpop => OldProgram::Mpop,
        ImportedProgram::Thunderbird => OldProgram::Thunderbird,
    };
    let home = config::home()?;
    let files = match &arguments.file {
        Some(file) => vec![std::path::absolute(file).map_err(|error| unreadable(file, &error))?],
        None => usual_places(program, &home)?,
    };
    let mut exit = Exit::Done;
    let mut count = 0;
    for file in &files {
        let translation = translate(program, file, &home)?;
        if let Some(name) = &arguments.password_of {
            return print_password(&translation, name);
        }
        let import = Import {
            program,
            file,
            is_dry: arguments.dry_run,
            leaves_state: arguments.without_state,
            context,
        };
        count += translation.accounts.len();
        exit = exit.max(import.run(translation)?);
    }
    if !arguments.dry_run && exit == Exit::Done && count > 0 {
        for line in stop::advice(program, &home, &context.interrupt) {
            print_line(&line);
        }
    }
    Ok(exit)
}

fn translate(program: OldProgram, file: &Path, home: &Path) -> Result<Translation, Failure> {
    let text = read(file)?;
    let text = String::from_utf8_lossy(&text);
    let local_user = env::var("LOGNAME")
        .or_else(|_| env::var("USER"))
        .unwrap_or_default();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let around = OldSurroundings {
        home: &home.to_string_lossy(),
        local_user: &local_user,
        file_stem: stem.trim_start_matches('.'),
    };
    program.translate(&text, &around).map_err(|why| {
        let what = format!("{}: {why}", file.display());
        Failure::new(what, Exit::Configuration)
    })
}

/// An import of one configuration.
struct Import<'a> {
    program: OldProgram,
    file: &'a Path,
    is_dry: bool,
    /// True if what the old program has fetched is not taken over.
    leaves_state: bool,
    context: &'a Context<'a>,
}

impl Import<'_> {
    fn run(&self, translation: Translation) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for account in &translation.accounts {
            if let Err(failure) = self.account(account) {
                let reporter = self.context.reporter(&account.name);
                exit = exit.max(self.context.report_failure(reporter, &failure));
            }
            if self.context.interrupt.is_ending() {
                return Ok(exit);
            }
        }
        for note in &translation.notes {
            print_line(&format!("{}: {note}", self.file.display()));
        }
        Ok(exit)
    }

    /// Imports an account: its state first, and then its keys. An account that is in the configuration is fetched by
    /// the next run, so a kill in between must not leave it there without its state.
    fn account(&self, old: &OldAccount) -> Result<(), Failure> {
        let chosen = self.context.global.config.as_deref();
        if !self.program.has_configuration() {
            return self.take_over(old, &self.configured(old)?);
        }
        let mut new_account = NewAccount::new(chosen, &self.options(old)?)?;
        let path = new_account.path();
        if new_account.is_taken(&old.name) {
            print_line(&format!("{}: the account is in {path} already", old.name));
            return self.take_over(old, &seen::find(&old.name, self.context)?);
        }
        new_account.set_name(&old.name)?;
        new_account.add_comment(&format!("Taken over from {}.", self.file.display()));
        for note in &old.notes {
            new_account.add_comment(note);
        }
        self.take_over(old, &new_account.account()?)?;
        if self.is_dry {
            let shown = sides::side_by_side(old, self.program.name(), &new_account.text());
            // A reader who closed standard output has seen enough.
            let _ = writeln!(io::stdout().lock(), "{shown}");
            return Ok(());
        }
        new_account.write(&self.context.interrupt)?;
        print_line(&format!("{}: added to {path}", old.name));
        for note in &old.notes {
            print_line(&format!("{}: {note}", old.name));
        }
        Ok(())
    }

    /// Returns the keys of an account, as they are typed after `-o`.
    fn options(&self, old: &OldAccount) -> Result<Vec<String>, Failure> {
        let keys = old.keys.iter();
        let mut options: Vec<String> = keys.map(|(key, value)| format!("{key}={value}")).collect();
        let has_command = old.keys.iter().any(|(key, _)| *key == "password-command");
        if old.password.is_some() && !has_command {
            let command = self.password_command(&old.name)?;
            options.push(format!("password-command={command}"));
        }
        Ok(options)
    }

    /// Returns the command that prints a password of the old configuration, as a key's value.
    fn password_command(&self, name: &str) -> Result<String, Failure> {
        let program = env::current_exe().map_err(|error| {
            Failure::new(
                format!("the place of this program is unknown: {error}"),
                Exit::LocalIo,
            )
        })?;
        let (program, file) = (program.to_string_lossy(), self.file.to_string_lossy());
        let old = self.program.name();
        let words = [&*program, "import", old, &*file, "--password-of", name];
        Ok(format!("{words:?}"))
    }

    /// Returns the account of mailpull that has the same server and user.
    fn configured(&self, old: &OldAccount) -> Result<Account, Failure> {
        let place = old.state.as_ref();
        let config = config::load(self.context.config_source())?;
        let names: Vec<_> = config.names().map(str::to_owned).collect();
        for name in names {
            // Another account may have a mistake.
            let Ok(account) = seen::find(&name, self.context) else {
                continue;
            };
            let host = account.dial.net.endpoint.host();
            if place.is_some_and(|place| place.user == account.dial.user && place.host == host) {
                return Ok(account);
            }
        }
        let what = format!("{}: the configuration has no such account", old.name);
        let hint = "Add it with mailpull account add, repeat the import, and only then fetch";
        Err(Failure::new(what, Exit::Configuration).with_hint(hint))
    }

    /// Marks as seen what the old program has fetched and the server still lists.
    fn take_over(&self, old: &OldAccount, account: &Account) -> Result<(), Failure> {
        let (name, program) = (&account.name, self.program.name());
        let Some(place) = old.state.as_ref().filter(|_| !self.leaves_state) else {
            return Ok(());
        };
        let file = match self.file.parent() {
            Some(folder) if self.program.has_configuration() => folder.join(&place.file),
            _ => self.file.to_owned(),
        };
        let known = match fs::exists(&file) {
            Ok(false) => KnownIds::default(),
            _ => self.program.known_ids(&read(&file)?, place),
        };
        if known.is_empty() {
            print_line(&format!(
                "{name}: {program} remembers nothing of this account in {}; the first fetch downloads everything on \
                 the server. To leave that there: mailpull seen catch-up {name}",
                file.display()
            ));
            return Ok(());
        }
        if self.is_dry {
            let (count, file) = (known.len(), file.display());
            print_line(&format!(
                "{name}: {program} remembers {count} messages in {file}"
            ));
            return Ok(());
        }
        let mut ledger = self
            .context
            .open_ledger(account, &self.context.state_folder()?)?;
        let _lock = ledger.lock()?;
        let (session, listing, plan) = seen::list_new(account, &ledger, self.context)?;
        session.quit();
        let is_known = |at: Position| known.has(listing.unique_id(at));
        let count = listing.positions().filter(|at| is_known(*at)).count();
        if count == 0 && !listing.is_empty() {
            return Err(self.no_message_known(listing.len(), known.len()));
        }
        let fetched = plan.fetch.iter().filter(|pick| is_known(pick.position));
        let messages = fetched.map(|pick| listing.message(pick.position, pick.copy));
        let mut messages: Vec<_> = messages.collect();
        // The table is ordered by unique-id. In the order of the listing, nearly every row would be on another page.
        messages.sort_unstable_by(|a, b| a.identity.unique_id.cmp(&b.identity.unique_id));
        ledger.messages().mark_seen(messages.into_iter())?;
        print_line(&format!(
            "{name}: {count} of {} messages on the server were known to {program}; they stay there and are not \
             fetched again",
            listing.len()
        ));
        Ok(())
    }

    /// The state is probably that of another account.
    fn no_message_known(&self, listed: usize, known: usize) -> Failure {
        let program = self.program.name();
        let what = format!(
            "{program} knows none of the {listed} messages on the server, although it remembers {known}; the account \
             is not taken over"
        );
        let hint = format!(
            "To add it without the state: mailpull import {program} {} --without-state",
            self.file.display()
        );
        Failure::new(what, Exit::Configuration).with_hint(hint)
    }
}

/// Prints a password of the old configuration to a pipe.
fn print_password(translation: &Translation, name: &str) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        let what = "a password is not printed to a terminal";
        return Err(Failure::new(what, Exit::Usage));
    }
    let account = translation
        .accounts
        .iter()
        .find(|account| account.name == name);
    let password = account.and_then(|account| account.password.as_ref());
    let Some(password) = password else {
        let what =
            format!("the old configuration has no password for an account {name:?} any more");
        return Err(Failure::new(what, Exit::Configuration));
    };
    let written = out
        .write_all(password.as_bytes())
        .and_then(|()| out.flush());
    written.map_err(|error| {
        Failure::new(format!("cannot print the password: {error}"), Exit::LocalIo)
    })?;
    Ok(Exit::Done)
}
