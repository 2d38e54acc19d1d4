//! Unique file names by the rules of Maildir, which also say what message a file contains.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use crate::digest::Digest;
use crate::mail::maildrop::UniqueId;
use crate::mail::mark::{FileMarks, Mark};
use crate::moment::Moment;
use crate::os::random::random;
use crate::os::sys;

/// Makes the names of one account's files:
/// `<sec>.M<usec>P<pid>Q<n>R<account mark>_mp<account tag>.<unique-id hash>.<host>`.
#[derive(Debug)]
pub struct UniqueNames {
    /// `P<pid>`, fixed for the process.
    pid: u32,
    /// `Q<n>`, which begins with a random number: in a container each run may have the same pid,
    /// and on a machine without a clock the same time.
    counter: AtomicU32,
    marks: FileMarks,
    host: String,
}

impl UniqueNames {
    /// Makes names with the marks of an account.
    pub fn new(marks: &FileMarks) -> Self {
        Self {
            pid: sys::process_id(),
            counter: AtomicU32::new(u32::from_be_bytes(random())),
            marks: marks.clone(),
            host: host(),
        }
    }

    /// Returns a name that no other file has.
    pub fn next(&self, unique_id: &UniqueId) -> String {
        let since = sys::calendar_time()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        format!(
            "{}.M{}P{}Q{}R{}_mp{}.{:016x}.{}",
            since.as_secs(),
            since.subsec_micros(),
            self.pid,
            self.counter.fetch_add(1, Ordering::Relaxed),
            self.marks.own,
            self.marks.tag,
            hash(unique_id.as_octets()),
            self.host,
        )
    }

    /// Returns true if this database made a message's file of this name for this account. Only such a
    /// file may be removed: any other one belongs to another account, to another database that uses the
    /// same folder, or to nobody that we know.
    pub fn is_own(&self, name: &[u8]) -> bool {
        ParsedName::read(name).is_some_and(|name| name.mark == Some(self.marks.own))
    }

    /// Returns true if this database made a file of this name for this account, and it is no message.
    pub fn is_own_file(&self, name: &[u8]) -> bool {
        name.starts_with(own_file(self.marks.own, "").as_bytes())
    }
}

/// Returns the name of an account's file that is no message. It begins with a dot, so that mail readers
/// ignore it.
pub(super) fn own_file(mark: Mark, suffix: &str) -> String {
    format!(".mailpull-{mark}{suffix}")
}

/// The facts about a message in the name of its file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParsedName<'a> {
    /// The time at which the message was fetched.
    pub when: Moment,
    /// The mark of the account for which it was fetched. Version 0.1.0 made names without a mark.
    pub mark: Option<Mark>,
    /// The tag of that account.
    pub tag: &'a str,
    /// The hash of its unique-id.
    pub unique_id: u64,
}

impl<'a> ParsedName<'a> {
    /// Reads a name, with or without the flags that a mail reader appends. Returns `None` for a
    /// name that mailpull did not make.
    pub fn read(name: &'a [u8]) -> Option<Self> {
        let (seconds, rest) = str::from_utf8(name).ok()?.split_once('.')?;
        let (delivery, rest) = rest.split_once("_mp")?;
        let (tag, rest) = rest.split_once('.')?;
        let (hash, _) = rest.split_once('.')?;
        let is_whole = hash.len() == 16 && !hash.starts_with('+');
        Some(Self {
            when: Moment(seconds.parse().ok()?),
            mark: delivery
                .rsplit_once('R')
                .and_then(|(_, digits)| Mark::read(digits)),
            tag,
            unique_id: u64::from_str_radix(hash, 16).ok().filter(|_| is_whole)?,
        })
    }
}

/// Returns the hash of a unique-id, as it is in the names: a unique-id may contain characters that
/// a file name must not.
pub fn hash(unique_id: &[u8]) -> u64 {
    Digest::of(unique_id).beginning()
}

