//! Unique file names after the Maildir rules, that also tell whose message a file is.
//! Pure but for the random part; opens nothing.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::digest::Digest;
use crate::maildrop::UniqueId;

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
    /// Names that carry `tag`, eight hexadecimal digits that tell the account.
    pub fn new(tag: &str) -> Self {
        Self {
            pid: process::id(),
            counter: AtomicU32::new(0),
            random: random(),
            tag: tag.to_owned(),
            host: host(),
        }
    }

    /// A name that no other file has.
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
            Digest::of(unique_id.as_octets()).hex(8),
            self.host,
        )
    }

    /// Whether a file with this name was made for this account.
    pub fn is_ours(&self, name: &[u8]) -> bool {
        let mark = format!("_mp{}.", self.tag);
        memchr::memmem::find(name, mark.as_bytes()).is_some()
    }
}

/// Sixteen hexadecimal digits that differ from run to run.
fn random() -> String {
    let mut octets = [0; 8];
    // Without a source of chance the other parts of the name still differ.
    let _ = getrandom(&mut octets, GetRandomFlags::empty());
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// This host's name; `/` and `:` as the Maildir rules write them.
fn host() -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_differ_and_are_recognised() {
        let names = UniqueNames::new("0badcafe");
        let unique_id = UniqueId::new(b"../../etc/passwd").expect("it is valid");
        let made: HashSet<_> = (0..1000).map(|_| names.next(&unique_id)).collect();
        assert_eq!(made.len(), 1000);
        for name in made {
            assert!(names.is_ours(name.as_bytes()));
            assert!(!UniqueNames::new("deadbeef").is_ours(name.as_bytes()));
            assert!(!name.contains('/') && !name.contains(':') && name.len() < 255);
        }
    }
}
