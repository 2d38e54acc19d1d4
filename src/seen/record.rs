//! The lines of `seen export`: the record of an account as JSON, for another state folder. Later
//! versions must be able to read what an earlier one wrote.

use serde::{Deserialize, Serialize};

use super::database::is_file_name;
use crate::mail::maildrop::UniqueId;
use crate::mail::suspicion::Suspicion;
use crate::text::ServerText;

pub(crate) use super::record_text::{HexDigest, TextOrHex};

/// One line. The lines of an account are an [`ExportRecord::Account`], its messages and notices, and
/// an [`ExportRecord::End`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub(crate) enum ExportRecord {
    /// The first line of an account.
    Account(Box<ExportedAccount>),
    /// A message of the account.
    Message(Box<ExportedMessage>),
    /// A message about which something was reported that is not reported again.
    Notice(ExportedNotice),
    /// The last line of an account.
    End(ExportEnd),
}

/// The row of an account. It has no secrets. Unknown fields are ignored, so that a newer version can
/// be recognised by its number whatever else it writes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ExportedAccount {
    /// [`VERSION`].
    pub version: u32,
    /// The account's name.
    pub account: String,
    /// The server of its last run.
    pub server: String,
    /// The user of its last run.
    pub user: String,
    /// The policy of its last run.
    pub keep: Option<String>,
    /// The time of that run.
    pub last_run: Option<i64>,
    /// The exit status of that run.
    pub last_status: Option<u8>,
    /// The number of runs in a row that failed.
    pub failures: u32,
    /// True if the last session ended without QUIT.
    pub cut_off: bool,
    /// The server profile: the capabilities that sessions have seen.
    pub acquaintance: Option<String>,
    /// The time at which the server mixed up its replies to pipelined commands.
    pub lost_step: Option<i64>,
    /// The number of sessions in a row that broke while renamed messages were being recognised.
    pub recognitions: u32,
    /// The mechanism of the last login.
    pub login: Option<String>,
    /// The time of that login.
    pub logged_in: Option<i64>,
    /// The clock at the start of the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<i64>,
    /// A time that the clock had reached before it was set back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_behind: Option<i64>,
}

/// A known message. Times are seconds since 1970.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportedMessage {
    /// The message's unique-id.
    pub unique_id: TextOrHex,
    /// Its number among those with the same unique-id.
    pub copy: u32,
    /// Its state.
    pub state: ExportedState,
    /// Its size, as LIST reported it first.
    pub size: Option<u64>,
    /// The time at which it was listed for the first time.
    pub listed: i64,
    /// The time of its delivery.
    pub delivered: Option<i64>,
    /// The time at which we deleted it from the server.
    pub gone: Option<i64>,
    /// The time at which a listing was without it for the first time.
    pub vanished: Option<i64>,
    /// The number of times in a row that it could not be retrieved or delivered.
    pub attempts: u32,
    /// The time before which it is not tried again.
    pub next_try: i64,
    /// True if it must not or cannot be deleted from the server.
    pub undeletable: bool,
    /// True if the server listed it again, unchanged, after its deletion.
    pub came_back: bool,
    /// True if a session after its deletion has shown that the server does not have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proven_gone: bool,
    /// The time of a QUIT that was to delete it and got no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quit_sent: Option<i64>,
    /// The reason to doubt the copy. Version 0.1.0 had none.
    #[serde(default, skip_serializing_if = "ExportedSuspicion::is_none")]
    pub suspicion: ExportedSuspicion,
    /// The mark of the rules that have left it on the server. Its state is then that of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_by: Option<i64>,
    /// Its delivery, if there was one.
    pub delivery: Option<ExportedDelivery>,
}

/// The state of a message. A staged one is not exported, because its file stays on this machine.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportedState {
    /// Delivered, and recorded.
    Delivered,
    /// Could not be retrieved.
    Failed,
    /// Deleted from the server.
    Gone,
    /// Known, but never delivered by us.
    Seen,
}

/// The reason to doubt the copy of a message.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportedSuspicion {
    /// There is none. It is not written.
    #[default]
    None,
    /// It may be another message.
    OutOfStep,
    /// It may be incomplete.
    Incomplete,
    /// It is a placeholder of the server.
    Placeholder,
    /// It may be incomplete, and two more downloads were no better.
    Unsettled,
    /// It is shorter or much longer than listed.
    Short,
    /// It may be incomplete, and a second download was no better.
    Recurring,
}

