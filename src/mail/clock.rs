//! Judges whether time has passed plausibly between two runs of an account. Pure: it reads no clock.
//!
//! A machine without a battery starts in 1970, or at the time when it was switched off. Others are set
//! weeks behind or a year ahead, until somebody corrects them. An age that is counted along such a clock
//! would delete mail from the server minutes after its delivery. So each run compares the clock with
//! that of the run before it. If time cannot have passed as the clock says, all ages start anew.
//!
//! Only the calendar clock can be compared. The clocks that count from the start of the machine do not
//! count while it is switched off.

use std::time::Duration;

use crate::moment::Moment;

/// The day of this version, 2026-11-29. No run of this version can be earlier, so an earlier clock is wrong.
/// It is raised at each release.
const RELEASED: Moment = Moment(1_795_910_400);

/// The beginning of the year of the first version, 2026. No delivery can be earlier.
const FIRST_DELIVERY: Moment = Moment(1_767_225_600);

/// The time by which a clock may go back without being wrong: clocks are adjusted, and two machines
/// that share a state folder differ a little. An age may be too great by this much.
const SLACK: Duration = Duration::from_secs(3600);

/// The longest time between two runs that is believed.
///
/// A machine that was switched off for 80 days looks like one whose clock went 80 days ahead, and
/// deletions must also work in a mailbox that is fetched every quarter. So a shorter leap of the
/// clock is believed, and can delete messages too early by as much. They are delivered and recorded
/// by then. A longer leap deletes nothing: if the machine was really off, its messages only stay on
/// the server for the time of `keep` once more.
const LONGEST_PAUSE: Duration = Duration::from_secs(90 * 24 * 3600);

/// The facts about the clock that a run leaves for the next one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ClockRecord {
    /// The clock at the start of the last run.
    pub last: Option<Moment>,
    /// A time that the clock had reached before it was set back. When it gets there again it has probably
    /// been corrected.
    pub behind: Option<Moment>,
}

/// The clock of a run, compared with the clock of the run before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Clock {
    now: Moment,
    behind: Option<Moment>,
    change: ClockChange,
    /// True if the clock was behind in the last run already, so that the user knows.
    was_behind: bool,
}

/// A change of the clock between two runs. After any but [`Self::None`] all ages start anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ClockChange {
    /// Time has passed plausibly.
    None,
    /// The clock shows a time before this version existed.
    TooEarly,
    /// It was set back by this much.
    SetBack(Duration),
    /// It was set ahead by this much, or there was no run for so long.
    SetAhead(Duration),
    /// It was behind, and was set to a time that it had reached before or to a later one.
    Corrected,
}

impl Clock {
    /// Compares the clock with that of the last run.
    pub(crate) fn judge(record: ClockRecord, now: Moment) -> Self {
        let ClockRecord { last, behind } = record;
        let elapsed = last.and_then(|last| now.since(last)).unwrap_or_default();
        let set_back = last.and_then(|last| last.since(now)).unwrap_or_default();
        let is_still_behind = behind.is_some_and(|behind| behind > now);
        let is_new_here = behind.is_none_or(|behind| behind < RELEASED);
        let (change, behind) = if now < RELEASED && is_new_here {
            let reached = last.map_or(RELEASED, |last| last.max(RELEASED));
            (ClockChange::TooEarly, Some(reached))
        } else if set_back > SLACK {
            (ClockChange::SetBack(set_back), behind.max(last))
        } else if elapsed > LONGEST_PAUSE {
            let behind = behind.filter(|_| is_still_behind);
            (ClockChange::SetAhead(elapsed), behind)
        } else if behind.is_none() || is_still_behind {
            (ClockChange::None, behind)
        } else if elapsed > SLACK {
            (ClockChange::Corrected, None)
        } else {
            // The clock has reached that time by itself, for example a year after a clock that was
            // a year ahead was corrected.
            (ClockChange::None, None)
        };
        Self {
            now,
            behind,
            change,
            was_behind: record.behind.is_some(),
        }
    }

    /// Returns the present, as it was when the run began. A clock that is set meanwhile is judged by
    /// the next run, so this run counts all ages to here.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// Returns what the next run has to know.
    pub(crate) fn record(&self) -> ClockRecord {
        ClockRecord {
            last: Some(self.now),
            behind: self.behind,
        }
    }

