//! The time between two logins that a server demands (LOGIN-DELAY, RFC 2449 section 6.5).

use std::time::Duration;

use crate::mail::clock::Clock;
use crate::moment::Moment;
use crate::pop3::ServerProfile;
use crate::seen::LastRun;

/// The fraction of a delay that may be missing: cron starts a run a little early now and then.
const SLACK: u32 = 10;

/// Returns the time until the next login is allowed, if it is not allowed now. The last login has
/// learned what the server demands. A tenth of that may be missing.
pub(super) fn login_delay_left(last: &LastRun, clock: &Clock) -> Option<Duration> {
    delay_left(last.server_profile.as_deref(), last.logged_in, clock)
}

/// Does the same for a server with this profile.
pub(super) fn delay_left(
    profile: Option<&str>,
    logged_in: Option<Moment>,
    clock: &Clock,
) -> Option<Duration> {
    let delay = profile.and_then(ServerProfile::parse)?.login_delay()?;
    let delay = delay - delay / SLACK;
    if !clock.is_plausible() {
        // Nobody knows how long ago the last login was. A run that is left out would not put it right.
        return None;
    }
    let since = clock.now().since(logged_in?)?;
    delay.checked_sub(since).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::mail::clock::ClockRecord;

    /// The time of the last login.
    const LOGIN: i64 = 2_000_000_000;

    /// Returns the seconds that are left at this time after the login, if the clock was at `last` when
    /// the last run began.
    fn left(learned: &str, after: i64, last: i64) -> Option<u64> {
        let run = LastRun {
            server_profile: Some(learned.to_owned()),
            logged_in: Some(Moment(LOGIN)),
            ..LastRun::default()
        };
        let record = ClockRecord {
            last: Some(Moment(last)),
            behind: None,
        };
        let clock = Clock::judge(record, Moment(LOGIN + after));
        login_delay_left(&run, &clock).map(|left| left.as_secs())
    }

    #[test]
    fn a_login_delay_counts_from_the_login() {
        for (learned, after, expected) in [
            ("PIPELINING\nLOGIN-DELAY 300", 0, Some(270)),
            ("PIPELINING\nLOGIN-DELAY 300", 269, Some(1)),
            ("LOGIN-DELAY 300\nLOGIN-DELAY 100", 89, Some(1)),
            ("LOGIN-DELAY 300\n", 100, Some(170)),
            // Cron starts a run every five minutes, and this one two seconds early.
            ("PIPELINING\nLOGIN-DELAY 300", 298, None),
            ("PIPELINING\nLOGIN-DELAY 300", 270, None),
            ("PIPELINING\nLOGIN-DELAY 300", -1, None),
            ("PIPELINING\nPIPELINING", 0, None),
        ] {
            assert_eq!(left(learned, after, LOGIN), expected, "{learned:?} {after}");
        }
        let clock = Clock::judge(ClockRecord::default(), Moment(LOGIN));
        assert_eq!(login_delay_left(&LastRun::default(), &clock), None);
    }

    #[test]
    fn no_login_waits_after_a_change_of_the_clock() {
        const DELAY: &str = "LOGIN-DELAY 300\n";
        assert_eq!(left(DELAY, 10, LOGIN + 3000), Some(260));
        assert_eq!(left(DELAY, 10, LOGIN + 4000), None);
        assert_eq!(left(DELAY, 10, LOGIN - 91 * 24 * 3600), None);
    }
}
