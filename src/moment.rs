//! Points in time, to the second, as they are stored across runs. The only place that reads the
//! calendar clock.

use std::time::{Duration, UNIX_EPOCH};

use crate::os::sys;

/// A moment as a calendar and a clock show it in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CalendarTime {
    /// The year.
    pub year: i64,
    /// The English name of the month, in three letters.
    pub month: &'static str,
    /// The day of the month.
    pub day: i64,
    /// The English name of the day of the week, in three letters.
    pub weekday: &'static str,
    /// The hour.
    pub hour: i64,
    /// The minute.
    pub minute: i64,
    /// The second.
    pub second: i64,
}

/// Seconds since 1970, negative before.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub i64);

/// Returns the time of day in UTC, to the millisecond, as in 12:34:56.789Z.
pub(crate) fn time_of_day() -> String {
    let since = sys::calendar_time().duration_since(UNIX_EPOCH);
    let milliseconds = since.unwrap_or_default().as_millis() % (24 * 3_600_000);
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}Z")
}

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

    /// Returns the date and the time in UTC.
    pub(crate) fn on_the_calendar(self) -> CalendarTime {
        const DAY: i64 = 24 * 3600;
        let (days, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = date(days);
        CalendarTime {
            year,
            month: MONTHS[month],
            day,
            weekday: WEEKDAYS[usize::try_from(days.rem_euclid(7)).unwrap_or_default()],
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The days of the week, from that of 1 January 1970 on.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Returns the year, the month (0 for January) and the day of a day since 1970. A year begins in March here, so
/// that its last day is the leap day.
fn date(days: i64) -> (i64, usize, i64) {
    const DAYS_BEFORE_1970: i64 = 719_468;
    const FOUR_CENTURIES: i64 = 146_097;
    let days = days + DAYS_BEFORE_1970;
    let era = days.div_euclid(FOUR_CENTURIES);
    let day = days.rem_euclid(FOUR_CENTURIES);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    let year = year + era * 400 + i64::from(month < 2);
    let month = usize::try_from(month).expect("it is less than 12");
    (year, month, day)
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

    #[test]
    fn a_moment_has_a_day_of_the_week() {
        for (seconds, weekday, date) in [
            (-1, "Wed", (1969, "Dec", 31)),
            (0, "Thu", (1970, "Jan", 1)),
            (951_782_400, "Tue", (2000, "Feb", 29)),
            (951_868_800, "Wed", (2000, "Mar", 1)),
            (1_796_072_512, "Mon", (2026, "Nov", 30)),
        ] {
            let shown = Moment(seconds).on_the_calendar();
            assert_eq!(shown.weekday, weekday, "{seconds}");
            assert_eq!((shown.year, shown.month, shown.day), date, "{seconds}");
        }
    }
}
