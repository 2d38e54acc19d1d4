//! The accounts of each host that are at work. Some servers allow few connections from one address, or one, and
//! refuse the others in their greeting.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::os::signals::Interrupt;

/// The interval at which a wait looks if the run should end.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The time for the server to notice that the last connection is closed.
const CLOSING: Duration = Duration::from_millis(200);

/// The accounts by host.
#[derive(Default)]
pub(super) struct HostTurns {
    hosts: Mutex<HashMap<String, AccountCounts>>,
    left: Condvar,
}

/// The accounts of one host.
#[derive(Clone, Copy, Debug, Default)]
struct AccountCounts {
    /// The accounts that have begun and not ended.
    begun: usize,
    /// Those of them that do not wait.
    at_work: usize,
}

/// An account at work.
pub(super) struct HostTurn<'a> {
    turns: &'a HostTurns,
    host: String,
}

impl HostTurns {
    /// Notes that an account of a host is at work, until the turn is dropped.
    pub(super) fn begin(&self, host: &str) -> HostTurn<'_> {
        let host = host.to_ascii_lowercase();
        let mut hosts = self.hosts();
        let counts = hosts.entry(host.clone()).or_default();
        counts.begun += 1;
        counts.at_work += 1;
        HostTurn { turns: self, host }
    }

    /// Returns true if several accounts of a host have begun and not ended.
    pub(super) fn has_company(&self, host: &str) -> bool {
        let hosts = self.hosts();
        let counts = hosts.get(&host.to_ascii_lowercase());
        counts.is_some_and(|counts| counts.begun > 1)
    }

    /// Waits until no other account of a host is at work, for an account that is. Accounts that wait do not
    /// count, and go on one after the other. Returns false if the run should end.
    pub(super) fn wait_alone(&self, host: &str, interrupt: &Interrupt) -> bool {
        let host = host.to_ascii_lowercase();
        let mut hosts = self.hosts();
        hosts
            .entry(host.clone())
            .and_modify(|counts| counts.at_work -= 1);
        self.left.notify_all();
        while !interrupt.is_ending() && hosts.get(&host).is_some_and(|counts| counts.at_work > 0) {
            let waited = self.left.wait_timeout(hosts, LOOK_INTERVAL);
            hosts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        hosts.entry(host).and_modify(|counts| counts.at_work += 1);
        drop(hosts);
        thread::sleep(CLOSING);
        !interrupt.is_ending()
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, AccountCounts>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HostTurn<'_> {
    fn drop(&mut self) {
        let mut hosts = self.turns.hosts();
        if let Some(counts) = hosts.get_mut(&self.host) {
            counts.begun -= 1;
            counts.at_work -= 1;
            if counts.begun == 0 {
                hosts.remove(&self.host);
            }
        }
        drop(hosts);
        self.turns.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn accounts_of_another_host_are_no_company() {
        let turns = HostTurns::default();
        let _mine = turns.begin("pop.example.com");
        let other = turns.begin("pop.example.net");
        assert!(!turns.has_company("pop.example.com"));
        let third = turns.begin("POP.example.com");
        assert!(turns.has_company("pop.example.COM"));
        drop((other, third));
        assert!(!turns.has_company("pop.example.com"));
    }

    #[test]
    fn accounts_that_wait_go_on_one_after_the_other() {
        let turns = HostTurns::default();
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let alone = AtomicUsize::new(0);
        thread::scope(|scope| {
            let first = turns.begin("h");
            for _ in 0..3 {
                let turn = turns.begin("h");
                let (turns, alone, interrupt) = (&turns, &alone, &interrupt);
                scope.spawn(move || {
                    assert!(turns.wait_alone("h", interrupt));
                    assert_eq!(alone.fetch_add(1, Ordering::SeqCst), 0);
                    alone.fetch_sub(1, Ordering::SeqCst);
                    drop(turn);
                });
            }
            drop(first);
        });
        assert!(turns.hosts().is_empty());
    }
}
