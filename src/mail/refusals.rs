//! Logins that a server refused in a row, and the rest after them: a fetcher that goes on with a wrong password from
//! cron makes servers ban the address of everybody who is behind it.

use std::time::Duration;

use crate::digest::Hasher;
use crate::mail::clock::Clock;
use crate::moment::Moment;

/// Logins with the same secret that a server refused in a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refusals {
    /// Their number.
    pub count: u32,
    /// The time of the last one.
    pub last: Moment,
    /// A mark of the secret.
    pub mark: SecretMark,
}

/// Tells whether a secret is the one of before: 16 bits of a digest with a random key. One of 65,536 wrong guesses
/// has the same mark, so it does not help to guess the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SecretMark([u8; KEY + 2]);

/// The octets of the key.
const KEY: usize = 8;

/// The refusals after which logins rest. The first may be a mistake of the server.
const REFUSALS: u32 = 3;

/// The first rest. It doubles with each further refusal.
const FIRST_REST: Duration = Duration::from_secs(3600);

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(24 * 3600);

impl Refusals {
    /// Counts one more refusal. With another secret the count begins anew, with a new random key.
    pub(crate) fn one_more(
        before: Option<Self>,
        secret: &[u8],
        now: Moment,
        key: [u8; KEY],
    ) -> Self {
        match before.filter(|before| before.mark.fits(secret)) {
            Some(before) => Self {
                count: before.count.saturating_add(1),
                last: now,
                ..before
            },
            None => Self {
                count: 1,
                last: now,
                mark: SecretMark::of(secret, key),
            },
        }
    }

    /// Returns the time after the last refusal for which no login is tried, if there is one.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let doublings = self.count.checked_sub(REFUSALS)?;
        let factor = 2_u32.saturating_pow(doublings.min(16));
        Some((FIRST_REST * factor).min(LONGEST_REST))
    }

    /// Returns the rest that is left for a login with this secret. After a change of the clock there is none: nobody
    /// knows how long ago the last refusal was.
    pub(crate) fn rest_left(&self, secret: &[u8], clock: &Clock) -> Option<Duration> {
        if !clock.is_plausible() || !self.mark.fits(secret) {
            return None;
        }
        let since = clock.now().since(self.last)?;
        let left = self.rest()?.checked_sub(since)?;
        (!left.is_zero()).then_some(left)
    }
}

impl SecretMark {
    fn of(secret: &[u8], key: [u8; KEY]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(&key);
        hasher.update(secret);
        let [first, second, ..] = hasher.finish().0;
        let mut mark = [0; KEY + 2];
        mark[..KEY].copy_from_slice(&key);
        mark[KEY..].copy_from_slice(&[first, second]);
        Self(mark)
    }

    fn fits(&self, secret: &[u8]) -> bool {
        let mut key = [0; KEY];
        key.copy_from_slice(&self.0[..KEY]);
        Self::of(secret, key) == *self
    }

    /// Returns it as it is stored.
    pub(crate) fn as_octets(&self) -> &[u8] {
        &self.0
    }

    /// Reads what [`Self::as_octets`] returned.
    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::clock::ClockRecord;

    const NOW: Moment = Moment(2_000_000_000);
    const HOUR: i64 = 3600;

    fn refused(count: usize, secret: &[u8]) -> Refusals {
        let mut refusals = Refusals::one_more(None, secret, NOW, [1; KEY]);
        for _ in 1..count {
            refusals = Refusals::one_more(Some(refusals), secret, NOW, [2; KEY]);
        }
        refusals
    }

    fn clock(now: i64) -> Clock {
        let record = ClockRecord {
            last: Some(NOW),
            behind: None,
        };
        Clock::judge(record, Moment(NOW.0 + now))
    }

    #[test]
    fn logins_rest_after_three_refusals_and_then_longer() {
        for (count, hours) in [
            (1, 0),
            (2, 0),
            (3, 1),
            (4, 2),
            (5, 4),
            (7, 16),
            (8, 24),
            (99, 24),
        ] {
            let refusals = refused(count, b"sesame");
            let left = |after| refusals.rest_left(b"sesame", &clock(after));
            let seconds = left(1).map_or(0, |left| left.as_secs() as i64 + 1);
            assert_eq!(seconds, hours * HOUR, "{count}");
            assert_eq!(left(hours * HOUR), None, "{count}");
        }
    }

    #[test]
    fn another_secret_or_clock_ends_the_rest() {
        let refusals = refused(3, b"sesame");
        assert!(refusals.rest_left(b"sesame", &clock(1)).is_some());
        assert_eq!(refusals.rest_left(b"Sesame", &clock(1)), None);
        assert_eq!(refusals.rest_left(b"sesame", &clock(-91 * 24 * HOUR)), None);
        assert_eq!(
            Refusals::one_more(Some(refusals), b"Sesame", NOW, [3; KEY]).count,
            1
        );
    }

    #[test]
    fn a_mark_is_short_and_differs_for_each_key() {
        let marks = [[1; KEY], [2; KEY]].map(|key| SecretMark::of(b"sesame", key));
        assert_ne!(marks[0], marks[1]);
        assert_eq!(marks[0].as_octets().len(), 10);
        assert_eq!(
            SecretMark::from_octets(marks[0].as_octets()),
            Some(marks[0])
        );
        assert_eq!(SecretMark::from_octets(b"short"), None);
    }
}
