//! Points in time, to the second, as they are stored across runs. The only place that reads the
//! calendar clock.

use std::time::{Duration, UNIX_EPOCH};

use crate::os::sys;

/// Seconds since 1970, negative before.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub i64);

impl Moment {
    /// Returns the present.
    pub fn now() -> Self {
        match sys::calendar_time().duration_since(UNIX_EPOCH) {
            Ok(since) => Self(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)),
            Err(before) => {
                Self(i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs))
            }
        }
    }

    /// Returns the moment that is later by `time`.
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(time.as_secs()))
    }

    /// Returns the moment that is earlier by `time`.
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(time.as_secs()))
    }

    /// Returns the time that has passed since `earlier`, or `None` if that lies in the future (the clock
    /// was set back).
    pub fn since(self, earlier: Self) -> Option<Duration> {
        (self >= earlier).then(|| Duration::from_secs(self.0.abs_diff(earlier.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_has_passed_since_the_future() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Moment(3600).since(Moment(0)), Some(hour));
        assert_eq!(Moment(0).since(Moment(1)), None);
        let longest = Moment(i64::MAX).since(Moment(i64::MIN));
        assert_eq!(longest, Some(Duration::from_secs(u64::MAX)));
    }
}
