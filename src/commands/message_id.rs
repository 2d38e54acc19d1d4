//! The messages that a user names on the command line: by a unique-id, or by `#N`, row N of the last list.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

use crate::exit::{Exit, Failure};
use crate::seen::Ledger;
use crate::text::ServerText;

/// Returns the unique-id that is meant by a word. A word that is not `#N` is returned as it is.
pub(super) fn unique_id(word: &OsStr, name: &str, ledger: &Ledger) -> Result<OsString, Failure> {
    let Some(number) = row_number(word) else {
        return Ok(word.to_owned());
    };
    match ledger.listed_rows().unique_id(number)? {
        Some(unique_id) => Ok(OsString::from_vec(unique_id.as_octets().to_vec())),
        None => {
            let what = format!("the last list of {name} has no row #{number}");
            let hint = format!("To see what is on the server: mailpull list {name}");
            Err(Failure::new(what, Exit::Usage).with_hint(hint))
        }
    }
}

/// Returns the number in `#N`.
pub(super) fn row_number(word: &OsStr) -> Option<u32> {
    word.to_str()?.strip_prefix('#')?.parse().ok()
}

/// The user has named a message that is not on the server. `outcome` says what was not done.
pub(super) fn not_listed(word: &OsStr, name: &str, outcome: &str) -> Failure {
    let what = format!("no message is listed as {}; {outcome}", shown(word));
    let hint = format!("To see what is on the server: mailpull list {name}");
    Failure::new(what, Exit::Usage).with_hint(hint)
}

/// Several messages have the unique-id that the user has named. `outcome` says what was not done.
pub(super) fn ambiguous(word: &OsStr, count: usize, outcome: &str) -> Failure {
    let word = shown(word);
    let what = format!(
        "{count} messages are listed as {word}, so it is not clear which one is meant; {outcome}"
    );
    let hint = "Use another program for it, for example webmail";
    Failure::new(what, Exit::Usage).with_hint(hint)
}

/// Returns a word of the command line as it can be shown.
fn shown(word: &OsStr) -> ServerText {
    ServerText::new(word.as_encoded_bytes())
}