impl ExportedSuspicion {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl From<Suspicion> for ExportedSuspicion {
    fn from(suspicion: Suspicion) -> Self {
        match suspicion {
            Suspicion::None => Self::None,
            Suspicion::OutOfStep => Self::OutOfStep,
            Suspicion::Incomplete => Self::Incomplete,
            Suspicion::Placeholder => Self::Placeholder,
            Suspicion::Unsettled => Self::Unsettled,
            Suspicion::Short => Self::Short,
            Suspicion::Recurring => Self::Recurring,
        }
    }
}

impl From<ExportedSuspicion> for Suspicion {
    fn from(suspicion: ExportedSuspicion) -> Self {
        match suspicion {
            ExportedSuspicion::None => Self::None,
            ExportedSuspicion::OutOfStep => Self::OutOfStep,
            ExportedSuspicion::Incomplete => Self::Incomplete,
            ExportedSuspicion::Placeholder => Self::Placeholder,
            ExportedSuspicion::Unsettled => Self::Unsettled,
            ExportedSuspicion::Short => Self::Short,
            ExportedSuspicion::Recurring => Self::Recurring,
        }
    }
}

/// A delivery.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportedDelivery {
    /// The MDA, if it was one.
    pub program: Option<String>,
    /// The Maildir, or the spool from which the MDA took it.
    pub target: TextOrHex,
    /// The inode of the folder in which the file was.
    pub inode: u64,
    /// Its file name there.
    pub file_name: String,
    /// Its length as stored.
    pub octets: u64,
    /// SHA-256 of it as stored.
    pub sha256: HexDigest,
    /// SHA-256 of its header as stored.
    pub header_sha256: HexDigest,
    /// From.
    pub from: TextOrHex,
    /// Subject.
    pub subject: TextOrHex,
    /// The time at which it was staged.
    pub staged: i64,
    /// The time of its delivery.
    pub delivered: Option<i64>,
    /// The time at which it was deleted from the server.
    pub deleted: Option<i64>,
    /// The number of times that it was handed to an MDA again.
    pub repeated: u32,
    /// The output of the MDA that took the message.
    pub words: Option<TextOrHex>,
    /// The place where a mail server has it, if the server has named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// SHA-256 of it without the header lines that servers write, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_sha256: Option<HexDigest>,
    /// SHA-256 of the beginning of its body and of the body's length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<HexDigest>,
    /// SHA-256 of its Message-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id_sha256: Option<HexDigest>,
    /// SHA-256 of its Date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_sha256: Option<HexDigest>,
}

/// A message about which something was reported that is not reported again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportedNotice {
    /// The message's unique-id.
    pub unique_id: TextOrHex,
    /// Its number among those with the same unique-id.
    pub copy: u32,
}

/// The end of an account. An account without it was cut off.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportEnd {
    /// The number of messages.
    pub messages: u64,
    /// The number of notices.
    pub notices: u64,
}

/// The version of the lines that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// The longest line in octets.
pub(crate) const LONGEST_LINE: usize = 1 << 20;

/// The reason why a line is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// A newer version wrote it.
    #[error("a newer mailpull wrote it")]
    Newer,
    /// It is not a line of `seen export`.
    #[error("not a line of seen export: {0}")]
    NoRecord(ServerText),
    /// It is well-formed, and no version writes it.
    #[error("{0}")]
    Impossible(&'static str),
}

impl Error {
    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Newer => Some("Import it with the newer version".to_owned()),
            Self::NoRecord(_) | Self::Impossible(_) => None,
        }
    }
}

impl ExportRecord {
    /// Parses a line.
    ///
    /// # Errors
    /// It is not a record of this version, or one that no version writes.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Error> {
        let record = serde_json::from_slice(line).map_err(no_record)?;
        match &record {
            Self::Account(account) if account.version != VERSION => {
                return Err(Error::Newer);
            }
            Self::Account(account) if account.account.contains(char::is_control) => {
                return Err(Error::Impossible(
                    "the account's name has control characters",
                ));
            }
            Self::Message(message) => message.check()?,
            Self::Notice(notice) => notice.unique_id.check()?,
            _ => {}
        }
        Ok(record)
    }

    /// Returns the line, without a line end.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("text and numbers can be written as JSON")
    }
}

impl ExportedMessage {
    fn check(&self) -> Result<(), Error> {
        self.unique_id.check()?;
        let is_delivered = self.state == ExportedState::Delivered;
        if is_delivered && (self.delivered.is_none() || self.delivery.is_none()) {
            return Err(Error::Impossible("a delivered message has no delivery"));
        }
        let delivery = self.delivery.as_ref();
        if delivery.is_some_and(|delivery| !is_file_name(&delivery.file_name)) {
            return Err(Error::Impossible("file_name cannot be that of a message"));
        }
        Ok(())
    }
}

