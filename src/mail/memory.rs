//! The memory that the listings of all accounts share, so that the process does not grow with their
//! number.
//!
//! An account takes its part before it connects, and waits for it then. While a listing arrives its
//! part grows, but never by waiting: so nobody holds memory while waiting for more, and there is no
//! deadlock. An account that gets no more gives everything back, ends its session, waits for a larger
//! part, and connects again. Small listings need no part, so that large ones do not keep them waiting.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::limits;

/// One of this many equal parts of the budget is what each listing gets without taking it.
const SMALL_PARTS: u64 = 192;
/// The number by which the part of a listing is multiplied when the listing does not fit into it.
const GROWTH: u64 = 4;

/// A number of octets that the listings of several accounts share.
#[derive(Clone, Debug)]
pub struct ListingMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: u64,
    parts: Mutex<Parts>,
    given_back: Condvar,
}

#[derive(Debug)]
struct Parts {
    free: u64,
    /// The numbers of those who wait, the first one at the front.
    queue: VecDeque<u64>,
    next_number: u64,
}

/// The part of the memory that one listing has. It is given back when this is dropped.
#[derive(Debug)]
pub struct MemoryPart {
    memory: ListingMemory,
    octets: u64,
}

/// The reason why a listing gets no more memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoMemory {
    /// Other listings have it. A session that begins with this many octets may succeed.
    Now(u64),
    /// No listing gets as much.
    Ever,
}

impl ListingMemory {
    /// Creates memory of so many octets, which nobody has taken.
    pub fn new(total: u64) -> Self {
        Self(Arc::new(Shared {
            total,
            parts: Mutex::new(Parts {
                free: total,
                queue: VecDeque::new(),
                next_number: 0,
            }),
            given_back: Condvar::new(),
        }))
    }

    /// Takes a part of so many octets, or of all there are. Waits until they are free, in the order of
    /// the calls. Returns `None` if `is_ending` says so when memory is given back: a run that ends
    /// interrupts those that have it.
    pub fn take(&self, octets: u64, is_ending: impl Fn() -> bool) -> Option<MemoryPart> {
        let octets = octets.min(self.0.total);
        let charge = self.charge(octets);
        if charge > 0 {
            self.wait_for(charge, is_ending)?;
        }
        let memory = self.clone();
        Some(MemoryPart { memory, octets })
    }

    fn wait_for(&self, charge: u64, is_ending: impl Fn() -> bool) -> Option<()> {
        let mut parts = self.parts();
        let number = parts.next_number;
        parts.next_number += 1;
        parts.queue.push_back(number);
        let is_granted = loop {
            if is_ending() {
                break false;
            }
            if parts.queue.front() == Some(&number) && parts.free >= charge {
                parts.free -= charge;
                break true;
            }
            let waited = self.0.given_back.wait(parts);
            parts = waited.unwrap_or_else(PoisonError::into_inner);
        };
        parts.queue.retain(|&other| other != number);
        drop(parts);
        // The next one may be served, too.
        self.0.given_back.notify_all();
        is_granted.then_some(())
    }

    /// Returns the number of octets that each listing has without taking them.
    fn small(&self) -> u64 {
        self.0.total / SMALL_PARTS
    }

    /// Returns how many of so many octets are taken from those that all share.
    fn charge(&self, octets: u64) -> u64 {
        octets.saturating_sub(self.small())
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, octets: u64) {
        if octets > 0 {
            self.parts().free += octets;
            self.0.given_back.notify_all();
        }
    }
}

/// Memory for one listing only.
impl Default for MemoryPart {
    fn default() -> Self {
        Self {
            memory: ListingMemory::new(limits::LISTING_MEMORY),
            octets: 0,
        }
    }
}

impl MemoryPart {
    /// Makes the part at least so large, without waiting.
    ///
    /// # Errors
    /// So much is not free, or more than there is.
    pub fn grow_to(&mut self, octets: u64) -> Result<(), NoMemory> {
        if octets <= self.octets {
            return Ok(());
        }
        let total = self.memory.0.total;
        if octets > total {
            return Err(NoMemory::Ever);
        }
        let had = self.memory.charge(self.octets);
        let mut parts = self.memory.parts();
        // More than is needed, so that the lock is not taken for each line.
        let ample = (octets + self.memory.small()).min(total);
        for wanted in [ample, octets] {
            let more = self.memory.charge(wanted) - had;
            if more <= parts.free {
                parts.free -= more;
                self.octets = wanted;
                return Ok(());
            }
        }
        Err(NoMemory::Now((octets * GROWTH).min(total)))
    }

    /// Gives back all but so many octets.
    pub fn shrink_to(&mut self, octets: u64) {
        let octets = octets.min(self.octets);
        let less = self.memory.charge(self.octets) - self.memory.charge(octets);
        self.octets = octets;
        self.memory.give_back(less);
    }
}

