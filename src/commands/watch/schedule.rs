//! Decides which account is visited next. Pure: the caller tells the time.
//!
//! Times are those of a clock that stands still while the machine sleeps. So a laptop that wakes up does not
//! log in to all its accounts at once: each waits for the rest of its interval.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::workers::{SLOW_ACCOUNT, SLOW_ACCOUNTS};
use crate::config::Account;

/// The interval of an account that has none of its own.
const INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The accounts, and the time of the next visit of each.
pub(super) struct Schedule {
    entries: Vec<ScheduledAccount>,
    /// The most accounts that are visited at the same time.
    places: usize,
}

struct ScheduledAccount {
    account: Arc<Account>,
    due: Instant,
    /// The begin of the visit that is taking place.
    begun: Option<Instant>,
    /// True if it is visited once more as soon as this visit has ended.
    again: bool,
    /// True if the configuration does not have it any more.
    is_gone: bool,
}

/// A point in an interval: 0 is its begin, 255 its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(pub u8);

impl Schedule {
    /// Makes all accounts due at once, in their order.
    pub(super) fn new(accounts: Vec<Account>, places: usize, now: Instant) -> Self {
        let mut schedule = Self {
            entries: Vec::new(),
            places,
        };
        schedule.replace(accounts, now);
        schedule
    }

    /// Takes over the accounts of a new configuration. One that was there before keeps its time.
    pub(super) fn replace(&mut self, accounts: Vec<Account>, now: Instant) {
        for entry in &mut self.entries {
            entry.is_gone = true;
        }
        for account in accounts {
            let account = Arc::new(account);
            match self.entry(&account.name) {
                Some(entry) => {
                    entry.account = account;
                    entry.is_gone = false;
                }
                None => self.entries.push(ScheduledAccount {
                    account,
                    due: now,
                    begun: None,
                    again: false,
                    is_gone: false,
                }),
            }
        }
        self.drop_gone();
    }

    /// Begins the visit that is due the longest, if a place is free and its host allows one more.
    pub(super) fn begin(&mut self, now: Instant) -> Option<Arc<Account>> {
        let slow = self
            .begun()
            .filter(|begun| *begun + SLOW_ACCOUNT <= now)
            .count();
        if self.at_work() >= self.places + slow.min(SLOW_ACCOUNTS) {
            return None;
        }
        let may_begin =
            |entry: &&ScheduledAccount| entry.may_begin(now) && self.has_room(&entry.account);
        let next = self
            .entries
            .iter()
            .filter(may_begin)
            .min_by_key(|entry| entry.due)?;
        let account = Arc::clone(&next.account);
        self.entry(&account.name)?.begun = Some(now);
        Some(account)
    }

    /// Ends a visit. The next one is due after the interval, counted from the begin of this one, which is up
    /// to a tenth shorter or longer, so that accounts do not stay together.
    pub(super) fn end(&mut self, name: &str, jitter: Jitter) {
        if let Some(entry) = self.entry(name)
            && let Some(begun) = entry.begun.take()
        {
            let interval = entry.account.interval.unwrap_or(INTERVAL);
            let part = interval / 5 * u32::from(jitter.0) / 255;
            entry.due = match std::mem::take(&mut entry.again) {
                true => begun,
                false => begun + interval - interval / 10 + part,
            };
        }
        self.drop_gone();
    }

    /// Makes all accounts due now. One that is being visited is visited once more, because mail may have come
    /// after its listing.
    pub(super) fn hurry(&mut self, now: Instant) {
        for entry in &mut self.entries {
            entry.due = entry.due.min(now);
            entry.again = entry.begun.is_some();
        }
    }

    /// Returns the next time at which a visit may begin although none has ended: one becomes due, or one that
    /// is slow gives its place to another.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let waiting = self.entries.iter().filter(|entry| entry.begun.is_none());
        let due = waiting.map(|entry| entry.due);
        let slow = self.begun().map(|begun| begun + SLOW_ACCOUNT);
        due.chain(slow).filter(|time| *time > now).min()
    }

    /// Returns the number of visits that are taking place.
    pub(super) fn at_work(&self) -> usize {
        self.begun().count()
    }

    /// Returns when each of the visits that are taking place began.
    fn begun(&self) -> impl Iterator<Item = Instant> {
        self.entries.iter().filter_map(|entry| entry.begun)
    }

    /// Returns the number of accounts.
    pub(super) fn len(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.is_gone).count()
    }

    fn entry(&mut self, name: &str) -> Option<&mut ScheduledAccount> {
        self.entries
            .iter_mut()
            .find(|entry| entry.account.name == name)
    }

    fn has_room(&self, account: &Account) -> bool {
        let host = account.dial.net.endpoint.host();
        let at_work = self.entries.iter().filter(|entry| entry.begun.is_some());
        let same = at_work.filter(|entry| {
            let other = entry.account.dial.net.endpoint.host();
            other.eq_ignore_ascii_case(host)
        });
        (same.count() as u64) < account.max_per_host
    }

    fn drop_gone(&mut self) {
        self.entries
            .retain(|entry| !entry.is_gone || entry.begun.is_some());
    }
}

