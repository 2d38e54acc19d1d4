//! Random numbers from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A generator of random numbers (SplitMix64). One seed always gives the same numbers.
#[derive(Clone, Debug)]
pub(crate) struct Generator(u64);

impl Generator {
    /// Returns the generator for one purpose. Each purpose has its own, so that numbers drawn for
    /// one do not shift those of another.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a.
        let hash = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
                (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(seed ^ hash)
    }

    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns true in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// One kind of fault in a history: its random numbers, and the number of times that it has struck.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    numbers: Generator,
    struck: Arc<AtomicU64>,
}

impl Chance {
    /// Creates a chance that counts in `struck`.
    pub(crate) fn new(numbers: Generator, struck: Arc<AtomicU64>) -> Self {
        Self { numbers, struck }
    }

    /// Returns the random numbers of this kind.
    pub(crate) fn numbers(&mut self) -> &mut Generator {
        &mut self.numbers
    }

    /// Returns a number below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.numbers.below(end)
    }

    /// Returns true in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.numbers.percent(percent)
    }

    /// Returns true in so many of a hundred cases, in which the fault strikes.
    pub(crate) fn strikes(&mut self, percent: u64) -> bool {
        let strikes = self.percent(percent);
        if strikes {
            self.count();
        }
        strikes
    }

    /// Counts that the fault has struck.
    pub(crate) fn count(&self) {
        self.struck.fetch_add(1, Ordering::Relaxed);
    }
}
