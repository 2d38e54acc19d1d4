//! Points in time, to the second, as they are remembered across runs.
//! The one place that reads the clock of the world.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970, negative before.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub i64);

impl Moment {
    /// The present.
    pub fn now() -> Self {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Self(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)),
            Err(before) => {
                Self(i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs))
            }
        }
    }

    /// So much later.
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(time.as_secs()))
    }

    /// So much earlier.
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(time.as_secs()))
    }

    /// How long ago `earlier` was; `None` if it lies ahead (the clock was set back).
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let seconds = self.0.checked_sub(earlier.0)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_ahead_is_not_since() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Moment(3600).since(Moment(0)), Some(hour));
        assert_eq!(Moment(0).since(Moment(1)), None);
        assert_eq!(Moment(i64::MAX).since(Moment(i64::MIN)), None);
    }
}
