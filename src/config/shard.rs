//! Shards, which divide the accounts among several machines by rendezvous hashing of their names.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::digest::Digest;

/// One of several shards. Each account is in exactly one of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shard {
    index: u16,
    count: NonZeroU16,
}

/// The text is not a shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be K/N, where K counts from 0: 0/3, 1/3 or 2/3")]
pub struct NotAShard;

impl Shard {
    /// Returns true if an account is in this shard.
    pub fn holds(self, account: &str) -> bool {
        self.of(account) == self
    }

    /// Returns the shard of an account, among as many shards: the one whose SHA-256 of `ACCOUNT/K` is
    /// greatest. Therefore a new shard takes accounts from all others and moves none between them.
    pub fn of(self, account: &str) -> Self {
        let weight = |index: &u16| Digest::of(format!("{account}/{index}").as_bytes()).0;
        let index = (0..self.count.get()).max_by_key(weight).unwrap_or(0);
        Self { index, ..self }
    }
}

impl FromStr for Shard {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<Self, NotAShard> {
        let (index, count) = text.split_once('/').ok_or(NotAShard)?;
        let index = index.parse().map_err(|_| NotAShard)?;
        let count: NonZeroU16 = count.parse().map_err(|_| NotAShard)?;
        if index < count.get() {
            Ok(Self { index, count })
        } else {
            Err(NotAShard)
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().expect(text)
    }

    #[test]
    fn a_shard_is_one_of_some() {
        for text in ["0/1", "0/3", "2/3", "65534/65535"] {
            assert_eq!(shard(text).to_string(), text);
        }
        for text in [
            "", "1", "/", "0/0", "3/3", "1/1", "-1/3", "0/-3", "1/3/5", "a/b", "0/65536", " 0/3",
        ] {
            assert_eq!(text.parse::<Shard>(), Err(NotAShard), "{text}");
        }
    }

    /// These values must never change: they determine on which machine the record of an account is.
    #[test]
    fn an_account_stays_in_its_shard_from_version_to_version() {
        for (account, of_2, of_3, of_10) in [
            ("work", "0/2", "0/3", "8/10"),
            ("me@example.com", "1/2", "1/3", "3/10"),
            ("a", "0/2", "0/3", "0/10"),
        ] {
            for expected in [of_2, of_3, of_10] {
                assert_eq!(shard(expected).of(account), shard(expected), "{account}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_account_is_in_one_shard(account in "[a-z0-9@.]{1,64}", count in 1_u16..50) {
            let shards = (0..count).map(|index| shard(&format!("{index}/{count}")));
            prop_assert_eq!(shards.filter(|shard| shard.holds(&account)).count(), 1);
        }

        #[test]
        fn one_more_shard_takes_accounts_and_moves_no_others(
            account in "[a-z0-9@.]{1,64}",
            count in 1_u16..50,
        ) {
            let before = shard(&format!("0/{count}")).of(&account);
            let after = shard(&format!("0/{}", count + 1)).of(&account);
            prop_assert!(after.index == before.index || after.index == count);
        }
    }

    #[test]
    fn a_ninth_shard_takes_a_ninth_of_the_accounts() {
        let accounts: Vec<_> = (0..9_000).map(|n| format!("user{n}@example.com")).collect();
        let index = |account: &str, count: &str| shard(count).of(account).index;
        let moved = |name: &&String| index(name, "0/8") != index(name, "0/9");
        let moved = accounts.iter().filter(moved).count();
        assert!((900..1100).contains(&moved), "{moved}");
        for shard in 0..8 {
            let held = |name: &&String| index(name, "0/8") == shard;
            let held = accounts.iter().filter(held).count();
            assert!((1000..1250).contains(&held), "{shard} has {held}");
        }
    }
}
