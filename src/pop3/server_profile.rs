//! The profile of a server: the announcements of a session, stored for later runs. Pure.

use std::time::Duration;

use super::capabilities::Capabilities;
use crate::limits;
use crate::moment::Moment;

/// The knowledge of a session about its server. The default is a server that has announced nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerProfile {
    /// The capabilities before the login; after STLS, if that was used.
    pub before_login: Capabilities,
    /// The capabilities after the login.
    pub after_login: Capabilities,
    /// The channel of the session: on a cleartext channel anybody may have changed the capabilities.
    pub channel: Channel,
    /// The time of the session, or of the first one in which CAPA went wrong.
    pub when: Moment,
    /// The use of CAPA.
    pub capa: CapaUse,
}

/// The times at which a server is asked for its capabilities. Some servers close the connection when they are
/// asked, or fall silent (fetchmail's FAQ, R11).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum CapaUse {
    /// Before and after the login.
    #[default]
    Always,
    /// Before the login only.
    BeforeLogin,
    /// Never. An attacker may have cut the connection, so this is forgotten after a day, like everything
    /// that a server announces.
    Never,
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
    /// Returns the profile of a server that is never asked for its capabilities.
    pub fn without_capa(channel: Channel, when: Moment) -> Self {
        Self {
            channel,
            when,
            capa: CapaUse::Never,
            ..Self::default()
        }
    }

    /// Returns the stored form, as [`Self::parse`] reads it: the capabilities before and after the
    /// login, and the channel, in a line each.
    pub fn to_stored(&self) -> String {
        let Self {
            before_login,
            after_login,
            channel,
            when: Moment(when),
            capa,
        } = self;
        let channel = match channel {
            Channel::Clear => CLEAR,
            Channel::Encrypted => ENCRYPTED,
        };
        let capa = match capa {
            CapaUse::Always => String::new(),
            CapaUse::BeforeLogin => format!(" {CAPA_BEFORE_LOGIN}"),
            CapaUse::Never => format!(" {NO_CAPA}"),
        };
        format!("{before_login}\n{after_login}\n{channel} {when}{capa}")
    }

    /// Returns true if a session over `channel` may rely on it. After STLS nothing counts that was
    /// said before it, so a profile from a cleartext channel is not used on an encrypted one.
    /// Servers change, so no profile is used for longer than [`limits::SERVER_PROFILE_AGE`].
    pub fn is_usable(&self, over: Channel, now: Moment) -> bool {
        let age = now.since(self.when);
        self.channel == over && age.is_some_and(|age| age < limits::SERVER_PROFILE_AGE)
    }

    /// Returns true if the server announces UIDL, before or after the login.
    pub fn announces_uidl(&self) -> bool {
        self.before_login.uidl || self.after_login.uidl
    }

    /// Returns true if the server may have TOP: it announces TOP, or has not said what it has.
    pub fn may_have_top(&self) -> bool {
        let are_known = self.before_login.are_known || self.after_login.are_known;
        !are_known || self.before_login.top || self.after_login.top
    }

    /// Returns true if the server announces PIPELINING after the login.
    pub fn announces_pipelining(&self) -> bool {
        self.after_login.pipelining
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
        what(&self.after_login).or_else(|| what(&self.before_login))
    }

    /// Reads the stored form; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.splitn(3, '\n');
        let before_login = Capabilities::parse(lines.next()?);
        let after_login = Capabilities::parse(lines.next()?);
        let mut words = lines.next().unwrap_or_default().split(' ');
        let channel = match words.next() {
            Some(ENCRYPTED) => Channel::Encrypted,
            _ => Channel::Clear,
        };
        let when = words.next().and_then(|when| when.parse().ok());
        Some(Self {
            before_login,
            after_login,
            channel,
            when: Moment(when.unwrap_or_default()),
            capa: match words.next() {
                Some(CAPA_BEFORE_LOGIN) => CapaUse::BeforeLogin,
                Some(NO_CAPA) => CapaUse::Never,
                _ => CapaUse::Always,
            },
        })
    }
}

const CAPA_BEFORE_LOGIN: &str = "capa-before-login";
const NO_CAPA: &str = "no-capa";
const CLEAR: &str = "clear";
const ENCRYPTED: &str = "tls";

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(before_login: Capabilities, after_login: Capabilities) -> ServerProfile {
        ServerProfile {
            before_login,
            after_login,
            channel: Channel::Encrypted,
            when: Moment(1_000_000),
            capa: CapaUse::Always,
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
            assert_eq!(ServerProfile::parse(&profile.to_stored()), Some(profile));
        }
        for capa in [CapaUse::Always, CapaUse::BeforeLogin, CapaUse::Never] {
            let profile = ServerProfile {
                capa,
                ..ServerProfile::without_capa(Channel::Clear, Moment(5))
            };
            assert_eq!(ServerProfile::parse(&profile.to_stored()), Some(profile));
        }
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
        assert!(ServerProfile::default().may_have_top());
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
