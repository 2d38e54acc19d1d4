//! The secrets of this process. Text from a server or a program may repeat them, as they are or encoded, and
//! must not be shown with them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::hex;

/// Secrets in all their spellings. Only keyed hashes are kept: whoever reads the memory of this process
/// finds no secret here.
#[derive(Default)]
struct Spellings {
    /// The hashes of the spellings in lower case, by their lengths, each with the number of its secret.
    by_length: BTreeMap<usize, HashMap<u64, u64>>,
    /// A bit for each value that 16 bits of the hash of the first [`SHORTEST`] octets of a spelling have. Where a
    /// text has another value no spelling begins, which nearly always saves a hash for each length.
    starts: StartBits,
    /// The hashes of the first octets of those spellings that are longer, with the same numbers.
    beginnings: HashMap<u64, u64>,
    /// The numbers of the secrets by their hashes.
    numbers: HashMap<u64, u64>,
    /// True if a secret is so short that any text may contain it by chance.
    has_short: bool,
    last: u64,
    key: RandomState,
}

/// The values of 16 bits, one bit for each.
struct StartBits(Box<[u64; 1024]>);

impl Default for StartBits {
    fn default() -> Self {
        Self(Box::new([0; 1024]))
    }
}

impl StartBits {
    fn insert(&mut self, hash: u64) {
        let (word, bit) = Self::place(hash);
        self.0[word] |= bit;
    }

    fn contains(&self, hash: u64) -> bool {
        let (word, bit) = Self::place(hash);
        self.0[word] & bit != 0
    }

    fn place(hash: u64) -> (usize, u64) {
        let value = hash as u16;
        (usize::from(value / 64), 1 << (value % 64))
    }
}

/// Keeps a secret out of all foreign text that is shown from now on, until the process ends. An error may be
/// shown long after the login.
pub(crate) fn hide(secret: &[u8]) {
    with(|spellings| spellings.add(secret));
}

/// Returns text without secrets. `is_cut` says that the text went on: its end is left out, which may be the
/// beginning of a secret. If there is a secret of three octets or less, no text is shown at all: if
/// only the secret were left out, its place would tell it.
pub(crate) fn mask(text: &[u8], is_cut: bool) -> Cow<'_, [u8]> {
    with(|spellings| spellings.mask(text, is_cut))
}

impl Spellings {
    fn add(&mut self, secret: &[u8]) {
        if secret.len() < SHORTEST {
            self.has_short |= !secret.is_empty();
            return;
        }
        let hash = self.key.hash_one(secret);
        if self.numbers.contains_key(&hash) {
            return;
        }
        self.last += 1;
        for spelling in spellings(secret) {
            let hashes = self.by_length.entry(spelling.len()).or_default();
            hashes.insert(self.key.hash_one(&spelling[..]), self.last);
            self.starts.insert(self.key.hash_one(&spelling[..SHORTEST]));
            if let Some(beginning) = spelling.get(..BEGINNING) {
                let hash = self.key.hash_one(beginning);
                self.beginnings.insert(hash, self.last);
            }
        }
        self.numbers.insert(hash, self.last);
        if self.numbers.len() > MOST {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.last + 1 - self.numbers.len() as u64;
        self.numbers.retain(|_, number| *number != oldest);
        self.beginnings.retain(|_, number| *number != oldest);
        self.by_length.retain(|_, hashes| {
            hashes.retain(|_, number| *number != oldest);
            !hashes.is_empty()
        });
    }

    fn mask<'t>(&self, text: &'t [u8], is_cut: bool) -> Cow<'t, [u8]> {
        if self.has_short && !text.is_empty() {
            return Cow::Borrowed(MASK);
        }
        if self.by_length.is_empty() {
            return Cow::Borrowed(text);
        }
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        let mut masked: Option<Vec<u8>> = None;
        let left_out = if is_cut { BEGINNING } else { 0 };
        let end = text.len().saturating_sub(left_out);
        let mut at = 0;
        while at < end {
            match self.length_at(&lower[at..], is_cut) {
                Some(length) => {
                    let masked = masked.get_or_insert_with(|| text[..at].to_vec());
                    masked.extend_from_slice(MASK);
                    at += length;
                }
                None => {
                    if let Some(masked) = &mut masked {
                        masked.push(text[at]);
                    }
                    at += 1;
                }
            }
        }
        masked.map_or(Cow::Borrowed(&text[..end]), Cow::Owned)
    }

    /// Returns the length of the longest secret with which a text begins. A secret that is cut has the length of
    /// the text.
    fn length_at(&self, text: &[u8], is_cut: bool) -> Option<usize> {
        let start = text.get(..SHORTEST)?;
        if !self.starts.contains(self.key.hash_one(start)) {
            return None;
        }
        let mut lengths = self.by_length.range(..=text.len()).rev();
        let found = lengths
            .find(|(length, hashes)| hashes.contains_key(&self.key.hash_one(&text[..**length])));
        let cut = || {
            let beginning = text.get(..BEGINNING).filter(|_| is_cut)?;
            let is_secret = self.beginnings.contains_key(&self.key.hash_one(beginning));
            is_secret.then_some(text.len())
        };
        found.map(|(length, _)| *length).or_else(cut)
    }
}

