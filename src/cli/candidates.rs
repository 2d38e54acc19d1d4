//! Finds out what is being typed on an unfinished command line: the name of an account, a key, a unique-id.
//! Flags and commands are completed by the scripts in completions/ alone.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::ArgAction;

use super::command;

/// The candidates for the last word of an unfinished command line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UnfinishedLine {
    /// The kind of its last word.
    pub kind: CandidateKind,
    /// The beginning of its last word.
    pub begin: String,
    /// The value of `--config`.
    pub config: Option<PathBuf>,
    /// The value of `--state-dir`.
    pub state_dir: Option<PathBuf>,
}

/// The kind of a word that only the program can complete.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum CandidateKind {
    /// An account of the configuration.
    Account,
    /// An account of the configuration, or one that only the record has.
    KnownAccount,
    /// A key and its value, for `-o`.
    Key,
    /// A unique-id that is known of this account.
    UniqueId(String),
    /// Any other word.
    #[default]
    Other,
}

impl UnfinishedLine {
    /// Reads the words after the program's name. The last one is unfinished and may be empty.
    pub fn read(words: &[OsString]) -> Self {
        let mut root = command();
        // Gives each command the options of all commands.
        root.build();
        let mut reader = Reader {
            command: &root,
            path: Vec::new(),
            places: Vec::new(),
            found: Self::default(),
        };
        let Some((last, before)) = words.split_last() else {
            return reader.found;
        };
        let mut wanted = None;
        for word in before {
            wanted = reader.read(wanted, word);
        }
        let Some(last) = last.to_str() else {
            return reader.found;
        };
        reader.found.begin = last.to_owned();
        reader.found.kind = match wanted {
            Some(option) => reader.kind(value_name(option)),
            None if last.starts_with('-') => CandidateKind::Other,
            None => reader.kind(reader.place()),
        };
        reader.found
    }
}

/// Goes through the words before the last one.
struct Reader<'a> {
    command: &'a clap::Command,
    /// The names of the commands, such as `seen` and `list`.
    path: Vec<&'a str>,
    /// The words that are neither options nor commands.
    places: Vec<String>,
    found: UnfinishedLine,
}

impl<'a> Reader<'a> {
    /// Reads a word. If it is an option whose value is the next word, returns that option.
    fn read(&mut self, wanted: Option<&'a clap::Arg>, word: &OsStr) -> Option<&'a clap::Arg> {
        if let Some(option) = wanted {
            self.note(option, word);
            return None;
        }
        let text = word.to_str().unwrap_or_default();
        if let Some(name) = text.strip_prefix("--") {
            let (name, value) = name
                .split_once('=')
                .map_or((name, None), |(name, value)| (name, Some(value)));
            let option = self.option(|arg| arg.get_long() == Some(name))?;
            return match value {
                None => takes_next_word(option).then_some(option),
                Some(value) => {
                    self.note(option, value.as_ref());
                    None
                }
            };
        }
        if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            // Of several letters, only the last one can take the next word.
            let last = letters.chars().last();
            let option = self.option(|arg| arg.get_short() == last)?;
            return takes_next_word(option).then_some(option);
        }
        match self.command.find_subcommand(text) {
            Some(command) if self.places.is_empty() => {
                self.path.push(command.get_name());
                self.command = command;
            }
            _ => self.places.push(text.to_owned()),
        }
        None
    }

    fn option(&self, is_it: impl Fn(&clap::Arg) -> bool) -> Option<&'a clap::Arg> {
        self.command.get_opts().find(|arg| is_it(arg))
    }

    /// Keeps the options that say where accounts and records are.
    fn note(&mut self, option: &clap::Arg, value: &OsStr) {
        match option.get_id().as_str() {
            "config" => self.found.config = Some(value.into()),
            "state_dir" => self.found.state_dir = Some(value.into()),
            _ => {}
        }
    }

    /// Returns the name of the value that comes next.
    fn place(&self) -> &'a str {
        let mut places = self.command.get_positionals();
        match places.nth(self.places.len()) {
            Some(arg) => value_name(arg),
            // The last one may be repeated.
            None => {
                let last = self.command.get_positionals().last();
                let last = last.filter(|arg| matches!(arg.get_action(), ArgAction::Append));
                last.map_or("", value_name)
            }
        }
    }

    fn kind(&self, value_name: &str) -> CandidateKind {
        let has_only_configured = !RECORDED.iter().any(|name| self.path.contains(name));
        match value_name {
            "ACCOUNT" | "ACCOUNT|URL" | "OLD" if has_only_configured => CandidateKind::Account,
            "ACCOUNT" | "ACCOUNT|URL" | "OLD" => CandidateKind::KnownAccount,
            "KEY=VALUE" => CandidateKind::Key,
            "ID" | "UNIQUE-ID" => match self.places.first() {
                Some(account) => CandidateKind::UniqueId(account.clone()),
                None => CandidateKind::Other,
            },
            _ => CandidateKind::Other,
        }
    }
}

fn value_name(arg: &clap::Arg) -> &str {
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map_or("", |name| name.as_str())
}

fn takes_next_word(option: &clap::Arg) -> bool {
    option.get_action().takes_values() && !option.is_require_equals_set()
}

/// The commands that also work on accounts which only the record has.
const RECORDED: [&str; 4] = ["log", "remove", "rename", "seen"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> UnfinishedLine {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        UnfinishedLine::read(&words)
    }

    #[test]
    fn the_kind_of_the_last_word_is_found() {
        let of = |account: &str| CandidateKind::UniqueId(account.to_owned());
        for (line, kind) in [
            ("", CandidateKind::Other),
            ("fe", CandidateKind::Other),
            ("fetch ", CandidateKind::Account),
            ("fetch w", CandidateKind::Account),
            ("fetch work ho", CandidateKind::Account),
            ("fetch -", CandidateKind::Other),
            ("fetch --maildir ", CandidateKind::Other),
            ("fetch --maildir m -k ", CandidateKind::Account),
            ("fetch --jobs=2 ", CandidateKind::Account),
            ("-vd fetch w -o ke", CandidateKind::Key),
            ("-o ", CandidateKind::Key),
            ("check --json w", CandidateKind::Account),
            ("log ", CandidateKind::KnownAccount),
            ("seen forget ", CandidateKind::KnownAccount),
            ("seen forget work ", of("work")),
            ("seen forget -q work a b", of("work")),
            ("show work a", of("work")),
            ("show work a b", CandidateKind::Other),
            ("delete work --yes a", of("work")),
            ("account rename o", CandidateKind::KnownAccount),
            ("account rename old n", CandidateKind::Other),
            ("account add n", CandidateKind::Other),
            ("seen import f", CandidateKind::Other),
            ("fetch --bogus ", CandidateKind::Account),
        ] {
            assert_eq!(read(line).kind, kind, "{line}");
        }
    }

    #[test]
    fn the_chosen_files_are_found() {
        for line in [
            "-c f --state-dir=d fetch w",
            "fetch --config f --state-dir d w",
        ] {
            let found = read(line);
            assert_eq!(found.config, Some("f".into()));
            assert_eq!(found.state_dir, Some("d".into()));
            assert_eq!(found.begin, "w");
        }
    }
}
