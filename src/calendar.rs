//! Dates and times as the user's calendar and clock show them. The only module that uses jiff.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::moment::Moment;

/// The user's calendar and clock: a time zone.
#[derive(Clone, Debug)]
pub(crate) struct Calendar(TimeZone);

impl Calendar {
    /// Returns those of this machine, or of the variable TZ. Without a known time zone it is UTC.
    pub(crate) fn local() -> Self {
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// Returns a moment to the minute, as in `2026-11-30 14:05`. One that no calendar has is empty.
    pub(crate) fn minute(&self, moment: Moment) -> String {
        let Ok(timestamp) = Timestamp::from_second(moment.0) else {
            return String::new();
        };
        let zoned = timestamp.to_zoned_datetime(self.0.clone());
        zoned.strftime("%Y-%m-%d %H:%M").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Moment = Moment(1_764_504_300); // 2025-11-30 12:05 UTC

    fn berlin() -> Calendar {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3");
        Calendar(zone.expect("a rule of POSIX"))
    }

    #[test]
    fn a_moment_is_shown_in_the_time_zone() {
        assert_eq!(Calendar(TimeZone::UTC).minute(NOON), "2025-11-30 12:05");
        assert_eq!(berlin().minute(NOON), "2025-11-30 13:05");
        assert_eq!(berlin().minute(Moment(i64::MAX)), "");
    }
}