impl ScheduledAccount {
    fn may_begin(&self, now: Instant) -> bool {
        self.begun.is_none() && !self.is_gone && self.due <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    const MINUTE: Duration = Duration::from_secs(60);
    const LATEST: Jitter = Jitter(255);

    fn accounts(urls: &[&str]) -> Vec<Account> {
        let account = |url: &&str| {
            Account::from_url(url, &Overrides::default(), &Config::default()).expect(url)
        };
        urls.iter().map(account).collect()
    }

    /// Begins all visits that may begin, and returns the users.
    fn begun(schedule: &mut Schedule, now: Instant) -> Vec<String> {
        let begin = || schedule.begin(now).map(|account| account.dial.user.clone());
        std::iter::from_fn(begin).collect()
    }

    fn end(schedule: &mut Schedule, jitter: Jitter) {
        let names: Vec<_> = schedule
            .entries
            .iter()
            .map(|entry| entry.account.name.clone())
            .collect();
        names.iter().for_each(|name| schedule.end(name, jitter));
    }

    #[test]
    fn each_account_is_visited_once_in_an_interval() {
        let now = Instant::now();
        let mut schedule = Schedule::new(accounts(&["pops://a@h", "pops://b@h"]), 8, now);
        assert_eq!(begun(&mut schedule, now), ["a", "b"]);
        assert_eq!(
            begun(&mut schedule, now + 60 * MINUTE),
            [""; 0],
            "both are at work"
        );
        end(&mut schedule, Jitter(0));
        let earliest = now + INTERVAL - INTERVAL / 10;
        assert_eq!(schedule.next_change(now), Some(earliest));

        assert_eq!(begun(&mut schedule, now + 4 * MINUTE), [""; 0]);
        assert_eq!(begun(&mut schedule, now + 5 * MINUTE), ["a", "b"]);
        end(&mut schedule, LATEST);
        let latest = now + 2 * INTERVAL + INTERVAL / 10;
        assert_eq!(schedule.next_change(now), Some(latest));
    }

    #[test]
    fn an_account_that_takes_long_is_due_at_once() {
        let now = Instant::now();
        let mut schedule = Schedule::new(accounts(&["pops://a@h"]), 8, now);
        begun(&mut schedule, now);
        end(&mut schedule, LATEST);

        assert_eq!(begun(&mut schedule, now + 60 * MINUTE), ["a"]);
    }

    #[test]
    fn the_account_that_waits_longest_is_next() {
        let now = Instant::now();
        let mut schedule = Schedule::new(accounts(&["pops://a@h", "pops://b@h"]), 1, now);
        let mut order = Vec::new();
        for minute in 0..6 {
            order.extend(begun(&mut schedule, now + minute * INTERVAL));
            end(&mut schedule, LATEST);
        }
        assert_eq!(order, ["a", "b", "a", "b", "a", "b"]);
    }

    #[test]
    fn a_slow_account_gives_its_place_to_another() {
        let now = Instant::now();
        let mut schedule = Schedule::new(accounts(&["pops://a@h", "pops://b@h"]), 1, now);
        assert_eq!(begun(&mut schedule, now), ["a"]);
        assert_eq!(begun(&mut schedule, now + MINUTE), [""; 0]);
        assert_eq!(schedule.next_change(now), Some(now + 2 * MINUTE));

        assert_eq!(begun(&mut schedule, now + 2 * MINUTE), ["b"]);
    }

    #[test]
    fn no_host_gets_more_connections_than_it_may() {
        let now = Instant::now();
        let mut all = accounts(&["pops://a@h", "pops://b@H", "pops://c@other"]);
        all.iter_mut().for_each(|account| account.max_per_host = 1);
        let mut schedule = Schedule::new(all, 8, now);
        assert_eq!(begun(&mut schedule, now), ["a", "c"]);
        end(&mut schedule, LATEST);
        assert_eq!(begun(&mut schedule, now), ["b"]);
    }

    #[test]
    fn all_accounts_are_due_after_a_signal() {
        let now = Instant::now();
        let mut schedule = Schedule::new(accounts(&["pops://a@h"]), 8, now);
        begun(&mut schedule, now);
        end(&mut schedule, LATEST);

        schedule.hurry(now + MINUTE);

        assert_eq!(begun(&mut schedule, now + MINUTE), ["a"]);
        schedule.hurry(now + MINUTE);
        end(&mut schedule, LATEST);
        assert_eq!(
            begun(&mut schedule, now + MINUTE),
            ["a"],
            "mail may have come"
        );
        end(&mut schedule, LATEST);
        assert_eq!(begun(&mut schedule, now + MINUTE), [""; 0]);
    }

    #[test]
    fn a_new_configuration_disturbs_no_visit() {
        let now = Instant::now();
        let mut schedule = Schedule::new(accounts(&["pops://a@h", "pops://b@h"]), 8, now);
        assert_eq!(begun(&mut schedule, now), ["a", "b"]);

        schedule.replace(accounts(&["pops://b@h", "pops://c@h"]), now);

        assert_eq!((schedule.len(), schedule.at_work()), (2, 2));
        assert_eq!(begun(&mut schedule, now), ["c"]);
        end(&mut schedule, LATEST);
        assert_eq!(schedule.entries.len(), 2, "a is gone");
        assert_eq!(begun(&mut schedule, now), [""; 0], "b was just visited");
    }
}
