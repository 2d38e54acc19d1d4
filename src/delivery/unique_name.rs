//! Unique file names by the rules of Maildir, which also say what message a file contains.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::digest::Digest;
use crate::hex;
use crate::mail::maildrop::UniqueId;
use crate::moment::Moment;
use crate::os::random::random;

/// Makes the names of one account's files:
/// `<sec>.M<usec>P<pid>Q<n>R<random>_mp<account tag>.<unique-id hash>.<host>`.
#[derive(Debug)]
pub struct UniqueNames {
    /// `P<pid>`, fixed for the process.
    pid: u32,
    counter: AtomicU32,
    random: String,
    tag: String,
    host: String,
}

impl UniqueNames {
    /// Makes names with `tag`: eight hexadecimal digits that mark the account's files.
    pub fn new(tag: &str) -> Self {
        Self {
            pid: process::id(),
            counter: AtomicU32::new(0),
            random: hex::encode(&random::<8>()),
            tag: tag.to_owned(),
            host: host(),
        }
    }

    /// Returns a name that no other file has.
    pub fn next(&self, unique_id: &UniqueId) -> String {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        format!(
            "{}.M{}P{}Q{}R{}_mp{}.{}.{}",
            since.as_secs(),
            since.subsec_micros(),
            self.pid,
            self.counter.fetch_add(1, Ordering::Relaxed),
            self.random,
            self.tag,
            format_args!("{:016x}", hash(unique_id.as_octets())),
            self.host,
        )
    }

    /// Returns true if a process of this host that has ended made a file of this name for this
    /// account.
    ///
    /// A file of another host or of a running process belongs to another mailpull, which uses the
    /// same Maildir with a database of its own.
    pub fn is_abandoned(&self, name: &[u8]) -> bool {
        let Some(name) = str::from_utf8(name).ok() else {
            return false;
        };
        let mark = format!("_mp{}.", self.tag);
        let Some((head, tail)) = name.split_once(&mark) else {
            return false;
        };
        let is_here = tail
            .split_once('.')
            .is_some_and(|(_, host)| host == self.host);
        let pid = head
            .split_once('P')
            .map(|(_, behind)| behind.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|digits| digits?.parse().ok());
        is_here && pid.is_some_and(|pid| pid == self.pid || !is_alive(pid))
    }
}

/// The facts about a message in the name of its file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParsedName<'a> {
    /// The time at which the message was fetched.
    pub when: Moment,
    /// The tag of the account for which it was fetched.
    pub tag: &'a str,
    /// The hash of its unique-id.
    pub unique_id: u64,
}

impl<'a> ParsedName<'a> {
    /// Reads a name, with or without the flags that a mail reader appends. Returns `None` for a
    /// name that mailpull did not make.
    pub fn read(name: &'a [u8]) -> Option<Self> {
        let (seconds, rest) = str::from_utf8(name).ok()?.split_once('.')?;
        let (_, rest) = rest.split_once("_mp")?;
        let (tag, rest) = rest.split_once('.')?;
        let (hash, _) = rest.split_once('.')?;
        let is_whole = hash.len() == 16 && !hash.starts_with('+');
        Some(Self {
            when: Moment(seconds.parse().ok()?),
            tag,
            unique_id: u64::from_str_radix(hash, 16).ok().filter(|_| is_whole)?,
        })
    }
}

/// Returns the hash of a unique-id, as it is in the names: a unique-id may contain characters that
/// a file name must not.
pub fn hash(unique_id: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = Digest::of(unique_id).0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| {
        // EPERM means that the process of another user runs.
        !matches!(test_kill_process(pid), Err(Errno::SRCH))
    })
}

/// Returns the name of this host. The rules of Maildir write `/` as `\057` and `:` as `\072`.
pub(super) fn host() -> String {
    let name = rustix::system::uname();
    let name: String = name
        .nodename()
        .to_string_lossy()
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .take(64)
        .collect();
    match name.as_str() {
        "" => "localhost".into(),
        name => name.replace('/', "\\057").replace(':', "\\072"),
    }
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
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_names_are_equal() {
        let names = UniqueNames::new("0badcafe");
        let unique_id = UniqueId::new(b"../../etc/passwd").expect("the unique-id is valid");
        let made: HashSet<_> = (0..1000).map(|_| names.next(&unique_id)).collect();
        assert_eq!(made.len(), 1000);
        for name in made {
            assert!(!name.contains('/') && !name.contains(':') && name.len() < 255);
        }
    }

    #[test]
    fn a_name_states_time_account_and_unique_id() {
        let unique_id = UniqueId::new(b"1").expect("the unique-id is valid");
        let name = UniqueNames::new("0badcafe").next(&unique_id);
        for flags in ["", ":2,S", "!2,RS"] {
            let name = format!("{name}{flags}");
            let parsed = ParsedName::read(name.as_bytes()).expect("mailpull made the name");
            assert_eq!(parsed.tag, "0badcafe");
            assert_eq!(parsed.unique_id, hash(b"1"));
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
    fn only_files_of_ended_processes_of_this_account_are_abandoned() {
        let names = UniqueNames::new("0badcafe");
        let unique_id = UniqueId::new(b"1").expect("the unique-id is valid");
        let own = names.next(&unique_id);
        let pid = format!("P{}Q", process::id());
        let of_process = |other: &str| own.replace(&pid, &format!("P{other}Q"));
        for (name, is_abandoned) in [
            (own.clone(), true),
            (of_process("2147483647"), true),
            (of_process("1"), false),
            (of_process(""), false),
            (own.replace("_mp0badcafe", "_mpdeadbeef"), false),
            (format!("{own}.elsewhere"), false),
            (
                own.replace(&names.host, &format!("web{}", names.host)),
                false,
            ),
            (
                own.replace(&names.host, &format!("web.{}", names.host)),
                false,
            ),
            ("1.P2147483647.host".into(), false),
        ] {
            assert_eq!(names.is_abandoned(name.as_bytes()), is_abandoned, "{name}");
        }
    }
}
