//! The speed of a server, and the age of a session. A server must neither drip nor continue without
//! end. Pure: the caller measures each wait.

use std::time::Duration;

use super::Error;
use crate::limits;

/// The waits of one session. Time in which mailpull does not read is not counted: a slow disk or
/// MDA is not the server's fault.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    /// The duration of all waits.
    whole: Duration,
    /// The duration of the waits in this window.
    waited: Duration,
    /// The octets received in this window.
    octets: u64,
}

/// The kind of a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// The first octets of an answer: a server may need time to prepare it.
    Beginning,
    /// The next octets of an answer that has begun.
    Rest,
}

impl Speed {
    /// Counts a wait and the octets that it brought.
    ///
    /// # Errors
    /// The server is too slow, or the session has lasted too long. `waiting_for` appears in the
    /// error.
    pub(super) fn count(
        &mut self,
        wait: Wait,
        took: Duration,
        octets: usize,
        waiting_for: &str,
    ) -> Result<(), Error> {
        self.whole += took;
        if self.whole >= limits::SESSION_TIME {
            return Err(Error::SessionTooLong(waiting_for.into()));
        }
        if wait == Wait::Rest {
            self.waited += took.min(limits::COUNTED_SILENCE);
        }
        self.octets += octets as u64;
        if self.waited < limits::SPEED_WINDOW {
            return Ok(());
        }
        let least = limits::LOW_SPEED * self.waited.as_secs();
        if self.octets < least {
            return Err(Error::TooSlow(waiting_for.into()));
        }
        (self.waited, self.octets) = (Duration::ZERO, 0);
        Ok(())
    }

    /// Returns true if the session should end in good order: nothing more should be asked for.
    pub(super) fn is_late(&self) -> bool {
        self.whole >= limits::REQUEST_TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts equal waits until one is an error; returns when that is, and the error.
    fn first_error(wait: Wait, seconds: f64, octets: usize) -> (Duration, Error) {
        let mut speed = Speed::default();
        loop {
            let took = Duration::from_secs_f64(seconds);
            if let Err(error) = speed.count(wait, took, octets, "it") {
                return (speed.whole, error);
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
            let (when, error) = first_error(Wait::Rest, seconds, octets);
            let is_dripping = matches!(error, Error::TooSlow(_));
            assert_eq!(is_dripping, is_too_slow, "{seconds} s, {octets} octets");
            if is_too_slow {
                assert!(when < Duration::from_secs(20 * 60), "{when:?}");
            }
        }
    }

    #[test]
    fn a_server_may_need_time_before_it_answers() {
        let (when, error) = first_error(Wait::Beginning, 179.0, 5);
        assert!(matches!(error, Error::SessionTooLong(_)), "{error}");
        assert!(when >= limits::SESSION_TIME);
    }

    #[test]
    fn a_fast_minute_does_not_excuse_a_later_drip() {
        let mut speed = Speed::default();
        let second = Duration::from_secs(1);
        speed
            .count(Wait::Rest, limits::SPEED_WINDOW, 1 << 30, "it")
            .expect("one silence counts for less than a window");
        let mut count = || speed.count(Wait::Rest, second, 1, "it");
        assert!((0..2 * limits::SPEED_WINDOW.as_secs()).any(|_| count().is_err()));
    }

    #[test]
    fn a_session_is_asked_to_end_long_before_it_is_cut() {
        let mut speed = Speed::default();
        let mut count = |time| {
            speed
                .count(Wait::Rest, time, 1 << 40, "it")
                .map(|()| speed.is_late())
        };
        assert!(!count(limits::REQUEST_TIME / 2).expect("in time"));
        assert!(count(limits::REQUEST_TIME / 2).expect("in time"));
        assert!(matches!(
            count(limits::SESSION_TIME),
            Err(Error::SessionTooLong(_))
        ));
    }
}