/// Returns what a secret may look like, in lower case.
fn spellings(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let escaped = |octet: &u8| match octet {
        b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => vec![*octet],
        octet => format!("%{octet:02x}").into_bytes(),
    };
    let mut all = vec![
        secret.to_vec(),
        hex::encode(secret).into_bytes(),
        secret.iter().flat_map(escaped).collect(),
    ];
    // In Base64 the digits depend on how many octets come before the secret.
    for before in 0..3 {
        let whole = Zeroizing::new([&[0; 2][..before], secret].concat());
        // The first and the last digit may belong to an octet that is not of the secret.
        let own = (before * 8).div_ceil(6)..whole.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(&*whole));
            all.push(encoded.as_bytes()[own.clone()].to_vec());
        }
    }
    all.iter_mut()
        .for_each(|spelling| spelling.make_ascii_lowercase());
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(Zeroizing::new).collect()
}

#[cfg(not(test))]
fn with<T>(what: impl FnOnce(&mut Spellings) -> T) -> T {
    use std::sync::{Mutex, PoisonError};

    static SPELLINGS: Mutex<Option<Spellings>> = Mutex::new(None);
    let mut spellings = SPELLINGS.lock().unwrap_or_else(PoisonError::into_inner);
    what(spellings.get_or_insert_default())
}

/// Tests run as threads of one process, each with secrets of its own.
#[cfg(test)]
fn with<T>(what: impl FnOnce(&mut Spellings) -> T) -> T {
    use std::cell::RefCell;

    thread_local!(static SPELLINGS: RefCell<Spellings> = RefCell::default());
    SPELLINGS.with_borrow_mut(what)
}

/// The shortest secret that can be cut out of a text.
const SHORTEST: usize = 4;

/// The octets of a longer secret by which it is recognised where a text is cut.
const BEGINNING: usize = 16;

/// The most secrets that are kept. A process that runs for years gets a new token each hour.
const MOST: usize = 20_000;

/// The text in the place of a secret.
const MASK: &[u8] = b"(hidden)";

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn masked(text: &[u8]) -> String {
        String::from_utf8_lossy(&mask(text, false)).into_owned()
    }

    #[test]
    fn a_secret_is_hidden_in_every_spelling() {
        hide(b"open Sesame?/");
        for text in [
            "open Sesame?/",
            "OPEN SESAME?/",
            "6f70656E20536573616d653f2f",
            "open%20Sesame%3F%2f",
        ] {
            assert_eq!(masked(text.as_bytes()), "(hidden)", "{text}");
        }
        assert_eq!(
            masked(b"[AUTH] open sesame?/ is wrong"),
            "[AUTH] (hidden) is wrong"
        );
        assert_eq!(masked(b"open sesame"), "open sesame");
    }

    #[test]
    fn base64_hides_a_secret_after_any_octets() {
        let secret = b"open Sesame?/\xff";
        hide(secret);
        for before in ["", "u", "us", "joe", "\0joe\0"] {
            for after in ["", "1", "12", "123"] {
                let text = [before.as_bytes(), secret, after.as_bytes()].concat();
                for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    let shown = masked(encoded.as_bytes());
                    assert!(shown.contains("(hidden)"), "{before} {after}: {shown}");
                    let left = shown.len() - MASK.len();
                    assert!(left <= encoded.len() - 16, "{before} {after}: {shown}");
                }
            }
        }
    }

    #[test]
    fn a_text_that_is_cut_ends_with_no_part_of_a_secret() {
        let token = "0123456789".repeat(100);
        hide(token.as_bytes());
        hide(b"open sesame");
        for secret in ["open sesame", &token] {
            let text = format!("this text from outside is cut {secret}");
            for length in "this text from outside is cut ".len()..text.len().min(512) {
                let shown = mask(&text.as_bytes()[..length], true);
                let shown = String::from_utf8_lossy(&shown);
                assert!(
                    !shown.contains("open") && !shown.contains("01"),
                    "{length}: {shown}"
                );
                assert!(shown.starts_with("this text from"), "{length}: {shown}");
            }
        }
    }

    #[test]
    fn nothing_is_shown_beside_a_very_short_secret() {
        hide(b"");
        assert_eq!(masked(b"this is it"), "this is it");
        hide(b"is");
        assert_eq!(masked(b"this is it"), "(hidden)");
        assert_eq!(masked(b""), "");
    }

    #[test]
    fn the_oldest_of_very_many_secrets_is_forgotten() {
        for n in 0..=MOST {
            hide(format!("secret {n:06}").as_bytes());
            hide(b"secret 000001");
        }
        assert_eq!(masked(b"secret 000000"), "secret 000000");
        assert_eq!(masked(b"secret 000001"), "(hidden)");
    }
}
