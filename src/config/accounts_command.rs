//! `accounts-command`: a program that prints accounts. The last good list is kept for the time when it fails.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::config::document::{self, Document, WrittenSection, WrittenValue};
use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::places;
use crate::config::values::Value;
use crate::os::child::{
    self, ChildWatch, Ending, ProcessGroup, RunningChild, Unfinished, unsafe_program,
};
use crate::os::child_output::ChildOutput;
use crate::os::replace_file::{LockedFile, Secrecy};
use crate::os::secret_file::{CheckedFile, FileError, shown};
use crate::os::signals::Interrupt;
use crate::os::walk::UnsafePath;

/// The most octets that it may print.
const LIMIT: usize = 64 << 20;
/// The time that it has.
const TIME: Duration = Duration::from_secs(60);
/// The name of the last good list, in the state folder.
const LAST_LIST: &str = "accounts-command.last";
/// The path that errors about its output show.
const PRINTED: &str = "accounts-command";

/// The origin of the configuration of a process.
#[derive(Clone, Copy)]
pub(crate) struct ConfigSource<'a> {
    /// The chosen configuration file.
    pub chosen: Option<&'a Path>,
    /// The chosen state folder, which keeps the last good list of accounts.
    pub state_dir: Option<&'a Path>,
    /// Ends a command that prints accounts.
    pub interrupt: &'a Interrupt,
    /// The accounts that the command has printed in this process.
    pub printed: &'a PrintedAccounts,
}

/// The accounts that a command has printed in this process, once it has run.
#[derive(Default)]
pub(crate) struct PrintedAccounts(Mutex<Option<Arc<AccountList>>>);

/// A list of accounts.
pub(super) struct AccountList {
    text: Zeroizing<Vec<u8>>,
    /// The reason why it is an old one.
    pub(super) warning: Option<String>,
}

/// The reason why the command has printed no list.
struct NoList {
    what: String,
    hint: Option<String>,
}

impl PrintedAccounts {
    /// Forgets the list, so that the command runs again.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl ConfigSource<'_> {
    /// Returns the accounts that a command prints, or those that it printed last.
    ///
    /// # Errors
    /// It has failed, and there is no list of an earlier run.
    pub(super) fn list(
        &self,
        command: &[String],
        hidden: &[String],
    ) -> Result<Arc<AccountList>, Error> {
        let mut printed = self.printed.0.lock();
        let printed = match &mut printed {
            Ok(printed) => printed,
            Err(poisoned) => poisoned.get_mut(),
        };
        if let Some(list) = &**printed {
            return Ok(Arc::clone(list));
        }
        let list = Arc::new(self.obtain(command, hidden)?);
        **printed = Some(Arc::clone(&list));
        Ok(list)
    }

    fn obtain(&self, command: &[String], hidden: &[String]) -> Result<AccountList, Error> {
        let path = places::state_folder(self.state_dir)?.join(LAST_LIST);
        let read = self.run(command, hidden).and_then(|text| {
            let sections = sections(&text).map_err(|error| NoList {
                what: error.to_string(),
                hint: error.hint(),
            })?;
            match sections.is_empty() {
                true => Err(NoList::because("printed no account")),
                false => Ok(text),
            }
        });
        match read {
            Ok(text) => Ok(AccountList {
                warning: self.keep(&path, &text),
                text,
            }),
            Err(NoList { what, hint }) => match last(&path) {
                Some(text) => Ok(AccountList {
                    text,
                    warning: Some(format!(
                        "{what}; the accounts that it printed last are used"
                    )),
                }),
                None => Err(Error::AccountsCommand { what, hint }),
            },
        }
    }

    /// Keeps a list for the time when the command fails. Returns a warning if that is impossible.
    fn keep(&self, path: &Path, text: &[u8]) -> Option<String> {
        if last(path).is_some_and(|last| *last == text) {
            return None;
        }
        let kept = LockedFile::lock(path, self.interrupt)
            .map_err(|error| match error {
                FileError::Exposed(exposed) => exposed.to_string(),
                FileError::System(source) => source.to_string(),
            })
            .and_then(|file| {
                let replaced = file.replace(text, Secrecy::Secret);
                replaced.map_err(|error| error.to_string())
            });
        let path = shown(path);
        kept.err()
            .map(|why| format!("cannot keep the accounts of accounts-command in {path}: {why}"))
    }

