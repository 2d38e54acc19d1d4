//! The speed of a connection, and its age. A server must neither drip nor continue without end.
//!
//! The socket counts, below TLS, because a server can also drip inside a TLS record. The session
//! shares the [`Pace`] of its socket, because only the session knows when an answer begins.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::limits;

/// The waits of one connection. Clones share what was counted. Time in which mailpull does not read
/// is not counted: a slow disk or MDA is not the server's fault.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// The duration of all waits.
    whole: Duration,
    /// The duration of the waits in this window.
    waited: Duration,
    /// The octets received and sent in this window.
    octets: u64,
    /// The kind of the next wait for the server.
    next: Wait,
    /// The longest that each wait may take, if that is less than the timeout.
    silence: Option<Duration>,
}

/// A connection that may count its waits.
pub trait Paced {
    /// Returns the pace of the connection. By default nothing is counted.
    fn pace(&self) -> Pace {
        Pace::default()
    }
}

/// The kind of a wait for the server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Wait {
    /// The first octets of an answer: a server may need time to prepare it.
    Beginning,
    /// The next octets of an answer that has begun.
    #[default]
    Rest,
}

/// The octets that a wait was for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Traffic {
    /// From the server.
    Received,
    /// To the server.
    Sent,
}

/// The reason why a connection is given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TooSlow {
    /// The server sent less than [`limits::LOW_SPEED`] allows.
    #[error(
        "fewer than {octets} octets a second came for {minutes} minutes",
        octets = limits::LOW_SPEED,
        minutes = limits::SPEED_WINDOW.as_secs() / 60
    )]
    Received,
    /// The server took less than [`limits::LOW_SPEED`] allows.
    #[error(
        "the server took fewer than {octets} octets a second for {minutes} minutes",
        octets = limits::LOW_SPEED,
        minutes = limits::SPEED_WINDOW.as_secs() / 60
    )]
    Sent,
    /// The session has lasted longer than [`limits::SESSION_TIME`].
    #[error(
        "the session has lasted {hours} hours",
        hours = limits::SESSION_TIME.as_secs() / 3600
    )]
    Session,
}

impl TooSlow {
    /// Returns the limit that an error of a connection is about.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<TooSlow> for io::Error {
    fn from(limit: TooSlow) -> Self {
        Self::other(limit)
    }
}

impl Pace {
    /// Says which part of an answer is awaited.
    pub(crate) fn await_next(&self, wait: Wait) {
        self.counts().next = wait;
    }

    /// Sets the longest time that each wait may take, if that is less than the timeout of the connection.
    pub(crate) fn limit_silence(&self, longest: Option<Duration>) {
        self.counts().silence = longest;
    }

    /// Returns the longest time that the next wait may take on a connection with this timeout.
    pub(crate) fn longest_silence(&self, timeout: Duration) -> Duration {
        self.counts()
            .silence
            .map_or(timeout, |longest| longest.min(timeout))
    }

    /// Returns the time that is left to the session.
    pub(crate) fn time_left(&self) -> Duration {
        limits::SESSION_TIME.saturating_sub(self.counts().whole)
    }

    /// Returns true if the session should end in good order: nothing more should be asked for.
    pub(crate) fn is_late(&self) -> bool {
        self.counts().whole >= limits::REQUEST_TIME
    }

    /// Counts a wait, and the octets that it allowed to receive or to send.
    ///
    /// # Errors
    /// The server is too slow, or the session has lasted too long.
    pub(crate) fn count(
        &self,
        traffic: Traffic,
        took: Duration,
        octets: usize,
    ) -> Result<(), TooSlow> {
        self.counts().count(traffic, took, octets)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn count(&mut self, traffic: Traffic, took: Duration, octets: usize) -> Result<(), TooSlow> {
        self.whole += took;
        if self.whole >= limits::SESSION_TIME {
            return Err(TooSlow::Session);
        }
        if (traffic, self.next) != (Traffic::Received, Wait::Beginning) {
            self.waited += took.min(limits::COUNTED_SILENCE);
        }
        if traffic == Traffic::Received && octets > 0 {
            self.next = Wait::Rest;
        }
        self.octets += octets as u64;
        if self.waited < limits::SPEED_WINDOW {
            return Ok(());
        }
        let least = limits::LOW_SPEED * self.waited.as_secs();
        if self.octets < least {
            return Err(match traffic {
                Traffic::Received => TooSlow::Received,
                Traffic::Sent => TooSlow::Sent,
            });
        }
        (self.waited, self.octets) = (Duration::ZERO, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Traffic::{Received, Sent};

    /// Counts equal waits until one is an error. Returns the age of the session then, and the error.
    fn first_error(
        wait: Wait,
        traffic: Traffic,
        seconds: f64,
        octets: usize,
    ) -> (Duration, TooSlow) {
        let pace = Pace::default();
        let took = Duration::from_secs_f64(seconds);
        let mut whole = Duration::ZERO;
        loop {
            pace.await_next(wait);
            whole += took;
            if let Err(error) = pace.count(traffic, took, octets) {
                return (whole, error);
            }
        }
    }

    #[test]
    fn a_server_that_drips_is_left_after_minutes() {
        const GPRS: usize = 1000;
        for (seconds, octets, is_too_slow) in [
            (4.0, 1, true),
            (1.0, 31, true),
            (1.0, 32, false),
            (0.001, 0, true),
            (1.0, GPRS, false),
            // It stalls, but transports enough.
            (179.0, 5 * GPRS, false),
            (179.0, 100, true),
        ] {
            for (traffic, slow) in [(Received, TooSlow::Received), (Sent, TooSlow::Sent)] {
                let (when, error) = first_error(Wait::Rest, traffic, seconds, octets);
                let expected = if is_too_slow { slow } else { TooSlow::Session };
                assert_eq!(error, expected, "{seconds} s, {octets} octets");
                if is_too_slow {
                    assert!(when < Duration::from_secs(20 * 60), "{when:?}");
                }
            }
        }
    }

    #[test]
    fn a_server_may_need_time_before_it_answers() {
        let (when, error) = first_error(Wait::Beginning, Received, 179.0, 5);
        assert_eq!(error, TooSlow::Session);
        assert!(when >= limits::SESSION_TIME);
    }

    #[test]
    fn only_the_first_wait_belongs_to_the_beginning_of_an_answer() {
        let pace = Pace::default();
        pace.await_next(Wait::Beginning);
        let count = || pace.count(Received, Duration::from_secs(60), 1);
        assert!((0..6).any(|_| count().is_err()));
    }

    #[test]
    fn a_fast_minute_does_not_excuse_a_later_drip() {
        let pace = Pace::default();
        let second = Duration::from_secs(1);
        pace.count(Received, limits::SPEED_WINDOW, 1 << 30)
            .expect("one silence counts for less than a window");
        let count = || pace.count(Received, second, 1);
        assert!((0..2 * limits::SPEED_WINDOW.as_secs()).any(|_| count().is_err()));
    }

    #[test]
    fn a_session_is_asked_to_end_long_before_it_is_cut() {
        let pace = Pace::default();
        let count = |time| pace.count(Received, time, 1 << 40).map(|()| pace.is_late());
        assert_eq!(count(limits::REQUEST_TIME / 2), Ok(false));
        assert_eq!(count(limits::REQUEST_TIME / 2), Ok(true));
        assert_eq!(
            pace.time_left(),
            limits::SESSION_TIME - limits::REQUEST_TIME
        );
        assert_eq!(count(limits::SESSION_TIME), Err(TooSlow::Session));
        assert_eq!(pace.time_left(), Duration::ZERO);
    }
}
