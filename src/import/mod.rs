//! The configurations and states of other fetchers, translated to accounts of mailpull. Pure: from text to
//! values.

use std::path::PathBuf;

mod fdm;
mod fetchmail;
mod getmail;
mod known_ids;
mod mpop;
mod old_account;
mod old_state;
mod thunderbird;
mod words;

pub use known_ids::KnownIds;
pub use old_account::OldAccount;
pub use old_state::FetchedAccount;

/// A program whose configuration can be translated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OldProgram {
    /// fdm.
    Fdm,
    /// fetchmail.
    Fetchmail,
    /// getmail6.
    Getmail,
    /// mpop.
    Mpop,
    /// Thunderbird, of which only the state is read.
    Thunderbird,
}

/// The surroundings in which an old configuration was read.
#[derive(Clone, Copy, Debug)]
pub struct OldSurroundings<'a> {
    /// The user's home folder, which `~` means.
    pub home: &'a str,
    /// The name of the local user.
    pub local_user: &'a str,
    /// The name of the file without its extension: the name of an account in a file that has no names.
    pub file_stem: &'a str,
}

/// A translated configuration.
#[derive(Debug, Default)]
pub struct Translation {
    /// The accounts, in the order of the file.
    pub accounts: Vec<OldAccount>,
    /// Settings that were left out and concern no single account, with the reason.
    pub notes: Vec<String>,
}

/// The place of an account's state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatePlace {
    /// The file; a relative path begins in the old program's own folder.
    pub file: PathBuf,
    /// The host, as the file spells it.
    pub host: String,
    /// The user, as the file spells it.
    pub user: String,
}

impl OldProgram {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fdm => "fdm",
            Self::Fetchmail => "fetchmail",
            Self::Getmail => "getmail",
            Self::Mpop => "mpop",
            Self::Thunderbird => "thunderbird",
        }
    }

    /// Returns true if its configuration is translated, and not its state alone.
    pub fn has_configuration(self) -> bool {
        self != Self::Thunderbird
    }

    /// Translates its configuration. What cannot be translated is in the notes.
    ///
    /// # Errors
    /// The text is no configuration of this program. The error names the line.
    pub fn translate(
        self,
        text: &str,
        around: &OldSurroundings<'_>,
    ) -> Result<Translation, String> {
        match self {
            Self::Fdm => fdm::translate(text, around),
            Self::Fetchmail => fetchmail::translate(text, around),
            Self::Getmail => getmail::translate(text, around),
            Self::Mpop => mpop::translate(text, around),
            Self::Thunderbird => thunderbird::accounts(text),
        }
    }

    /// Reads the unique-ids of an account from its state.
    pub fn known_ids(self, state: &[u8], place: &StatePlace) -> KnownIds {
        match self {
            Self::Fdm => KnownIds::of_fdm(state),
            Self::Fetchmail => KnownIds::of_fetchmail(state, &place.host, &place.user),
            Self::Getmail => KnownIds::of_getmail(state),
            Self::Mpop => KnownIds::of_mpop(state, &place.host, &place.user),
            Self::Thunderbird => KnownIds::of_thunderbird(state, &place.host, &place.user),
        }
    }
}

/// Returns a duration in seconds as mailpull reads it.
fn seconds(number: &str) -> String {
    format!("{number}s")
}

/// Returns a name that an account can have: other characters become `-`.
fn account_name(text: &str) -> String {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    let name: String = text
        .chars()
        .map(|c| if is_usual(c) { c } else { '-' })
        .collect();
    let name = name.trim_matches(|c| c == '-' || c == '.').to_owned();
    if name.is_empty() {
        "mail".to_owned()
    } else {
        name
    }
}

/// Returns a path in which `~` is the user's home folder.
fn expanded(path: &str, home: &str) -> String {
    let rest = ["~", "$HOME", "${HOME}"]
        .iter()
        .find_map(|begin| path.strip_prefix(begin));
    match rest {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
        _ => path.to_owned(),
    }
}
