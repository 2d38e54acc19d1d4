//! An account's record on its way to another state directory: JSON lines that later versions read,
//! too. Knows no database, and does not decide what may travel.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::hex;
use crate::mail::maildrop::UniqueId;
use crate::text::ServerText;

/// One line. An account is a [`ExportRecord::Account`], its messages and notices, and a [`ExportRecord::End`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub(crate) enum ExportRecord {
    /// An account begins.
    Account(Account),
    /// A message of it.
    Message(Box<Message>),
    /// Something that was said of a message and is not said again.
    Notice(Notice),
    /// All of it was there.
    End(End),
}

/// What is known of an account; no secret. A newer version may say more, and is told by its number.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Account {
    /// [`VERSION`].
    pub version: u32,
    /// Its name.
    pub account: String,
    /// The server of its last run.
    pub server: String,
    /// The user of its last run.
    pub user: String,
    /// The policy of its last run.
    pub keep: Option<String>,
    /// When that was.
    pub last_run: Option<i64>,
    /// How it ended.
    pub last_status: Option<u8>,
    /// How many runs in a row failed.
    pub failures: u32,
    /// Whether the last session ended without QUIT.
    pub cut_off: bool,
    /// What its sessions learned of the server.
    pub acquaintance: Option<String>,
    /// When the server could not keep step with pipelining.
    pub lost_step: Option<i64>,
    /// How many recognitions of renamed messages were begun in a row and not ended.
    pub recognitions: u32,
    /// How its last session logged in.
    pub login: Option<String>,
    /// When that was.
    pub logged_in: Option<i64>,
}

/// A known message. Times are seconds since 1970.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// What the server calls it.
    pub unique_id: Octets,
    /// Its number among those under the same unique-id.
    pub copy: u32,
    /// Where it stands.
    pub state: State,
    /// Its size, as the first scan listing said.
    pub size: Option<u64>,
    /// When it was first listed.
    pub listed: i64,
    /// When it was delivered.
    pub delivered: Option<i64>,
    /// When it was deleted from the server by us.
    pub gone: Option<i64>,
    /// When a listing was first without it.
    pub vanished: Option<i64>,
    /// How often in a row it failed.
    pub attempts: u32,
    /// When it is tried again.
    pub next_try: i64,
    /// Whether it must not or cannot be deleted from the server.
    pub undeletable: bool,
    /// Whether the server listed it again, unchanged, after its deletion.
    pub came_back: bool,
    /// Its delivery, if there was one.
    pub delivery: Option<Delivery>,
}

/// Where a message stands. One that is on its way cannot travel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Delivered, and recorded.
    Delivered,
    /// It could not be retrieved.
    Failed,
    /// Deleted from the server.
    Gone,
    /// Known, and never delivered by us.
    Seen,
}

/// A delivery.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delivery {
    /// The MDA, if it was one.
    pub program: Option<String>,
    /// The Maildir, or the spool from which the MDA took it.
    pub target: Octets,
    /// Of the folder in which it was.
    pub inode: u64,
    /// Its file name there.
    pub file_name: String,
    /// Its length as stored.
    pub octets: u64,
    /// SHA-256 of it as stored.
    pub sha256: Hash,
    /// SHA-256 of its header as stored.
    pub header_sha256: Hash,
    /// From.
    pub from: Octets,
    /// Subject.
    pub subject: Octets,
    /// When it was staged.
    pub staged: i64,
    /// When it was delivered.
    pub delivered: Option<i64>,
    /// When it was deleted from the server.
    pub deleted: Option<i64>,
    /// How often it was handed over again.
    pub repeated: u32,
    /// What the MDA said that took it.
    pub words: Option<Octets>,
}

/// Something that was said of a message.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notice {
    /// What the server calls the message.
    pub unique_id: Octets,
    /// Its number among those under the same unique-id.
    pub copy: u32,
}

/// The end of an account: what is cut off before it is not taken for all.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    /// How many messages there were.
    pub messages: u64,
    /// How many notices.
    pub notices: u64,
}

/// The version of the lines that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// The longest line in octets.
pub(crate) const LONGEST_LINE: usize = 1 << 20;

