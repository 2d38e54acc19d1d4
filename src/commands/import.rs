//! `mailpull import`: takes over the accounts of another fetcher, and what it has fetched.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::{Context, print_line, seen};
use crate::cli::{ImportFromArgs, ImportedProgram};
use crate::config::{self, Account, NewAccount};
use crate::exit::{Exit, Failure};
use crate::import::{KnownIds, OldAccount, OldProgram, OldSurroundings, Translation};
use crate::mail::maildrop::Position;

/// The largest configuration or state that is read, in octets.
const LARGEST_FILE: u64 = 256 << 20;

/// Translates the configuration of another fetcher, marks as seen what it has fetched of each account, and adds the
/// account to mailpull's configuration. An account that is there already is not changed, so that an import that
/// was interrupted can be repeated.
pub(super) fn run(arguments: &ImportFromArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let program = match arguments.program {
        ImportedProgram::Fdm => OldProgram::Fdm,
        ImportedProgram::Fetchmail => OldProgram::Fetchmail,
        ImportedProgram::Getmail => OldProgram::Getmail,
        ImportedProgram::Mpop => OldProgram::Mpop,
    };
    let home = config::home()?;
    let file = match &arguments.file {
        Some(file) => std::path::absolute(file).map_err(|error| unreadable(file, &error))?,
        None => usual_place(program, &home)?,
    };
    let text = read(&file)?;
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
    let translation = program.translate(&text, &around).map_err(|why| {
        let what = format!("{}: {why}", file.display());
        Failure::new(what, Exit::Configuration)
    })?;
    if let Some(name) = &arguments.password_of {
        return print_password(&translation, name);
    }
    let import = Import {
        program,
        file: &file,
        is_dry: arguments.dry_run,
        leaves_state: arguments.without_state,
        context,
    };
    import.run(translation)
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
        if !self.is_dry && exit == Exit::Done && !translation.accounts.is_empty() {
            print_line(self.farewell());
        }
        Ok(exit)
    }

    /// Imports an account: its state first, and then its keys. An account that is in the configuration is fetched by
    /// the next run, so a kill in between must not leave it there without its state.
    fn account(&self, old: &OldAccount) -> Result<(), Failure> {
        let chosen = self.context.global.config.as_deref();
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
            // A reader who closed standard output has seen enough.
            let _ = writeln!(io::stdout().lock(), "{}", *new_account.text());
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

    /// Marks as seen what the old program has fetched and the server still lists.
    fn take_over(&self, old: &OldAccount, account: &Account) -> Result<(), Failure> {
        let (name, program) = (&old.name, self.program.name());
        let Some(place) = old.state.as_ref().filter(|_| !self.leaves_state) else {
            return Ok(());
        };
        let file = match self.file.parent() {
            Some(folder) => folder.join(&place.file),
            None => place.file.clone(),
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
        ledger.messages().mark_seen(messages)?;
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

    /// Says how to stop the old program.
    fn farewell(&self) -> &'static str {
        match self.program {
            OldProgram::Fdm => "Now stop fdm: remove its line from crontab -e, or its systemd unit",
            OldProgram::Fetchmail => {
                "Now stop fetchmail: fetchmail --quit; remove its line from crontab -e; systemctl disable --now fetchmail"
            }
            OldProgram::Getmail => {
                "Now stop getmail: remove its line from crontab -e, or its systemd unit"
            }
            OldProgram::Mpop => {
                "Now stop mpop: remove its line from crontab -e, or its systemd unit"
            }
        }
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

/// Returns the usual place of a configuration.
fn usual_place(program: OldProgram, home: &Path) -> Result<PathBuf, Failure> {
    let config = config::user_config_folder().unwrap_or_else(|| home.join(".config"));
    let places = match program {
        OldProgram::Fdm => vec![home.join(".fdm.conf"), PathBuf::from("/etc/fdm.conf")],
        OldProgram::Fetchmail => vec![home.join(".fetchmailrc")],
        OldProgram::Getmail => vec![
            config.join("getmail/getmailrc"),
            home.join(".getmail/getmailrc"),
        ],
        OldProgram::Mpop => vec![home.join(".mpoprc"), config.join("mpop/config")],
    };
    if let Some(found) = places.iter().find(|place| place.exists()) {
        return Ok(found.clone());
    }
    let names: Vec<_> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    let what = format!(
        "{} has no configuration at {}",
        program.name(),
        names.join(" or ")
    );
    let hint = format!("Name it: mailpull import {} FILE", program.name());
    Err(Failure::new(what, Exit::Usage).with_hint(hint))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |error: io::Error| unreadable(path, &error);
    let size = fs::metadata(path).map_err(cannot)?.len();
    if size > LARGEST_FILE {
        let what = format!("{} is too large: {size} octets", path.display());
        return Err(Failure::new(what, Exit::Configuration));
    }
    fs::read(path).map_err(cannot)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let what = format!("cannot read {}: {error}", path.display());
    Failure::new(what, Exit::Configuration)
}