impl Drop for MemoryPart {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// Pushes an item to a vector that may become long.
pub fn push_apart<T>(vector: &mut Vec<T>, item: T) {
    set_apart(vector, 1);
    vector.push(item);
}

/// Prepares a long vector to grow by so many items. Until it is long, it grows as usual.
///
/// For each of many threads, glibc keeps freed blocks of up to 32 MiB for later: together that can be more
/// than all listings. It takes a larger block from the system and gives it back at once. Until its pages
/// are used, they take no memory. If the system refuses so large a block, the vector grows as usual.
pub fn set_apart<T>(vector: &mut Vec<T>, more: usize) {
    const LONG: usize = 128 << 10;
    const APART: usize = (32 << 20) + 1;
    let items = vector.len() + more;
    let is_long = items * size_of::<T>() > LONG;
    if is_long && items > vector.capacity() {
        let apart = items.max(APART / size_of::<T>() + 1);
        let _ = vector.try_reserve(apart - vector.len());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::thread;

    use super::*;

    /// With this memory a listing of 10 octets is small.
    const TOTAL: u64 = 10 * SMALL_PARTS;

    fn take(memory: &ListingMemory, octets: u64) -> MemoryPart {
        memory.take(octets, || false).expect("nothing ends")
    }

    fn free(memory: &ListingMemory) -> u64 {
        memory.parts().free
    }

    #[test]
    fn a_part_grows_and_is_given_back() {
        let memory = ListingMemory::new(TOTAL);
        let mut part = take(&memory, 0);
        part.grow_to(10).expect("a small listing needs nothing");
        assert!(free(&memory) >= TOTAL - 10);
        part.grow_to(TOTAL).expect("nobody else has any");
        assert_eq!(free(&memory), 10);
        assert_eq!(part.grow_to(TOTAL + 1), Err(NoMemory::Ever));
        part.shrink_to(110);
        assert_eq!(free(&memory), TOTAL - 100);
        drop(part);
        assert_eq!(free(&memory), TOTAL);
    }

    #[test]
    fn a_part_that_cannot_grow_asks_for_four_times_as_much() {
        let memory = ListingMemory::new(TOTAL);
        let _others = take(&memory, TOTAL - 100);
        let mut part = take(&memory, 0);
        part.grow_to(50).expect("so much is free");
        assert_eq!(part.grow_to(200), Err(NoMemory::Now(800)));
        assert_eq!(part.grow_to(1000), Err(NoMemory::Now(TOTAL)));
        part.grow_to(50).expect("it keeps what it has");
    }

    #[test]
    fn small_listings_never_wait() {
        let memory = ListingMemory::new(TOTAL);
        let mut greedy = take(&memory, 0);
        greedy.grow_to(TOTAL).expect("nobody else has any");
        memory.parts().free = 0;
        let mut small: Vec<_> = (0..100).map(|_| take(&memory, 0)).collect();
        for part in &mut small {
            assert_eq!(part.grow_to(10 + 1), Err(NoMemory::Now(44)));
        }
        drop(take(&memory, 10));
    }

    #[test]
    fn a_run_that_ends_waits_for_no_memory() {
        let memory = ListingMemory::new(TOTAL);
        let all = take(&memory, TOTAL);
        assert!(memory.take(TOTAL, || true).is_none());
        let is_ending = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let part = memory.take(TOTAL, || is_ending.load(Ordering::SeqCst));
                part.is_none()
            });
            while memory.parts().queue.is_empty() {
                thread::yield_now();
            }
            is_ending.store(true, Ordering::SeqCst);
            drop(all);
            assert!(waiting.join().expect("no thread panics"));
        });
        assert!(memory.parts().queue.is_empty());
    }

    #[test]
    fn listings_that_grow_at_the_same_time_all_arrive() {
        let memory = ListingMemory::new(TOTAL);
        let (used, peak) = (AtomicU64::new(0), AtomicU64::new(0));
        // Each needs most of the memory, and none knows it before.
        let arrive = |needed: u64| {
            let mut wish = 0;
            loop {
                let mut part = take(&memory, wish);
                let grown = (1..=needed).try_for_each(|octets| part.grow_to(octets));
                match grown {
                    Ok(()) => {
                        part.shrink_to(needed);
                        let now = used.fetch_add(needed, Ordering::SeqCst) + needed;
                        peak.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        used.fetch_sub(needed, Ordering::SeqCst);
                        return;
                    }
                    Err(NoMemory::Now(more)) => wish = more,
                    Err(NoMemory::Ever) => panic!("one listing fits"),
                }
            }
        };
        thread::scope(|scope| {
            for n in 0..32 {
                scope.spawn(move || arrive(TOTAL / 3 + n * 20));
            }
        });
        assert!(peak.into_inner() <= TOTAL + 32 * 10);
        assert_eq!(free(&memory), TOTAL);
    }
}
