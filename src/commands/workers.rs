//! Works on several accounts at the same time, but not on too many of one host.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Account;
use crate::os::signals::{Interrupt, WaitError};

/// The default number of accounts at the same time. Most of an account's time is spent waiting for
/// its server: 128 accounts, 50 ms away, took 6.2, 3.4, 2.1, 1.7, 1.7 and 1.8 s with 4, 8, 16, 32, 64
/// and 128 at the same time on two cores. Each account at work takes 400 kB.
const JOBS: usize = 32;
/// The most open files that are of use to an account: two for each message of a batch, and some for
/// connections, databases and folders.
const DESCRIPTORS: u64 = 2 * 512 + 64;

/// The time after which an account that is still at work gives its worker's place to an account
/// that waits.
pub(super) const SLOW_ACCOUNT: Duration = Duration::from_secs(2 * 60);
/// The most accounts that are at work beside the workers' places because they are slow.
pub(super) const SLOW_ACCOUNTS: usize = 64;
/// The fewest open files for each account with which more accounts are at work.
const FEW_DESCRIPTORS: u64 = 32;
/// The interval at which slow accounts are looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Workers for accounts, each a thread.
pub(super) struct Workers<'a> {
    accounts: &'a [Account],
    jobs: usize,
    /// The most accounts that give their places to others.
    slow_accounts: usize,
    slow_after: Duration,
    /// The number of files that may be open for each account.
    descriptors: u64,
}

/// The results of the workers.
pub(super) struct Done<T> {
    /// The result of each account that was begun, in no particular order.
    pub(super) results: Vec<T>,
    /// The number of accounts that were not begun, or not finished before the run should end.
    pub(super) cut_short: usize,
}

impl<'a> Workers<'a> {
    /// Plans for `jobs` workers, or the default number. The process's limit on open files is raised
    /// as far as that is of use and allowed.
    pub(super) fn new(accounts: &'a [Account], jobs: Option<NonZeroUsize>) -> Self {
        let jobs = jobs.map_or(JOBS, NonZeroUsize::get);
        let jobs = jobs.min(accounts.len()).max(1);
        let wanted = accounts.len().clamp(jobs, jobs + SLOW_ACCOUNTS);
        let allowed = raise_descriptors(wanted as u64 * DESCRIPTORS);
        let affordable = usize::try_from(allowed / FEW_DESCRIPTORS).unwrap_or(usize::MAX);
        let places = wanted.min(affordable).max(jobs);
        Self {
            accounts,
            jobs,
            slow_accounts: places - jobs,
            slow_after: SLOW_ACCOUNT,
            descriptors: (allowed / places as u64).min(DESCRIPTORS),
        }
    }

    /// Returns the number of files that may be open for each account.
    pub(super) fn descriptors(&self) -> u64 {
        self.descriptors
    }

