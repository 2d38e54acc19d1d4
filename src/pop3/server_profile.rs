//! What sessions learn of a server, for the next one to begin with: pure.
//! Does not know where it is remembered.

use std::time::Duration;

use super::capabilities::Capabilities;
use crate::limits;
use crate::moment::Moment;

/// What a session learned of its server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerProfile {
    /// It tells its capabilities, or refuses to.
    Announced {
        /// What it announced before the login: behind STLS, where that was used.
        before_login: Capabilities,
        /// What it announced after the login.
        after_login: Capabilities,
        /// What carried it: who can read along can change it, too.
        channel: Channel,
        /// When that was.
        when: Moment,
    },
    /// It breaks off when it is asked for its capabilities (fetchmail's FAQ knows such servers).
    CapaUnsupported,
}

/// What carries a session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Channel {
    /// A line on which everything can be read and changed.
    Clear,
    /// TLS.
    #[default]
    Encrypted,
}

impl ServerProfile {
    /// What is worth remembering of it, as [`Self::parse`] reads it: what was announced before, and
    /// after the login, in a line each. That somebody broke off at CAPA is not: it may have been the
    /// line, and whoever can cut it must not have us log in by less from then on.
    pub fn to_stored(&self) -> Option<String> {
        match self {
            Self::Announced {
                before_login,
                after_login,
                channel,
                when: Moment(when),
            } => {
                let channel = match channel {
                    Channel::Clear => CLEAR,
                    Channel::Encrypted => ENCRYPTED,
                };
                Some(format!("{before_login}\n{after_login}\n{channel} {when}"))
            }
            Self::CapaUnsupported => None,
        }
    }

    /// Whether it may be relied on in a session over `channel`: not what was said where somebody
    /// could change it (security.md 2.3), and nothing that is older than a day, as servers learn.
    pub fn is_usable(&self, over: Channel, now: Moment) -> bool {
        match self {
            Self::Announced { channel, when, .. } => {
                let age = now.since(*when);
                *channel == over && age.is_some_and(|age| age < limits::SERVER_PROFILE_AGE)
            }
            Self::CapaUnsupported => true,
        }
    }

    /// Whether the server says that it has unique-ids.
    pub fn announces_uidl(&self) -> bool {
        matches!(self, Self::Announced { after_login, .. } if after_login.uidl)
    }

    /// Whether commands may be sent ahead after the login.
    pub fn announces_pipelining(&self) -> bool {
        matches!(self, Self::Announced { after_login, .. } if after_login.pipelining)
    }

    /// How long the server wants us to wait between two logins.
    pub fn login_delay(&self) -> Option<Duration> {
        self.of_user(|capabilities| capabilities.login_delay)
    }

    /// For how many days the server keeps messages, where it deletes them at all.
    pub fn expire(&self) -> Option<u32> {
        self.of_user(|capabilities| capabilities.expire)
    }

    /// What holds for this user is told after the login; some servers say it only before.
    fn of_user<T>(&self, what: impl Fn(&Capabilities) -> Option<T>) -> Option<T> {
        match self {
            Self::Announced {
                before_login,
                after_login,
                ..
            } => what(after_login).or_else(|| what(before_login)),
            Self::CapaUnsupported => None,
        }
    }

    /// Reads what was remembered; `None` if that is no such thing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.splitn(3, '\n');
        let before_login = Capabilities::parse(lines.next()?);
        let after_login = Capabilities::parse(lines.next()?);
        let carried = lines.next().and_then(|line| line.split_once(' '));
        let (channel, when) = carried.unwrap_or((CLEAR, ""));
        Some(Self::Announced {
            before_login,
            after_login,
            channel: match channel {
                ENCRYPTED => Channel::Encrypted,
                _ => Channel::Clear,
            },
            when: Moment(when.parse().unwrap_or_default()),
        })
    }
}

const CLEAR: &str = "clear";
const ENCRYPTED: &str = "tls";

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(before_login: Capabilities, after_login: Capabilities) -> ServerProfile {
        ServerProfile::Announced {
            before_login,
            after_login,
            channel: Channel::Encrypted,
            when: Moment(1_000_000),
        }
    }

    #[test]
    fn what_is_remembered_is_what_was_learned() {
        let announced = |lines: &[&str]| {
            let mut capabilities = Capabilities::announced();
            for line in lines {
                capabilities.add(line.as_bytes());
            }
            capabilities
        };
        for profile in [
            profile(Capabilities::default(), Capabilities::default()),
            profile(
                announced(&["SASL PLAIN LOGIN", "PIPELINING", "UTF8 USER"]),
                Capabilities::default(),
            ),
            profile(
                announced(&[]),
                announced(&["PIPELINING", "EXPIRE 0", "LOGIN-DELAY 300"]),
            ),
        ] {
            let lasting = profile.to_stored().expect("it announced something");
            assert_eq!(ServerProfile::parse(&lasting), Some(profile));
        }
        assert_eq!(ServerProfile::CapaUnsupported.to_stored(), None);
        assert_eq!(ServerProfile::parse("PIPELINING"), None);
    }

    #[test]
    fn what_is_remembered_is_good_for_a_day_and_for_what_carried_it() {
        let learned = profile(Capabilities::announced(), Capabilities::announced());
        for (channel, now, is_good) in [
            (Channel::Encrypted, 1_000_000, true),
            (Channel::Encrypted, 1_086_399, true),
            (Channel::Encrypted, 1_086_400, false),
            (Channel::Encrypted, 999_999, false),
            (Channel::Clear, 1_000_000, false),
        ] {
            assert_eq!(learned.is_usable(channel, Moment(now)), is_good, "{now}");
        }
    }
}
