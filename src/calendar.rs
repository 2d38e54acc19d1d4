//! Dates and times as the user's calendar and clock show them. The only module that uses jiff.

use jiff::Timestamp;
use jiff::civil::DateTime;
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

    /// Returns those of UTC.
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Returns a moment to the minute, as in `2026-11-30 14:05`. One that no calendar has is empty.
    pub(crate) fn minute(&self, moment: Moment) -> String {
        let Ok(timestamp) = Timestamp::from_second(moment.0) else {
            return String::new();
        };
        let zoned = timestamp.to_zoned_datetime(self.0.clone());
        zoned.strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// Reads a time in the past: `yesterday`, `today`, a date, or a date and a time.
    pub(crate) fn read_past(&self, text: &str, now: Moment) -> Option<Moment> {
        match text.trim() {
            "today" => self.day_before(now, 0),
            "yesterday" => self.day_before(now, 1),
            text => self.read(text),
        }
    }

    /// Reads a date (`2026-11-30`), or a date and a time (`2026-11-30 14:05`). A date is its first moment.
    fn read(&self, text: &str) -> Option<Moment> {
        let civil: DateTime = text.trim().parse().ok()?;
        let zoned = civil.to_zoned_datetime(self.0.clone()).ok()?;
        Some(Moment(zoned.timestamp().as_second()))
    }

    /// Returns the first moment of the day that is this many days before that of `now`.
    fn day_before(&self, now: Moment, days: i32) -> Option<Moment> {
        let today = Timestamp::from_second(now.0)
            .ok()?
            .to_zoned_datetime(self.0.clone());
        let day = today
            .date()
            .checked_sub(jiff::Span::new().days(days))
            .ok()?;
        let first = day.to_zoned_datetime(self.0.clone()).ok()?;
        Some(Moment(first.timestamp().as_second()))
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
        assert_eq!(Calendar::utc().minute(NOON), "2025-11-30 12:05");
        assert_eq!(berlin().minute(NOON), "2025-11-30 13:05");
        assert_eq!(Calendar::utc().minute(Moment(i64::MAX)), "");
    }

    #[test]
    fn a_date_is_its_first_moment_in_the_time_zone() {
        for (text, moment) in [
            ("2025-11-30 13:05", Some(NOON)),
            ("2025-11-30T13:05:00", Some(NOON)),
            ("2025-11-30", Some(Moment(NOON.0 - 13 * 3600 - 300))),
            ("30.11.2025", None),
            ("", None),
        ] {
            assert_eq!(berlin().read(text), moment, "{text}");
        }
    }

    #[test]
    fn days_are_counted_by_the_calendar() {
        let midnight = Moment(NOON.0 - 13 * 3600 - 300);
        assert_eq!(berlin().day_before(NOON, 0), Some(midnight));
        let yesterday = midnight.0 - 24 * 3600;
        assert_eq!(berlin().day_before(NOON, 1), Some(Moment(yesterday)));
    }
}