    /// Does `work` for every account. After the run should end no further account is begun.
    ///
    /// If accounts wait, the place of a worker whose account is slow is given to another worker, so
    /// that slow servers do not keep other accounts from being begun.
    pub(super) fn each<T: Send>(
        &self,
        interrupt: &Interrupt,
        work: impl Fn(&Account) -> T + Sync,
    ) -> Done<T> {
        let queue = &Queue::new(self.accounts);
        let done = Mutex::new(Done {
            results: Vec::new(),
            cut_short: self.accounts.len(),
        });
        let worker = &|| {
            while let Some(slot) = queue.next(interrupt) {
                let result = work(slot.account);
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.results.push(result);
                if !interrupt.is_ending() {
                    done.cut_short -= 1;
                }
                if slot.is_replaced() {
                    break;
                }
            }
        };
        thread::scope(|scope| {
            // If the system gives no more threads there are fewer workers.
            let start = move || thread::Builder::new().spawn_scoped(scope, worker).is_ok();
            let _ = (1..self.jobs).all(|_| start());
            if self.slow_accounts > 0 {
                let replace = move || {
                    while queue.find_slow_account(self, interrupt) && start() {}
                };
                let _ = thread::Builder::new().spawn_scoped(scope, replace);
            }
            worker();
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how many accounts `mailpull watch` visits at the same time, and how many files may be open for
/// each. The configuration may get more accounts later.
pub(super) fn places_of_watch(jobs: Option<NonZeroUsize>) -> (usize, u64) {
    let jobs = jobs.map_or(JOBS, NonZeroUsize::get);
    let places = (jobs + SLOW_ACCOUNTS) as u64;
    let allowed = raise_descriptors(places * DESCRIPTORS);
    (jobs, (allowed / places).min(DESCRIPTORS))
}

/// Raises the process's limit on open files to `wanted` as far as that is allowed. Returns the limit.
fn raise_descriptors(wanted: u64) -> u64 {
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
    getrlimit(Resource::Nofile).current.unwrap_or(wanted)
}

/// The accounts that wait for a worker.
struct Queue<'a> {
    hosts: Mutex<Hosts<'a>>,
    freed: Condvar,
}

/// The hosts in the order in which they are first named.
struct Hosts<'a> {
    list: Vec<HostQueue<'a>>,
    /// Is closed when no account waits any more.
    waiting: Option<UnixStream>,
}

struct HostQueue<'a> {
    waiting: VecDeque<&'a Account>,
    at_work: Vec<AccountAtWork<'a>>,
}

/// An account that a worker has.
struct AccountAtWork<'a> {
    account: &'a Account,
    since: Instant,
    /// True if another worker was started in the place of its worker.
    is_replaced: bool,
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
                    at_work: Vec::new(),
                });
                hosts.len() - 1
            });
            hosts[host].waiting.push_back(account);
        }
        Self {
            hosts: Mutex::new(Hosts {
                list: hosts,
                waiting: None,
            }),
            freed: Condvar::new(),
        }
    }

    /// Returns the next account once its host has room for it, or `None` if no account waits or the
    /// run should end.
    fn next(&self, interrupt: &Interrupt) -> Option<HostSlot<'a, '_>> {
        let mut hosts = self.hosts();
        loop {
            if interrupt.is_ending() {
                return None;
            }
            if let Some((host, account)) = hosts.next() {
                return Some(HostSlot {
                    account,
                    host,
                    queue: self,
                });
            }
            if !hosts.has_waiting() {
                return None;
            }
            hosts = self
                .freed
                .wait(hosts)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until an account could be begun if a slow one gave its place away, and does that.
    /// Returns false if no account waits or the run should end.
    fn find_slow_account(&self, workers: &Workers<'_>, interrupt: &Interrupt) -> bool {
        let Ok((waiting, closed)) = UnixStream::pair() else {
            return false;
        };
        self.hosts().waiting = Some(waiting);
        loop {
            let mut hosts = self.hosts();
            if !hosts.has_waiting() {
                return false;
            }
            if hosts.replace_slow_account(workers) {
                return true;
            }
            drop(hosts);
            let next_look = Instant::now() + LOOK_INTERVAL;
            let waited = interrupt.wait(closed.as_fd(), PollFlags::IN, next_look, Duration::ZERO);
            if waited != Err(WaitError::TimedOut) {
                return false;
            }
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
        let (index, host) = self
            .list
            .iter_mut()
            .enumerate()
            .filter(|(_, host)| host.has_room())
            .min_by_key(|(_, host)| host.at_work.len())?;
        let account = host.waiting.pop_front()?;
        host.at_work.push(AccountAtWork {
            account,
            since: Instant::now(),
            is_replaced: false,
        });
        if !self.has_waiting() {
            self.waiting = None;
        }
        Some((index, account))
    }

    fn has_waiting(&self) -> bool {
        self.list.iter().any(|host| !host.waiting.is_empty())
    }

    /// Marks a slow account as replaced if another one can be begun. Returns true if there is one.
    fn replace_slow_account(&mut self, workers: &Workers<'_>) -> bool {
        if !self.list.iter().any(HostQueue::has_room) {
            return false;
        }
        let at_work = || self.list.iter().flat_map(|host| &host.at_work);
        if at_work().filter(|account| account.is_replaced).count() >= workers.slow_accounts {
            return false;
        }
        let mut at_work = self.list.iter_mut().flat_map(|host| &mut host.at_work);
        let is_slow = |account: &&mut AccountAtWork<'_>| {
            !account.is_replaced && account.since.elapsed() >= workers.slow_after
        };
        let slow = at_work.find(is_slow);
        slow.map(|account| account.is_replaced = true).is_some()
    }
}

impl HostQueue<'_> {
    /// Returns true if an account waits and the host allows one more.
    fn has_room(&self) -> bool {
        let next = self.waiting.front();
        next.is_some_and(|account| (self.at_work.len() as u64) < account.max_per_host)
    }
}

impl HostSlot<'_, '_> {
    /// Returns true if another worker was started in the place of this account's worker.
    fn is_replaced(&self) -> bool {
        let hosts = self.queue.hosts();
        let mut at_work = hosts.list[self.host].at_work.iter();
        at_work.any(|at_work| std::ptr::eq(at_work.account, self.account) && at_work.is_replaced)
    }
}

impl Drop for HostSlot<'_, '_> {
    fn drop(&mut self) {
        let mut hosts = self.queue.hosts();
        let at_work = &mut hosts.list[self.host].at_work;
        at_work.retain(|at_work| !std::ptr::eq(at_work.account, self.account));
        drop(hosts);
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
            let done = workers.each(&interrupt, |account| account.name.clone());
            assert_eq!(done.cut_short, 0);
            let mut names = done.results;
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

    #[test]
    fn accounts_that_drip_do_not_keep_another_one_waiting() {
        let mut urls: Vec<_> = (0..32).map(|n| format!("pops://u@drips{n}")).collect();
        urls.push("pops://u@good".to_owned());
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        let accounts = accounts(&urls, 8);
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let workers = Workers {
            slow_after: Duration::ZERO,
            ..Workers::new(&accounts, None)
        };
        let is_fetched = (Mutex::new(false), Condvar::new());
        let done = workers.each(&interrupt, |account| {
            let mut fetched = is_fetched.0.lock().expect("no thread panics");
            if account.dial.net.endpoint.host() == "good" {
                *fetched = true;
                is_fetched.1.notify_all();
            }
            // Each server drips until the good account is done.
            let waited = is_fetched.1.wait_while(fetched, |fetched| !*fetched);
            drop(waited.expect("no thread panics"));
        });
        assert_eq!(done.results.len(), accounts.len());
    }

    #[test]
    fn an_ending_run_begins_no_account() {
        let accounts = accounts(&["pops://a@h", "pops://b@h", "pops://c@h"], 8);
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let done = Workers::new(&accounts, NonZeroUsize::new(1)).each(&interrupt, |account| {
            if account.dial.user == "b" {
                interrupt.end_in(Duration::ZERO);
            }
            account.dial.user.clone()
        });
        assert_eq!(done.results, ["a", "b"]);
        assert_eq!(done.cut_short, 2);
    }
}
