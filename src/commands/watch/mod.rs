//! `mailpull watch`: stays in the foreground and visits each account at its interval.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::Context;
use super::credentials::Passwords;
use super::fetch::{self, VisitOptions, VisitParts};
use super::metrics_file::MetricsFile;
use super::parse_shard;
use super::workers::places_of_watch;
use crate::cli;
use crate::config::{self, Account, LogPlace, Overrides, Selection, Selector};
use crate::exit::{Exit, Failure};
use crate::os::random::random;
use crate::os::service_manager;
use crate::os::signals::WaitError;
use crate::os::watch_signals::WatchSignals;
use crate::report::{Event, EventLog};
use crate::seen::{self, StateFolder};

mod schedule;

use schedule::{Jitter, Schedule};

/// The time between the end of a visit and the next `metrics-file`.
const METRICS_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait without a look at what there is to do.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Visits the accounts until a signal ends that.
pub(super) fn run(arguments: &cli::WatchArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    config::password::leave_terminal_alone();
    let folder = context.state_folder()?;
    let _lock = folder.lock_for_watch()?;
    let mut watch = AccountWatch::begin(arguments, context, &folder)?;
    watch.run()?;
    Ok(Exit::Done)
}

/// A watch over accounts.
struct AccountWatch<'a> {
    arguments: &'a cli::WatchArgs,
    context: &'a Context<'a>,
    folder: &'a StateFolder,
    signals: WatchSignals,
    schedule: Schedule,
    options: VisitOptions,
    /// The exit status of the last visit of each account that failed.
    failing: HashMap<String, Exit>,
    visits: VisitEnds,
    metrics_file: Option<PathBuf>,
    metrics: MetricsState,
    log: Option<Arc<EventLog>>,
}

/// The state of `metrics-file`.
#[derive(Clone, Copy, Debug)]
enum MetricsState {
    /// It has what there is.
    Current,
    /// A visit has ended since it was written. It is written again at this time, so that many accounts do not
    /// make much work.
    Old { write_at: Instant },
}

/// The ends of visits, as their threads tell them.
struct VisitEnds {
    ended: Receiver<(String, Exit)>,
    sender: Sender<(String, Exit)>,
    /// Readable once a visit has ended.
    wake: UnixStream,
    waker: Arc<Mutex<UnixStream>>,
}

impl<'a> AccountWatch<'a> {
    fn begin(
        arguments: &'a cli::WatchArgs,
        context: &'a Context<'a>,
        folder: &'a StateFolder,
    ) -> Result<Self, Failure> {
        let Selected {
            accounts,
            metrics_file,
            log,
        } = select(arguments, context)?;
        let accounts = longest_unfetched_first(accounts, folder)?;
        let (jobs, descriptors) = places_of_watch(arguments.jobs);
        let cannot = |error: io::Error| {
            let what = format!("cannot prepare for signals: {error}");
            Failure::new(what, Exit::LocalIo)
        };
        Ok(Self {
            options: VisitOptions {
                is_watch: true,
                descriptors,
                ..VisitOptions::default()
            },
            schedule: Schedule::new(accounts, jobs, Instant::now()),
            arguments,
            context,
            folder,
            signals: WatchSignals::install().map_err(cannot)?,
            failing: HashMap::new(),
            visits: VisitEnds::new().map_err(cannot)?,
            metrics_file,
            metrics: MetricsState::Current,
            log: context.open_log(log).map(Arc::new),
        })
    }

    fn run(&mut self) -> Result<(), Failure> {
        let interval = service_manager::watchdog_time().map_or(LONGEST_WAIT, |time| time / 2);
        service_manager::tell_ready();
        let mut connectors_since = Instant::now();
        thread::scope(|scope| {
            loop {
                self.note_ended();
                let requests = self.signals.take();
                if requests.reload {
                    self.reload();
                }
                if requests.hurry {
                    self.schedule.hurry(Instant::now());
                }
                if requests.reload || connectors_since.elapsed() > LONGEST_WAIT {
                    // The authorities of the system may have changed.
                    self.context.connectors.forget();
                    connectors_since = Instant::now();
                }
                if self.context.interrupt.is_ending() {
                    service_manager::tell_stopping();
                    return;
                }
                self.begin_visits(scope);
                if let MetricsState::Old { write_at } = self.metrics
                    && write_at <= Instant::now()
                {
                    self.write_metrics();
                }
                service_manager::tell_status(&self.status());
                if self.wait(interval) == Err(WaitError::Interrupted) {
                    service_manager::tell_stopping();
                    return;
                }
            }
        });
        self.note_ended();
        self.write_metrics();
        Ok(())
    }

    fn write_metrics(&mut self) {
        self.metrics = MetricsState::Current;
        if let Some(path) = self.metrics_file.clone() {
            let (folder, context) = (self.folder, self.context);
            MetricsFile {
                path,
                folder,
                context,
            }
            .write();
        }
    }

