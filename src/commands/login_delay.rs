//! The time between two logins that a server demands (LOGIN-DELAY, RFC 2449 section 6.5).

use std::time::Duration;

use crate::moment::Moment;
use crate::pop3::ServerProfile;
use crate::seen::LastRun;

/// Returns the time until the next login is allowed, if it is not allowed now. The last login has
/// learned what the server demands.
pub(super) fn login_delay_left(last: &LastRun, now: Moment) -> Option<Duration> {
    let profile = last
        .server_profile
        .as_deref()
        .and_then(ServerProfile::parse)?;
    let delay = profile.login_delay()?;
    // If the clock was set back the time since the last login is unknown: then do not wait.
    let since = now.since(last.logged_in?)?;
    delay.checked_sub(since).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_delay_counts_from_the_login() {
        for (learned, now, left) in [
            ("PIPELINING\nLOGIN-DELAY 300", 1000, Some(300)),
            ("PIPELINING\nLOGIN-DELAY 300", 1299, Some(1)),
            ("LOGIN-DELAY 300\nLOGIN-DELAY 100", 1099, Some(1)),
            ("LOGIN-DELAY 300\n", 1100, Some(200)),
            ("PIPELINING\nLOGIN-DELAY 300", 1300, None),
            ("PIPELINING\nLOGIN-DELAY 300", 999, None),
            ("PIPELINING\nPIPELINING", 1000, None),
        ] {
            let last = LastRun {
                server_profile: Some(learned.to_owned()),
                logged_in: Some(Moment(1000)),
                ..LastRun::default()
            };
            let left = left.map(Duration::from_secs);
            assert_eq!(
                login_delay_left(&last, Moment(now)),
                left,
                "{learned:?} {now}"
            );
        }
        assert_eq!(login_delay_left(&LastRun::default(), Moment(1000)), None);
    }
}
