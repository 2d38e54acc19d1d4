//! The search for a seed whose history breaks a promise.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::faults::Counts;
use super::locks::lock;

/// The histories to live.
pub(super) struct SeedSearch {
    /// The first seed.
    pub(super) first: u64,
    /// Time and number are limits: the first that is reached ends the search.
    pub(super) time: Duration,
    pub(super) most: u64,
    /// True if the search goes on after a broken promise, of which it prints one line.
    pub(super) goes_on: bool,
}

/// The result of a search.
#[derive(Debug)]
pub(super) struct Searched {
    histories: u64,
    first: u64,
    seconds: f64,
    counts: Counts,
    /// The seeds whose histories broke a promise, with their stories, or with one line of each if
    /// the search went on.
    broken: BTreeMap<u64, String>,
}

impl SeedSearch {
    /// Lives histories on all cores until the time is over or a promise is broken.
    pub(super) fn run(&self, check: impl Fn(u64) -> Result<Counts, String> + Sync) -> Searched {
        let begun = Instant::now();
        let next = AtomicU64::new(self.first);
        let counts = Mutex::new(Counts::new());
        let broken = Mutex::new(BTreeMap::new());
        let end = self.first.saturating_add(self.most);
        let work = || {
            while begun.elapsed() < self.time && (self.goes_on || lock(&broken).is_empty()) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    break;
                }
                match check(seed) {
                    Ok(more) => add(&mut lock(&counts), &more),
                    Err(what) if self.goes_on => {
                        let line = what.lines().last().unwrap_or_default();
                        println!("{line}");
                        lock(&broken).insert(seed, line.to_owned());
                    }
                    Err(what) => drop(lock(&broken).insert(seed, what)),
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
                scope.spawn(work);
            }
        });
        Searched {
            histories: next.load(Ordering::Relaxed).min(end) - self.first,
            first: self.first,
            seconds: begun.elapsed().as_secs_f64(),
            counts: counts.into_inner().expect("no thread has panicked"),
            broken: broken.into_inner().expect("no thread has panicked"),
        }
    }
}

impl Searched {
    /// Returns the lines that say what was done.
    pub(super) fn summary(&self) -> Vec<String> {
        let Self {
            histories,
            first,
            seconds,
            ..
        } = self;
        let all = format!(
            "{histories} histories in {seconds:.0} s ({:.0} a second), seeds {first} to {}, promises broken: {}",
            *histories as f64 / seconds,
            first + histories - 1,
            self.broken.len()
        );
        let counts = self.counts.iter();
        let counts = counts.map(|(what, count)| format!("  {what}: {count}"));
        [all].into_iter().chain(counts).collect()
    }

    /// Returns true if no promise was broken.
    pub(super) fn is_clean(&self) -> bool {
        self.broken.is_empty()
    }

    /// Returns the first broken promise as an error. If several histories break one, the first
    /// counts, so that a search has the same result on any number of cores.
    pub(super) fn verdict(mut self) -> Result<(), String> {
        self.broken
            .pop_first()
            .map_or(Ok(()), |(_, what)| Err(what))
    }
}

fn add(counts: &mut Counts, more: &Counts) {
    for (what, count) in more {
        *counts.entry(what).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches ten seeds, of which 13 and 15 break a promise.
    fn search(goes_on: bool) -> Searched {
        let search = SeedSearch {
            first: 10,
            time: Duration::from_secs(60),
            most: 10,
            goes_on,
        };
        search.run(|seed| match seed {
            13 | 15 => Err(format!("its story\nseed {seed}: it was lost")),
            _ => Ok(Counts::from([("runs", 2)])),
        })
    }

    #[test]
    fn a_search_that_goes_on_counts_broken_promises() {
        let searched = search(true);
        let summary = searched.summary();
        assert!(summary[0].starts_with("10 histories"), "{summary:?}");
        assert!(summary[0].ends_with("promises broken: 2"), "{summary:?}");
        assert_eq!(summary[1], "  runs: 16");
        assert_eq!(searched.verdict().unwrap_err(), "seed 13: it was lost");
    }

    #[test]
    fn a_search_ends_at_a_broken_promise() {
        let searched = search(false);
        assert_eq!(
            searched.verdict().unwrap_err(),
            "its story\nseed 13: it was lost"
        );
    }
}
