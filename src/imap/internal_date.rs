//! The date of a message in APPEND (RFC 3501 section 9, "date-time"). Pure.

use std::fmt;

use crate::moment::{CalendarTime, Moment};

/// The date that a server shows as the arrival of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InternalDate {
    /// The time in seconds since 1970, UTC.
    seconds: i64,
    /// The zone in minutes east of UTC.
    zone: i32,
}

impl InternalDate {
    /// Takes a time in seconds since 1970, and its zone in minutes east of UTC. Returns `None` if
    /// the time is before 1970 or after the year 9999, or if there is no such zone.
    pub fn new(seconds: i64, zone: i32) -> Option<Self> {
        const LAST: i64 = 253_402_300_799;
        const LAST_ZONE: i32 = 99 * 60 + 59;
        let local = seconds.checked_add(i64::from(zone) * 60)?;
        let is_date = (0..=LAST).contains(&seconds) && (0..=LAST).contains(&local);
        let is_zone = zone.abs() <= LAST_ZONE;
        (is_date && is_zone).then_some(Self { seconds, zone })
    }
}

impl fmt::Display for InternalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.seconds + i64::from(self.zone) * 60;
        let CalendarTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = Moment(local).on_the_calendar();
        let sign = if self.zone < 0 { '-' } else { '+' };
        let (zone_hours, zone_minutes) = (self.zone.abs() / 60, self.zone.abs() % 60);
        write!(
            f,
            "\"{day:2}-{month}-{year} {hour:02}:{minute:02}:{second:02} \
             {sign}{zone_hours:02}{zone_minutes:02}\""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_shown_in_its_zone() {
        for (seconds, zone, shown) in [
            (0, 0, " 1-Jan-1970 00:00:00 +0000"),
            (951_782_400, 0, "29-Feb-2000 00:00:00 +0000"),
            (951_868_799, 60, " 1-Mar-2000 00:59:59 +0100"),
            (1_709_164_800, -330, "28-Feb-2024 18:30:00 -0530"),
            (1_735_689_599, 0, "31-Dec-2024 23:59:59 +0000"),
            (1_795_977_186, -720, "29-Nov-2026 06:33:06 -1200"),
            (253_402_300_799, 0, "31-Dec-9999 23:59:59 +0000"),
        ] {
            let date = InternalDate::new(seconds, zone).expect("it is a date");
            assert_eq!(date.to_string(), format!("\"{shown}\""));
        }
    }

    #[test]
    fn a_date_that_cannot_be_sent_is_refused() {
        for (seconds, zone) in [
            (-1, 0),
            (0, -1),
            (253_402_300_800, 0),
            (253_402_300_799, 1),
            (i64::MAX, 1),
            (i64::MIN, -1),
            (1_000_000_000, 6000),
            (1_000_000_000, -6000),
        ] {
            assert_eq!(InternalDate::new(seconds, zone), None);
        }
    }
}