    /// Returns the change since the last run.
    pub(crate) fn change(&self) -> ClockChange {
        self.change
    }

    /// Returns true if time has passed plausibly since the last run.
    pub(crate) fn is_plausible(&self) -> bool {
        self.change == ClockChange::None
    }

    /// Returns true if the change should be reported. A clock that is behind may change at
    /// every start of the machine, which is no news.
    pub(crate) fn is_news(&self) -> bool {
        !self.is_plausible() && !self.was_behind
    }

    /// Returns the first and the last recorded time that can be believed. After a change of the clock
    /// the range is empty.
    pub(crate) fn believed(&self) -> (Moment, Moment) {
        if self.is_plausible() {
            self.possible()
        } else {
            (Moment(i64::MAX), Moment(i64::MIN))
        }
    }

    /// Returns the first and the last time at which something may have happened by this clock.
    pub(crate) fn possible(&self) -> (Moment, Moment) {
        let first = if self.now < FIRST_DELIVERY {
            Moment(i64::MIN)
        } else {
            FIRST_DELIVERY
        };
        (first, self.now.plus(SLACK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    const DAY: i64 = 24 * 3600;
    /// The right time of the tests, long after the release.
    const T: i64 = RELEASED.0 + 1000 * DAY;

    /// Judges the clock at each of these times, and returns the changes.
    fn changes(times: &[i64]) -> Vec<ClockChange> {
        let mut record = ClockRecord::default();
        let mut judge = |time: &i64| {
            let clock = Clock::judge(record, Moment(*time));
            record = clock.record();
            clock.change()
        };
        times.iter().map(&mut judge).collect()
    }

    fn days(days: i64) -> Duration {
        Duration::from_secs((days * DAY).unsigned_abs())
    }

    use ClockChange::{Corrected, None as Plausible, SetAhead, SetBack, TooEarly};

    #[test]
    fn time_passes_plausibly_for_up_to_ninety_days() {
        let times = [T, T, T + 5 * MINUTE, T + DAY, T + 91 * DAY];
        assert_eq!(changes(&times), [Plausible; 5]);
    }

    #[test]
    fn a_clock_may_go_back_by_an_hour() {
        let times = [T, T - 60 * MINUTE, T, T - 30 * MINUTE];
        assert_eq!(changes(&times), [Plausible; 4]);
        let times = [T, T - 60 * MINUTE - 1];
        assert_eq!(changes(&times)[1], SetBack(Duration::from_secs(3601)));
    }

    #[test]
    fn ages_start_anew_when_1970_is_over() {
        let times = [5 * MINUTE, 10 * MINUTE, T, T + 5 * MINUTE];
        let expected = [
            TooEarly,
            Plausible,
            SetAhead(Moment(T).since(Moment(10 * MINUTE)).expect("it is later")),
            Plausible,
        ];
        assert_eq!(changes(&times), expected);
        // With a right clock before it.
        let times = [T, 5 * MINUTE, T + 5 * MINUTE];
        assert!(!changes(&times)[1..].contains(&Plausible));
    }

    #[test]
    fn ages_start_anew_when_a_clock_three_weeks_behind_is_corrected() {
        let times = [T, T - 21 * DAY, T - 21 * DAY + 5 * MINUTE, T + 10 * MINUTE];
        let expected = [Plausible, SetBack(days(21)), Plausible, Corrected];
        assert_eq!(changes(&times), expected);
    }

    #[test]
    fn a_clock_before_the_release_is_known_without_an_earlier_run() {
        let released = RELEASED.0;
        let times = [released - 20 * DAY, released + DAY, released + 2 * DAY];
        assert_eq!(changes(&times), [TooEarly, Corrected, Plausible]);
    }

    #[test]
    fn a_year_ahead_for_one_run_starts_ages_anew_twice() {
        let times = [T, T + 365 * DAY, T + 5 * MINUTE, T + 14 * DAY];
        let back = days(365) - Duration::from_secs(300);
        let expected = [Plausible, SetAhead(days(365)), SetBack(back), Plausible];
        assert_eq!(changes(&times), expected);
    }

    #[test]
    fn a_clock_may_reach_by_itself_a_time_it_had_shown() {
        let far = T + 365 * DAY;
        let weeks = (0..53).map(|week| T + week * 7 * DAY);
        let hours = (0..40).map(|hour| far - DAY + hour * 60 * MINUTE);
        let times: Vec<_> = [T, far].into_iter().chain(weeks).chain(hours).collect();
        assert_eq!(changes(&times)[3..], [Plausible; 92]);
    }

    #[test]
    fn a_machine_that_was_off_for_a_year_starts_ages_anew_once() {
        let times = [T, T + 365 * DAY, T + 366 * DAY, T + 380 * DAY];
        let expected = [Plausible, SetAhead(days(365)), Plausible, Plausible];
        assert_eq!(changes(&times), expected);
    }

    /// Such a clock cannot be distinguished from a mailbox that is fetched every quarter.
    #[test]
    fn a_clock_that_creeps_by_eighty_days_is_believed() {
        let times: Vec<_> = (0..10).map(|run| T + run * 80 * DAY).collect();
        assert_eq!(changes(&times), [Plausible; 10]);
    }

    #[test]
    fn absurd_times_are_judged_without_overflow() {
        let times = [i64::MIN, i64::MAX, i64::MIN, T, i64::MAX, i64::MIN];
        assert!(!changes(&times).contains(&Plausible));
    }

    #[test]
    fn a_change_is_news_unless_the_clock_was_behind_before() {
        let mut record = ClockRecord::default();
        let times = [T, T - 21 * DAY, T - 40 * DAY, T, T + 100 * DAY];
        let news = times.map(|time| {
            let clock = Clock::judge(record, Moment(time));
            record = clock.record();
            clock.is_news()
        });
        assert_eq!(news, [false, true, false, false, true]);
    }

    #[test]
    fn only_possible_times_are_believed_and_none_after_a_change() {
        let clock = Clock::judge(ClockRecord::default(), Moment(T));
        let (first, last) = clock.possible();
        for (moment, is_possible) in [
            (i64::MIN, false),
            (0, false),
            (FIRST_DELIVERY.0 - 1, false),
            (FIRST_DELIVERY.0, true),
            (T, true),
            (T + 60 * MINUTE, true),
            (T + 61 * MINUTE, false),
            (i64::MAX, false),
        ] {
            let is_in = (first..=last).contains(&Moment(moment));
            assert_eq!(is_in, is_possible, "{moment}");
        }
        assert_eq!(clock.believed(), (first, last));
        let early = Clock::judge(ClockRecord::default(), Moment(5 * MINUTE));
        assert!(early.possible().0 <= Moment(0), "1970 is possible in 1970");
        let (first, last) = early.believed();
        assert!(first > last, "nothing is believed after a change");
    }

    /// Returns the days from 1970 to the date of a heading such as `## [1.0.0] - 2030-01-31`.
    fn day_of_release(heading: &str) -> Option<i64> {
        let date = heading.strip_prefix("## [")?.split_once("] - ")?.1;
        let mut numbers = date.split('-').map(str::parse::<i64>);
        let mut next = || numbers.next()?.ok();
        let (year, month, day) = (next()?, next()?, next()?);
        // The year begins in March, so that a leap day is its last.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let leap_days = year / 4 - year / 100 + year / 400;
        Some(365 * year + leap_days + (153 * month + 2) / 5 + day - 719_469)
    }

    #[test]
    fn the_day_of_release_is_not_older_than_the_changelog() {
        assert_eq!(day_of_release("## [0.0.1] - 1970-01-02"), Some(1));
        assert_eq!(
            day_of_release("## [1.0.0] - 2026-11-29"),
            Some(RELEASED.0 / DAY)
        );
        let changelog = include_str!("../../CHANGELOG.md");
        let newest = changelog.lines().filter_map(day_of_release).max();
        assert!(
            newest.is_none_or(|newest| newest * DAY <= RELEASED.0),
            "raise RELEASED"
        );
        assert!(RELEASED <= Moment::now(), "RELEASED is in the future");
    }
}