    fn begin_visits<'scope>(&mut self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        while let Some(account) = self.schedule.begin(Instant::now()) {
            let (folder, context, options) = (self.folder, self.context, self.options);
            let name = account.name.clone();
            let end = VisitEnd {
                name: name.clone(),
                exit: Exit::Bug,
                sender: self.visits.sender.clone(),
                waker: Arc::clone(&self.visits.waker),
            };
            let log = self.log.clone();
            let visit = move || {
                let mut end = end;
                let passwords = Passwords::default();
                let parts = VisitParts {
                    folder,
                    passwords: &passwords,
                    context,
                    log: log.as_deref(),
                    only: &[],
                };
                end.exit = fetch::visit(&account, parts, options);
            };
            // If the system gives no thread now, the account waits for its next turn: its end is told when
            // the closure is dropped.
            let _ = thread::Builder::new().spawn_scoped(scope, visit);
        }
    }

    fn note_ended(&mut self) {
        self.visits.clear();
        while let Ok((name, exit)) = self.visits.ended.try_recv() {
            self.schedule.end(&name, Jitter(random::<1>()[0]));
            if matches!(self.metrics, MetricsState::Current) {
                let write_at = Instant::now() + METRICS_PAUSE;
                self.metrics = MetricsState::Old { write_at };
            }
            match exit {
                Exit::Done => self.failing.remove(&name),
                exit => self.failing.insert(name, exit),
            };
        }
    }

    /// Reads the configuration again. One with a mistake is reported, and the old one stays.
    fn reload(&mut self) {
        service_manager::tell_reloading();
        self.context.forget_configuration();
        match select(self.arguments, self.context) {
            Ok(Selected {
                accounts,
                metrics_file,
                log,
            }) => {
                // Its file may have been moved away.
                self.log = self.context.open_log(log).map(Arc::new);
                self.metrics_file = metrics_file;
                self.failing
                    .retain(|name, _| accounts.iter().any(|account| account.name == *name));
                self.schedule.replace(accounts, Instant::now());
            }
            Err(failure) => {
                let failure = Failure {
                    what: format!(
                        "the configuration was read again, and the old one stays: {failure}"
                    ),
                    ..failure
                };
                self.context.reporter("").report(Event::Problem(&failure));
            }
        }
        service_manager::tell_ready();
    }

    /// Waits until something may be due.
    fn wait(&self, longest: Duration) -> Result<(), WaitError> {
        let now = Instant::now();
        let due = self.schedule.next_change(now);
        let writing = match self.metrics {
            MetricsState::Old { write_at } => Some(write_at),
            MetricsState::Current => None,
        };
        let until = [due, writing, Some(now + longest)];
        let until = until.into_iter().flatten().min().unwrap_or(now);
        let awaited = [
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.visits.wake.as_fd(), PollFlags::IN),
        ];
        let interrupt = &self.context.interrupt;
        interrupt
            .wait_for_any(&awaited, until, Duration::ZERO)
            .map(drop)
    }

    /// Returns the state in one line.
    fn status(&self) -> String {
        format!(
            "accounts: {}, being visited: {}, failing: {}",
            self.schedule.len(),
            self.schedule.at_work(),
            self.failing.len()
        )
    }
}

/// The settings of a watch, read from the configuration.
struct Selected {
    accounts: Vec<Account>,
    metrics_file: Option<PathBuf>,
    log: Option<LogPlace>,
}

/// Reads the configuration.
fn select(arguments: &cli::WatchArgs, context: &Context<'_>) -> Result<Selected, Failure> {
    let overrides = Overrides::new([], &arguments.options.options)?;
    let selector = Selector {
        names: &arguments.accounts,
        shard: parse_shard(arguments.shard.as_deref())?,
    };
    let Selection {
        accounts,
        unusable,
        run,
        ..
    } = context.accounts(&selector, &overrides)?;
    context.report_unusable(&unusable);
    Ok(Selected {
        accounts,
        metrics_file: run.metrics_file,
        log: run.log,
    })
}

/// Sorts accounts by the time of their last success.
fn longest_unfetched_first(
    mut accounts: Vec<Account>,
    folder: &StateFolder,
) -> Result<Vec<Account>, Failure> {
    let statuses = seen::account_statuses(folder)?;
    let last = |account: &Account| statuses.get(&account.name)?.last_success;
    accounts.sort_by_key(last);
    Ok(accounts)
}

/// The end of a visit, which is told when this is dropped, also by a panic.
struct VisitEnd {
    name: String,
    exit: Exit,
    sender: Sender<(String, Exit)>,
    waker: Arc<Mutex<UnixStream>>,
}

impl Drop for VisitEnd {
    fn drop(&mut self) {
        // If nobody listens any more, the watch has ended.
        let _ = self
            .sender
            .send((std::mem::take(&mut self.name), self.exit));
        if let Ok(mut waker) = self.waker.lock() {
            let _ = waker.write(b"x");
        }
    }
}

impl VisitEnds {
    fn new() -> io::Result<Self> {
        let (sender, ended) = mpsc::channel();
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        Ok(Self {
            ended,
            sender,
            wake,
            waker: Arc::new(Mutex::new(waker)),
        })
    }

    /// Forgets what woke the watch.
    fn clear(&mut self) {
        let mut octets = [0; 64];
        while self.wake.read(&mut octets).is_ok_and(|read| read > 0) {}
    }
}