/// Returns the name of this host. The rules of Maildir write `/` as `\057` and `:` as `\072`; the other
/// characters that may stand before the flags are written in the same way.
fn host() -> String {
    let name: String = sys::host_name()
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .take(64)
        .collect();
    if name.is_empty() {
        return "localhost".into();
    }
    let escape = |c| match c {
        '/' | ':' | ';' | ',' | '!' => format!("\\{:03o}", u32::from(c)),
        c => c.to_string(),
    };
    name.chars().map(escape).collect()
}

/// Returns the name under which a file was delivered, without the flags that a mail reader
/// appended.
pub(super) fn without_flags(name: &str) -> &str {
    name.split(FLAG_SEPARATORS).next().unwrap_or(name)
}

/// Returns true if `found` is `name` with or without flags.
pub(super) fn is_name_of(name: &str, found: &[u8]) -> bool {
    found.strip_prefix(name.as_bytes()).is_some_and(|rest| {
        rest.first()
            .is_none_or(|next| FLAG_SEPARATORS.contains(&char::from(*next)))
    })
}

/// The characters that mail readers put between a file's name and its flags: `:` by the rules of
/// Maildir, the others where a file system does not allow it.
const FLAG_SEPARATORS: [char; 4] = [':', ';', ',', '!'];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names(own: u8) -> UniqueNames {
        UniqueNames::new(&FileMarks {
            own: Mark([own; 16]),
            tag: "0badcafe".to_owned(),
        })
    }

    fn unique_id() -> UniqueId {
        UniqueId::new(b"../../etc/passwd").expect("the unique-id is valid")
    }

    #[test]
    fn no_two_names_are_equal() {
        let names = names(1);
        let made: HashSet<_> = (0..1000).map(|_| names.next(&unique_id())).collect();
        assert_eq!(made.len(), 1000);
        for name in made {
            assert!(!name.contains('/') && !name.contains(':') && name.len() < 240);
        }
    }

    #[test]
    fn a_name_states_time_mark_account_and_unique_id() {
        let name = names(0xaf).next(&unique_id());
        for flags in ["", ":2,S", "!2,RS"] {
            let name = format!("{name}{flags}");
            let parsed = ParsedName::read(name.as_bytes()).expect("mailpull made the name");
            assert_eq!(parsed.tag, "0badcafe");
            assert_eq!(parsed.mark, Some(Mark([0xaf; 16])));
            assert_eq!(parsed.unique_id, hash(unique_id().as_octets()));
            assert!(Moment::now().since(parsed.when).is_some());
        }
        for name in [
            "",
            "1.M2P3Q4.host",
            "x.M2P3Q4R5_mp0badcafe.0123456789abcdef.host",
            "1.M2P3Q4R5_mp0badcafe.0123456789abcde.host",
            "1.M2P3Q4R5_mp0badcafe.+123456789abcdef.host",
            "1.M2P3Q4R5_mp0badcafe.0123456789abcdef",
        ] {
            assert_eq!(ParsedName::read(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_name_of_version_0_1_0_has_no_mark() {
        let name = b"1.M2P3Q4R0123456789abcdef_mp0badcafe.0123456789abcdef.host";
        let parsed = ParsedName::read(name).expect("version 0.1.0 made the name");
        assert_eq!((parsed.mark, parsed.tag), (None, "0badcafe"));
        assert!(!names(1).is_own(name));
    }

    #[test]
    fn only_files_with_the_mark_are_own_whatever_else_differs() {
        let names = names(1);
        let own = names.next(&unique_id());
        let mark = Mark([1; 16]).to_string();
        for (name, is_own) in [
            (own.clone(), true),
            (format!("{own}.elsewhere"), true),
            (own.replace("_mp0badcafe", "_mpdeadbeef"), true),
            (own.replace(&mark, &Mark([2; 16]).to_string()), false),
            (own.replace(&mark, "0101010101010101"), false),
            (own.replace(&mark, ""), false),
            (format!("1.M2P3R{mark}.host"), false),
        ] {
            assert_eq!(names.is_own(name.as_bytes()), is_own, "{name}");
            assert!(!names.is_own_file(name.as_bytes()), "{name}");
        }
        for (mark, is_own) in [(1, true), (2, false)] {
            let name = own_file(Mark([mark; 16]), ".placed");
            assert_eq!(names.is_own_file(name.as_bytes()), is_own);
        }
    }
}
