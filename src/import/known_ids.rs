//! The unique-ids that an old program remembers, and how it spells them.

use std::collections::HashSet;

use super::thunderbird;

/// The unique-ids that an old program remembers.
#[derive(Debug, Default)]
pub struct KnownIds {
    ids: HashSet<Vec<u8>>,
    spelling: Spelling,
}

/// The way in which an old program changes unique-ids before it stores them.
#[derive(Clone, Copy, Debug, Default)]
enum Spelling {
    /// Not at all.
    #[default]
    Exact,
    /// fetchmail cuts them at the first blank, and at [`FETCHMAIL_CUT`].
    Cut,
    /// Thunderbird stores them up to the first blank.
    FirstWord,
    /// getmail replaces each `/` by `-`.
    NoSlash,
}

/// The octets of a unique-id that fetchmail stores.
pub(super) const FETCHMAIL_CUT: usize = 128;

impl KnownIds {
    /// Reads a cache of fdm: lines `LENGTH UNIQUE-ID`, for one account.
    pub(super) fn of_fdm(state: &[u8]) -> Self {
        let id = |line: &[u8]| {
            let blank = line.iter().position(|octet| *octet == b' ')?;
            let (length, id) = (&line[..blank], &line[blank + 1..]);
            let length: usize = str::from_utf8(length).ok()?.parse().ok()?;
            (length == id.len()).then(|| id.to_vec())
        };
        Self {
            ids: lines(state).filter_map(id).collect(),
            spelling: Spelling::Exact,
        }
    }

    /// Reads `.fetchids`: lines `USER@HOST UNIQUE-ID`, for all accounts.
    pub(super) fn of_fetchmail(state: &[u8], host: &str, user: &str) -> Self {
        let mut ids = HashSet::new();
        for line in lines(state) {
            // A unique-id has no blank here, and a user may have some.
            let Some(blank) = line.iter().rposition(|octet| *octet == b' ') else {
                continue;
            };
            let (place, id) = (&line[..blank], &line[blank + 1..]);
            let Some(at) = place.iter().rposition(|octet| *octet == b'@') else {
                continue;
            };
            let is_ours = place[..at].eq_ignore_ascii_case(user.as_bytes())
                && place[at + 1..].eq_ignore_ascii_case(host.as_bytes());
            if is_ours && !id.is_empty() {
                ids.insert(id.to_vec());
            }
        }
        Self {
            ids,
            spelling: Spelling::Cut,
        }
    }

    /// Reads `oldmail-*`: lines `UNIQUE-ID NUL TIME`, for one account.
    pub(super) fn of_getmail(state: &[u8]) -> Self {
        let id = |line: &[u8]| {
            let end = line.iter().position(|octet| *octet == 0)?;
            (end > 0).then(|| line[..end].to_vec())
        };
        Self {
            ids: lines(state).filter_map(id).collect(),
            spelling: Spelling::NoSlash,
        }
    }

    /// Reads the file of mpop: after the comments, headers ` COUNT HOST USER`, each with that many unique-ids.
    /// From version 1.4.23 on, the time follows each of them.
    pub(super) fn of_mpop(state: &[u8], host: &str, user: &str) -> Self {
        let has_times = first_version(state) >= Some([1, 4, 23]);
        let wanted = format!("{host} {user}");
        let mut ids = HashSet::new();
        let mut left = 0_usize;
        let mut is_ours = false;
        let comments = lines(state)
            .take_while(|line| line.starts_with(b"#"))
            .count();
        for line in lines(state).skip(comments) {
            if left > 0 {
                left -= 1;
                if is_ours {
                    ids.insert(if has_times { without_time(line) } else { line }.to_vec());
                }
                continue;
            }
            let Some(header) = line.strip_prefix(b" ") else {
                continue;
            };
            let header = String::from_utf8_lossy(header).into_owned();
            let (count, place) = header.split_once(' ').unwrap_or_default();
            left = count.parse().unwrap_or(0);
            is_ours = place == wanted;
        }
        Self {
            ids,
            spelling: Spelling::Exact,
        }
    }

    /// Reads popstate.dat: after a line `*HOST USER`, lines `FLAG UNIQUE-ID TIME`. A message whose flag says that only
    /// a part of it was fetched is not known.
    pub(super) fn of_thunderbird(state: &[u8], host: &str, user: &str) -> Self {
        let mut ids = HashSet::new();
        let mut is_ours = false;
        for line in lines(state) {
            if line.starts_with(b"*") {
                let text = String::from_utf8_lossy(line);
                is_ours = thunderbird::account(&text) == Some((host, user));
                continue;
            }
            let mut words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            // k: kept on the server, d: to be deleted, b: too large, f: to be fetched as a whole.
            if let (true, Some(b"k" | b"d"), Some(id)) = (is_ours, words.next(), words.next()) {
                ids.insert(id.to_vec());
            }
        }
        Self {
            ids,
            spelling: Spelling::FirstWord,
        }
    }