fn no_record(error: serde_json::Error) -> Error {
    // The message may quote the line, which can contain any octets. `ServerText` escapes them.
    Error::NoRecord(ServerText::from(&*error.to_string()))
}

impl TextOrHex {
    /// Checks octets that have to be a unique-id.
    fn check(&self) -> Result<(), Error> {
        match UniqueId::is_valid(&self.0) {
            true => Ok(()),
            false => Err(Error::Impossible("not a valid unique-id")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn message(unique_id: &[u8]) -> ExportedMessage {
        ExportedMessage {
            unique_id: TextOrHex(unique_id.to_vec()),
            copy: 0,
            state: ExportedState::Delivered,
            size: Some(u64::MAX),
            listed: 1,
            delivered: Some(2),
            gone: None,
            vanished: None,
            attempts: 0,
            next_try: -1,
            undeletable: false,
            came_back: false,
            proven_gone: false,
            quit_sent: None,
            suspicion: ExportedSuspicion::None,
            left_by: None,
            delivery: Some(ExportedDelivery {
                program: None,
                target: TextOrHex(b"/home/gr\xfc\xdfe".to_vec()),
                inode: 7,
                file_name: "f".to_owned(),
                octets: 17,
                sha256: HexDigest(Digest::of(b"m")),
                header_sha256: HexDigest(Digest::of(b"h")),
                from: TextOrHex(b"\x00\x1b".to_vec()),
                subject: TextOrHex("Grüße".into()),
                staged: 1,
                delivered: Some(2),
                deleted: None,
                repeated: 0,
                words: None,
                location: None,
                canonical_sha256: None,
                body_sha256: None,
                message_id_sha256: None,
                date_sha256: None,
            }),
        }
    }

    /// This line must never change: every version reads it.
    const LINE: &str = "{\"record\":\"message\",\"unique_id\":\"a\",\"copy\":0,\
        \"state\":\"delivered\",\"size\":18446744073709551615,\"listed\":1,\"delivered\":2,\
        \"gone\":null,\"vanished\":null,\"attempts\":0,\"next_try\":-1,\"undeletable\":false,\"came_back\":false,\
        \"delivery\":{\"program\":null,\"target\":{\"hex\":\"2f686f6d652f6772fcdf65\"},\
        \"inode\":7,\"file_name\":\"f\",\"octets\":17,\"sha256\":\
        \"62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a\",\"header_sha256\":\
        \"aaa9402664f1a41f40ebbc52c9993eb66aeb366602958fdfaa283b71e64db123\",\
        \"from\":\"\\u0000\\u001b\",\"subject\":\"Grüße\",\"staged\":1,\"delivered\":2,\
        \"deleted\":null,\"repeated\":0,\"words\":null}}";

    #[test]
    fn a_line_never_changes_and_is_read_as_it_was_written() {
        let record = ExportRecord::Message(Box::new(message(b"a")));
        assert_eq!(record.line(), LINE);
        for unique_id in [
            &b"a"[..],
            b"\xff\xfe",
            b"{\"hex\":\"61\"}",
            b"\\ \x1b",
            b"\t",
        ] {
            let record = ExportRecord::Message(Box::new(message(unique_id)));
            let line = record.line();
            assert!(!line.contains('\n'));
            assert_eq!(ExportRecord::parse(line.as_bytes()), Ok(record), "{line}");
        }
    }

    #[test]
    fn a_newer_account_line_is_recognised_despite_unknown_fields() {
        let line = r#"{"record":"account","version":2,"account":"w","server":"","user":"","keep":
            null,"last_run":null,"last_status":null,"failures":0,"cut_off":false,"acquaintance":
            null,"lost_step":null,"recognitions":0,"more":1}"#;
        assert_eq!(ExportRecord::parse(line.as_bytes()), Err(Error::Newer));
    }

    #[test]
    fn a_line_that_no_version_writes_is_rejected() {
        for (from, to) in [
            ("\"a\"", "\"\""),
            ("\"a\"", "\"a\\n\""),
            ("\"a\"", "{\"hex\":\"0a\"}"),
            ("\"a\"", "{\"hex\":\"6\"}"),
            ("\"a\"", "{\"hex\":\"+6\"}"),
            ("\"copy\":0", "\"copy\":-1"),
            ("\"copy\":0", "\"copy\":0,\"more\":1"),
            ("\"delivered\",", "\"staged\","),
            ("\"delivered\":2", "\"delivered\":null"),
            ("62c66a", "62c6"),
            ("62c66a", "xxxxxx"),
            ("\"message\"", "\"massage\""),
            ("}}", "}}}"),
            ("}}", ""),
        ] {
            let line = LINE.replacen(from, to, 1);
            assert_ne!(line, LINE);
            assert!(ExportRecord::parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