/// Why a line is none of ours.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// It is of a version that is not ours.
    #[error("it was written by a newer mailpull; use that one")]
    Newer,
    /// It is no record.
    #[error("it is no line of seen export: {0}")]
    NoRecord(ServerText),
    /// It says what no record can say.
    #[error("{0}")]
    Impossible(&'static str),
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        None
    }
}

impl ExportRecord {
    /// Reads a line.
    ///
    /// # Errors
    /// It is no record that this version knows, or one that no database can hold.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Error> {
        let record = serde_json::from_slice(line).map_err(no_record)?;
        match &record {
            Self::Account(account) if account.version != VERSION => {
                return Err(Error::Newer);
            }
            Self::Account(account) if account.account.contains(char::is_control) => {
                return Err(Error::Impossible("an account with a name that is none"));
            }
            Self::Message(message) => message.check()?,
            Self::Notice(notice) => notice.unique_id.check()?,
            _ => {}
        }
        Ok(record)
    }

    /// Writes a line, without its end.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("it has only text and numbers")
    }
}

impl Message {
    fn check(&self) -> Result<(), Error> {
        self.unique_id.check()?;
        let is_delivered = self.state == State::Delivered;
        if is_delivered && (self.delivered.is_none() || self.delivery.is_none()) {
            return Err(Error::Impossible(
                "a delivered message without its delivery",
            ));
        }
        Ok(())
    }
}

fn no_record(error: serde_json::Error) -> Error {
    // It may repeat the line, in which anything can stand.
    Error::NoRecord(ServerText::from(&*error.to_string()))
}

/// Octets that are mostly text: a string if they are UTF-8, else `{"hex": "…"}`.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Octets(pub Vec<u8>);

impl Octets {
    /// Checks what has to be a unique-id.
    fn check(&self) -> Result<(), Error> {
        match UniqueId::is_valid(&self.0) {
            true => Ok(()),
            false => Err(Error::Impossible("a unique-id that is none")),
        }
    }
}

impl std::fmt::Debug for Octets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Other { hex: String },
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Written::Other {
                hex: hex::encode(&self.0),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text.into_bytes(),
            Written::Other { hex } => hex::decode(&hex).ok_or_else(|| D::Error::custom(NO_HEX))?,
        }))
    }
}

/// A SHA-256 digest, as hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hash(pub Digest);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets = hex::decode(&String::deserialize(deserializer)?);
        let digest = octets.and_then(|octets| octets.try_into().ok());
        digest
            .map(|octets| Self(Digest(octets)))
            .ok_or_else(|| D::Error::custom(NO_HEX))
    }
}

const NO_HEX: &str = "not the right hexadecimal digits";

#[cfg(test)]
mod tests {
    use super::*;

    fn message(unique_id: &[u8]) -> Message {
        Message {
            unique_id: Octets(unique_id.to_vec()),
            copy: 0,
            state: State::Delivered,
            size: Some(u64::MAX),
            listed: 1,
            delivered: Some(2),
            gone: None,
            vanished: None,
            attempts: 0,
            next_try: -1,
            undeletable: false,
            came_back: false,
            delivery: Some(Delivery {
                program: None,
                target: Octets(b"/home/gr\xfc\xdfe".to_vec()),
                inode: 7,
                file_name: "f".to_owned(),
                octets: 17,
                sha256: Hash(Digest::of(b"m")),
                header_sha256: Hash(Digest::of(b"h")),
                from: Octets(b"\x00\x1b".to_vec()),
                subject: Octets("Grüße".into()),
                staged: 1,
                delivered: Some(2),
                deleted: None,
                repeated: 0,
                words: None,
            }),
        }
    }

    /// Must never change: what one version writes another reads.
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
    fn a_line_is_what_it_always_was_and_is_read_as_what_it_was_written_of() {
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
    fn a_newer_version_is_told_whatever_else_it_says() {
        let line = r#"{"record":"account","version":2,"account":"w","server":"","user":"","keep":
            null,"last_run":null,"last_status":null,"failures":0,"cut_off":false,"acquaintance":
            null,"lost_step":null,"recognitions":0,"more":1}"#;
        assert_eq!(ExportRecord::parse(line.as_bytes()), Err(Error::Newer));
    }

    #[test]
    fn what_no_version_writes_is_no_record() {
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
