//! Works on several accounts at the same time, but not on too many of one host.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Account;
use crate::os::signals::Interrupt;

/// The default number of accounts at the same time. Most of an account's time is spent waiting for
/// its server: 128 accounts, 50 ms away, took 6.2, 3.4, 2.1, 1.7, 1.7 and 1.8 s with 4, 8, 16, 32, 64
/// and 128 at the same time on two cores. Each account at work takes 400 kB.
const JOBS: usize = 32;
/// The most open files that are of use to an account: two for each message of a batch, and some for
/// connections, databases and folders.
const DESCRIPTORS: u64 = 2 * 512 + 64;

/// Workers for accounts, each a thread.
pub(super) struct Workers<'a> {
    accounts: &'a [Account],
    jobs: usize,
}

impl<'a> Workers<'a> {
    /// Plans for `jobs` workers, or the default number.
    pub(super) fn new(accounts: &'a [Account], jobs: Option<NonZeroUsize>) -> Self {
        let jobs = jobs.map_or(JOBS, NonZeroUsize::get);
        Self {
            accounts,
            jobs: jobs.min(accounts.len()).max(1),
        }
    }

    /// Returns the number of files that may be open for each account. The process's limit is raised as
    /// far as that is of use and allowed.
    pub(super) fn descriptors(&self) -> u64 {
        let wanted = self.jobs as u64 * DESCRIPTORS;
        let limit = getrlimit(Resource::Nofile);
        if limit.current.is_some_and(|current| current < wanted) {
            let highest = limit.maximum.unwrap_or(wanted);
            let raised = Rlimit {
                current: Some(wanted.min(highest)),
                ..limit
            };
            // If the limit may not be raised it stays as it is, and accounts get fewer files.
            let _ = setrlimit(Resource::Nofile, raised);
        }
        let allowed = getrlimit(Resource::Nofile).current;
        allowed.map_or(DESCRIPTORS, |allowed| allowed / self.jobs as u64)
    }

    /// Does `work` for every account and returns the results in no particular order. After a signal
    /// no further account is begun.
    pub(super) fn each<T: Send>(
        &self,
        interrupt: &Interrupt,
        work: impl Fn(&Account) -> T + Sync,
    ) -> Vec<T> {
        let queue = Queue::new(self.accounts);
        let worker = || {
            let mut done = Vec::new();
            while interrupt.signal().is_none() {
                let Some(slot) = queue.next() else {
                    break;
                };
                done.push(work(slot.account));
            }
            done
        };
        thread::scope(|scope| {
            // If the system gives no more threads there are fewer workers.
            let others: Vec<_> = (1..self.jobs)
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, worker).ok())
                .collect();
            let mut done = worker();
            for other in others {
                let done_there = other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                done.extend(done_there);
            }
            done
        })
    }
}

/// The accounts that wait for a worker.
struct Queue<'a> {
    hosts: Mutex<Hosts<'a>>,
    freed: Condvar,
}

/// The hosts in the order in which they are first named.
struct Hosts<'a>(Vec<HostQueue<'a>>);

struct HostQueue<'a> {
    waiting: VecDeque<&'a Account>,
    busy: u64,
}

/// An account that a worker has, and its slot at the host, which is freed on drop.
struct HostSlot<'a, 'r> {
    account: &'a Account,
    host: usize,
    queue: &'r Queue<'a>,
}

impl<'a> Queue<'a> {
    fn new(accounts: &'a [Account]) -> Self {
        let mut hosts: Vec<HostQueue<'a>> = Vec::new();
        let mut known = HashMap::new();
        for account in accounts {
            let name = account.dial.net.endpoint.host().to_ascii_lowercase();
            let host = *known.entry(name).or_insert_with(|| {
                hosts.push(HostQueue {
                    waiting: VecDeque::new(),
                    busy: 0,
                });
                hosts.len() - 1
            });
            hosts[host].waiting.push_back(account);
        }
        Self {
            hosts: Mutex::new(Hosts(hosts)),
            freed: Condvar::new(),
        }
    }

    /// Returns the next account once its host has room for it, or `None` if no account waits.
    fn next(&self) -> Option<HostSlot<'a, '_>> {
        let mut hosts = self.hosts();
        loop {
            if let Some((host, account)) = hosts.next() {
                return Some(HostSlot {
                    account,
                    host,
                    queue: self,
                });
            }
            if hosts.0.iter().all(|host| host.waiting.is_empty()) {
                return None;
            }
            hosts = self
                .freed
                .wait(hosts)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn hosts(&self) -> MutexGuard<'_, Hosts<'a>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Hosts<'a> {
    /// Returns an account of the host that has the fewest at work. So a host that hangs cannot occupy
    /// all workers while accounts of other hosts wait.
    fn next(&mut self) -> Option<(usize, &'a Account)> {
        let has_room = |host: &HostQueue<'_>| {
            let next = host.waiting.front();
            next.is_some_and(|account| host.busy < account.max_per_host)
        };
        let (index, host) = self
            .0
            .iter_mut()
            .enumerate()
            .filter(|(_, host)| has_room(host))
            .min_by_key(|(_, host)| host.busy)?;
        host.busy += 1;
        Some((index, host.waiting.pop_front()?))
    }
}

impl Drop for HostSlot<'_, '_> {
    fn drop(&mut self) {
        self.queue.hosts().0[self.host].busy -= 1;
        self.queue.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    fn accounts(urls: &[&str], max_per_host: u64) -> Vec<Account> {
        let none = Overrides::new([], &[]).expect("no settings are no wrong settings");
        let account = |url: &&str| {
            let mut account = Account::from_url(url, &none, &Config::default()).expect(url);
            account.max_per_host = max_per_host;
            account
        };
        urls.iter().map(account).collect()
    }

    #[test]
    fn every_account_is_done_once_for_any_number_of_jobs() {
        let urls: Vec<_> = (0..20).map(|n| format!("pops://u{n}@h{}", n % 3)).collect();
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        let accounts = accounts(&urls, 2);
        let interrupt =
            Interrupt::never().expect("an interrupt without signals needs nothing of the system");
        for jobs in [None, NonZeroUsize::new(1), NonZeroUsize::new(7)] {
            let workers = Workers::new(&accounts, jobs);
            let mut names = workers.each(&interrupt, |account| account.name.clone());
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), accounts.len(), "{jobs:?}");
        }
    }

    #[test]
    fn the_least_busy_host_is_next() {
        let urls = ["a", "b", "c", "d"].map(|user| format!("pops://{user}@slow"));
        let mut urls: Vec<_> = urls.iter().map(String::as_str).collect();
        urls.push("pops://e@QUICK");
        urls.push("pops://f@quick");
        let accounts = accounts(&urls, 3);
        let queue = Queue::new(&accounts);
        let mut hosts = queue.hosts();
        let order: Vec<_> = std::iter::from_fn(|| hosts.next())
            .map(|(_, account)| account.dial.user.as_str())
            .collect();
        assert_eq!(order, ["a", "e", "b", "f", "c"]);
    }
}