    fn run(&self, command: &[String], hidden: &[String]) -> Result<Zeroizing<Vec<u8>>, NoList> {
        let [program, arguments @ ..] = command else {
            return Err(NoList::because("names no program"));
        };
        let not_run = |error: io::Error| NoList {
            hint: unsafe_program(&error).map(UnsafePath::hint),
            what: format!("cannot run the accounts-command {program}: {error}"),
        };
        let mut command = child::command(program, arguments, hidden);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let watch = ChildWatch::new(self.interrupt).map_err(not_run)?;
        let mut child = RunningChild::start(&mut command, ProcessGroup::Own).map_err(not_run)?;
        let mut output = ChildOutput::of(&mut child, LIMIT).map_err(not_run)?;
        let ended = child.wait(&watch, &mut output, Instant::now() + TIME, Duration::ZERO);
        let ended = ended.map_err(|unfinished| match unfinished {
            Unfinished::Interrupted => NoList::because("was ended by a signal to mailpull"),
            Unfinished::TimedOut => {
                NoList::because(format_args!("did not end within {} s", TIME.as_secs()))
            }
            Unfinished::Pipe(error) | Unfinished::Unknown(error) => not_run(error),
        })?;
        let printed = output.finish().map_err(not_run)?;
        if !ended.success() {
            let said = match printed.complaint.is_empty() {
                true => String::new(),
                false => format!(" and said: {}", printed.complaint),
            };
            return Err(NoList::because(format_args!("{}{said}", Ending(ended))));
        }
        match printed.is_cut {
            true => Err(NoList::because("printed more than 64 MiB")),
            false => Ok(printed.stdout),
        }
    }
}

impl NoList {
    fn because(what: impl fmt::Display) -> Self {
        Self {
            what: format!("accounts-command {what}"),
            hint: None,
        }
    }
}

impl AccountList {
    /// Returns the accounts of the list.
    ///
    /// # Errors
    /// The text is neither TOML nor JSON, or has something other than accounts.
    pub(super) fn sections(&self) -> Result<Vec<WrittenSection>, Error> {
        sections(&self.text)
    }
}

/// Returns the list that the command printed last, if one is kept and nobody else can have written it.
fn last(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let file = CheckedFile::read(path).ok()?;
    file.require_ours().ok()?;
    file.require("accounts").ok()?;
    Some(Zeroizing::new(file.octets().to_vec()))
}

/// Reads the accounts of a text: a configuration in TOML that has only accounts, or the same in JSON.
fn sections(text: &[u8]) -> Result<Vec<WrittenSection>, Error> {
    if text.trim_ascii_start().starts_with(b"{") {
        return sections_of_json(text);
    }
    let Document {
        accounts_dir,
        run,
        defaults,
        accounts,
        targets,
        accounts_command,
    } = Document::parse(text, PRINTED)?;
    let other = [accounts_dir, accounts_command].into_iter().flatten();
    let other = other.chain(run).chain(defaults).map(|value| value.origin);
    let mut other = other.chain(targets.into_iter().map(|section| section.origin));
    match other.next() {
        Some(at) => Err(only_accounts(at)),
        None => Ok(accounts),
    }
}

fn only_accounts(at: Origin) -> Error {
    Error::Syntax {
        at,
        problem: "an accounts-command may print accounts only".to_owned(),
        hint: Some("Put targets, [defaults] and all other keys into the configuration file"),
    }
}

fn sections_of_json(text: &[u8]) -> Result<Vec<WrittenSection>, Error> {
    let at = |line| Origin::File {
        path: PRINTED.into(),
        line,
    };
    let wrong = |line, problem: String| Error::Syntax {
        at: at(line),
        problem,
        hint: None,
    };
    let read: Json = serde_json::from_slice(text)
        .map_err(|error| wrong(error.line(), format!("this is no JSON: {error}")))?;
    let Json::Object(mut top) = read else {
        return Err(wrong(1, "must be an object".to_owned()));
    };
    let accounts = top.remove(document::ACCOUNTS);
    if !top.is_empty() {
        return Err(only_accounts(at(1)));
    }
    let Some(Json::Object(accounts)) = accounts else {
        return Err(wrong(1, "must have an object \"accounts\"".to_owned()));
    };
    let section = |(name, keys): (String, Json)| {
        if !document::is_account_name(&name) {
            return Err(document::invalid_account_name(&name, at(1)));
        }
        match value(keys, &at(1)) {
            Value::Table(entries) => Ok(WrittenSection {
                name,
                origin: at(1),
                entries,
            }),
            _ => Err(wrong(1, format!("the account {name} must be an object"))),
        }
    };
    accounts.into_iter().map(section).collect()
}

fn value(json: Json, at: &Origin) -> Value {
    match json {
        Json::Null => Value::Other("null"),
        Json::Bool(flag) => Value::Boolean(flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Other("a number that is too large or not whole"),
        },
        Json::String(text) => Value::Text(Zeroizing::new(text)),
        Json::Array(list) => Value::List(list.into_iter().map(|one| value(one, at)).collect()),
        Json::Object(table) => {
            let entries = table.into_iter().map(|(key, json)| WrittenValue {
                key,
                value: value(json, at),
                origin: at.clone(),
            });
            Value::Table(entries.collect())
        }
    }
}
