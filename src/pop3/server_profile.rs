//! The profile of a server: the announcements of a session, stored for later runs. Pure.

use std::time::Duration;

use super::capabilities::Capabilities;
use crate::limits;
use crate::moment::Moment;

/// The knowledge of a session about its server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerProfile {
    /// It has answered CAPA, or refused it.
    Announced {
        /// The capabilities before the login; after STLS, if that was used.
        before_login: Capabilities,
        /// The capabilities after the login.
        after_login: Capabilities,
        /// The channel of the session: on a cleartext channel anybody may have changed the
        /// capabilities.
        channel: Channel,
        /// The time of the session.
        when: Moment,
    },
    /// It closes the connection when it is asked for its capabilities (fetchmail's FAQ, R11, knows
    /// such servers).
    CapaUnsupported,
}

/// The channel that carries a session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Channel {
    /// Cleartext: others may read and change everything.
    Clear,
    /// TLS.
    #[default]
    Encrypted,
}

impl ServerProfile {
    /// Returns the stored form, as [`Self::parse`] reads it: the capabilities before and after the
    /// login, and the channel, in a line each. [`Self::CapaUnsupported`] is not stored: an attacker
    /// may have cut the connection, and must not achieve weaker logins from then on.
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

    /// Returns true if a session over `channel` may rely on it. After STLS nothing counts that was
    /// said before it, so a profile from a cleartext channel is not used on an encrypted one.
    /// Servers change, so no profile is used for longer than [`limits::SERVER_PROFILE_AGE`].
    pub fn is_usable(&self, over: Channel, now: Moment) -> bool {
        match self {
            Self::Announced { channel, when, .. } => {
                let age = now.since(*when);
                *channel == over && age.is_some_and(|age| age < limits::SERVER_PROFILE_AGE)
            }
            Self::CapaUnsupported => true,
        }
    }

    /// Returns true if the server announces UIDL, before or after the login.
    pub fn announces_uidl(&self) -> bool {
        match self {
            Self::Announced {
                before_login,
                after_login,
                ..
            } => before_login.uidl || after_login.uidl,
            Self::CapaUnsupported => false,
        }
    }

    /// Returns true if the server may have TOP: it announces TOP, or has not said what it has.
    pub fn may_have_top(&self) -> bool {
        match self {
            Self::Announced {
                before_login,
                after_login,
                ..
            } => {
                let are_known = before_login.are_known || after_login.are_known;
                !are_known || before_login.top || after_login.top
            }
            Self::CapaUnsupported => true,
        }
    }

    /// Returns true if the server announces PIPELINING after the login.
    pub fn announces_pipelining(&self) -> bool {
        matches!(self, Self::Announced { after_login, .. } if after_login.pipelining)
    }

    /// The time that a client must wait between two logins.
    pub fn login_delay(&self) -> Option<Duration> {
        self.for_user(|capabilities| capabilities.login_delay)
    }

    /// The number of days after which the server deletes messages.
    pub fn expire(&self) -> Option<u32> {
        self.for_user(|capabilities| capabilities.expire)
    }

    /// Values for this user are announced after the login, but some servers announce only one for
    /// everybody, before it.
    fn for_user<T>(&self, what: impl Fn(&Capabilities) -> Option<T>) -> Option<T> {
        match self {
            Self::Announced {
                before_login,
                after_login,
                ..
            } => what(after_login).or_else(|| what(before_login)),
            Self::CapaUnsupported => None,
        }
    }

    /// Reads the stored form; `None` if it is anything else.
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
    fn a_stored_profile_is_read_again() {
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
                announced(&["PIPELINING", "TOP", "EXPIRE 0", "LOGIN-DELAY 300"]),
            ),
        ] {
            let lasting = profile.to_stored().expect("an announced profile is stored");
            assert_eq!(ServerProfile::parse(&lasting), Some(profile));
        }
        assert_eq!(ServerProfile::CapaUnsupported.to_stored(), None);
        assert_eq!(ServerProfile::parse("PIPELINING"), None);
    }

    #[test]
    fn top_is_tried_unless_capabilities_omit_it() {
        let known = |lines: &[&str]| {
            let mut capabilities = Capabilities::announced();
            lines
                .iter()
                .for_each(|line| capabilities.add(line.as_bytes()));
            capabilities
        };
        let unknown = Capabilities::default;
        for (before_login, after_login, expected) in [
            (unknown(), unknown(), true),
            (known(&["TOP"]), known(&["UIDL"]), true),
            (known(&[]), known(&["TOP"]), true),
            (known(&["TOP"]), unknown(), true),
            (known(&[]), known(&["UIDL"]), false),
            (known(&[]), unknown(), false),
        ] {
            let profile = profile(before_login, after_login);
            assert_eq!(profile.may_have_top(), expected, "{profile:?}");
        }
        assert!(ServerProfile::CapaUnsupported.may_have_top());
    }

    #[test]
    fn a_profile_is_usable_for_a_day_on_its_channel() {
        let profile = profile(Capabilities::announced(), Capabilities::announced());
        for (channel, now, is_good) in [
            (Channel::Encrypted, 1_000_000, true),
            (Channel::Encrypted, 1_086_399, true),
            (Channel::Encrypted, 1_086_400, false),
            (Channel::Encrypted, 999_999, false),
            (Channel::Clear, 1_000_000, false),
        ] {
            assert_eq!(profile.is_usable(channel, Moment(now)), is_good, "{now}");
        }
    }
}