    /// Returns the number of unique-ids.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns true if there is no unique-id.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns true if the old program knows the message that a server lists under this unique-id.
    pub fn has(&self, unique_id: &[u8]) -> bool {
        match self.spelling {
            Spelling::Exact => self.ids.contains(unique_id),
            Spelling::Cut => {
                let word = first_word(unique_id);
                self.ids.contains(&word[..word.len().min(FETCHMAIL_CUT)])
            }
            Spelling::FirstWord => self.ids.contains(first_word(unique_id)),
            Spelling::NoSlash => self.ids.contains(&without_slashes(unique_id)),
        }
    }
}

/// Returns a unique-id up to its first blank.
pub(super) fn first_word(unique_id: &[u8]) -> &[u8] {
    let word = unique_id.split(u8::is_ascii_whitespace).next();
    word.unwrap_or_default()
}

/// Returns a unique-id as getmail stores it.
pub(super) fn without_slashes(unique_id: &[u8]) -> Vec<u8> {
    let octets = unique_id.iter();
    octets
        .map(|octet| if *octet == b'/' { b'-' } else { *octet })
        .collect()
}

fn lines(state: &[u8]) -> impl Iterator<Item = &[u8]> {
    state
        .split(|octet| *octet == b'\n')
        .filter(|line| !line.is_empty())
}

/// Returns the version of mpop that has written the file.
fn first_version(state: &[u8]) -> Option<[u32; 3]> {
    let first = String::from_utf8_lossy(lines(state).next()?).into_owned();
    let (_, version) = first.rsplit_once("mpop version ")?;
    let mut numbers = version.trim_end_matches('.').split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// Returns a line of mpop without the time at its end.
fn without_time(line: &[u8]) -> &[u8] {
    match line.iter().rposition(|octet| *octet == b' ') {
        Some(blank) if line[blank + 1..].iter().all(u8::is_ascii_digit) => &line[..blank],
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetchmail_knows_the_first_word_of_a_unique_id() {
        let state = b"user name@dom@127.0.0.1 plain1\n\
            User Name@dom@127.0.0.1 1234/abc@x\n\
            other@127.0.0.1 foreign\nuser name@dom@127.0.0.1 \n";
        let known = KnownIds::of_fetchmail(state, "127.0.0.1", "user name@dom");
        assert_eq!(known.len(), 2);
        for (unique_id, is_known) in [
            ("plain1", true),
            ("plain1 and more", true),
            ("1234/abc@x", true),
            ("foreign", false),
            ("plain", false),
        ] {
            assert_eq!(known.has(unique_id.as_bytes()), is_known, "{unique_id}");
        }
    }

    #[test]
    fn fetchmail_knows_the_beginning_of_a_long_unique_id() {
        let long = "x".repeat(200);
        let state = format!("u@h {}\n", &long[..128]);
        let known = KnownIds::of_fetchmail(state.as_bytes(), "h", "u");
        assert!(known.has(long.as_bytes()));
        assert!(!known.has(&long.as_bytes()[..127]));
    }

    #[test]
    fn fdm_knows_unique_ids_of_the_length_before_them() {
        let known = KnownIds::of_fdm(b"2 u1\n3 a b\n9 cut\nx\n");
        assert!(known.has(b"u1") && known.has(b"a b") && known.len() == 2);
    }

    #[test]
    fn getmail_knows_unique_ids_without_slashes() {
        let known = KnownIds::of_getmail(
            b"plain1\x001795288683\n1234-abc@x\x001795288683\nbroken\n\x001\n",
        );
        assert_eq!(known.len(), 2);
        assert!(known.has(b"1234/abc@x") && known.has(b"plain1") && !known.has(b"broken"));
    }

    #[test]
    fn thunderbird_knows_what_it_fetched_as_a_whole() {
        let state = b"# POP3 State File\n\n*h joe\nk a 1\nd b 1\nb c 1\nf d 1\n*h ann\nk e 1\n";
        let known = KnownIds::of_thunderbird(state, "h", "joe");
        assert!(known.has(b"a") && known.has(b"b") && known.len() == 2);
        assert!(KnownIds::of_thunderbird(state, "h", "ann").has(b"e x"));
    }

    #[test]
    fn mpop_has_lists_of_several_accounts() {
        let state = b"# This file was generated by mpop version 1.4.18.\n#\n 2 h joe@dom\n#a\n b\n 1 h ann\nc\n";
        let known = KnownIds::of_mpop(state, "h", "joe@dom");
        assert_eq!(known.len(), 2);
        assert!(known.has(b"#a") && known.has(b" b") && !known.has(b"c"));
        assert!(KnownIds::of_mpop(state, "h", "ann").has(b"c"));
        assert!(KnownIds::of_mpop(state, "other", "joe@dom").is_empty());
    }

    #[test]
    fn a_newer_mpop_writes_times() {
        let state = b"# This file was generated by mpop version 1.4.23.\n 2 h u\na 1795288683\nb c 1795288683\n";
        let known = KnownIds::of_mpop(state, "h", "u");
        assert!(known.has(b"a") && known.has(b"b c") && known.len() == 2);
    }
}
